"""DDL of PostgreSQL; what the dialect assumes of tables stands in `plans.dialects.postgresql`."""

from __future__ import annotations

from collections.abc import Container, Sequence

from backstay.catalog import Collection
from backstay.catalog.fields import Field, FieldBase, GeoPointField, Kind, TextField
from backstay.catalog.indexes import Column, Index, parse_index
from backstay.plans.dialects.postgresql import ROW_ORDER, PostgresqlDialect
from backstay.plans.params import Statement
from backstay.stores.schema import VIEW_HEAD, VIEW_TAIL, Ddl, index_name

DIALECT = PostgresqlDialect()
_TEXT = 'text COLLATE "C"'
_TYPES = {
    Kind.TEXT: f"{_TEXT} DEFAULT '' NOT NULL",
    Kind.NUMBER: "double precision DEFAULT 0 NOT NULL",
    Kind.BOOL: "boolean DEFAULT FALSE NOT NULL",
    Kind.LIST: "json DEFAULT '[]' NOT NULL",
    Kind.JSON: "json",
}
_ORDERED = f'"{ROW_ORDER}" bigint GENERATED ALWAYS AS IDENTITY'
_RANDOM_ID = "('r' || substr(md5(random()::text), 1, 14))"

SYSTEM_TABLES = (
    f"""CREATE TABLE IF NOT EXISTS _collections (
        id {_TEXT} PRIMARY KEY, system boolean NOT NULL, type {_TEXT} NOT NULL, name {_TEXT} UNIQUE NOT NULL,
        fields json NOT NULL, indexes json NOT NULL, "listRule" {_TEXT}, "viewRule" {_TEXT}, "createRule" {_TEXT},
        "updateRule" {_TEXT}, "deleteRule" {_TEXT}, options json NOT NULL, created {_TEXT} NOT NULL,
        updated {_TEXT} NOT NULL, {_ORDERED})""",
    f"""CREATE TABLE IF NOT EXISTS _params (
        id {_TEXT} PRIMARY KEY, value text, created {_TEXT} DEFAULT '' NOT NULL,
        updated {_TEXT} DEFAULT '' NOT NULL)""",
    f"CREATE TABLE IF NOT EXISTS _counts (collection {_TEXT} PRIMARY KEY, total bigint NOT NULL) WITH (fillfactor = 50)",
    """CREATE OR REPLACE FUNCTION _count_added() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        UPDATE _counts SET total = total + (SELECT count(*) FROM added) WHERE collection = TG_ARGV[0];
        RETURN NULL; END $$""",
    """CREATE OR REPLACE FUNCTION _count_removed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        UPDATE _counts SET total = total - (SELECT count(*) FROM removed) WHERE collection = TG_ARGV[0];
        RETURN NULL; END $$""",
    """CREATE OR REPLACE FUNCTION _reshaped() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        UPDATE _writer SET shape = version;
        RETURN NULL; END $$""",
    """DO $$ BEGIN
        IF NOT EXISTS (SELECT 1 FROM pg_trigger WHERE tgname = '_reshaped' AND tgrelid = '_params'::regclass) THEN
            CREATE TRIGGER _reshaped AFTER INSERT OR UPDATE OR DELETE ON _params
            FOR EACH STATEMENT EXECUTE FUNCTION _reshaped();
        END IF; END $$""",
    """CREATE OR REPLACE FUNCTION _list_of(value text) RETURNS json LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
        IF value = '' THEN RETURN '[]'; END IF;
        BEGIN
            IF json_typeof(value::json) = 'array' THEN RETURN value; END IF;
        EXCEPTION WHEN data_exception THEN NULL; END;
        RETURN json_build_array(value); END $$""",
)


