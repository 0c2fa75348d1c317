"""What only the site's own code sets and lifts: fields the system writes, collections that only grow.

`systemOnly` and `appendOnly` are kept with a collection like its other options, and shown where they are set. They
come from declared classes and migrations. A change by a client, superusers included, keeps them as they are, and may
not go round them by dropping what they guard.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from backstay.catalog.fields import Field
from backstay.catalog.model import Collection
from backstay.errors import BadRequest

ONLY_GROWS = "The records of this collection can't be changed or deleted."
_DO = "Change it in the site's code: a declared class, or a migration."


def with_guards_of(draft: Collection, old: Collection | None) -> Collection:
    """Return a draft with the guards of the collection that it changes; a new one (`old` is None) has none."""
    guarded = {field.id for field in old.fields if field.systemOnly} if old is not None else set()
    fields = tuple(_guarded(field, field.id in guarded) for field in draft.fields)
    return msgspec.structs.replace(draft, fields=fields, appendOnly=old is not None and old.appendOnly)


def _guarded(field: Field, on: bool) -> Field:
    return field if field.systemOnly is on else msgspec.structs.replace(field, systemOnly=on)


def refuse_change(old: Collection, draft: Collection, message: str) -> None:
    """Raise BadRequest when a client's change would lose what is guarded.

    message: what failed, as the protocol says it
    """
    new = {field.id: field for field in draft.fields}
    for field in old.fields:
        if not (field.systemOnly or old.appendOnly):
            continue
        kept = new.get(field.id)
        if kept is None:
            raise BadRequest(message, hint=f"The field '{field.name}' is guarded and can't be dropped. {_DO}")
        if kept.column_kind is not field.column_kind:
            raise BadRequest(message, hint=f"The field '{field.name}' is guarded: its values stay. {_DO}")


def refuse_delete(collections: Iterable[Collection], message: str) -> None:
    """Raise BadRequest when a client may not delete one of `collections`."""
    for collection in collections:
        if collection.appendOnly or any(field.systemOnly for field in collection.fields):
            raise BadRequest(message, hint=f"'{collection.name}' is guarded and can't be deleted. {_DO}")


def refuse_truncate(collection: Collection, message: str) -> None:
    """Raise BadRequest when a client may not delete all records of a collection."""
    if collection.appendOnly:
        raise BadRequest(message, hint=ONLY_GROWS)
