"""True or false."""

from __future__ import annotations

from typing import Any

from backstay.catalog.casts import to_bool
from backstay.catalog.fields.base import REQUIRED, DbValue, FieldBase, Kind, Value
from backstay.errors import Fault


class BoolField(FieldBase, frozen=True, kw_only=True, tag="bool"):
    """A boolean; `required` means that it must be true."""

    help: str = ""
    required: bool = False

    kind = Kind.BOOL

    @property
    def zero(self) -> Value:
        return False

    def cast(self, raw: Any) -> Value:
        return to_bool(raw)

    def check(self, value: Value, *, new: bool) -> Fault | None:
        return REQUIRED if self.required and not value else None

    def store(self, value: Value) -> DbValue:
        return int(value)
