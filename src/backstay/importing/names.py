"""Column names as field names: letters, digits and `_`, none of them taken twice or reserved."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from backstay.catalog.validate.fields import RESERVED_NAMES

NAME_MAX_CHARS = 100
NOT_THE_ID = "source_id"

_ODD = re.compile(r"[^A-Za-z0-9_]+")
_TAKEN = frozenset(name.lower() for name in RESERVED_NAMES) | {"id"}


def field_names(sources: Iterable[str], *, takes_id: bool) -> dict[str, str]:
    """Return the field name for each column name; the same column gets the same name in each run.

    takes_id: the column `id` is the record id and keeps its name; otherwise it becomes `source_id`
    """
    names: dict[str, str] = {}
    taken = set(_TAKEN)
    for source in sources:
        if source == "id" and takes_id:
            names[source] = "id"
            continue
        wanted = NOT_THE_ID if source == "id" else _word(source)
        name = wanted
        number = 2
        while name.lower() in taken:
            name = f"{wanted}_{number}"
            number += 1
        taken.add(name.lower())
        names[source] = name
    return names


def _word(source: str) -> str:
    """Return `source` without accents, odd characters as `_`, and with a letter or `_` at its start."""
    plain = unicodedata.normalize("NFKD", source).encode("ascii", "ignore").decode()
    word = _ODD.sub("_", plain).strip("_") if _ODD.search(plain) else plain
    word = re.sub(r"_via_", "_from_", word, flags=re.IGNORECASE)  # `_via_` names back-relations in filters
    if not word or not word.strip("_"):
        word = "column"
    if word[0].isdigit():
        word = f"_{word}"
    return word[: NAME_MAX_CHARS - 4]
