"""Dates that people set, and dates that the server sets."""

from __future__ import annotations

from typing import Any

from backstay.catalog.casts import to_date
from backstay.catalog.fields.base import REQUIRED, FieldBase, Value
from backstay.errors import Fault


class DateField(FieldBase, frozen=True, kw_only=True, tag="date"):
    """A time in UTC with milliseconds, from `min` to `max`; '' when there is none."""

    help: str = ""
    min: str = ""
    max: str = ""
    required: bool = False

    def cast(self, raw: Any) -> Value:
        return to_date(raw)

    def check(self, value: Value, *, new: bool) -> Fault | None:
        if not value:
            return REQUIRED if self.required else None
        least, most = to_date(self.min), to_date(self.max)
        if least and value < least:
            return Fault(
                "validation_min_greater_equal_than_required",
                f"Must be no less than {_go(least)}",
                _threshold(least),
            )
        if most and value > most:
            return Fault(
                "validation_max_less_equal_than_required",
                f"Must be no greater than {_go(most)}",
                _threshold(most),
            )
        return None


class AutodateField(FieldBase, frozen=True, kw_only=True, tag="autodate"):
    """The time of the creation or of the last change. Nobody sets it, superusers neither."""

    onCreate: bool = False
    onUpdate: bool = False

    writable = False

    def cast(self, raw: Any) -> Value:
        return to_date(raw)


def _go(date: str) -> str:
    """Print a date as the protocol's messages have it: without empty fractions, with the zone twice."""
    return f"{date[:19]}{_fraction(date)} +0000 UTC"


def _threshold(date: str) -> dict[str, str]:
    return {"threshold": f"{date[:10]}T{date[11:19]}{_fraction(date)}Z"}


def _fraction(date: str) -> str:
    return date[19:23].rstrip("0").rstrip(".")
