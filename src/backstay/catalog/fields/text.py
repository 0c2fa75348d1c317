"""Plain text, and the record id, which is a text field with `primaryKey`."""

from __future__ import annotations

import re
from typing import Any

from backstay.catalog.casts import to_text
from backstay.catalog.fields.base import INVALID_FORMAT, REQUIRED, FieldBase, Value
from backstay.catalog.patterns import matches
from backstay.errors import Fault

DEFAULT_MAX_CHARS = 5000
_FORBIDDEN_ID_CHAR = re.compile("[./\\\\|\"'`<>:?*%$\\x00-\\x20]")
RESERVED_IDS = frozenset(
    {"con", "prn", "aux", "nul"} | {f"{port}{n}" for port in ("com", "lpt") for n in "0123456789"}
)


class TextField(FieldBase, frozen=True, kw_only=True, tag="text"):
    """Text of `min` to `max` characters (0: 5,000) which matches `pattern`.

    autogeneratePattern: makes the value of a new record which has none
    primaryKey: this is the record id: unique, unchangeable, safe in paths
    """

    help: str = ""
    min: int = 0
    max: int = 0
    pattern: str = ""
    autogeneratePattern: str = ""
    primaryKey: bool = False
    required: bool = False

    def cast(self, raw: Any) -> Value:
        return to_text(raw)

    def check(self, value: Value, *, new: bool) -> Fault | None:
        fault = self._check_plain(value)
        if fault is None and self.primaryKey and new:
            return check_id(value)
        return fault

    def _check_plain(self, value: str) -> Fault | None:
        if not value:
            return REQUIRED if self.required or self.primaryKey else None
        longest = self.max or DEFAULT_MAX_CHARS
        if self.min > 0 and len(value) < self.min:
            return Fault(
                "validation_min_text_constraint",
                f"Must be at least {self.min} character(s).",
                {"min": self.min},
            )
        if len(value) > longest:
            return Fault(
                "validation_max_text_constraint",
                f"Must be no more than {longest} character(s).",
                {"max": longest},
            )
        if self.pattern and not matches(self.pattern, value):
            return INVALID_FORMAT
        return None


def check_id(value: str) -> Fault | None:
    """Return what makes `value` unfit to stand in a path or a file name, whatever the pattern allows."""
    found = _FORBIDDEN_ID_CHAR.search(value)
    if found:
        return Fault(
            "validation_forbidden_pk_character",
            f"'{found[0]}' is not a valid primary key character.",
            {"ch": found[0]},
        )
    if value.lower() in RESERVED_IDS:
        name = value.upper()
        return Fault(
            "validation_reserved_pk",
            f"The primary key '{name}' is reserved and cannot be used.",
            {"reserved": name},
        )
    return None
