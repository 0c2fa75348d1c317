"""The same tables on SQLite, PostgreSQL and MariaDB, made by hand, and one way to ask them.

Where the servers are: BACKSTAY_TEST_POSTGRESQL (a connection string), BACKSTAY_TEST_MARIADB_SOCKET and
BACKSTAY_TEST_MARIADB_USER. Everything is made in a schema or database of its own and dropped afterwards.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import apsw
import psycopg
import pymysql
from sqlalchemy import select

from backstay.catalog import Collection
from backstay.catalog.fields import DbValue, Kind
from backstay.errors import RequestError
from backstay.filters import Node, parse, skeleton
from backstay.plans.check import plan_candidate, plan_check
from backstay.plans.conditions import close
from backstay.plans.dialects.base import Dialect
from backstay.plans.dialects.mysql import MariadbDialect
from backstay.plans.dialects.postgresql import PostgresqlDialect
from backstay.plans.dialects.sqlite import SqliteDialect
from backstay.plans.expand import expand_tree
from backstay.plans.operands import Literals, build
from backstay.plans.params import Statement, Values, bind
from backstay.plans.read import plan_list, plan_view
from backstay.plans.request import GUEST, RequestInfo, Viewer
from backstay.plans.scope import Frame, Scope
from backstay.plans.sort import parse_sort
from backstay.plans.tables import table_of
from backstay.records.reader import finish_rows
from backstay.stores.base import Row
from backstay.stores.like import add_like
from backstay.stores.schema import Ddl
from tests.unit.plans.samples import CATALOG, RECORD, collection

POSTGRESQL = os.environ.get("BACKSTAY_TEST_POSTGRESQL", "host=127.0.0.1 user=root dbname=test")
MARIADB_SOCKET = os.environ.get("BACKSTAY_TEST_MARIADB_SOCKET", "/run/mysqld/mysqld.sock")
_TYPES: Mapping[str, Mapping[Kind, str]] = {
    "postgresql": {
        Kind.TEXT: 'text COLLATE "C" NOT NULL',
        Kind.NUMBER: "double precision NOT NULL",
        Kind.BOOL: "boolean NOT NULL",
        Kind.LIST: "json NOT NULL",
        Kind.JSON: "json",
    },
    "mysql": {
        Kind.TEXT: "longtext NOT NULL",
        Kind.NUMBER: "double NOT NULL",
        Kind.BOOL: "boolean NOT NULL",
        Kind.LIST: "longtext NOT NULL",
        Kind.JSON: "longtext",
    },
}


class Database(Protocol):
    """One database with the sample tables."""

    name: str
    dialect: Dialect

    def fetch(self, sql: str, values: Sequence[DbValue] = ()) -> list[Row]:
        """Return the rows of a query; what is no query gives none."""
        ...

    def close(self) -> None:
        """Drop what was made."""
        ...


class Sqlite:
    name = "sqlite"

    def __init__(self) -> None:
        self.dialect: Dialect = SqliteDialect()
        self._db = apsw.Connection(":memory:")
        add_like(self._db)
        add_like(self._db)

    def fetch(self, sql: str, values: Sequence[DbValue] = ()) -> list[Row]:
        return list(self._db.execute(sql, values))

    def close(self) -> None:
        self._db.close()


class Postgresql:
    name = "postgresql"

    def __init__(self) -> None:
        self.dialect: Dialect = PostgresqlDialect()
        self._db: psycopg.Connection[Row] = psycopg.connect(POSTGRESQL, connect_timeout=2, autocommit=True)
        self._schema = f"backstay_test_{os.getpid()}"
        self._run(f"DROP SCHEMA IF EXISTS {self._schema} CASCADE")
        self._run(f"CREATE SCHEMA {self._schema}")
        self._run(f"SET search_path = {self._schema}")
        self._run("SET client_min_messages = error")

    def _run(self, sql: str) -> None:
        self._db.execute(sql.encode())

    def fetch(self, sql: str, values: Sequence[DbValue] = ()) -> list[Row]:
        cursor = self._db.execute(sql.encode(), tuple(values))
        return cursor.fetchall() if cursor.description else []

    def close(self) -> None:
        self._run(f"DROP SCHEMA {self._schema} CASCADE")
        self._db.close()


class Mariadb:
    name = "mariadb"

    def __init__(self) -> None:
        self.dialect: Dialect = MariadbDialect()
        if not os.path.exists(MARIADB_SOCKET):
            raise pymysql.OperationalError(f"there is no {MARIADB_SOCKET}")
        self._db = pymysql.connect(
            user=os.environ.get("BACKSTAY_TEST_MARIADB_USER", "root"),
            unix_socket=MARIADB_SOCKET,
            connect_timeout=2,
            charset="utf8mb4",
            collation="utf8mb4_nopad_bin",
            autocommit=True,
        )
        self._schema = f"backstay_test_{os.getpid()}"
        self.fetch(f"DROP DATABASE IF EXISTS {self._schema}")
        self.fetch(f"CREATE DATABASE {self._schema} CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin")
        self._db.select_db(self._schema)

    def fetch(self, sql: str, values: Sequence[DbValue] = ()) -> list[Row]:
        with self._db.cursor() as cursor:
            cursor.execute(sql, tuple(values))
            return [tuple(row) for row in cursor.fetchall()]

    def close(self) -> None:
        self.fetch(f"DROP DATABASE {self._schema}")
        self._db.close()


def fill(database: Database, rows: Mapping[str, Sequence[RECORD]]) -> None:
    """Make the sample tables and put the records in, in their order."""
    for item in CATALOG:
        for sql in _tables(database, item):
            database.fetch(sql)
    for name, records in rows.items():
        insert(database, collection(name), records)


def insert(database: Database, owner: Collection, records: Sequence[RECORD]) -> None:
    """Put records into a collection's table."""
    quote = database.dialect.sql.identifier_preparer.quote
    mark = "?" if database.name == "sqlite" else "%s"
    columns = ", ".join(quote(field.name) for field in owner.fields)
    sql = f"INSERT INTO {quote(owner.name)} ({columns}) VALUES ({', '.join(mark for _ in owner.fields)})"
    for record in records:
        database.fetch(sql, [_kept(database, owner, name, record) for name in owner.by_name])


