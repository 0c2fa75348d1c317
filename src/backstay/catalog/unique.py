"""Which fields are unique by themselves, read from a collection's index definitions."""

from __future__ import annotations

import re
from functools import lru_cache

from backstay.catalog.model import Collection

_UNIQUE = re.compile(
    r"\s*CREATE\s+UNIQUE\s+INDEX\s+.*?\s+ON\s+\S+\s*\(\s*([`\"\[]?)(\w+)[`\"\]]?"
    r"(\s+COLLATE\s+\w+)?(?:\s+(?:ASC|DESC))?\s*\)\s*(?:WHERE\s+[`\"\[]?(\w+)[`\"\]]?\s*!=\s*'')?\s*;?\s*",
    re.IGNORECASE | re.DOTALL,
)


@lru_cache(maxsize=1024)
def _unique_columns(indexes: tuple[str, ...]) -> dict[str, str]:
    found = (_UNIQUE.fullmatch(text) for text in indexes)
    return {
        match[2].lower(): (match[3] or "").split()[-1].upper() if match[3] else ""
        for match in found
        if match and (match[4] is None or match[4].lower() == match[2].lower())
    }


def has_unique_index(collection: Collection, field: str) -> bool:
    """Tell whether at most one record holds each non-empty value of `field`."""
    return field.lower() in _unique_columns(collection.indexes)


def unique_collation(collection: Collection, field: str) -> str | None:
    """Return the collation of the unique index of `field` ('' when it names none), or None without an index."""
    return _unique_columns(collection.indexes).get(field.lower())
