"""One or several of a fixed list of values."""

from __future__ import annotations

from backstay.catalog.fields.base import REQUIRED, Value
from backstay.catalog.fields.lists import ListField
from backstay.errors import Fault


class SelectField(ListField, frozen=True, kw_only=True, tag="select"):
    """Up to `maxSelect` (0 counts as 1) of `values`."""

    values: tuple[str, ...] = ()

    def check(self, value: Value, *, new: bool) -> Fault | None:
        chosen = self.items(value)
        if not chosen:
            return REQUIRED if self.required else None
        most = max(self.maxSelect, 1)
        if len(chosen) > most:
            return Fault("validation_too_many_values", f"Select no more than {most}", {"maxSelect": most})
        for item in chosen:
            if item not in self.values:
                return Fault("validation_invalid_value", f"Invalid value {item}", {"value": item})
        return None
