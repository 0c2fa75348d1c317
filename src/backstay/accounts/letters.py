"""What accounts need of mail: somebody who posts a filled template, and what a record puts into it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from backstay.catalog import Collection
from backstay.catalog.model import MailTemplate
from backstay.records.draft import RecordValues
from backstay.stores.base import Transaction


class Post(Protocol):
    """What accounts need of mail."""

    async def post(self, tx: Transaction, to: str, template: MailTemplate, values: Mapping[str, str]) -> None:
        """Send a filled template once the transaction is on disk.

        values: by placeholder, without its braces: `TOKEN`, `OTP`, `RECORD:name`
        """
        ...


def record_values(collection: Collection, record: RecordValues) -> dict[str, str]:
    """Return the placeholders of a record: its fields that are not hidden, as text."""
    return {
        f"RECORD:{field.name}": _text(record[field.name]) for field in collection.fields if not field.hidden
    }


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
