"""What a view's query gives: its fields, found with the database's help, and why it can't be used.

A column that is nothing but a field of a collection keeps that field's definition, so that relations expand and
files have their addresses. The types of others follow their outermost CAST or count. A field which is hidden stays
so, and what is made out of passwords and token keys is hidden however it is called, since an owner who shows a view
to everybody should not show those by mistake.
"""

from __future__ import annotations

import re
import secrets
import string
from collections.abc import Iterable, Sequence

import msgspec

from backstay.catalog import Catalog, Collection
from backstay.catalog.fieldlist import listed
from backstay.catalog.fields import (
    BoolField,
    Field,
    JsonField,
    NumberField,
    PasswordField,
    RelationField,
    TextField,
)
from backstay.catalog.imports import plain_text
from backstay.catalog.validate import ViewAnalysis
from backstay.catalog.validate.fields import name_fault
from backstay.collections.view_text import BadViewQuery, Item, ViewText, names_in, read_view
from backstay.errors import Fault
from backstay.plans.params import Statement
from backstay.stores.base import QueryShape, QueryTimeout, StoreError, Transaction

QUERY_MAX_CHARS = 50_000
SCAN_MAX_S = 10.0
"""How long it may take to see that all ids of a view are there and differ."""

NO_ID = "missing required id column (you can use `(ROW_NUMBER() OVER()) as id` if you don't have one)"
EMPTY_IDS = "the query could return records with empty or invalid ids"
SAME_IDS = "the query could return records with non-unique ids"
GUARDED_ID = "passwords and token keys can't be ids"

_CAST = re.compile(r"cast\s*\(.*\s+as\s+(\w+)\s*\)", re.DOTALL)
_ID = TextField(name="id", system=True, required=True, primaryKey=True, pattern="^[a-z0-9]+$")
_LETTERS = string.ascii_letters + string.digits


class ViewShape(ViewAnalysis, frozen=True):
    """What a query gives, and whether its id must be turned into a text."""

    casts_id: bool = False


def _computed(name: str) -> Field:
    return JsonField(name=name, maxSize=1)


