"""What a deletion does to the records which refer to the deleted one (A4).

A relation with `cascadeDelete` takes its record along; from others the id is removed. Where that would leave a
required relation empty, nothing is deleted at all.
"""

from __future__ import annotations

from datetime import datetime

from backstay.catalog import Catalog, Collection
from backstay.catalog.fields import RelationField
from backstay.errors import BadRequest
from backstay.plans.request import RequestInfo
from backstay.records.changes import Change, Observers
from backstay.records.draft import Draft, RecordValues, doomed, stamp
from backstay.records.hooks import Hooked
from backstay.records.statements import StatementBook
from backstay.stores.base import Transaction

CASCADE_MAX = 100_000
"""Records which one deletion may take along or change."""
REFUSED = "Failed to delete record. Make sure that the record is not part of a required relation reference."
OWNED = ("_externalAuths", "_mfas", "_otps", "_authOrigins")
"""System collections whose records belong to a record of an auth collection."""


class Cascade:
    """One deletion with all that follows from it, within one transaction."""

    def __init__(
        self,
        tx: Transaction,
        catalog: Catalog,
        book: StatementBook,
        observers: Observers,
        hooked: Hooked,
        now: datetime,
        info: RequestInfo | None = None,
    ) -> None:
        self._tx, self._catalog, self._book, self._observers = tx, catalog, book, observers
        self._hooked, self._info = hooked, info
        self._now = now
        self._seen: set[tuple[str, str]] = set()

    async def delete(self, collection: Collection, values: RecordValues) -> None:
        """Delete a record. Raises BadRequest when a required relation holds it."""
        waiting = [(collection, values)]
        while waiting:
            current, record = waiting.pop()
            key = (current.id, str(record["id"]))
            if key in self._seen:
                continue
            self._seen.add(key)
            if len(self._seen) > CASCADE_MAX:
                raise BadRequest(
                    REFUSED, hint=f"This would delete over {CASCADE_MAX} records; delete some of them first."
                )
            draft = doomed(current, record)
            async with self._hooked.around("delete", self._tx, self._catalog, draft, self._info):
                waiting += await self._delete_one(current, record)

    async def _delete_one(
        self, current: Collection, record: RecordValues
    ) -> list[tuple[Collection, RecordValues]]:
        """Delete one record, and return those which must go with it."""
        await self._observers.tell(self._tx, Change("delete", self._catalog, current, old=record, new=None))
        await self._tx.execute(self._book.of(current).delete, [record["id"]])
        following: list[tuple[Collection, RecordValues]] = []
        for other, field in self._catalog.references(current):
            following += await self._release(other, field, str(record["id"]))
        if current.is_auth:
            following += await self._owned(current, str(record["id"]))
        return following

    async def _release(
        self, other: Collection, field: RelationField, target: str
    ) -> list[tuple[Collection, RecordValues]]:
        """Take an id out of a relation; return the records which must go with it."""
        statements = self._book.of(other)
        rows = await self._tx.fetch(statements.referring(field), [target])
        doomed: list[tuple[Collection, RecordValues]] = []
        if rows and other.appendOnly:
            raise BadRequest(
                REFUSED, hint=f"A record of '{other.name}' refers to it, and those stay as they are."
            )
        for row in rows:
            record = statements.read(row)
            if (other.id, str(record["id"])) in self._seen:
                continue
            left = [item for item in field.items(record[field.name]) if item != target]
            if field.cascadeDelete and not left:
                doomed.append((other, record))
            elif field.required and not left:
                raise BadRequest(REFUSED, hint=f"A record of '{other.name}' needs it in '{field.name}'.")
            else:
                await self._write_back(other, record, field, left)
        return doomed

    async def _write_back(
        self, other: Collection, record: RecordValues, field: RelationField, left: list[str]
    ) -> None:
        draft = Draft(other, record | {field.name: field.cast(left)}, record, {field.name}, {}, {})
        stamp(draft, self._now)
        async with self._hooked.around("update", self._tx, self._catalog, draft, self._info):
            names = tuple(item.name for item in draft.changed())
            statements = self._book.of(other)
            await self._tx.execute(
                statements.update(names), [*statements.bind(draft.values, names), record["id"]]
            )
            await self._observers.tell(
                self._tx, Change("update", self._catalog, other, old=record, new=draft.values)
            )

    async def _owned(self, collection: Collection, record_id: str) -> list[tuple[Collection, RecordValues]]:
        """Return the sign-in data that belongs to an auth record."""
        found: list[tuple[Collection, RecordValues]] = []
        for name in OWNED:
            owner = self._catalog.find(name)
            if owner is not None:
                statements = self._book.of(owner)
                rows = await self._tx.fetch(statements.owned_by, [collection.id, record_id])
                found += [(owner, statements.read(row)) for row in rows]
        return found
