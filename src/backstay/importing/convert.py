"""Turns a cell into what a field takes, or says why it can't.

The API reads leniently: a number field makes 0 of "abc". For a file that would lose data without a word, so here
such a cell is a fault of its row. Values that are already of the field's kind pass as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from backstay.catalog.casts import format_number, to_date
from backstay.errors import Fault

Convert = Callable[[Any], Any]
"""Takes a value that is not empty and returns what to send. Raises `UnfitError`."""

_NUMBER = re.compile(r"[+-]?(?:\d{1,300}(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


class UnfitError(Exception):
    """A value that the field can't hold. `fault` says so to the person who has the file."""

    def __init__(self, code: str, message: str) -> None:
        self.fault = Fault(code, message)
        super().__init__(message)


def converter(kind: str) -> Convert | None:
    """Return what converts for a field of type `kind`; None when values go as they are."""
    return _CONVERTERS.get(kind)


def convert_row(values: Mapping[str, Any], plan: Mapping[str, tuple[str, Convert | None]]) -> dict[str, Any]:
    """Return the record to send: names as the fields', values converted, empty ones left out.

    plan: column name -> field name and converter
    Raises UnfitError for the first value that doesn't fit, with the column's name in front.
    """
    record: dict[str, Any] = {}
    for source, value in values.items():
        if value is None or value == "":
            continue
        name, convert = plan[source]
        if convert is None:
            record[name] = value
            continue
        try:
            record[name] = convert(value)
        except UnfitError as exc:
            raise UnfitError(exc.fault.code, f"{source}: {exc.fault.message}") from exc
    return record


def _text(value: Any) -> str:
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float():
            return format_number(value)
    return _encode(value).decode()


def _number(value: Any) -> int | float:
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        return float(value) if "." in value or "e" in value.lower() else int(value)
    raise UnfitError("import_not_a_number", f"{_shown(value)} is no number.")


def _bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).lower()
    if word in {"true", "1", "yes"}:
        return True
    if word in {"false", "0", "no"}:
        return False
    raise UnfitError("import_not_a_bool", f"{_shown(value)} is neither true nor false.")


def _date(value: Any) -> str:
    date = to_date(value)
    if not date:
        raise UnfitError("import_not_a_date", f"{_shown(value)} is no date.")
    return date


def _json(value: Any) -> Any:
    """Read a cell as JSON where it is JSON; a plain text is a JSON text."""
    if isinstance(value, str) and value[:1] in '[{"':
        try:
            return _decode(value)
        except (msgspec.DecodeError, RecursionError):
            return value
    return value


def _point(value: Any) -> dict[str, Any]:
    match _json(value):
        case {"lon": int() | float() as lon, "lat": int() | float() as lat}:
            return {"lon": lon, "lat": lat}
    raise UnfitError("import_not_a_point", f'{_shown(value)} is no {{"lon": 0, "lat": 0}}.')


def _choices(value: Any) -> Any:
    """Read a JSON list, or names parted by commas, for fields which take several."""
    value = _json(value)
    if isinstance(value, str) and "," in value:
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else _encode(value).decode()
    return f"'{text if len(text) <= 40 else text[:39] + '…'}'"


_CONVERTERS: dict[str, Convert] = {
    "text": _text,
    "editor": _text,
    "email": _text,
    "url": _text,
    "number": _number,
    "bool": _bool,
    "date": _date,
    "json": _json,
    "geoPoint": _point,
    "select": _choices,
    "relation": _choices,
}
