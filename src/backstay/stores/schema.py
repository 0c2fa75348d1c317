"""DDL: tables of collections, how they change, and the tables that Backstay itself needs on SQLite.

The layout is PocketBase's: a table per collection, `_collections` with their definitions, `_params` with settings.
Columns never hold NULL, except JSON ones. Names are quoted by the dialect's own preparer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy.engine.interfaces import Dialect as SqlDialect

from backstay.catalog import Collection
from backstay.catalog.fields import Field, FieldBase, GeoPointField, Kind, TextField
from backstay.catalog.indexes import parse_index
from backstay.plans.params import Param, Statement

RANDOM_ID = "('r'||lower(hex(randomblob(7))))"

_SYSTEM_TABLES = (
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

VIEW_HEAD = " FROM (\n"
VIEW_TAIL = "\n)"

COUNT_RECORDS = Statement("SELECT total FROM _counts WHERE collection = ?", (Param("given", "collection"),))


class Ddl:
    """Writes statements that create, change and drop the tables of collections: SQLite's, and what others share.

    system_tables: what creates the tables for definitions, settings and counts
    views_take_any_kind: a view's text stays good when a column that it reads becomes one of another type
    view_texts:    a query for the name and the text of each view; a text follows the tables and columns that are renamed
    """

    system_tables: Sequence[str] = _SYSTEM_TABLES
    views_take_any_kind = True
    view_texts = Statement("SELECT name, sql FROM sqlite_master WHERE type = 'view'")

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
        indexes = (self.index(collection, text) for text in collection.indexes)
        return [self.create_table(collection), *indexes, *self.create_counter(collection)]

    def create_table(self, collection: Collection) -> str:
        """Return what creates a collection's table alone."""
        columns = ", ".join(self.column(field) for field in collection.sorted_fields)
        return f"CREATE TABLE {self._quote(collection.name)} ({columns})"

    def create_view(
        self, collection: Collection, *, columns: Sequence[str] = (), casts_id: bool = False
    ) -> str:
        """Return what creates a view of a collection's query, which must be one SELECT with its brackets closed.

        columns:  what the columns are called whatever the query calls them; '()': as the query does
        casts_id: turn the id into a text
        """
        name = self._quote(collection.name)
        if columns:
            name += f" ({', '.join(map(self._quote, columns))})"
        picked = "*"
        if casts_id:
            others = (self._quote(field.name) for field in collection.fields if field.name != "id")
            id = self._quote("id")
            picked = ", ".join((f"CAST({id} AS TEXT) AS {id}", *others))
        query = collection.viewQuery.strip().rstrip(";")
        return f"CREATE VIEW {name} AS SELECT {picked}{VIEW_HEAD}{query}{VIEW_TAIL}"

    def drop(self, collection: Collection) -> list[str]:
        """Return what drops a collection's table or view with all that hangs on it.

        Views that read from it may go with it: who drops it sees to them.
        """
        if collection.is_view:
            return [self.drop_view(collection.name)]
        return [
            f"DROP TABLE IF EXISTS {self._quote(collection.name)}",
            f"DELETE FROM _counts WHERE collection = {self._text(collection.id)}",
        ]

    def look_into(self, name: str) -> str:
        """Return what fails when a table or view can't be read, and gives no rows."""
        return f"SELECT 1 FROM {self._quote(name)} LIMIT 0"

    def drop_view(self, name: str) -> str:
        """Return what drops a view, where it is there; those that read from it may go with it."""
        return f"DROP VIEW IF EXISTS {self._quote(name)}"

    def view_query(self, text: str) -> str | None:
        """Return the query in the text of a view that `create_view` made, or None when another made it."""
        _, head, rest = text.partition(VIEW_HEAD)
        return rest[: -len(VIEW_TAIL)] if head and rest.endswith(VIEW_TAIL) else None

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

    def index(self, collection: Collection, text: str) -> str:
        """Return what creates the index of a collection that an owner's text describes."""
        return str(parse_index(text) or text)

    def drop_index(self, text: str) -> str:
        """Return what drops the index which `text` creates."""
        return f"DROP INDEX IF EXISTS {self._quote(index_name(text))}"

    def count_from_here(self, table: str, column: str) -> str:
        """Return what lets a counter go on after the numbers that were put in by hand."""
        return f"SELECT max({self._quote(column)}) FROM {self._quote(table)}"  # SQLite does so by itself

    def rename_table(self, old: str, new: str) -> str:
        return f"ALTER TABLE {self._quote(old)} RENAME TO {self._quote(new)}"

    def rename_column(self, table: str, old: str, new: str) -> str:
        return f"ALTER TABLE {self._quote(table)} RENAME COLUMN {self._quote(old)} TO {self._quote(new)}"

    def drop_column(self, table: str, name: str) -> str:
        return f"ALTER TABLE {self._quote(table)} DROP COLUMN {self._quote(name)}"

    def add_column(self, table: str, field: Field) -> str:
        return f"ALTER TABLE {self._quote(table)} ADD COLUMN {self.column(field)}"

    def change_kind(self, table: str, before: Field, after: Field) -> list[str]:
        """Return what turns a column of texts into one of lists, or back, when `maxSelect` crosses 1.

        A text becomes a list of one; of a list the last item stays. No view may read from the table meanwhile.
        """
        if before.column_kind is after.column_kind:
            return []
        name, old = self._quote(after.name), passing(after.id)
        kept = self._quote(old)
        is_list = f"json_valid({kept}) AND json_type({kept}) = 'array'"
        if after.column_kind is Kind.LIST:
            value = f"CASE WHEN {kept} = '' THEN '[]' WHEN {is_list} THEN {kept} ELSE json_array({kept}) END"
        else:
            value = f"CASE WHEN {is_list} THEN coalesce(json_extract({kept}, '$[#-1]'), '') ELSE {kept} END"
        return [
            self.rename_column(table, after.name, old),
            self.add_column(table, after),
            f"UPDATE {self._quote(table)} SET {name} = {value}",
            self.drop_column(table, old),
        ]


def passing(id: str) -> str:
    """Return a name for a table or column on its way to another name, so that two may swap theirs."""
    return f"_moving_{id}"


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
