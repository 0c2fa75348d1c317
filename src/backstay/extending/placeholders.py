"""Values in filters: `{:name}` stands for a value, which is quoted here, so that no text becomes part of the filter."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from backstay.catalog.casts import format_date

_PART = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\{:(\w+)\}""", re.DOTALL)


def fill(text: str, values: Mapping[str, Any]) -> str:
    """Put values in the place of `{:name}`, but within quotes.

    values: texts, numbers, booleans, dates, None

    Raises KeyError for a name without a value and for a value without a place, TypeError for what is no value.
    """
    used: set[str] = set()

    def replace(found: re.Match[str]) -> str:
        name = found[1]
        if name is None:
            return found[0]
        if name not in values:
            raise KeyError(f"the filter has {{:{name}}}, and no value was given for it")
        used.add(name)
        return literal(values[name])

    filled = _PART.sub(replace, text)
    unused = set(values) - used
    if unused:
        raise KeyError(f"the filter has no {{:{min(unused)}}}")
    return filled


def literal(value: Any) -> str:
    """Return a value as the filter language writes it. Raises TypeError."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float() if math.isfinite(value):
            return format(Decimal(repr(value)), "f")
        case str():
            escaped = value.replace("\\", "\\\\").replace("'", "\\'")
            return f"'{escaped}'"
        case datetime():
            return f"'{format_date(value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC))}'"
        case date():
            return f"'{value.isoformat()} 00:00:00.000Z'"
    raise TypeError(f"a filter takes texts, numbers, booleans, dates and None, not {value!r}")
