"""Lenient casts from what clients send to what fields hold, as the protocol has them (A3).

A cast never fails: what can't be read becomes the zero value. Strictness is the business of each field's `check`.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any

from backstay.strict_json import read_json

_TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_ISO = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})"
    r"(?:[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?)?"
    r"\s*(?:(Z|[+-]\d{2}:?\d{2})(?:\s+[A-Z]{3,4})?)?"
)
_ZONE_NAME = re.compile(r" [A-Z]{3,4}(?= |$)")
_ZERO_TIME = "0001-01-01 00:00:00.000Z"
_LAYOUTS = ("%d %b %Y", "%a %b %d %H:%M:%S %Y", "%A, %d-%b-%y %H:%M:%S", "%d %b %y %H:%M")


def to_text(raw: Any) -> str:
    """Return `raw` as text: numbers and booleans are printed, lists and objects become ''."""
    match raw:
        case str():
            return raw
        case bool():
            return "true" if raw else "false"
        case int() | float():
            return format_number(raw)
    return ""


def format_number(value: float) -> str:
    """Print a number without an exponent and without a trailing `.0`."""
    if isinstance(value, int) and abs(value) > 2**53:
        value = float(value)  # numbers are 64-bit floats, printed by the fewest digits that tell them
    text = repr(value)
    return format(Decimal(text), "f").removesuffix(".0") if math.isfinite(value) else text


def to_number(raw: Any) -> int | float:
    """Return `raw` as a number; integral values come back as int, what is no number as 0."""
    match raw:
        case bool():
            return int(raw)
        case int():
            number: float = _float(raw) if abs(raw) > 2**53 else raw
        case float():
            number = raw
        case str():
            number = _text_to_number(raw)
        case _:
            return 0
    if isinstance(number, float) and number.is_integer() and abs(number) <= 2**53:
        return int(number)
    return number


def _float(number: int) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.copysign(math.inf, number)


def _text_to_number(text: str) -> float:
    try:
        return float(text) if "_" not in text and text == text.strip() else 0
    except ValueError:
        return 0


def is_finite(value: float) -> bool:
    """Tell whether a number can be stored and sent as JSON."""
    return math.isfinite(value)


def to_bool(raw: Any) -> bool:
    """Return `raw` as a boolean; text counts as true only when it is one of 1, t, T, true, True, TRUE."""
    match raw:
        case bool():
            return raw
        case int() | float():
            return raw != 0
        case str():
            return raw in _TRUE
    return False


def to_list(raw: Any) -> list[str]:
    """Return `raw` as a list of distinct non-empty texts, in their order; text may hold a JSON list."""
    match raw:
        case None | "":
            return []
        case str():
            items = _text_to_list(raw)
        case list() | tuple():
            items = [to_text(item) for item in raw]
        case dict():
            return []
        case _:
            items = [to_text(raw)]
    return list(dict.fromkeys(item for item in items if item))


def _text_to_list(text: str) -> list[str]:
    if text.startswith("["):
        try:
            found = read_json(text)
        except ValueError:
            return [text]
        if isinstance(found, list) and all(isinstance(item, str) for item in found):
            return found
    return [text]


def to_date(raw: Any) -> str:
    """Return `raw` as `2006-01-02 15:04:05.000Z` in UTC, or '' when it is no date. Numbers are none."""
    return _text_to_date(raw) if raw and isinstance(raw, str) else ""


@lru_cache(maxsize=4096)
def _text_to_date(text: str) -> str:
    """Read a date; the first moment of the year 1 stands for no date, as it does in the protocol."""
    try:
        moment = _parse_date(text)
        date = format_date(moment) if moment else ""
    except (ValueError, OverflowError):
        return ""
    return date if date != _ZERO_TIME else ""


def _parse_date(text: str) -> datetime | None:
    found = _ISO.fullmatch(text)
    if found:
        return _from_iso(found)
    text = _ZONE_NAME.sub("", text)  # names of zones are not unique; only offsets count
    for layout in _LAYOUTS:
        try:
            return datetime.strptime(text, layout).replace(tzinfo=UTC)
        except ValueError:
            continue
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _from_iso(found: re.Match[str]) -> datetime:
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    micros = int((fraction or "0").ljust(6, "0")[:6])
    moment = datetime(
        int(year),
        int(month),
        int(day),
        int(hour or 0),
        int(minute or 0),
        int(second or 0),
        micros,
        tzinfo=UTC,
    )
    if zone and zone[0] in "+-":
        sign = -1 if zone[0] == "-" else 1
        moment -= sign * timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
    return moment


def format_date(moment: datetime) -> str:
    """Print an aware time as the protocol does: UTC, a space, milliseconds, Z."""
    return moment.astimezone(UTC).isoformat(" ", "milliseconds")[:23] + "Z"
