"""E-mail addresses."""

from __future__ import annotations

from typing import Any

from backstay.catalog.casts import to_text
from backstay.catalog.fields.base import REQUIRED, FieldBase, Value
from backstay.catalog.formats import domain_allowed
from backstay.checks import is_email
from backstay.errors import Fault


class EmailField(FieldBase, frozen=True, kw_only=True, tag="email"):
    """An address; its domain must be in `onlyDomains` (when there are any) and not in `exceptDomains`."""

    help: str = ""
    onlyDomains: list[str] | None = None
    exceptDomains: list[str] | None = None
    required: bool = False

    def cast(self, raw: Any) -> Value:
        return to_text(raw)

    def check(self, value: Value, *, new: bool) -> Fault | None:
        if not value:
            return REQUIRED if self.required else None
        if not is_email(value):
            return Fault("validation_is_email", "Must be a valid email address.")
        if not domain_allowed(value.rpartition("@")[2], self.onlyDomains, self.exceptDomains):
            return Fault("validation_email_domain_not_allowed", "Email domain is not allowed.")
        return None
