"""A collection's fields as a list: what must be there, what must not change, names and ids."""

from __future__ import annotations

from backstay.catalog.fieldlist import find, find_typed
from backstay.catalog.fields import Field, RelationField, TextField
from backstay.catalog.validate.case import Case
from backstay.catalog.validate.field_options import Found, option_faults
from backstay.catalog.validate.head import WORD, not_via
from backstay.checks import REQUIRED, first, gather, length, matches, none_of, required
from backstay.errors import Fault, Faults

RESERVED_NAMES = frozenset(
    {"null", "true", "false", "_rowid_", "collectionId", "collectionName", "expand"},
)
"""Words of the filter language, of SQLite, and keys that every record has."""

RESERVED_AUTH_NAMES = frozenset({"passwordConfirm", "oldPassword"})
"""Keys of requests which create or change a user."""

_NO_ID = Fault("validation_missing_primary_key", 'Missing or invalid "id" PK field.')
_SYSTEM = Fault("validation_system_field_change", "System fields cannot be deleted or renamed.")
_TYPE = Fault("validation_field_type_change", "Field type cannot be changed.")
_RESERVED = Fault("validation_reserved_field_name", "The field name is reserved and cannot be used.")
_RELATION_CHANGE = Fault("validation_field_relation_change", "The relation collection cannot be changed.")
_RELATION_MISSING = Fault(
    "validation_field_relation_missing_collection", "The relation collection doesn't exist."
)
_RELATION_VIEW = Fault(
    "validation_relation_field_non_view_base_collection",
    "Only view collections are allowed to have relations to other views.",
)


def fields_faults(case: Case) -> Fault | Faults | None:
    """Check all fields; the first kind of fault hides the later ones."""
    return (
        _twice(case.new.fields)
        or _missing(case.new.fields)
        or _changed(case)
        or _reserved(case)
        or gather({str(at): _field_faults(case, field) for at, field in enumerate(case.new.fields)})
        or None
    )


def _twice(fields: tuple[Field, ...]) -> Faults | None:
    ids: set[str] = set()
    names: set[str] = set()
    for at, field in enumerate(fields):
        if field.id in ids:
            fault = Fault("validation_duplicated_field_id", f'Duplicated or invalid field id "{field.id}".')
            return {str(at): {"id": fault}}
        # names become columns, whose case doesn't count
        if field.name.lower() in names:
            message = f"Duplicated or invalid field name {field.name}."
            fault = Fault("validation_duplicated_field_name", message, {"fieldName": field.name})
            return {str(at): {"name": fault}}
        ids.add(field.id)
        names.add(field.name.lower())
    return None


def _missing(fields: tuple[Field, ...]) -> Fault | None:
    if not fields:
        return REQUIRED
    id = find_typed(fields, TextField, "id")
    return None if id is not None and id.primaryKey else _NO_ID


def _changed(case: Case) -> Fault | Faults | None:
    if case.old is None or case.new.is_view:
        return None
    for old in case.old.fields:
        new = find(case.new.fields, id=old.id)
        if old.system and (new is None or new.name != old.name):
            return _SYSTEM
    faults: Found = {}
    for at, field in enumerate(case.new.fields):
        before = find(case.old.fields, id=field.id)
        faults[str(at)] = _TYPE if before is not None and before.type != field.type else None
    return gather(faults)


def _reserved(case: Case) -> Faults | None:
    if not case.new.is_auth:
        return None
    names = enumerate(field.name for field in case.new.fields)
    return {str(at): {"name": _RESERVED} for at, name in names if name in RESERVED_AUTH_NAMES}


def _field_faults(case: Case, field: Field) -> Faults:
    found: Found = {
        "id": first(field.id, required, length(1, 100)),
        "name": name_fault(field.name),
        "help": length(1, 300)(getattr(field, "help", "")),
    }
    found |= option_faults(field)
    if isinstance(field, TextField) and field.primaryKey:
        found |= _id_faults(case, field, found)
    if isinstance(field, RelationField):
        found["collectionId"] = required(field.collectionId) or _target_fault(case, field)
    return gather(found)


def name_fault(name: str) -> Fault | None:
    """Check the name of a field."""
    return first(name, required, length(1, 100), matches(WORD), none_of(RESERVED_NAMES), not_via)


def _id_faults(case: Case, field: TextField, found: Found) -> Found:
    """Check what only the record id must satisfy."""
    ids = [item for item in case.new.fields if isinstance(item, TextField) and item.primaryKey]
    wrong_name = (
        Fault("validation_in_invalid", 'The primary key must be named "id".') if field.name != "id" else None
    )
    second = Fault(
        "validation_unsupported_composite_pk",
        "Composite PKs are not supported and the collection must have only 1 PK.",
    )
    return {
        "name": found["name"] or wrong_name,
        "primaryKey": second if len(ids) > 1 else None,
        "pattern": required(field.pattern) or found.get("pattern"),
        "hidden": Fault("validation_empty", "Must be blank.") if field.hidden else None,
        "required": required(field.required),
    }


def _target_fault(case: Case, field: RelationField) -> Fault | None:
    """Check which collection a relation points to."""
    before = find(case.old.fields, id=field.id) if case.old is not None else None
    if isinstance(before, RelationField) and before.collectionId != field.collectionId:
        return _RELATION_CHANGE
    target = case.catalog.find(field.collectionId)
    if target is None or target.id != field.collectionId:
        return _RELATION_MISSING
    return _RELATION_VIEW if target.is_view and not case.new.is_view else None
