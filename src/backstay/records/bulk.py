"""Loading many records in one transaction: what an import and the demo use.

The checks are those of a create by a superuser, for a batch at a time: what depends only on the collection is worked
out once, relations cost a query a batch, and rows go to the database together. Records with passwords are made one by
one, since each has one to hash, and so are those of collections with hooks.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from itertools import chain
from typing import Any, TypeAlias

import msgspec

from backstay.catalog import Collection
from backstay.catalog.casts import format_date
from backstay.catalog.fields import (
    AutodateField,
    DbValue,
    Field,
    FileField,
    RelationField,
    TextField,
    Value,
)
from backstay.catalog.fields.base import FieldBase
from backstay.catalog.patterns import generate
from backstay.errors import BadRequest, Fault
from backstay.plans.dialects.base import Dialect
from backstay.records.check import MISSING_COLLECTION, MISSING_RECORDS
from backstay.records.draft import Draft, RecordValues
from backstay.records.query import Body, RecordCall
from backstay.records.unique import find_duplicates
from backstay.records.writer import CREATE_FAILED, VIEW_REFUSED, Writer
from backstay.stores.base import Store, Transaction, UniqueViolation
from backstay.stores.joined import held

Refused: TypeAlias = list[tuple[int, dict[str, Any]]]
"""Index in the batch, and the faults as the API would show them."""
_FaultsByRow: TypeAlias = dict[int, dict[str, Fault]]

KNOWN_IDS_MAX = 200_000
"""Ids that relations are known to lead to; beyond, they are asked for again."""
ROWS_TOGETHER = 250
"""Rows in one INSERT: 200,000 rows with a counting trigger took SQLite 4.5 s one by one, and 0.8 s like this."""
VALUES_MAX = 30_000
"""Values in one statement; SQLite takes 32,766, PostgreSQL and MySQL 65,535."""
HASHED_TOGETHER = 16
"""Passwords that are hashed at a time: enough for every thread of the hasher, few enough for its queue."""
_encode = msgspec.json.Encoder().encode


@asynccontextmanager
async def open_bulk(store: Store, writer: Writer, call: RecordCall) -> AsyncIterator[Bulk]:
    """Hold one transaction while the caller loads; it ends with the block, undone when that raises.

    call: names the catalog, the collection and a superuser, since only they may load past the rules
    """
    if call.collection.is_view:
        raise BadRequest(VIEW_REFUSED)
    async with held(store, limited=False) as tx:
        yield Bulk(store.dialect, writer, call, tx)


class _RefusedLaterError(Exception):
    """Ends a try to insert a batch, which is begun again without the row that was refused."""


class _Column(msgspec.Struct, frozen=True, eq=False):
    """What a field does with a value, looked up once. `store` is None where values go in as they are."""

    name: str
    cast: Callable[[Any], Value]
    check: Callable[[Value], Fault | None]
    store: Callable[[Value], DbValue] | None


def _column(field: Field) -> _Column:
    plain = type(field).store is FieldBase.store
    return _Column(field.name, field.cast, _checker(field), None if plain else field.store)


def _checker(field: Field) -> Callable[[Value], Fault | None]:
    if isinstance(field, FileField):
        return lambda value: field.check(value, new=True) or field.check_names(value, [])
    return lambda value: field.check(value, new=True)


class Bulk:
    """One collection, open for loading."""

    def __init__(self, dialect: Dialect, writer: Writer, call: RecordCall, tx: Transaction) -> None:
        self._dialect, self._writer, self._call, self._tx = dialect, writer, call, tx
        fields = call.collection.fields
        self._rows = writer.book.of(call.collection)
        self._columns = [_column(field) for field in fields]
        self._sendable = {field.name: field.cast for field in fields if field.writable}
        self._zeros: RecordValues = {field.name: field.zero for field in fields}
        self._generated = {
            field.name: field.autogeneratePattern
            for field in fields
            if isinstance(field, TextField) and field.autogeneratePattern
        }
        self._stamped = [
            field.name for field in fields if isinstance(field, AutodateField) and field.onCreate
        ]
        self._relations = [field for field in fields if isinstance(field, RelationField)]
        self._leads_to_itself = any(field.collectionId == call.collection.id for field in self._relations)
        self._is_single = bool(call.collection.password_fields) or writer.hooked.has(
            call.collection, "create"
        )
        self._known: dict[str, set[str]] = {field.collectionId: set() for field in self._relations}

    async def load(self, rows: Sequence[Body]) -> Refused:
        """Insert the rows that are valid; return what is wrong with the others, in their order."""
        if self._is_single:
            return await self._load_one_by_one(rows)
        stamp = format_date(datetime.now(UTC))
        records = [self._values(row, stamp) for row in rows]
        faults: _FaultsByRow = {}
        for index, values in enumerate(records):
            found = self._check(values)
            if found:
                faults[index] = found
        is_done = False
        while not is_done:
            with suppress(_RefusedLaterError):
                async with self._tx.savepoint():
                    await self._insert_valid(records, faults)
                is_done = True
        return [(index, msgspec.to_builtins(faults[index])) for index in sorted(faults)]

    async def _insert_valid(self, records: Sequence[RecordValues], faults: _FaultsByRow) -> None:
        """Insert the rows which have no faults so far.

        Raises _RefusedLaterError when a row was refused that another row of the batch may lead to.
        """
        known = -1
        while known < len(faults):
            known = len(faults)
            for field in self._relations:
                await self._check_relation(field, records, faults)
            if not self._leads_to_itself:
                break
        known = len(faults)
        await self._insert(
            {index: values for index, values in enumerate(records) if index not in faults}, faults
        )
        if self._leads_to_itself and len(faults) > known:
            raise _RefusedLaterError

    def _values(self, row: Body, stamp: str) -> RecordValues:
        """Return what a row makes of a new record."""
        values = self._zeros.copy()
        for name, raw in row.items():
            cast = self._sendable.get(name)
            if cast is not None:
                values[name] = cast(raw)
        for name, pattern in self._generated.items():
            if not values[name]:
                values[name] = generate(pattern)
        for name in self._stamped:
            values[name] = stamp
        return values

    def _check(self, values: RecordValues) -> dict[str, Fault]:
        """Return the faults that a record has by itself."""
        faults: dict[str, Fault] = {}
        for column in self._columns:
            fault = column.check(values[column.name])
            if fault is not None:
                faults[column.name] = fault
        return faults

    async def _check_relation(
        self, field: RelationField, records: Sequence[RecordValues], faults: _FaultsByRow
    ) -> None:
        """Refuse the rows whose relation leads nowhere. Rows of a batch may lead to each other."""
        target = self._call.catalog.find(field.collectionId)
        wanted = [set(field.items(values[field.name])) for values in records]
        known = await self._known_ids(target, set().union(*wanted)) if target else set()
        if target is self._call.collection:
            known = known | {str(values["id"]) for index, values in enumerate(records) if index not in faults}
        for index, ids in enumerate(wanted):
            if not ids <= known:
                fault = MISSING_RECORDS if target else MISSING_COLLECTION
                faults.setdefault(index, {}).setdefault(field.name, fault)

    async def _known_ids(self, target: Collection, wanted: set[str]) -> set[str]:
        """Return ids that are there, all of the wanted ones that are among them."""
        known = self._known[target.id]
        if len(known) > KNOWN_IDS_MAX:
            known.clear()
        missing = wanted - known
        if missing:
            rows = await self._tx.fetch(
                self._writer.book.of(target).known_ids, [_encode(list(missing)).decode()]
            )
            known |= {row[0] for row in rows}
        return known

    async def _insert(self, records: dict[int, RecordValues], faults: _FaultsByRow) -> None:
        """Insert all at once; when a unique index is in the way, one by one, to see whose."""
        if not records:
            return
        columns = self._columns
        rows = [
            [column.store(values[column.name]) if column.store else values[column.name] for column in columns]
            for values in records.values()
        ]
        try:
            async with self._tx.savepoint():
                await self._insert_together(rows)
        except UniqueViolation:
            for (index, values), row in zip(records.items(), rows, strict=True):
                found = await self._insert_one(values, row)
                if found:
                    faults[index] = found

    async def _insert_together(self, rows: list[list[DbValue]]) -> None:
        """Insert many rows with each statement: SQLite keeps what a statement may have to undo, trigger by trigger."""
        count = min(ROWS_TOGETHER, VALUES_MAX // len(self._columns))
        whole = len(rows) - len(rows) % count
        chunks = [list(chain.from_iterable(rows[at : at + count])) for at in range(0, whole, count)]
        if chunks:
            await self._tx.execute_many(self._rows.insert_rows(count), chunks)
        if whole < len(rows):
            await self._tx.execute_many(self._rows.insert, rows[whole:])

    async def _insert_one(self, values: RecordValues, row: Sequence[DbValue]) -> dict[str, Fault]:
        try:
            async with self._tx.savepoint():
                await self._tx.execute(self._rows.insert, row)
        except UniqueViolation:
            draft = Draft(self._call.collection, values, None, set(), {}, {})
            return await find_duplicates(self._tx, self._dialect, self._writer.book, draft)
        return {}

    async def _load_one_by_one(self, rows: Sequence[Body]) -> Refused:
        refused: Refused = []
        for start in range(0, len(rows), HASHED_TOGETHER):
            bodies = [
                {"passwordConfirm": row.get("password", ""), **row}
                for row in rows[start : start + HASHED_TOGETHER]
            ]
            calls = [msgspec.structs.replace(self._call, body=body) for body in bodies]
            hashes = await asyncio.gather(*map(self._writer.prepare, calls))
            for index, (call, hashed) in enumerate(zip(calls, hashes, strict=True), start):
                try:
                    async with self._tx.savepoint():
                        await self._writer.create_within(self._tx, call, hashed)
                except BadRequest as exc:
                    refused.append(
                        (index, msgspec.to_builtins(exc.faults) or {"": {"message": CREATE_FAILED}})
                    )
        return refused
