"""The arguments of SQLite's strftime in the words of databases which have no such function.

A format or a modifier is often a literal of a client's filter, and those travel as parameters: they are translated
when a statement gets its values. What has no translation is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from backstay.catalog.casts import format_date
from backstay.errors import BadRequest

WEEKDAY, EPOCH, MILLIS, WEEKDAY_7 = "\x01", "\x02", "\x03", "\x04"
"""Marks in a translated format, which the statement replaces: they have no code of their own."""

_TO_CHAR: Final[Mapping[str, str]] = {
    "d": "DD", "F": "YYYY-MM-DD", "f": "SS.MS", "G": "IYYY", "H": "HH24", "I": "HH12", "j": "DDD", "M": "MI",
    "m": "MM", "p": "AM", "R": "HH24:MI", "S": "SS", "T": "HH24:MI:SS", "V": "IW", "Y": "YYYY",
    "s": f'"{EPOCH}"', "u": "ID", "w": f'"{WEEKDAY}"', "%": '"%"',
}  # fmt: skip
_DATE_FORMAT: Final[Mapping[str, str]] = {
    "d": "%d", "F": "%Y-%m-%d", "f": f"%s.{MILLIS}", "G": "%x", "H": "%H", "I": "%h", "j": "%j", "M": "%i",
    "m": "%m", "p": "%p", "R": "%H:%i", "S": "%s", "T": "%H:%i:%s", "V": "%v", "Y": "%Y",
    "s": EPOCH, "u": WEEKDAY_7, "w": "%w", "%": "%%",
}  # fmt: skip
_OTHERS = frozenset("egJklPUW")
"""Codes that SQLite knows and the databases do not."""
_PART = re.compile(r"%(.?)|([^%]+)", re.DOTALL)
_SHIFT = re.compile(r"([+-]?\d{1,9}(?:\.\d{1,6})?) *(second|minute|hour|day|month|year)s?")
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_MONTHS = {"month": 1, "year": 12}
NO_START = "microseconds"
"""The unit of a modifier that cuts nothing off."""
_STARTS = {
    "day": "%Y-%m-%d 00:00:00",
    "month": "%Y-%m-01 00:00:00",
    "year": "%Y-01-01 00:00:00",
    NO_START: "%Y-%m-%d %H:%i:%s.%f",
}
"""Units with the date_format which cuts a time to their start."""


class UntranslatableTime(BadRequest):
    """A format or modifier of strftime which this database has no words for."""

    def __init__(self, word: str) -> None:
        super().__init__(hint=f"strftime can't use '{word}' with this database.")


def time_argument(text: str, form: str) -> str | int | float | None:
    """Return an argument of strftime in the form that a statement wants. Raises UntranslatableTime."""
    match form:
        case "time":
            return format_date(datetime.now(UTC)) if text == "now" else text
        case "to_char" | "date_format":
            return _format(text, form)
    start, months, seconds = _modifier(text.strip().lower())
    match form:
        case "start_of":
            return start
        case "start_format":
            return _STARTS[start]
    return months if form == "months" else seconds


def _format(text: str, form: str) -> str | None:
    """Translate a format; None, as SQLite has it, when it holds a code that nobody knows."""
    codes = _TO_CHAR if form == "to_char" else _DATE_FORMAT
    out: list[str] = []
    for code, plain in _PART.findall(text):
        if plain:
            out.append(_quote(plain) if form == "to_char" else plain)
        elif code in codes:
            out.append(codes[code])
        elif code in _OTHERS:
            raise UntranslatableTime(f"%{code}")
        else:
            return None
    return "".join(out)


def _quote(plain: str) -> str:
    escaped = plain.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _modifier(word: str) -> tuple[str, int, float]:
    """Return what a modifier does: cut to the start of a unit, then add months, then seconds."""
    start = word.removeprefix("start of ")
    if start != word and start in _STARTS:
        return start, 0, 0.0
    found = _SHIFT.fullmatch(word)
    if found is None:
        raise UntranslatableTime(word)
    amount, unit = float(found[1]), found[2]
    if unit in _SECONDS:
        return NO_START, 0, amount * _SECONDS[unit]
    if not amount.is_integer() or abs(amount) > 10_000:
        raise UntranslatableTime(word)
    return NO_START, int(amount) * _MONTHS[unit], 0.0
