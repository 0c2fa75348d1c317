"""JSON from outside, read strictly: what is accepted here can be kept, compared and sent again by every part.

One value, no duplicate keys, no NaN, no number outside of a 64-bit float, no half of a surrogate pair, no nesting
that would meet the limits of Python or of a database. JSON that Backstay wrote itself is read with msgspec.
"""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec

MAX_DEPTH = 128
"""Lists and objects within each other; Python and SQLite stop at about 1,000."""
SAFE_DIGITS = 19
"""Whole numbers of fewer characters fit into 64 bits."""

_encode = msgspec.json.Encoder().encode


def read_json(text: str) -> Any:
    """Return the value that `text` holds. Raises ValueError, whose message says what is wrong with it."""
    try:
        value = _loads(text)
    except RecursionError as exc:
        raise _too_deep() from exc
    if text.count("[") + text.count("{") > MAX_DEPTH and depth_of(value) > MAX_DEPTH:
        raise _too_deep()
    if "\\u" in text or not text.isascii():
        _check_texts(value)
    return value


def depth_of(value: Any) -> int:
    """Return how many lists and objects stand within each other."""
    depth = 0
    level: list[Any] = [value]
    while level := [item for item in level if isinstance(item, (list, dict))]:
        depth += 1
        level = [inner for item in level for inner in (item.values() if isinstance(item, dict) else item)]
    return depth


def _too_deep() -> ValueError:
    return ValueError(f"it is nested more than {MAX_DEPTH} levels deep")


def _check_texts(value: Any) -> None:
    try:
        _encode(value)
    except UnicodeEncodeError as exc:
        raise ValueError("a text holds half of a surrogate pair") from exc


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {twice[:50]!a} is there twice")
    return out


def _integer(digits: str) -> int | float:
    """Read a whole number; one which is longer than 64 bits as the protocol has numbers, a float."""
    return int(digits) if len(digits) < SAFE_DIGITS else _number(digits)


def _number(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"the number {digits[:30]} is too large")
    return number


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON value")


_loads = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_no_constant, parse_float=_number, parse_int=_integer
).decode
