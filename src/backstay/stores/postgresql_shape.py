"""What PostgreSQL says of a query that an owner wrote: its columns, where they come from, and what it reads."""

from __future__ import annotations

from backstay.plans.params import Statement
from backstay.stores.base import QueryColumn, QueryShape
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


async def look_at(link: Link, query: str) -> QueryShape:
    """Return the shape of a query; the caller undoes what this makes. Raises psycopg.Error when it is no query."""
    await link.command(f'CREATE VIEW "{_VIEW}" AS SELECT * FROM (\n{query}\n) AS q')
    cursor = await link.cursor(f"SELECT * FROM (\n{query}\n) AS q LIMIT 0")
    result, columns = cursor.pgresult, cursor.description or ()
    assert result is not None, "a query has a result"
    origins = {(row[0], row[1]): (row[2], row[3]) for row in await link.rows(_ORIGINS, ())}
    types = [row[0] for row in await link.rows(_TYPES, ())]
    found = []
    for at, (column, type) in enumerate(zip(columns, types, strict=True)):
        table, name = origins.get((result.ftable(at), result.ftablecol(at)), ("", ""))
        found.append(QueryColumn(column.name, type, table, name))
    return QueryShape(tuple(found), frozenset((row[0], row[1]) for row in await link.rows(_READS, ())))
