"""Web addresses."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from backstay.catalog.casts import to_text
from backstay.catalog.fields.base import REQUIRED, FieldBase, Value
from backstay.catalog.formats import domain_allowed
from backstay.checks import is_url
from backstay.errors import Fault


class UrlField(FieldBase, frozen=True, kw_only=True, tag="url"):
    """A URL; its host must be in `onlyDomains` (when there are any) and not in `exceptDomains`."""

    help: str = ""
    onlyDomains: list[str] | None = None
    exceptDomains: list[str] | None = None
    required: bool = False

    def cast(self, raw: Any) -> Value:
        return to_text(raw)

    def check(self, value: Value, *, new: bool) -> Fault | None:
        if not value:
            return REQUIRED if self.required else None
        if not is_url(value):
            return Fault("validation_invalid_url", "Must be a valid url.")
        host = urlsplit(value).netloc.rpartition("@")[2]
        if not domain_allowed(host, self.onlyDomains, self.exceptDomains):
            return Fault("validation_url_domain_not_allowed", "Url domain is not allowed.")
        return None
