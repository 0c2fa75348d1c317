"""What SQLite says of a query that an owner wrote: its columns, where they come from, and what it reads.

The query is looked at, not run. It becomes a view for that moment, so that it must be one SELECT and may not call
functions with side effects, and an authorizer refuses whatever does more than read. The caller has seen to it that
the text is one statement with its brackets closed.
"""

from __future__ import annotations

from typing import Any

import apsw

from backstay.stores.base import QueryColumn, QueryShape

_VIEW = "_looked_at"
_SELECT = f'SELECT * FROM "{_VIEW}"'
_READING = frozenset(
    {apsw.SQLITE_SELECT, apsw.SQLITE_READ, apsw.SQLITE_FUNCTION, apsw.SQLITE_RECURSIVE, apsw.SQLITE_PRAGMA}
)
_REASONS = {apsw.SQLITE_ERROR: "SQL logic error", apsw.SQLITE_CONSTRAINT: "constraint failed"}


def explain(exc: apsw.Error) -> str:
    """Return what SQLite says in the form that clients of the protocol know: kind, text and code."""
    result = int(getattr(exc, "result", apsw.SQLITE_ERROR))
    code = int(getattr(exc, "extendedresult", result))
    return f"{_REASONS.get(result, type(exc).__name__)}: {exc} ({code})"


def look_at(db: apsw.Connection, query: str) -> QueryShape:
    """Return the shape of a query. Raises apsw.Error when it is no query that only reads."""
    db.execute("SAVEPOINT looking")
    try:
        db.execute(f'CREATE VIEW "{_VIEW}" AS SELECT * FROM (\n{query}\n)')
        types = [str(row[0] or "") for row in db.execute(f"SELECT type FROM pragma_table_xinfo('{_VIEW}')")]
        described, reads = _prepare(db)
    finally:
        db.execute("ROLLBACK TO looking")
        db.execute("RELEASE looking")
    columns = (
        QueryColumn(name, type, table or "", column or "")
        for (name, _, _, table, column), type in zip(described, types, strict=True)
    )
    return QueryShape(tuple(columns), frozenset(reads))


def _prepare(db: apsw.Connection) -> tuple[tuple[Any, ...], set[tuple[str, str]]]:
    reads: set[tuple[str, str]] = set()
    found: list[tuple[Any, ...]] = []

    def authorize(action: int, first: str | None, second: str | None, *_: str | None) -> int:
        if action == apsw.SQLITE_READ:
            reads.add((first or "", second or ""))
        return apsw.SQLITE_OK if action in _READING else apsw.SQLITE_DENY

    def trace(cursor: apsw.Cursor, _: str, __: object) -> bool:
        found.append(cursor.description_full)
        return False  # prepared is enough

    cursor = db.cursor()
    cursor.exec_trace = trace
    db.authorizer = authorize
    try:
        cursor.execute(_SELECT, can_cache=False)
    except apsw.ExecTraceAbort:
        pass
    finally:
        db.authorizer = None
        cursor.close()
    return found[0], reads