def _kept(database: Database, owner: Collection, name: str, record: RECORD) -> DbValue:
    field = owner.by_name[name]
    kept = field.store(record[name])
    return bool(kept) if database.name == "postgresql" and field.column_kind is Kind.BOOL else kept


def _tables(database: Database, item: Collection) -> Iterator[str]:
    quote = database.dialect.sql.identifier_preparer.quote
    if database.name == "sqlite":
        yield (
            Ddl(database.dialect.sql).create_view(item)
            if item.is_view
            else Ddl(database.dialect.sql).create_table(item)
        )
        return
    if item.is_view:
        yield f"CREATE VIEW {quote(item.name)} AS {_typed_view(database.name)}"
        return
    types = _TYPES[database.dialect.name]
    is_mysql = database.dialect.name == "mysql"
    columns = [f"{quote(field.name)} {types[field.column_kind]}" for field in item.fields]
    columns[0] = f"{quote('id')} varchar(15) NOT NULL UNIQUE" if is_mysql else columns[0] + " PRIMARY KEY"
    order = "bigint AUTO_INCREMENT PRIMARY KEY" if is_mysql else "bigint GENERATED ALWAYS AS IDENTITY"
    yield f"CREATE TABLE {quote(item.name)} ({', '.join(columns)}, {quote('@rowid')} {order})"


def _typed_view(name: str) -> str:
    points = "CASE WHEN active THEN 14 ELSE 1 END"
    if name == "postgresql":
        points = f"to_json({points})"
    return f"SELECT id, title, score, {points} AS points, author FROM posts"


class Answer(tuple[Any, ...]):
    """What a database answered: the records' JSON and their number, or the name of the refusal."""

    __slots__ = ()


