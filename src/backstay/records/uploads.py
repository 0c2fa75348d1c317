"""What the writer does with uploads: checks them, and has them kept.

Where files are kept is the business of `backstay.files`; the writer needs of it no more than a `FileKeeper`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from backstay.catalog import Collection
from backstay.catalog.fields import FileField
from backstay.catalog.fields.file import DEFAULT_MAX_BYTES
from backstay.errors import Fault
from backstay.records.draft import RecordValues
from backstay.records.upload import Upload
from backstay.stores.base import Transaction


class FileKeeper(Protocol):
    """What the writer needs of files: each step may be followed by a crash, and none leaves an orphan."""

    async def keep(self, folder: str, uploads: Sequence[Upload]) -> None:
        """Store files durably in a record's folder, to be removed again unless `take` follows."""
        ...

    async def take(self, tx: Transaction, folder: str, names: Iterable[str]) -> None:
        """Let kept files stay, if the transaction does."""
        ...

    async def leave(self, tx: Transaction, folder: str, names: Iterable[str]) -> None:
        """Remove kept files that the record does not name, if the transaction is done."""
        ...

    async def drop(self, folder: str, names: Iterable[str]) -> None:
        """Remove kept files whose record was not written."""
        ...


def folder_of(collection: Collection, record_id: str) -> str:
    """Return where a record's files are kept, below the root of all files (protocol A9)."""
    return f"{collection.id}/{record_id}"


def names_in(collection: Collection, values: RecordValues | None) -> set[str]:
    """Return the names of all files of a record."""
    if values is None:
        return set()
    return {name for field in collection.file_fields for name in field.items(values[field.name])}


def check_upload(field: FileField, upload: Upload) -> Fault | None:
    """Return what is wrong with a file for a field."""
    most = field.maxSize or DEFAULT_MAX_BYTES
    if upload.size > most:
        message = f"Failed to upload {upload.original} - the maximum allowed file size is {most} bytes."
        params = {"file": upload.original, "maxSize": most}
        return Fault("validation_file_size_limit", message, params)
    if field.mimeTypes and upload.kind not in field.mimeTypes:
        message = f'Failed to upload "{upload.original}" due to unsupported file type.'
        return Fault("validation_invalid_mime_type", message)
    return None