class PostgresqlDdl(Ddl):
    """See `Ddl`."""

    system_tables = SYSTEM_TABLES
    views_take_any_kind = False
    view_texts = Statement(
        "SELECT viewname, format('CREATE VIEW %I AS %s', viewname, definition) "
        "FROM pg_views JOIN pg_class ON oid = to_regclass(quote_ident(viewname)) "
        "WHERE schemaname = current_schema() ORDER BY oid"
    )

    def __init__(self) -> None:
        super().__init__(DIALECT.sql)

    def create_table(self, collection: Collection) -> str:
        columns = ", ".join(self.column(field) for field in collection.sorted_fields)
        return f"CREATE TABLE {self._quote(collection.name)} ({columns}, {_ORDERED} UNIQUE)"

    def column(self, field: FieldBase) -> str:
        name = self._quote(field.name)
        if isinstance(field, TextField) and field.primaryKey:
            return f"{name} {_TEXT} PRIMARY KEY DEFAULT {_RANDOM_ID}"
        if isinstance(field, GeoPointField):
            return f"""{name} json DEFAULT '{{"lon":0,"lat":0}}'"""
        return f"{name} {_TYPES[field.column_kind]}"

    def create_view(
        self, collection: Collection, *, columns: Sequence[str] = (), casts_id: bool = False
    ) -> str:
        """Return what creates a view whose columns have the types of its fields."""
        names = columns or [field.name for field in collection.fields]
        kinds = [collection.by_name[name].column_kind for name in names]
        inner = [f"c{number}" for number in range(len(names))]
        typed = ", ".join(
            f"{_as_kind(f'q.{column}', kind)} AS {self._quote(name)}"
            for column, kind, name in zip(inner, kinds, names, strict=True)
        )
        query = DIALECT.owner_sql(collection.viewQuery.strip().rstrip(";"))
        return (
            f"CREATE VIEW {self._quote(collection.name)} AS SELECT {typed}{VIEW_HEAD}{query}{VIEW_TAIL}"
            f" AS q ({', '.join(inner)})"
        )

    def drop(self, collection: Collection) -> list[str]:
        if collection.is_view:
            return super().drop(collection)
        return [
            f"DROP TABLE IF EXISTS {self._quote(collection.name)} CASCADE",
            f"DELETE FROM _counts WHERE collection = {self._text(collection.id)}",
        ]

    def drop_view(self, name: str) -> str:
        return f"DROP VIEW IF EXISTS {self._quote(name)} CASCADE"

    def drop_column(self, table: str, name: str) -> str:
        return f"{super().drop_column(table, name)} CASCADE"

    def view_query(self, text: str) -> str | None:
        _, head, rest = text.partition("FROM (")
        query, tail, _ = rest.rpartition(") q(c0")
        return query.strip() if head and tail else None

    def create_counter(self, collection: Collection) -> list[str]:
        table, key = self._quote(collection.name), self._text(collection.id)
        added, removed = (self._quote(f"_count_{verb}_{collection.id}") for verb in ("insert", "delete"))
        return [
            f"INSERT INTO _counts SELECT {key}, count(*) FROM {table} "
            "ON CONFLICT (collection) DO UPDATE SET total = excluded.total",
            f"CREATE TRIGGER {added} AFTER INSERT ON {table} REFERENCING NEW TABLE AS added "
            f"FOR EACH STATEMENT EXECUTE FUNCTION _count_added({key})",
            f"CREATE TRIGGER {removed} AFTER DELETE ON {table} REFERENCING OLD TABLE AS removed "
            f"FOR EACH STATEMENT EXECUTE FUNCTION _count_removed({key})",
        ]

    def index(self, collection: Collection, text: str) -> str:
        index = parse_index(text)
        if index is None:
            return text
        documents = {field.name for field in collection.fields if field.column_kind in {Kind.LIST, Kind.JSON}}
        columns = ", ".join(self._index_column(column, documents) for column in index.columns)
        unique = "UNIQUE " if index.unique else ""
        where = f" WHERE {DIALECT.owner_sql(index.where, documents=documents)}" if index.where else ""
        name, table = self._quote(index.name), self._quote(index.table)
        return f"CREATE {unique}INDEX {self._optional(index)}{name} ON {table} ({columns}){where}"

    def _optional(self, index: Index) -> str:
        return "IF NOT EXISTS " if index.optional else ""

    def _index_column(self, column: Column, documents: Container[str]) -> str:
        name = self._quote(column.name)
        if column.is_expression:
            name = f"({DIALECT.owner_sql(column.name, documents=documents)})"
        elif column.name in documents:
            name = f"({name}::text)"
        if column.collate.upper() == "NOCASE":
            name = f'(lower({name} COLLATE "C"))'
        return f"{name} {column.sort}".rstrip()

    def count_from_here(self, table: str, column: str) -> str:
        place = f"pg_get_serial_sequence({self._text(table)}, {self._text(column)})"
        return f"SELECT setval({place}, (SELECT max({self._quote(column)}) FROM {self._quote(table)}))"

    def drop_index(self, text: str) -> str:
        return f"DROP INDEX IF EXISTS {self._quote(index_name(text))}"

    def change_kind(self, table: str, before: Field, after: Field) -> list[str]:
        if before.column_kind is after.column_kind:
            return []
        name, owner = self._quote(after.name), self._quote(table)
        if after.column_kind is Kind.LIST:
            type, default = "json", "'[]'"
            value = f"_list_of({name})"
        else:
            type, default = _TEXT, "''"
            value = f"CASE WHEN json_typeof({name}) = 'array' THEN coalesce({name} ->> -1, '') ELSE {name} #>> '{{}}' END"
        return [
            f"ALTER TABLE {owner} ALTER COLUMN {name} DROP DEFAULT",
            f"ALTER TABLE {owner} ALTER COLUMN {name} TYPE {type} USING ({value})",
            f"ALTER TABLE {owner} ALTER COLUMN {name} SET DEFAULT {default}",
        ]


def _as_kind(column: str, kind: Kind) -> str:
    match kind:
        case Kind.NUMBER:
            return f"CAST({column} AS double precision)"
        case Kind.BOOL:
            return f"CAST({column} AS boolean)"
        case Kind.LIST | Kind.JSON:
            return f"to_json({column})"
    return f'CAST({column} AS text) COLLATE "C"'
