"""What PostgreSQL says of a query that an owner wrote: its columns, where they come from, and what it reads.

A view may read the site's own tables, and nothing else: no catalog of the server, which has the passwords of its roles, and
no function that does more than compute, which could read files, wait, or change something.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from backstay.plans.params import Statement
from backstay.stores.base import QueryColumn, QueryShape, StoreError
from backstay.stores.postgresql_link import Link

_VIEW = "_looked_at"
_ORIGINS = Statement(
    "SELECT c.oid::bigint, a.attnum, c.relname, a.attname FROM pg_class c "
    "JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.relnamespace = current_schema()::regnamespace "
    "AND c.relkind IN ('r', 'v') AND a.attnum > 0 AND NOT a.attisdropped"
)
_READS = Statement(
    "SELECT DISTINCT c.relname, a.attname FROM pg_rewrite r JOIN pg_depend d ON d.objid = r.oid "
    "AND d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0 "
    "JOIN pg_class c ON c.oid = d.refobjid JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid "
    f"WHERE r.ev_class = '{_VIEW}'::regclass AND c.relname <> '{_VIEW}'"
)
_TYPES = Statement(
    "SELECT format_type(atttypid, atttypmod) FROM pg_attribute "
    f"WHERE attrelid = '{_VIEW}'::regclass AND attnum > 0 ORDER BY attnum"
)


_CALLED = re.compile(r'"?([A-Za-z_][\w$]*)"?\s*\(')
_DOES_MORE = Statement(
    "SELECT proname FROM pg_proc WHERE proname::text = ANY(?) AND (provolatile = 'v' OR proname ~ ?) "
    "AND proname NOT IN ('random', 'gen_random_uuid', 'clock_timestamp') LIMIT 1"
)
_TELLS_MORE = "^(pg_|lo_|dblink|has_|inet_|current_setting|query_|table_|cursor_|schema_|database_|to_reg)"
"""Functions that look at the server, or at tables that are named in a text."""


async def look_at(link: Link, query: str) -> QueryShape:
    """Return the shape of a query; the caller undoes what this makes. link: a plain one

    Raises psycopg.Error when it is no query, StoreError when it does more than read the site's tables.
    """
    await _refuse_functions(link, query)
    await link.connection.execute(f'CREATE VIEW "{_VIEW}" AS SELECT * FROM (\n{query}\n) AS q'.encode())
    await _refuse_tables(link)
    cursor = await link.connection.execute(f"SELECT * FROM (\n{query}\n) AS q LIMIT 0".encode())
    result, columns = cursor.pgresult, cursor.description or ()
    assert result is not None, "a query has a result"
    origins = {(row[0], row[1]): (row[2], row[3]) for row in await link.rows(_ORIGINS, ())}
    types = [row[0] for row in await link.rows(_TYPES, ())]
    found = []
    for at, (column, type) in enumerate(zip(columns, types, strict=True)):
        table, name = origins.get((result.ftable(at), result.ftablecol(at)), ("", ""))
        found.append(QueryColumn(column.name, type, table, name))
    return QueryShape(tuple(found), frozenset((row[0], row[1]) for row in await link.rows(_READS, ())))


async def _refuse_functions(link: Link, query: str) -> None:
    if "u&" in query.lower():
        raise StoreError("a query can't hold escaped names")
    names = sorted({name.lower() for name in _CALLED.findall(query)})
    found = await link.rows(_DOES_MORE, ["{" + ",".join(names) + "}", _TELLS_MORE])
    if found:
        raise StoreError(f"a query may not call {found[0][0]}(), which does more than compute")


async def _refuse_tables(link: Link) -> None:
    (schema,) = await link.command("SELECT current_schema()")
    (text,) = await link.command(f'EXPLAIN (VERBOSE, FORMAT JSON) SELECT * FROM "{_VIEW}"')
    for node in _nodes(msgspec.json.decode(text)):
        if node.get("Schema", schema) not in {schema, "pg_catalog"} or (
            "Relation Name" in node and node.get("Schema") != schema
        ):
            raise StoreError(f"a query may not read {node.get('Schema')}.{node.get('Relation Name', '')}")


def _nodes(plan: Any) -> Iterator[dict[str, Any]]:
    """Yield all objects of a plan."""
    if isinstance(plan, list):
        for item in plan:
            yield from _nodes(item)
    elif isinstance(plan, dict):
        yield plan
        for item in plan.values():
            yield from _nodes(item)
