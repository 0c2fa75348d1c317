"""DDL: tables of collections, how they change, and the tables that Backstay itself needs on SQLite.

The layout is PocketBase's: a table per collection, `_collections` with their definitions, `_params` with settings.
Columns never hold NULL, except JSON ones. Names are quoted by the dialect's own preparer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy.engine.interfaces import Dialect as SqlDialect

from backstay.catalog import Collection
from backstay.catalog.fields import Field, FieldBase, GeoPointField, Kind, TextField
from backstay.plans.params import Param, Statement

RANDOM_ID = "('r'||lower(hex(randomblob(7))))"

SYSTEM_TABLES = (
    """CREATE TABLE IF NOT EXISTS _collections (
        id TEXT PRIMARY KEY NOT NULL, system BOOLEAN DEFAULT FALSE NOT NULL, type TEXT DEFAULT 'base' NOT NULL,
        name TEXT UNIQUE NOT NULL, fields JSON DEFAULT '[]' NOT NULL, indexes JSON DEFAULT '[]' NOT NULL,
        listRule TEXT DEFAULT NULL, viewRule TEXT DEFAULT NULL, createRule TEXT DEFAULT NULL,
        updateRule TEXT DEFAULT NULL, deleteRule TEXT DEFAULT NULL, options JSON DEFAULT '{}' NOT NULL,
        created TEXT DEFAULT '' NOT NULL, updated TEXT DEFAULT '' NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS _params (
        id TEXT PRIMARY KEY NOT NULL, value JSON DEFAULT NULL,
        created TEXT DEFAULT '' NOT NULL, updated TEXT DEFAULT '' NOT NULL)""",
    # How many records each collection has, kept by triggers: a list's total needs no scan.
    "CREATE TABLE IF NOT EXISTS _counts (collection TEXT PRIMARY KEY NOT NULL, total INTEGER NOT NULL) WITHOUT ROWID",
)

LOG_TABLES = (
    """CREATE TABLE IF NOT EXISTS _logs (
        id TEXT PRIMARY KEY DEFAULT ('r'||lower(hex(randomblob(7)))) NOT NULL, level INTEGER DEFAULT 0 NOT NULL,
        message TEXT DEFAULT '' NOT NULL, data JSON DEFAULT '{}' NOT NULL, created TEXT DEFAULT '' NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS idx_logs_level ON _logs (level)",
    "CREATE INDEX IF NOT EXISTS idx_logs_message ON _logs (message)",
    "CREATE INDEX IF NOT EXISTS idx_logs_created_hour ON _logs (strftime('%Y-%m-%d %H:00:00', created))",
)
"""What `logs.db` holds, a database of its own: logging never waits for the site's writer."""

COUNT_RECORDS = Statement("SELECT total FROM _counts WHERE collection = ?", (Param("given", "collection"),))


class Ddl:
    """Writes statements that create, change and drop the tables of collections."""

    def __init__(self, dialect: SqlDialect) -> None:
        self._preparer = dialect.identifier_preparer

    def _quote(self, name: str) -> str:
        return self._preparer.quote_identifier(name)

    def _text(self, value: str) -> str:
        return "'" + value.replace("'", "''") + "'"

    def create(self, collection: Collection) -> list[str]:
        """Return what creates a collection's table or view, its indexes and its counter."""
        if collection.is_view:
            return [self.create_view(collection)]
        return [self.create_table(collection), *collection.indexes, *self.create_counter(collection)]

    def create_table(self, collection: Collection) -> str:
        """Return what creates a collection's table alone."""
        columns = ", ".join(self.column(field) for field in collection.sorted_fields)
        return f"CREATE TABLE {self._quote(collection.name)} ({columns})"

    def create_view(self, collection: Collection) -> str:
        """Return what creates a view of a collection's query, which `catalog` has checked to be one SELECT."""
        query = collection.viewQuery.strip().rstrip(";")
        return f"CREATE VIEW {self._quote(collection.name)} AS SELECT * FROM ({query})"

    def drop(self, collection: Collection) -> list[str]:
        """Return what drops a collection's table or view with all that hangs on it."""
        if collection.is_view:
            return [f"DROP VIEW IF EXISTS {self._quote(collection.name)}"]
        return [
            f"DROP TABLE IF EXISTS {self._quote(collection.name)}",
            f"DELETE FROM _counts WHERE collection = {self._text(collection.id)}",
        ]

    def truncate(self, collection: Collection) -> str:
        return f"DELETE FROM {self._quote(collection.name)}"

    def column(self, field: FieldBase) -> str:
        """Return a column's definition."""
        name = self._quote(field.name)
        if isinstance(field, TextField) and field.primaryKey:
            return f"{name} TEXT PRIMARY KEY DEFAULT {RANDOM_ID} NOT NULL"
        if isinstance(field, GeoPointField):
            return f"""{name} JSON DEFAULT '{{"lon":0,"lat":0}}' NOT NULL"""
        match field.column_kind:
            case Kind.NUMBER:
                return f"{name} NUMERIC DEFAULT 0 NOT NULL"
            case Kind.BOOL:
                return f"{name} BOOLEAN DEFAULT FALSE NOT NULL"
            case Kind.LIST:
                return f"{name} JSON DEFAULT '[]' NOT NULL"
            case Kind.JSON:
                return f"{name} JSON DEFAULT NULL"
            case _:
                return f"{name} TEXT DEFAULT '' NOT NULL"

    def create_counter(self, collection: Collection) -> list[str]:
        """Return what counts a collection's records from now on."""
        table, key = self._quote(collection.name), self._text(collection.id)
        added, removed = (self._quote(f"_count_{verb}_{collection.id}") for verb in ("insert", "delete"))
        return [
            f"INSERT OR REPLACE INTO _counts SELECT {key}, count(*) FROM {table}",
            f"CREATE TRIGGER {added} AFTER INSERT ON {table} BEGIN "
            f"UPDATE _counts SET total = total + 1 WHERE collection = {key}; END",
            f"CREATE TRIGGER {removed} AFTER DELETE ON {table} BEGIN "
            f"UPDATE _counts SET total = total - 1 WHERE collection = {key}; END",
        ]

    def alter(self, old: Collection, new: Collection) -> list[str]:
        """Return what turns the table of `old` into that of `new`; fields are the same when their ids are.

        Columns are renamed over temporary names, so that two fields may swap theirs.
        """
        out = [f"DROP INDEX IF EXISTS {self._quote(index_name(text))}" for text in old.indexes]
        if old.name != new.name:
            out += self._rename_table(old.name, new.name)
        table = self._quote(new.name)
        kept = {field.id: field for field in old.fields}
        wanted = {field.id for field in new.fields}
        out += [
            f"ALTER TABLE {table} DROP COLUMN {self._quote(field.name)}"
            for field in old.fields
            if field.id not in wanted
        ]
        moved = [(kept[field.id], field) for field in new.fields if field.id in kept]
        renamed = [(before, after) for before, after in moved if before.name != after.name]
        out += [self._rename_column(table, before.name, f"_moving_{before.id}") for before, _ in renamed]
        out += [self._rename_column(table, f"_moving_{before.id}", after.name) for before, after in renamed]
        out += [
            f"ALTER TABLE {table} ADD COLUMN {self.column(field)}"
            for field in new.fields
            if field.id not in kept
        ]
        for before, after in moved:
            out += self._change_kind(table, before, after)
        return [*out, *new.indexes]

    def _rename_table(self, old: str, new: str) -> list[str]:
        """Rename over a temporary name: SQLite takes names which differ in case alone for the same."""
        passing = self._quote(f"_moving_{new}")
        return [
            f"ALTER TABLE {self._quote(old)} RENAME TO {passing}",
            f"ALTER TABLE {passing} RENAME TO {self._quote(new)}",
        ]

    def _rename_column(self, table: str, old: str, new: str) -> str:
        return f"ALTER TABLE {table} RENAME COLUMN {self._quote(old)} TO {self._quote(new)}"

    def _change_kind(self, table: str, before: Field, after: Field) -> list[str]:
        """Turn a column of texts into one of lists, or back, when `maxSelect` crosses 1; the last value stays."""
        was, becomes = before.column_kind, after.column_kind
        if was is becomes:
            return []
        name, passing = self._quote(after.name), self._quote(f"_moving_{after.id}")
        if becomes is Kind.LIST:
            value = f"CASE WHEN {passing} = '' THEN '[]' ELSE json_array({passing}) END"
        else:
            value = f"coalesce(json_extract({passing}, '$[#-1]'), '')"
        return [
            self._rename_column(table, after.name, f"_moving_{after.id}"),
            f"ALTER TABLE {table} ADD COLUMN {self.column(after)}",
            f"UPDATE {table} SET {name} = {value}",
            f"ALTER TABLE {table} DROP COLUMN {passing}",
        ]


def index_name(text: str) -> str:
    """Return the name in a CREATE INDEX statement, without quotes."""
    words = text.replace("(", " (").split()
    upper = [word.upper() for word in words]
    start = upper.index("INDEX") + 1
    if upper[start : start + 3] == ["IF", "NOT", "EXISTS"]:
        start += 3
    return words[start].rpartition(".")[2].strip("`\"[]'")


def order_for_creation(collections: Iterable[Collection]) -> Sequence[Collection]:
    """Return tables before views, since views read from them."""
    return sorted(collections, key=lambda collection: collection.is_view)
