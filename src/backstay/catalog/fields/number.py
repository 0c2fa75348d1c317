"""Numbers: 64-bit floats, as JSON and JavaScript have them."""

from __future__ import annotations

from typing import Any

from backstay.catalog.casts import format_number, is_finite, to_number
from backstay.catalog.fields.base import REQUIRED, FieldBase, Kind, Value
from backstay.errors import Fault


class NumberField(FieldBase, frozen=True, kw_only=True, tag="number"):
    """A number from `min` to `max`; `required` means that it must not be 0."""

    help: str = ""
    min: float | None = None
    max: float | None = None
    onlyInt: bool = False
    required: bool = False

    kind = Kind.NUMBER
    modifiers = frozenset({"name+", "name-"})

    @property
    def zero(self) -> Value:
        return 0

    def cast(self, raw: Any) -> Value:
        return to_number(raw)

    def apply(self, old: Value, modifier: str, raw: Any) -> Value:
        change = to_number(raw)
        return to_number(old + change if modifier == "name+" else old - change)

    def check(self, value: Value, *, new: bool) -> Fault | None:
        if not is_finite(value):
            return Fault("validation_not_a_number", "The submitted number is not properly formatted.")
        if value == 0:
            return REQUIRED if self.required else None
        if self.onlyInt and (value != int(value) or abs(value) >= 2**63):
            return Fault("validation_only_int_constraint", "Decimal numbers are not allowed.")
        if self.min is not None and value < self.min:
            return Fault(
                "validation_min_number_constraint",
                f"Must be greater or equal than {format_number(self.min)}",
                {"min": to_number(self.min)},
            )
        if self.max is not None and value > self.max:
            return Fault(
                "validation_max_number_constraint",
                f"Must be less or equal than {format_number(self.max)}",
                {"max": to_number(self.max)},
            )
        return None
