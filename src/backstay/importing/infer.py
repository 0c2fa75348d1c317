"""Guesses the fields of a new collection from all of its rows.

A guess is careful, since a wrong type loses data and a text loses nothing: numbers with leading zeros (post codes,
phone numbers) and more than 15 digits stay text, as does a column that mixes kinds. Nothing is required or unique.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from backstay.catalog.casts import to_date
from backstay.checks import is_email, is_url
from backstay.importing.names import field_names

ID_MAX_CHARS = 255
TEXT_MAX_CHARS = 5000
"""What a text field takes when it says nothing else; longer columns get a `max` of their own."""
JSON_MAX_BYTES = 1 << 20
DISTINCT_IDS_SHARE = 0.99
"""A column `id` with more doubles than this is no id; with fewer, the doubles are faults to report."""
SAMPLES_MAX = 20_000
"""Distinct texts remembered per column, so that a value seen again isn't looked at again."""

_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,14})(?:\.\d{1,14})?(?:[eE][+-]?\d{1,2})?")
_DATE = re.compile(
    r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?)?\s?(?:Z|UTC|[+-]\d\d:?\d\d)?",
)
_DEFAULT_ID = re.compile(r"[a-z0-9]{15}")
_LOWER_ID = re.compile(r"[a-z0-9]+")
_ANY_ID = re.compile(r"[A-Za-z0-9_-]+")


class Column(msgspec.Struct, frozen=True):
    """What a column becomes: `field` is the definition as the collections API takes it, `why` is for people."""

    source: str
    field: dict[str, Any]
    why: str

    @property
    def name(self) -> str:
        return str(self.field["name"])

    @property
    def type(self) -> str:
        return str(self.field["type"])


class _Evidence:
    """What was seen in one column."""

    def __init__(self, typed: bool) -> None:
        self.kinds = set(TEXT_KINDS if typed else (*TEXT_KINDS, *CELL_KINDS))
        self.python_types: set[type] = set()
        self.texts: set[str] = set()
        self.filled = 0
        self.longest_chars = 0
        self.is_geo_point = True

    def see(self, value: Any) -> None:
        """Look at one value which is not empty."""
        self.filled += 1
        kind = type(value)
        self.python_types.add(kind)
        if kind is str:
            self._see_text(value)
        elif kind is dict or kind is list:
            self.is_geo_point = self.is_geo_point and _is_geo_point(value)
            self.longest_chars = max(self.longest_chars, len(msgspec.json.encode(value)))

    def _see_text(self, text: str) -> None:
        self.longest_chars = max(self.longest_chars, len(text))
        if not self.kinds or text in self.texts:
            return
        if len(self.texts) < SAMPLES_MAX:
            self.texts.add(text)
        self.kinds = {kind for kind in self.kinds if KINDS[kind](text)}


class _IdEvidence:
    """What was seen in the column `id`, of which every value counts."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.count = 0
        self.longest_chars = 0
        self.patterns = [_DEFAULT_ID, _LOWER_ID, _ANY_ID]

    def see(self, value: Any) -> None:
        text = str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
        self.count += 1
        self.seen.add(text)
        self.longest_chars = max(self.longest_chars, len(text))
        while self.patterns and not self.patterns[0].fullmatch(text):
            self.patterns.pop(0)

    @property
    def is_record_id(self) -> bool:
        enough = len(self.seen) >= self.count * DISTINCT_IDS_SHARE
        return bool(self.patterns) and enough and self.longest_chars <= ID_MAX_CHARS


def infer_columns(rows: Iterable[Mapping[str, Any]], *, typed: bool) -> list[Column]:
    """Return a column for each key of `rows`, in the order of appearance.

    typed: values have types of their own (JSON), so that a text which looks like a number is a text
    """
    evidence: dict[str, _Evidence] = {}
    ids = _IdEvidence()
    count = 0
    for row in rows:
        count += 1
        for key, value in row.items():
            known = evidence.get(key)
            if known is None:
                known = evidence[key] = _Evidence(typed)
            if value is not None and value != "":
                known.see(value)
            if key == "id":
                ids.see(value)
    takes_id = "id" in evidence and ids.count == count and ids.is_record_id
    names = field_names(evidence, takes_id=takes_id)
    return [
        _id_column(ids) if source == "id" and takes_id else _column(source, names[source], seen)
        for source, seen in evidence.items()
    ]


def _id_column(ids: _IdEvidence) -> Column:
    """Return the record id, as wide as the file's ids need; new records get ids of the usual form."""
    shape = ids.patterns[0]
    field: dict[str, Any] = {
        "name": "id",
        "type": "text",
        "system": True,
        "primaryKey": True,
        "required": True,
        "min": 15,
        "max": 15,
        "pattern": "^[a-z0-9]+$",
        "autogeneratePattern": "[a-z0-9]{15}",
    }
    if shape is _DEFAULT_ID:
        return Column("id", field, "the record id")
    field["min"], field["max"] = 0, max(15, ids.longest_chars)
    field["pattern"] = f"^{shape.pattern}$"
    return Column("id", field, f"the record id, which here may be any {field['pattern']}")


