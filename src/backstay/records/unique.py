"""Which unique index a write broke: found by asking for other records with the same values, not from error text."""

from __future__ import annotations

import operator
from typing import Any

import sqlalchemy as sa

from backstay.catalog import Collection
from backstay.catalog.fields import Kind
from backstay.catalog.indexes import Index, parse_index
from backstay.errors import Fault
from backstay.plans.dialects.base import Dialect, Expression
from backstay.plans.tables import table_of
from backstay.records.check import NOT_UNIQUE
from backstay.records.draft import Draft
from backstay.records.statements import StatementBook
from backstay.stores.base import Transaction

DOCUMENTS = frozenset({Kind.LIST, Kind.JSON})
"""Kinds that are compared by their text."""


async def find_duplicates(
    tx: Transaction, dialect: Dialect, book: StatementBook, draft: Draft
) -> dict[str, Fault]:
    """Return the fields of unique indexes in which another record has the same values as the draft."""
    faults: dict[str, Fault] = {}
    by_name = draft.collection.by_name
    if draft.is_new and await tx.fetch(book.of(draft.collection).exists, [draft.id]):
        faults["id"] = NOT_UNIQUE
    for index in unique_indexes(draft.collection):
        names = [column.name for column in index.columns]
        values = [by_name[name].store(draft.values[name]) for name in names]
        statement = dialect.compile(_probe(dialect, draft.collection, index), {})
        if await tx.fetch(statement, [*values, draft.id]):
            faults |= dict.fromkeys(names, NOT_UNIQUE)
    return faults


def unique_indexes(collection: Collection) -> list[Index]:
    """Return the unique indexes over plain fields."""
    parsed = (parse_index(text) for text in collection.indexes)
    return [
        index
        for index in parsed
        if index and index.unique and all(column.name in collection.by_name for column in index.columns)
    ]


def _probe(dialect: Dialect, collection: Collection, index: Index) -> sa.Select[Any]:
    table = table_of(collection)
    query: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(table)
    for column in index.columns:
        kind = collection.by_name[column.name].column_kind
        own: Expression = sa.bindparam(f"v_{column.name}")
        if kind not in DOCUMENTS:
            own = dialect.value(own, kind)
        kept = dialect.kept(table.c[column.name], kind)
        sides = (dialect.collated(side, column.collate) for side in (kept, own))
        query = query.where(operator.eq(*sides))
    query = query.where(table.c.id != sa.bindparam("own_id"))
    documents = {field.name for field in collection.fields if field.column_kind in DOCUMENTS}
    where = dialect.owner_sql(index.where, documents=documents)
    return query.where(sa.text(where)) if where else query
