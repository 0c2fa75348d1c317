"""The options of each field type."""

from __future__ import annotations

import re
from typing import TypeAlias

from backstay.catalog.casts import format_number, to_number
from backstay.catalog.fields import (
    AutodateField,
    BoolField,
    DateField,
    EditorField,
    EmailField,
    Field,
    FileField,
    GeoPointField,
    JsonField,
    NumberField,
    PasswordField,
    RelationField,
    SelectField,
    TextField,
    UrlField,
)
from backstay.catalog.patterns import check_generator, check_pattern, generate
from backstay.catalog.strength import SCORE_MAX, can_judge
from backstay.checks import (
    SAFE_INT_MAX,
    each,
    empty,
    first,
    matches,
    maximum,
    minimum,
    none_of,
    required,
    when,
)
from backstay.errors import Fault, Faults

Found: TypeAlias = "dict[str, Fault | Faults | None]"

PASSWORD_MAX_CHARS = 71
GENERATOR_TRIES = 10

_THUMB = re.compile(r"^[0-9]+x[0-9]+[tbf]?\Z")
_EMPTY_THUMBS = frozenset({"0x0", "0x0t", "0x0b", "0x0f"})
_DOMAIN = re.compile(
    r"^(?=.{1,255}\Z)(?:[a-zA-Z0-9](?:[a-zA-Z0-9_-]{0,61}[a-zA-Z0-9])?\.)+[a-zA-Z]{2,63}\.?\Z"
)
_NOT_DOMAIN = Fault("validation_is_domain", "Must be a valid domain.")
_NO_EVENT = Fault("validation_required", "Either onCreate or onUpdate must be enabled.")
_NOT_INT = Fault("validation_only_int_constraint", "Decimal numbers are not allowed.")


def option_faults(field: Field) -> Found:
    """Check the options of `field` that are its type's own."""
    match field:
        case TextField():
            return _text(field)
        case NumberField():
            return _number(field)
        case EmailField() | UrlField():
            return _domains(field)
        case SelectField():
            return _select(field)
        case FileField():
            return _file(field)
        case RelationField():
            most = first(field.maxSelect, when(field.minSelect > 0, required), minimum(field.minSelect))
            return {"minSelect": minimum(0)(field.minSelect), "maxSelect": most}
        case PasswordField():
            return _password(field)
        case AutodateField():
            fault = None if field.onCreate or field.onUpdate else _NO_EVENT
            return {"onCreate": fault, "onUpdate": fault}
        case EditorField() | JsonField():
            return {"maxSize": first(field.maxSize, minimum(0), maximum(SAFE_INT_MAX))}
        case BoolField() | DateField() | GeoPointField():
            return {}


def _text(field: TextField) -> Found:
    return {
        "min": first(field.min, minimum(0), maximum(SAFE_INT_MAX)),
        "max": first(field.max, minimum(field.min), maximum(SAFE_INT_MAX)),
        "pattern": pattern_fault(field.pattern),
        "autogeneratePattern": pattern_fault(field.autogeneratePattern) or _generator_fault(field),
    }


def pattern_fault(pattern: str) -> Fault | None:
    """Check that a regular expression can be used; none at all can."""
    error = check_pattern(pattern) if pattern else None
    return Fault("validation_invalid_regex", error) if error else None


def _generator_fault(field: TextField) -> Fault | None:
    """Check, by trying, that what is generated satisfies the field itself."""
    pattern = field.autogeneratePattern
    if not pattern:
        return None
    error = check_generator(pattern)
    if error:
        return Fault("validation_invalid_autogenerate_pattern", error)
    for _ in range(GENERATOR_TRIES):
        value = generate(pattern)
        if field.check(value, new=False) is not None:
            message = f'The provided autogenerate pattern could produce invalid field values, ex.: "{value}".'
            return Fault("validation_invalid_autogenerate_pattern_value", message)
    return None


def _number(field: NumberField) -> Found:
    def whole(value: float | None) -> Fault | None:
        return _NOT_INT if field.onlyInt and value is not None and value != int(value) else None

    most = whole(field.max)
    if most is None and field.min is not None and field.max is not None and field.max < field.min:
        message = f"Must be greater or equal than {format_number(field.min)}."
        most = Fault("validation_min_number_constraint", message, {"min": to_number(field.min)})
    return {"min": whole(field.min), "max": most}


def _domains(field: EmailField | UrlField) -> Found:
    only, but = field.onlyDomains or [], field.exceptDomains or []
    return {
        "onlyDomains": when(bool(but), empty)(only) or each(only, _domain),
        "exceptDomains": when(bool(only), empty)(but) or each(but, _domain),
    }


def _domain(value: str) -> Fault | None:
    return None if not value or _DOMAIN.match(value) else _NOT_DOMAIN


def _select(field: SelectField) -> Found:
    most = max(len(field.values), 1)
    return {"values": required(field.values), "maxSelect": first(field.maxSelect, minimum(0), maximum(most))}


def _file(field: FileField) -> Found:
    return {
        "maxSelect": first(field.maxSelect, minimum(0), maximum(SAFE_INT_MAX)),
        "maxSize": first(field.maxSize, minimum(0), maximum(SAFE_INT_MAX)),
        "thumbs": each(field.thumbs or [], none_of(_EMPTY_THUMBS), matches(_THUMB)),
    }


def _strength_fault(field: PasswordField) -> Fault | None:
    if not field.minScore or can_judge():
        return None
    return Fault("validation_missing_package", "Passwords can't be judged here: install backstay[strength].")


def _password(field: PasswordField) -> Found:
    return {
        "min": first(field.min, minimum(1), maximum(PASSWORD_MAX_CHARS)),
        "max": first(field.max, minimum(field.min), maximum(PASSWORD_MAX_CHARS)),
        "cost": first(field.cost, minimum(4), maximum(31)),
        "minScore": first(field.minScore, minimum(0), maximum(SCORE_MAX)) or _strength_fault(field),
        "pattern": pattern_fault(field.pattern),
    }