def _column(source: str, name: str, seen: _Evidence) -> Column:
    kind, why = _kind(seen)
    field: dict[str, Any] = {"name": name, "type": kind}
    if kind == "text" and seen.longest_chars > TEXT_MAX_CHARS:
        field["max"] = _roomy(seen.longest_chars)
        why += f", up to {field['max']} characters"
    if kind == "json" and seen.longest_chars > JSON_MAX_BYTES // 2:
        field["maxSize"] = _roomy(seen.longest_chars * 4)
    if source == "id":
        why += "; not the record id, since not every row has one of its own that fits a path"
    return Column(source, field, why)


def _kind(seen: _Evidence) -> tuple[str, str]:
    types = seen.python_types
    if not types:
        return "text", "every value is empty"
    if types == {bool}:
        return "bool", "true and false"
    if types <= {int, float}:
        return "number", "numbers"
    if types <= {dict, list}:
        if seen.is_geo_point:
            return "geoPoint", "longitude and latitude"
        return "json", "lists and objects"
    if types & {dict, list}:
        return "json", "lists or objects among other values"
    if types != {str}:
        return "text", "values of several kinds"
    for kind, why in _TEXT_ORDER:
        if kind in seen.kinds:
            return kind, why
    return "text", "text"


def _roomy(needed: int) -> int:
    """Return a round limit with as much room again."""
    return 1 << (needed * 2 - 1).bit_length()


def _is_geo_point(value: Any) -> bool:
    match value:
        case {"lon": int() | float() as lon, "lat": int() | float() as lat} if len(value) == 2:
            return -180 <= lon <= 180 and -90 <= lat <= 90
    return False


def _is_bool(text: str) -> bool:
    return text.lower() in {"true", "false"}


def _is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None and sum(map(str.isdigit, text)) <= 15


def _is_date(text: str) -> bool:
    return _DATE.fullmatch(text) is not None and to_date(text) != ""


def _is_web_address(text: str) -> bool:
    return text.startswith(("http://", "https://")) and is_url(text)


def _is_object(text: str) -> bool:
    """Tell whether a cell holds a JSON list or object."""
    if text[0] not in "[{":
        return False
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


KINDS: dict[str, Callable[[str], bool]] = {
    "bool": _is_bool,
    "number": _is_number,
    "date": _is_date,
    "email": is_email,
    "url": _is_web_address,
    "json": _is_object,
}
TEXT_KINDS = ("date", "email", "url")
"""Types that a text of a JSON file may have."""
CELL_KINDS = ("bool", "number", "json")
"""Types that a cell of a CSV file may have besides."""
_TEXT_ORDER = (
    ("bool", "true and false"),
    ("number", "numbers"),
    ("date", "dates"),
    ("email", "e-mail addresses"),
    ("url", "web addresses"),
    ("json", "lists and objects"),
)
