"""Writes JSON values as Python, a line each where they are long: as a formatter would, so that diffs stay small."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

WIDTH = 100
STEP = 4


def literal(value: Any, indent: int = 0) -> str:
    """Return Python for a value of JSON.

    indent: how far the line is indented on which it begins
    """
    short = one_line(value)
    if indent + len(short) < WIDTH or not value or not isinstance(value, Mapping | list | tuple):
        return short
    inner = indent + STEP
    if isinstance(value, Mapping):
        lines = [f"{one_line(key)}: {literal(item, inner)}" for key, item in value.items()]
        opening, closing = "{", "}"
    else:
        lines = [literal(item, inner) for item in value]
        opening, closing = "[", "]"
    body = "".join(f"{' ' * inner}{line},\n" for line in lines)
    return f"{opening}\n{body}{' ' * indent}{closing}"


def one_line(value: Any) -> str:
    """Return Python for a value of JSON on one line."""
    match value:
        case str():
            return json.dumps(value, ensure_ascii=False)
        case Mapping():
            return "{" + ", ".join(f"{one_line(key)}: {one_line(item)}" for key, item in value.items()) + "}"
        case list() | tuple():
            return "[" + ", ".join(map(one_line, value)) + "]"
        case _:
            return repr(value)
