"""The fixed statements of a collection: load a row, insert, update, delete, find references."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from backstay.catalog import Collection
from backstay.catalog.fields import DbValue, Kind
from backstay.catalog.fields.lists import ListField
from backstay.plans.dialects.base import Dialect, Expression
from backstay.plans.params import Statement
from backstay.plans.tables import table_of
from backstay.records.draft import RecordValues
from backstay.stores.base import Row


class RowStatements:
    """Statements for the rows of one collection; their values go in the order of `names`."""

    def __init__(self, dialect: Dialect, collection: Collection) -> None:
        self._dialect = dialect
        self._table = table_of(collection)
        self.collection = collection
        self.names = tuple(field.name for field in collection.fields)
        columns = self._columns()
        by_id = self._table.c.id == sa.bindparam("id")
        self.load = self._compile(sa.select(*columns).where(by_id))
        self.insert = self._compile(
            sa.insert(self._table).values({name: self._value(name, name) for name in self.names})
        )
        version = dialect.row_version(self._table)
        self.load_version = (
            None if version is None else self._compile(sa.select(version, *columns).where(by_id))
        )
        """Like `load`, with the dialect's `row_version` before the columns."""
        self.delete = self._compile(sa.delete(self._table).where(by_id))
        page = sa.select(*columns).limit(sa.bindparam("limit")).offset(sa.bindparam("offset"))
        self.some_rows = self._compile(page)
        self.ids = self._dialect.compile(sa.select(self._table.c.id), {})
        self.exists = self._compile(sa.select(self._dialect.number(1)).select_from(self._table).where(by_id))
        in_any_case = sa.func.lower(self._table.c.id) == sa.func.lower(sa.bindparam("id"))
        self.exists_in_any_case = self._compile(
            sa.select(self._dialect.number(1)).select_from(self._table).where(in_any_case)
        )
        ids = dialect.each(sa.bindparam("ids"), "ids")
        wanted = sa.select(ids.value).select_from(ids.source)
        self.count_ids = self._compile(
            sa.select(sa.func.count()).select_from(self._table).where(self._table.c.id.in_(wanted))
        )
        self.known_ids = self._compile(sa.select(self._table.c.id).where(self._table.c.id.in_(wanted)))
        if {"collectionRef", "recordRef"} <= set(self.names):
            owner = sa.and_(
                self._table.c.collectionRef == sa.bindparam("owner"),
                self._table.c.recordRef == sa.bindparam("record"),
            )
            self.owned_by = self._compile(sa.select(*columns).where(owner))
            self.disown = self._compile(
                sa.delete(self._table).where(self._table.c.collectionRef == sa.bindparam("owner"))
            )
        self._updates: dict[tuple[str, ...], Statement] = {}
        self._inserts: dict[int, Statement] = {}

    def _compile(self, query: object) -> Statement:
        return self._dialect.compile(query, {}, is_cheap=True)

    def _columns(self) -> list[Expression]:
        """Return all columns as `read` wants them."""
        fields = self.collection.fields
        return [self._dialect.kept(self._table.c[field.name], field.column_kind) for field in fields]

    def _value(self, name: str, key: str) -> Expression:
        """Return the parameter `key` with a value for the column `name`."""
        return self._dialect.value(sa.bindparam(key), self.collection.by_name[name].column_kind)

    def insert_rows(self, count: int) -> Statement:
        """Return what inserts `count` rows at once; their values follow one another."""
        found = self._inserts.get(count)
        if found is None:
            rows: list[dict[str, Any]] = [
                {name: self._value(name, f"{name}_{number}") for name in self.names}
                for number in range(count)
            ]
            found = self._inserts[count] = self._compile(sa.insert(self._table).values(rows))
        return found

    def update(self, names: Sequence[str], added: Sequence[str] = ()) -> Statement:
        """Return what sets `names` and adds to the numbers `added`; the values go in this order, then the id."""
        key = (*names, "+", *added)
        found = self._updates.get(key)
        if found is None:
            sets: dict[str, Any] = {name: self._value(name, f"v_{name}") for name in names}
            sums: dict[str, Any] = {
                name: self._table.c[name] + self._value(name, f"a_{name}") for name in added
            }
            query = sa.update(self._table).where(self._table.c.id == sa.bindparam("r_id"))
            ordered = query.ordered_values(
                *((self._table.c[name], value) for name, value in (sets | sums).items())
            )
            found = self._updates[key] = self._compile(ordered)
        return found

    def find_by(self, name: str, collation: str) -> Statement:
        """Return what finds the record with a value in a unique field, compared as its index does."""
        column, value = (
            self._dialect.collated(side, collation)
            for side in (self._table.c[name], self._dialect.value(sa.bindparam("value"), Kind.TEXT))
        )
        return self._compile(sa.select(*self._columns()).where(column == value))

    def where(self, names: Sequence[str]) -> Statement:
        """Return what finds the records with the given texts in some fields; the values go in this order."""
        query = sa.select(*self._columns())
        for name in names:
            query = query.where(self._table.c[name] == sa.bindparam(f"w_{name}"))
        return self._compile(query)

    def referring(self, field: ListField) -> Statement:
        """Return what finds the records whose `field` holds an id or a name, as rows for `read`."""
        columns = self._columns()
        column = self._table.c[field.name]
        if not field.is_list:
            return self._compile(sa.select(*columns).where(column == sa.bindparam("target")))
        each = self._dialect.each(column, "refs")
        holds = (
            sa.select(self._dialect.number(1))
            .select_from(each.source)
            .where(each.value == sa.bindparam("target"))
        )
        return self._compile(sa.select(*columns).where(holds.exists()))

    def read(self, row: Row) -> RecordValues:
        """Turn a row of `load`, `some_rows` or `referring` into values."""
        fields = self.collection.fields
        return {field.name: field.load(kept) for field, kept in zip(fields, row, strict=True)}

    def bind(self, values: RecordValues, names: Sequence[str] | None = None) -> list[DbValue]:
        """Return the database values of some fields, of all in the order of `insert` when none are named."""
        by_name = self.collection.by_name
        return [by_name[name].store(values[name]) for name in names or self.names]


class StatementBook:
    """Keeps each collection's statements while the collection stays as it is."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._kept: dict[str, RowStatements] = {}

    def of(self, collection: Collection) -> RowStatements:
        """Return the statements of a collection."""
        found = self._kept.get(collection.id)
        if found is None or found.collection is not collection:
            found = self._kept[collection.id] = RowStatements(self._dialect, collection)
        return found