class ViewProbe:
    """Looks at the queries of views, and keeps what was found for those who judge.

    catalog: as it is in the transaction
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._found: dict[str, ViewShape] = {}

    def analysis(self, query: str) -> ViewShape:
        """Return what `look` has found."""
        return self._found[query]

    async def look(
        self, tx: Transaction, query: str, *, old: Iterable[Field] = (), scan: bool = False
    ) -> ViewShape:
        """Find out what a query gives.

        old:  the view's fields as they were; those that stay the same keep their ids
        scan: run the query, to see that its ids are there and differ
        """
        try:
            shape = await self._shape(tx, query, old)
        except BadViewQuery as bad:
            shape = ViewShape(error=bad.reason)
        if scan and shape.error is None:
            shape = msgspec.structs.replace(shape, error=await _ids_error(tx, read_view(query).query))
        self._found[query] = shape
        return shape

    async def _shape(self, tx: Transaction, query: str, old: Iterable[Field]) -> ViewShape:
        if len(query) > QUERY_MAX_CHARS:
            raise BadViewQuery(f"the length must be no more than {QUERY_MAX_CHARS}")
        if "\0" in query:
            raise BadViewQuery("a query can't hold NUL characters")
        text = read_view(query)
        try:
            given = await tx.describe(text.query)
        except StoreError as exc:
            raise BadViewQuery(str(exc)) from exc
        fields = _Columns(self._catalog, text, given).fields()
        type = next((column.type for column in given.columns if column.name.lower() == "id"), "")
        return ViewShape(
            _with_known_ids(listed(fields), old),
            _fields_error(fields) or _secret_id(self._catalog, text, given),
            casts_id=type.upper() != "TEXT",
        )


class _Columns:
    """Finds the field of each column of one query."""

    def __init__(self, catalog: Catalog, text: ViewText, given: QueryShape) -> None:
        self._catalog = catalog
        self._text = text
        self._given = given
        self._items = {item.alias: item for item in text.columns}
        self._tables = {table.alias.lower(): table for table in text.tables}
        self._secrets = secret_names(catalog, given)

    def fields(self) -> list[Field]:
        found: list[Field] = []
        for column in self._given.columns:
            item = self._items.get(column.name)
            if column.name == "id":
                found.append(_ID)
            elif item is None or (field := self._field(item)) is None:
                field = _typed(item.text, column.name) if item else _computed(column.name)
                found.append(
                    msgspec.structs.replace(field, hidden=self._is_secret(item, column.table, column.column))
                )
            else:
                found.append(field)
        return found

    def _field(self, item: Item) -> Field | None:
        """Return the definition of the field that a column shows, or None when it is computed."""
        *owner, name = item.path
        if len(owner) > 1 or not self._text.tables:
            return None
        table = self._tables.get(owner[0].lower()) if owner else self._text.tables[0]
        collection = self._collection(table) if table else None
        if collection is None:
            return None
        field = next((field for field in collection.fields if field.name.lower() == name.lower()), None)
        if field is None:
            return None
        if field.name == "id":
            return RelationField(name=item.alias, maxSelect=1, collectionId=collection.id)
        tail = "".join(secrets.choice(_LETTERS) for _ in range(4))
        return msgspec.structs.replace(field, id=f"_clone_{tail}", name=item.alias)

    def _collection(self, table: Item) -> Collection | None:
        name = table.path[-1]
        return None if name.lower() in self._text.named else self._catalog.find(name)

    def _is_secret(self, item: Item | None, table: str, column: str) -> bool:
        """Tell whether a computed column shows what is hidden where it comes from."""
        collection = self._catalog.find(table) if table else None
        origin = collection.by_name.get(column) if collection else None
        if origin is not None:
            return origin.hidden or column.lower() in self._secrets
        words = self._text.words | (names_in(item.text) if item else frozenset())
        return bool(self._secrets & words)


def secret_names(catalog: Catalog, given: QueryShape) -> frozenset[str]:
    """Return the names of passwords and token keys that a query reads, in lower case."""
    found: set[str] = set()
    for table, column in given.reads:
        collection = catalog.find(table)
        field = collection.by_name.get(column) if collection else None
        if isinstance(field, PasswordField) or (field is not None and field.hidden and column == "tokenKey"):
            found.add(column.lower())
    return frozenset(found)


def _secret_id(catalog: Catalog, text: ViewText, given: QueryShape) -> str | None:
    item = next((item for item in text.columns if item.alias == "id"), None)
    names = names_in(item.text) if item else frozenset()
    return GUARDED_ID if names & secret_names(catalog, given) else None


def _typed(text: str, name: str) -> Field:
    """Return the field of a computed column, by its outermost function."""
    lower = text.lower()
    if lower.startswith("count("):
        return NumberField(name=name, onlyInt=True)
    if lower.startswith("total("):
        return NumberField(name=name)
    cast = _CAST.fullmatch(lower)
    match cast[1] if cast else "":
        case "int" | "integer":
            return NumberField(name=name, onlyInt=True)
        case "real" | "decimal" | "numeric":
            return NumberField(name=name)
        case "text":
            return TextField(name=name)
        case "bool" | "boolean":
            return BoolField(name=name)
        case _:
            return _computed(name)


def _fields_error(fields: Sequence[Field]) -> str | None:
    if all(field.name != "id" for field in fields):
        return NO_ID
    for at, field in enumerate(fields):
        fault = name_fault(field.name)
        if isinstance(fault, Fault):
            return f'invalid field "{field.name}" ({at}): name: {plain_text(fault)}'
    return None


def _with_known_ids(fields: Iterable[Field], old: Iterable[Field]) -> tuple[Field, ...]:
    """Give fields that are as they were the ids that they had."""
    known = {field.name: field for field in old}
    out: list[Field] = []
    for field in fields:
        before = known.get(field.name)
        same = before is not None and msgspec.structs.replace(field, id=before.id) == before
        out.append(before if same and before is not None else field)
    return tuple(out)


async def _ids_error(tx: Transaction, query: str) -> str | None:
    """Tell whether the query gives a record without an id, or two with the same."""
    source = f"FROM (\n{tx.dialect.owner_sql(query)}\n) AS q"
    checks = (
        (f"SELECT 1 {source} WHERE id IS NULL OR CAST(id AS TEXT) = '' LIMIT 1", EMPTY_IDS),
        (f"SELECT 1 {source} GROUP BY CAST(id AS TEXT) HAVING count(*) > 1 LIMIT 1", SAME_IDS),
    )
    try:
        for sql, reason in checks:
            if await tx.fetch(Statement(sql), limit_s=SCAN_MAX_S):
                return reason
    except QueryTimeout:
        return f"the query took over {SCAN_MAX_S:g} s"
    except StoreError as exc:
        return str(exc)
    return None
