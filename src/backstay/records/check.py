"""What is wrong with a record: each field by itself, its relations, its unique indexes. All faults at once."""

from __future__ import annotations

import msgspec

from backstay.catalog import Catalog
from backstay.catalog.fields import Field, FileField, PasswordField, RelationField, TextField
from backstay.catalog.fields.base import REQUIRED
from backstay.errors import Fault
from backstay.records.draft import Draft
from backstay.records.statements import StatementBook
from backstay.records.upload import Uploads
from backstay.records.uploads import check_upload
from backstay.stores.base import Transaction

MISSING_RECORDS = Fault(
    "validation_missing_rel_records", "Failed to find all relation records with the provided ids."
)
MISSING_COLLECTION = Fault(
    "validation_missing_rel_collection", "Relation connection is missing or cannot be accessed."
)
TAKEN_AUTH_ID = Fault("validation_invalid_auth_id", "Invalid or duplicated auth record id.")
PK_INVALID = Fault("validation_pk_invalid", "The record primary key is invalid or already exists.")
PK_CHANGE = Fault("validation_pk_change", "The record primary key cannot be changed.")
NOT_UNIQUE = Fault("validation_not_unique", "Value must be unique.")
LOWER_CASE_IDS = "^[a-z0-9]+$"
_encode = msgspec.json.Encoder().encode


async def check_draft(
    tx: Transaction, catalog: Catalog, book: StatementBook, draft: Draft, uploads: Uploads
) -> dict[str, Fault]:
    """Return the faults of a draft by field.

    uploads: the files that came with it
    """
    faults = check_fields(draft, uploads)
    for relation in draft.collection.relation_fields:
        if relation.name not in faults:
            fault = await _check_relation(tx, catalog, book, draft, relation)
            if fault is not None:
                faults[relation.name] = fault
    if draft.is_new and "id" in draft.sent and "id" not in faults:
        fault = await _check_new_id(tx, catalog, book, draft)
        if fault is not None:
            faults["id"] = fault
    return faults


def check_fields(draft: Draft, uploads: Uploads) -> dict[str, Fault]:
    """Return what is wrong with a draft's fields, each by itself; nothing is asked of the database."""
    faults: dict[str, Fault] = {}
    for field in draft.collection.fields:
        fault = _check_alone(draft, field, uploads, new=draft.is_new)
        if fault is not None:
            faults[field.name] = fault
    return faults


def _check_alone(draft: Draft, field: Field, uploads: Uploads, *, new: bool) -> Fault | None:
    value = draft.values[field.name]
    if isinstance(field, PasswordField):
        return _check_password(draft, field)
    if field.name == "id" and draft.old is not None:
        return PK_CHANGE if value != draft.old["id"] else None
    if isinstance(field, FileField):
        return field.check(value, new=new) or _check_files(draft, field, uploads)
    return field.check(value, new=new)


def _check_files(draft: Draft, field: FileField, uploads: Uploads) -> Fault | None:
    """Refuse names that the record did not have and no upload has, and uploads that the field does not take."""
    kept = field.items(draft.old[field.name]) if draft.old else []
    names = field.items(draft.values[field.name])
    faults = (check_upload(field, uploads[name]) for name in names if name in uploads)
    return field.check_names(names, [*kept, *uploads]) or next(filter(None, faults), None)


def _check_password(draft: Draft, field: PasswordField) -> Fault | None:
    plain = draft.plain.get(field.name)
    if plain:
        return field.check_plain(plain)
    return REQUIRED if field.required and not draft.values[field.name] else None


async def _check_relation(
    tx: Transaction, catalog: Catalog, book: StatementBook, draft: Draft, field: RelationField
) -> Fault | None:
    ids = field.items(draft.values[field.name])
    if draft.old is not None and draft.old[field.name] == draft.values[field.name]:
        return None
    if not ids:
        return None
    target = catalog.find(field.collectionId)
    if target is None:
        return MISSING_COLLECTION
    rows = await tx.fetch(book.of(target).count_ids, [_encode(ids).decode()])
    return None if rows[0][0] == len(ids) else MISSING_RECORDS


async def _check_new_id(tx: Transaction, catalog: Catalog, book: StatementBook, draft: Draft) -> Fault | None:
    """Refuse an id that a client chose and that is taken.

    Ids of auth records are unique over all auth collections (A2); where a pattern allows capitals, ids that differ
    in case alone are the same, since they name folders.
    """
    field = draft.collection.by_name["id"]
    statements = book.of(draft.collection)
    has_capitals = isinstance(field, TextField) and field.pattern != LOWER_CASE_IDS
    if has_capitals and await tx.fetch(statements.exists_in_any_case, [draft.id]):
        return PK_INVALID
    others = [item for item in catalog if item.is_auth and item.id != draft.collection.id]
    for other in others if draft.collection.is_auth else ():
        if await tx.fetch(book.of(other).exists, [draft.id]):
            return TAKEN_AUTH_ID
    return None