class Asker:
    """Asks one database as the record core does."""

    def __init__(self, database: Database, viewers: Mapping[str, Viewer]) -> None:
        self.database, self._viewers = database, viewers
        self._known: dict[tuple[str, ...], Answer] = {}

    def _info(self, who: str, **options: Any) -> RequestInfo:
        return RequestInfo(self._viewers.get(who, GUEST), **options)

    def _fetch(self, statement: Statement, values: Sequence[DbValue]) -> list[Row]:
        return self.database.fetch(statement.sql, values)

    async def _fetch_async(self, statement: Statement, values: Sequence[DbValue]) -> list[Row]:
        return self._fetch(statement, values)

    def page(
        self,
        name: str,
        text: str = "",
        *,
        who: str = "root",
        sort: str = "",
        expand: str = "",
        rule: str = "",
    ) -> Answer:
        """List records: return the total, and their JSON in order."""
        key = (name, text, who, sort, expand, rule)
        if key not in self._known:
            self._known[key] = self._refusable(lambda: self._page(*key))
        return self._known[key]

    def _page(self, name: str, text: str, who: str, sort: str, expand: str, rule: str) -> Answer:
        owner, info = collection(name), self._info(who, body={"n": 3, "t": "a", "l": ["a", "b"]})
        node = parse(text) if text else None
        literals = skeleton(node)[1] if node is not None else ()
        tree = expand_tree(CATALOG, owner, expand, info.viewer) if expand else None
        frame = Frame(CATALOG, self.database.dialect, info)
        rule = rule or ("" if info.viewer.is_superuser else owner.listRule or "")
        plan = plan_list(frame, owner, rule=rule, node=node, sort=parse_sort(sort), tree=tree)
        values = Values(info, literals, {"limit": 1000, "offset": 0})
        rows = self._fetch(plan.rows, bind(plan.rows, values))
        total = self._fetch(plan.count, bind(plan.count, values))[0][0] if plan.count else len(rows)
        items = asyncio.run(finish_rows(plan, rows, self._fetch_async, info))
        return Answer((total, *items))

    def ids(self, name: str, node: Node, *, who: str = "root") -> list[str]:
        """Return the ids of the records which satisfy a tree, without what a client may not see."""
        owner, info = collection(name), self._info(who)
        frame = Frame(CATALOG, self.database.dialect, info)
        scope = Scope(frame, owner, table_of(owner))
        condition = close(build(scope, node, Literals()), frame.dialect)
        table = scope.base.source
        query = select(table.c.id).select_from(scope.joins.apply(table)).where(condition)
        statement = frame.dialect.compile(query, frame.params)
        rows = self._fetch(statement, bind(statement, Values(info, skeleton(node)[1])))
        return sorted(row[0] for row in rows)

    def view(self, name: str, record_id: str, *, who: str, rule: str) -> Answer:
        """Return a record which satisfies a rule."""

        def run() -> Answer:
            info = self._info(who)
            plan = plan_view(Frame(CATALOG, self.database.dialect, info), collection(name), rule=rule)
            rows = self._fetch(plan.rows, bind(plan.rows, Values(info, given={"id": record_id})))
            return Answer(row[0] for row in rows)

        return self._refusable(run)

    def passes(
        self, name: str, record: RECORD, rule: str, *, who: str, body: Mapping[str, Any], stored: bool
    ) -> Answer:
        """Tell whether a record satisfies a rule: a stored one, or one which is about to be."""

        def run() -> Answer:
            owner, info = collection(name), self._info(who, body=body, method="POST", query={"q": "a"})
            frame = Frame(CATALOG, self.database.dialect, info)
            statement = (plan_check if stored else plan_candidate)(frame, owner, rule)
            given = {field.name: field.store(record[field.name]) for field in owner.fields}
            return Answer([bool(self._fetch(statement, bind(statement, Values(info, given=given))))])

        return self._refusable(run)

    def _refusable(self, run: Callable[[], Answer]) -> Answer:
        try:
            return run()
        except RequestError as exc:
            return Answer([type(exc).__name__])
