"""What the data step of a migration works with: the database, within the migration's own transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from backstay.catalog import Catalog, Collection
from backstay.catalog.fields import DbValue, TextField
from backstay.catalog.patterns import generate
from backstay.plans.params import Statement
from backstay.records.draft import RecordValues
from backstay.records.writer import Writer
from backstay.stores.base import Row, Transaction


class Data:
    """The database as the data step sees it: what is new is there, what goes is still there."""

    def __init__(self, tx: Transaction, catalog: Catalog, writer: Writer) -> None:
        self._tx, self._catalog, self._writer = tx, catalog, writer

    async def fetch(self, sql: str, *values: DbValue) -> list[Row]:
        """Return the rows of a query; each `?` in it takes one of `values`."""
        return await self._tx.fetch(Statement(sql), values)

    async def execute(self, sql: str, *values: DbValue) -> int:
        """Run a statement and return how many rows it changed."""
        return await self._tx.execute(Statement(sql), values, long=True)

    def records(self, collection: str) -> Records:
        """Return the records of a collection. Raises LookupError when there is none of this name."""
        found = self._catalog.find(collection)
        if found is None or found.is_view:
            raise LookupError(f"There is no collection '{collection}' that holds records.")
        return Records(self._tx, self._catalog, found, self._writer)


class Records:
    """The records of one collection, past all rules and checks but unique indexes. Dates follow, files don't move."""

    def __init__(self, tx: Transaction, catalog: Catalog, collection: Collection, writer: Writer) -> None:
        self._tx, self._catalog, self._collection, self._writer = tx, catalog, collection, writer
        self._statements = writer.book.of(collection)

    async def all(self) -> AsyncIterator[RecordValues]:
        """Give every record's values by field; they may be changed and deleted meanwhile."""
        ids = [row[0] for row in await self._tx.fetch(self._statements.ids)]
        for id in ids:
            rows = await self._tx.fetch(self._statements.load, [id])
            if rows:
                yield self._statements.read(rows[0])

    async def create(self, values: Mapping[str, Any]) -> str:
        """Store a new record and return its id; a password is a hash here."""
        record = dict(self._collection.zero_values)
        for field in self._collection.fields:
            if field.name in values:
                record[field.name] = field.cast(values[field.name])
            elif isinstance(field, TextField) and field.autogeneratePattern:
                record[field.name] = generate(field.autogeneratePattern)
        await self._writer.insert_within(self._tx, self._catalog, self._collection, record)
        return str(record["id"])

    async def update(self, id: str, values: Mapping[str, Any]) -> None:
        """Set values of a record. Raises NotFound."""
        old = await self._writer.load(self._tx, self._collection, id)
        by_name = self._collection.by_name
        cast = {name: by_name[name].cast(value) for name, value in values.items()}
        await self._writer.change_within(self._tx, self._catalog, self._collection, old, cast)

    async def delete(self, id: str) -> None:
        """Delete a record with all that cascades. Raises NotFound, BadRequest when a relation must keep it."""
        old = await self._writer.load(self._tx, self._collection, id)
        await self._writer.cascade(self._tx, self._catalog).delete(self._collection, old)
