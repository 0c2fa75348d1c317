"""Copies all of a site that is in its database: definitions, records, settings, what waits in the outbox.

The source is read page by page in the order of insertion; the target is one transaction, so that it is there whole or
not at all. Then both are compared, collection by collection: the number of records, and a sum over their values.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import TypeAlias

import msgspec
import sqlalchemy as sa

from backstay.catalog import Catalog, Collection
from backstay.catalog.fields import DbValue
from backstay.outbox.statements import TABLE as OUTBOX
from backstay.plans.dialects.base import Dialect
from backstay.plans.params import Statement
from backstay.plans.tables import table_of
from backstay.records.draft import RecordValues
from backstay.records.statements import RowStatements
from backstay.stores.base import Row, Store, StoreError, Transaction
from backstay.stores.catalog import UPSERT_COLLECTION, collection_row, read_catalog, select_collections
from backstay.stores.databases import DATABASE_FILE, ddl_for, open_store
from backstay.stores.tables import COLUMNS_OF, prepare

Fetch: TypeAlias = Callable[[Statement, Sequence[DbValue]], Awaitable[list[Row]]]
PAGE_ROWS = 2000
"""Records that are held in memory at a time."""
VALUES_MAX = 30_000
"""Values in one statement; SQLite takes 32,766, PostgreSQL 65,535."""
_encode = msgspec.json.Encoder(order="sorted").encode
_ANY = Statement("SELECT 1 FROM _collections LIMIT 1")
_PARAMS = Statement("SELECT id, value, created, updated FROM _params")
_SAVE_PARAM = Statement("INSERT INTO _params (id, value, created, updated) VALUES (?, ?, ?, ?)")


class Step(msgspec.Struct, frozen=True):
    """How far a copy is. done, total: records of the collection; is_check: they are compared, not copied"""

    collection: str
    done: int
    total: int
    is_check: bool = False


class Copied(msgspec.Struct, frozen=True):
    """A collection that is the same in both. checksum: over the values of its records, in any order"""

    collection: str
    records: int
    checksum: str


class NotEmptyError(Exception):
    """The target has a site already."""


class NotTheSameError(Exception):
    """A collection, or a record, that the target doesn't hold as the source does; the text says which and why."""


async def copy_site(
    fetch: Fetch,
    dialect: Dialect,
    target: Store,
    tables: Sequence[sa.Table],
    *,
    told: Callable[[Step], None] = lambda _: None,
) -> list[Copied]:
    """Copy a site into an empty database, and compare both.

    fetch:   reads the source, which must not change meanwhile
    dialect: the source's
    tables:  what the site keeps beside collections, settings and records

    Raises NotEmptyError, NotTheSameError. Nothing of the target is kept then.
    """

    async def job(tx: Transaction) -> list[Copied]:
        copy = _Copy(fetch, dialect, tx, told)
        await copy.begin()
        catalog = read_catalog(await fetch(select_collections(dialect), ()), 0)
        for collection in catalog:
            await copy.define(collection)
        found = [await copy.records(item) for item in catalog if not item.is_view]
        await copy.views(catalog)
        for table in tables:
            await copy.table(table)
        return found

    return await target.write(job, limited=False)


