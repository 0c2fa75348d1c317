"""Ids of records of another collection. That they exist is checked in the transaction which writes them."""

from __future__ import annotations

from backstay.catalog.fields.base import REQUIRED, Value
from backstay.catalog.fields.lists import ListField
from backstay.errors import Fault


class RelationField(ListField, frozen=True, kw_only=True, tag="relation"):
    """`minSelect` to `maxSelect` (0 counts as 1) records of `collectionId`.

    cascadeDelete: this record is deleted with the record it refers to
    """

    collectionId: str = ""
    cascadeDelete: bool = False
    minSelect: int = 0

    def check(self, value: Value, *, new: bool) -> Fault | None:
        ids = self.items(value)
        if not ids:
            return REQUIRED if self.required else None
        if self.minSelect > 0 and len(ids) < self.minSelect:
            return Fault(
                "validation_not_enough_values",
                f"Select at least {self.minSelect}",
                {"minSelect": self.minSelect},
            )
        most = max(self.maxSelect, 1)
        if len(ids) > most:
            return Fault("validation_too_many_values", f"Select no more than {most}", {"maxSelect": most})
        return None
