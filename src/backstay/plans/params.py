"""Statements whose text depends on the shape of a request alone; all values travel as parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from string import ascii_lowercase, ascii_uppercase
from typing import Any, Literal, TypeAlias

import msgspec

from backstay.catalog.casts import format_number
from backstay.catalog.fields import DbValue
from backstay.plans.macros import macro_value
from backstay.plans.request import MISSING, JsonText, RequestInfo
from backstay.plans.time_words import time_argument

Source: TypeAlias = Literal["const", "literal", "request", "macro", "given"]
Form: TypeAlias = Literal[
    "plain",
    "raw",
    "number",
    "text",
    "like",
    "list",
    "count",
    "time",
    "to_char",
    "date_format",
    "start_of",
    "start_format",
    "months",
    "seconds",
]
"""How a value is sent; the last seven are the arguments of strftime for databases which have none (`times`)."""

_LOWER = str.maketrans(ascii_uppercase, ascii_lowercase)
"""LIKE minds no case of ASCII letters; patterns are sent in lower case for databases whose LIKE does."""
MATCHES_NOTHING = "\U0010fffe"
_encode = msgspec.json.Encoder(order="sorted").encode


class Param(msgspec.Struct, frozen=True):
    """Where a parameter's value comes from.

    const:   `key` itself
    literal: the filter's literal number `key`
    request: what `@request.<key>` holds
    macro:   the time macro `key`
    given:   a value which the caller names `key` (a record's id, a page's offset)
    """

    source: Source
    key: Any
    form: Form = "plain"


class Statement(msgspec.Struct, frozen=True, eq=False):
    """SQL text and where its positional parameters come from."""

    sql: str
    params: tuple[Param, ...] = ()
    is_cheap: bool = False
    """True when it reads or writes one record by its id: no budget is needed."""
    is_compiled: bool = False
    """True when its text is a dialect's, with the placeholders of its driver; else a value is a `?`."""


class Values(msgspec.Struct, frozen=True, eq=False):
    """What the parameters of one request are taken from."""

    info: RequestInfo
    literals: Sequence[str | int | float] = ()
    given: Mapping[str, DbValue] = {}


def bind(statement: Statement, values: Values) -> tuple[DbValue, ...]:
    """Return the values of a statement's parameters, in their order."""
    now: datetime | None = None
    out: list[DbValue] = []
    for param in statement.params:
        match param.source:
            case "const":
                raw = param.key
            case "given":
                out.append(values.given[param.key])
                continue
            case "literal":
                raw = values.literals[param.key]
            case "request":
                raw = values.info.lookup(param.key)
            case "macro":
                now = now or values.info.clock.now()
                raw = macro_value(param.key, now)
        out.append(shape_value(raw, param.form))
    return tuple(out)


def shape_value(raw: Any, form: Form) -> DbValue:
    """Return `raw` as a database value in the form that its place in the statement needs."""
    match form:
        case "raw":
            return raw  # type: ignore[no-any-return]  # a value which SQLAlchemy put in by itself
        case "like":
            return like_pattern(plain_text(raw)).translate(_LOWER)
        case "list":
            return _encode(as_items(raw)).decode()
        case "count":
            return len(as_items(raw))
        case "number":
            return _as_number(raw)
        case "text":
            return _as_text(raw)
        case "time" | "to_char" | "date_format" | "start_of" | "start_format" | "months" | "seconds":
            return time_argument(plain_text(raw), form)
    return plain_value(raw)


def _as_number(raw: Any) -> DbValue:
    """Read a number which a form sent as text; other texts are compared as they are."""
    return float(raw) if isinstance(raw, str) and is_number_text(raw) else plain_value(raw)


def is_number_text(text: str) -> bool:
    """Tell whether a text reads as a finite number."""
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _as_text(raw: Any) -> DbValue:
    """Return `raw` as SQLite reads it where a text is compared with it: 7 is '7.0'."""
    value = plain_value(raw)
    if isinstance(value, float):
        head, mark, exponent = repr(value).partition("e")
        return f"{head}{'' if '.' in head else '.0'}{mark}{exponent}"
    return value if value is None or isinstance(value, str) else str(value)


def plain_value(raw: Any) -> DbValue:
    """Return `raw` as it is compared: numbers as floats, booleans as 1 and 0, lists and objects as JSON text."""
    match raw:
        case None | str() | float():
            return raw
        case bool():
            return int(raw)
        case int():
            return float(raw)
    if raw is MISSING:
        return None
    return _encode(raw.value if isinstance(raw, JsonText) else raw).decode()


def plain_text(raw: Any) -> str:
    """Return `raw` as text for LIKE."""
    value = plain_value(raw)
    if value is None:
        return ""
    return value if isinstance(value, str) else format_number(value)


def as_items(raw: Any) -> list[Any]:
    """Return `raw` as a list: nothing is empty, a single value is a list of one."""
    if raw is MISSING or raw is None:
        return []
    return list(raw) if isinstance(raw, (list, tuple)) else [raw]


def like_pattern(text: str) -> str:
    """Wrap text in `%` and escape its wildcards, unless it already has an unescaped `%` (A6).

    Escapes are looked for from the end, and a character that was just escaped is not looked at again: so does the
    real server, and `\\%` comes out as an escaped backslash before a wildcard.

    A pattern which ends in a lone escape matches nothing; databases do not agree on it, so it becomes a text that
    nobody stores.
    """
    if _has_wildcard(text):
        return MATCHES_NOTHING if _ends_escaping(text) else text
    out: list[str] = []
    pending = False
    for char in reversed(text):
        if pending:
            if char != "\\":
                out.append("\\")
            pending = False
        else:
            pending = char in "\\%_"
        out.append(char)
    if pending:
        out.append("\\")
    return f"%{''.join(reversed(out))}%"


def _ends_escaping(text: str) -> bool:
    return (len(text) - len(text.rstrip("\\"))) % 2 == 1


def _has_wildcard(text: str) -> bool:
    escaped = False
    for char in text:
        if char == "%" and not escaped:
            return True
        escaped = char == "\\" and not escaped
    return False


def value_class(raw: Any) -> str:
    """Return what of a request's value decides the text of a statement.

    '-' missing, '0' null, 'e' empty, 'd' a text that reads as a number, 't' any other text or JSON, 'n' a number
    """
    if raw is MISSING:
        return "-"
    if raw is None:
        return "0"
    if isinstance(raw, str):
        return "e" if raw == "" else "d" if is_number_text(raw) else "t"
    return "n" if isinstance(raw, (int, float)) else "t"