class _Copy:
    """One copy, within the target's transaction."""

    def __init__(self, fetch: Fetch, dialect: Dialect, tx: Transaction, told: Callable[[Step], None]) -> None:
        self._fetch, self._dialect, self._tx, self._told = fetch, dialect, tx, told
        self._ddl = ddl_for(tx.dialect)

    async def begin(self) -> None:
        for text in self._ddl.system_tables:
            await self._tx.execute(Statement(text))
        if await self._tx.fetch(_ANY):
            raise NotEmptyError
        for row in await self._fetch(_PARAMS, ()):
            await self._tx.execute(_SAVE_PARAM, [value if value is None else str(value) for value in row])

    async def define(self, collection: Collection) -> None:
        await self._tx.execute(UPSERT_COLLECTION, collection_row(collection))

    async def records(self, collection: Collection) -> Copied:
        """Copy a collection's table; its indexes and its counter come when it is full."""
        await self._run(self._ddl.create_table(collection))
        source = RowStatements(self._dialect, collection)
        target = RowStatements(self._tx.dialect, collection)
        total = await _count(self._fetch, self._dialect, collection)
        sums, done = _Sum(), 0
        async for page in _pages(self._fetch, self._dialect, collection, source):
            for values in page:
                sums.add(values)
            await self._insert(target, page)
            done += len(page)
            self._told(Step(collection.name, done, total))
        indexes = [self._ddl.index(collection, text) for text in collection.indexes]
        for text in (*indexes, *self._ddl.create_counter(collection)):
            await self._run(text)
        return await self._compared(collection, target, done, total, sums)

    async def _insert(self, target: RowStatements, page: Sequence[RecordValues]) -> None:
        rows = [target.bind(values) for values in page]
        together = max(1, min(len(rows), VALUES_MAX // len(target.names)))
        whole = len(rows) - len(rows) % together
        chunks = [list(chain.from_iterable(rows[at : at + together])) for at in range(0, whole, together)]
        try:
            if chunks:
                await self._tx.execute_many(target.insert_rows(together), chunks)
            if whole < len(rows):
                await self._tx.execute_many(target.insert, rows[whole:])
        except StoreError as exc:
            ids = f"'{page[0]['id']}' to '{page[-1]['id']}'"
            raise NotTheSameError(f"{target.collection.name}: {exc} (among the records {ids})") from exc

    async def _compared(
        self, collection: Collection, target: RowStatements, done: int, total: int, sums: _Sum
    ) -> Copied:
        found, seen = _Sum(), 0
        async for page in _pages(self._tx.fetch, self._tx.dialect, collection, target):
            for values in page:
                found.add(values)
            seen += len(page)
            self._told(Step(collection.name, seen, done, is_check=True))
        if not done == seen == total or found.text != sums.text:
            raise NotTheSameError(
                f"{collection.name}: {total} records with checksum {sums.text} became {seen} with {found.text}"
            )
        return Copied(collection.name, seen, found.text)

    async def views(self, catalog: Catalog) -> None:
        """Create the views, each as soon as those are there that it reads from."""
        waiting, reason = [item for item in catalog if item.is_view], ""
        while waiting:
            left: list[Collection] = []
            for view in waiting:
                names = [field.name for field in view.fields]
                try:
                    async with self._tx.savepoint():
                        await self._run(self._ddl.create_view(view, columns=names, casts_id=True))
                except NotTheSameError as exc:
                    left.append(view)
                    reason = f"{view.name}: the view can't be made there: {exc}"
            if len(left) == len(waiting):
                raise NotTheSameError(reason)
            waiting = left

    async def table(self, table: sa.Table) -> None:
        """Copy a table that no collection has; where the source has none, there is nothing to copy."""
        await prepare(self._tx, self._tx.dialect, table)
        if not await self._fetch(COLUMNS_OF[self._dialect.name], [table.name]):
            return
        names = ", ".join(table.columns.keys())
        marks = ", ".join("?" * len(table.columns))
        insert = Statement(f"INSERT INTO {table.name} ({names}) VALUES ({marks})")
        flags = [isinstance(column.type, sa.Boolean) for column in table.columns]
        rows = await self._fetch(Statement(f"SELECT {names} FROM {table.name}"), ())
        for row in rows:
            await self._tx.execute(
                insert, [bool(value) if flag else value for value, flag in zip(row, flags, strict=True)]
            )
        if rows and table is OUTBOX:
            await self._run(self._ddl.count_from_here(table.name, "id"))

    async def _run(self, text: str) -> None:
        try:
            await self._tx.execute(Statement(text), long=True)
        except StoreError as exc:
            raise NotTheSameError(str(exc)) from exc


class _Sum:
    """A checksum that doesn't depend on the order of what is added."""

    def __init__(self) -> None:
        self._sum = 0

    def add(self, values: RecordValues) -> None:
        digest = hashlib.blake2b(_encode(values), digest_size=16).digest()
        self._sum = (self._sum + int.from_bytes(digest, "big")) % 2**128

    @property
    def text(self) -> str:
        return f"{self._sum:032x}"


async def _count(fetch: Fetch, dialect: Dialect, collection: Collection) -> int:
    query = sa.select(sa.func.count()).select_from(table_of(collection))
    return int((await fetch(dialect.compile(query, {}), ()))[0][0])


async def _pages(
    fetch: Fetch, dialect: Dialect, collection: Collection, statements: RowStatements
) -> AsyncIterator[list[RecordValues]]:
    """Yield the records of a collection in the order of their insertion."""
    table = table_of(collection)
    order = dialect.row_order(table)
    columns = [dialect.kept(table.c[field.name], field.column_kind) for field in collection.fields]
    query = sa.select(*columns, order).where(order > sa.bindparam("after")).order_by(order)
    page = query.limit(sa.bindparam("limit")).offset(sa.bindparam("offset"))
    statement = dialect.compile(page, {})
    after = -1
    while rows := await fetch(statement, [after, PAGE_ROWS, 0]):
        after = rows[-1][-1]
        yield [statements.read(row[:-1]) for row in rows]


async def into_file(fetch: Fetch, dialect: Dialect, path: Path, tables: Sequence[sa.Table]) -> None:
    """Copy a site into a SQLite database at `path`, which appears whole or not at all.

    Raises OSError when it can't be written.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.parent / f".{path.stem}.part"
    part.mkdir(mode=0o700)
    (part / DATABASE_FILE).touch(mode=0o600)  # it holds password hashes; SQLite fills what is empty
    store = await open_store(part)
    try:
        await copy_site(fetch, dialect, store, tables)
    except NotTheSameError as exc:
        raise OSError(f"{path}: {exc}") from exc
    finally:
        await store.close()
    (part / DATABASE_FILE).rename(path)
    part.rmdir()
    handle = os.open(path.parent, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)
