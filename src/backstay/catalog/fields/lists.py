"""What select, file and relation share: one text or a list of texts, decided by `maxSelect`."""

from __future__ import annotations

from typing import Any

import msgspec

from backstay.catalog.casts import to_list
from backstay.catalog.fields.base import DbValue, FieldBase, Kind, Value

_encode = msgspec.json.Encoder().encode


class ListField(FieldBase, frozen=True, kw_only=True):
    """A field of at most `maxSelect` texts; up to 1 it holds a text, above it a list."""

    help: str = ""
    required: bool = False
    maxSelect: int = 0

    modifiers = frozenset({"name+", "+name", "name-"})

    @property
    def column_kind(self) -> Kind:
        return Kind.LIST if self.maxSelect > 1 else Kind.TEXT

    @property
    def zero(self) -> Value:
        return [] if self.maxSelect > 1 else ""

    def cast(self, raw: Any) -> Value:
        items = to_list(raw)
        if self.maxSelect > 1:
            return items
        return items[-1] if items else ""

    def items(self, value: Value) -> list[str]:
        """Return the value as a list, also when the field is single."""
        if isinstance(value, list):
            return value
        return [value] if value else []

    def apply(self, old: Value, modifier: str, raw: Any) -> Value:
        change, kept = to_list(raw), self.items(old)
        match modifier:
            case "name+":
                return self.cast(kept + change)
            case "+name":
                return self.cast(change + kept)
            case _:
                return self.cast([item for item in kept if item not in change])

    def store(self, value: Value) -> DbValue:
        return _encode(value).decode() if self.maxSelect > 1 else value
