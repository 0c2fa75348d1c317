"""Builds `site.db` and `logs.db` from an attached source.

A database under construction needs no journal: when anything fails, its whole folder is thrown away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import apsw
import sqlalchemy as sa

from backstay.catalog import Collection
from backstay.catalog.indexes import parse_index
from backstay.errors import SetupError
from backstay.importing.pocketbase.rows import READ_DATE, SOURCE, compile_copy, read_date
from backstay.plans.dialects.sqlite import SqliteDialect
from backstay.stores.catalog import BUMP_VERSION, UPSERT_COLLECTION, collection_row
from backstay.stores.schema import LOG_TABLES, Ddl

Advanced = Callable[[int], None]
"""Told how many more rows are copied."""

TICK_STEPS = 2_000_000
"""Steps of SQLite's machine between two looks at how far a copy is: some tens of milliseconds."""

_FAST = (
    "PRAGMA journal_mode=OFF",
    "PRAGMA synchronous=OFF",
    "PRAGMA locking_mode=EXCLUSIVE",
    "PRAGMA temp_store=MEMORY",
    "PRAGMA cache_size=-64000",
    "PRAGMA trusted_schema=OFF",  # the source's schema may not call functions with side effects
)
_TABLES = "SELECT name FROM sqlite_schema WHERE type = 'table'"
_COLUMNS = "SELECT name FROM pragma_table_info(?, 'source')"
_SAVE_SETTINGS = "INSERT INTO _params (id, value) VALUES ('settings', ?)"
_COUNT_LOGS = "SELECT count(*) FROM _logs"
_COPY_LOGS = (
    "INSERT INTO _logs (id, level, message, data, created) "
    "SELECT id, level, message, CASE WHEN json_valid(data) THEN data ELSE json_quote(data) END, created "
    "FROM source._logs ORDER BY _rowid_"
)
_VIEW_COLUMNS = "SELECT name, type FROM pragma_table_info(?, 'main')"
_VIEW_ACTIONS = frozenset(
    {
        apsw.SQLITE_CREATE_VIEW,
        apsw.SQLITE_SELECT,
        apsw.SQLITE_READ,
        apsw.SQLITE_FUNCTION,
        apsw.SQLITE_RECURSIVE,
    }
)
_SCHEMA_ACTIONS = frozenset({apsw.SQLITE_INSERT, apsw.SQLITE_UPDATE})
_SCHEMA_TABLES = frozenset({"sqlite_master", "sqlite_schema"})


def count_records(db: apsw.Connection, collections: Iterable[Collection]) -> int:
    """Return how many records the source has in all."""
    queries = [sa.select(sa.func.count()).select_from(sa.table(item.name)) for item in _stored(collections)]
    dialect = SqliteDialect()
    present = _tables(db)
    counted = zip(_stored(collections), queries, strict=True)
    texts = [dialect.compile(query, {}).sql for item, query in counted if item.name.lower() in present]
    return sum(int(row[0]) for text in texts for row in db.execute(text))


def check_tables(db: apsw.Connection, collections: Iterable[Collection]) -> None:
    """Raise SetupError when the source lacks the table of one of its own collections."""
    present = _tables(db)
    for collection in _stored(collections):
        if collection.name.lower() not in present and not collection.system:
            raise SetupError(
                f"cannot take over collection '{collection.name}'",
                why="the database has no table for it",
                do="delete the collection in PocketBase's dashboard, or restore the database from a backup",
            )


def _tables(db: apsw.Connection) -> set[str]:
    return {str(row[0]).lower() for row in db.execute(_TABLES)}


def _stored(collections: Iterable[Collection]) -> list[Collection]:
    return [collection for collection in collections if not collection.is_view]


@contextmanager
def building(path: Path, source_uri: str) -> Iterator[apsw.Connection]:
    """Make a database with a source attached; at the end it is in WAL mode and closed."""
    db = apsw.Connection(
        str(path), flags=apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_URI
    )
    try:
        for pragma in _FAST:
            db.execute(pragma)
        db.create_scalar_function(READ_DATE, read_date, 1, deterministic=True)
        db.execute(f"ATTACH ? AS {SOURCE}", (source_uri,))
        db.execute("BEGIN")
        yield db
        db.execute("COMMIT")
        db.execute(f"DETACH {SOURCE}")
        db.execute("PRAGMA journal_mode=WAL")
    finally:
        db.close()


def copy_records(db: apsw.Connection, collections: Sequence[Collection], advanced: Advanced) -> int:
    """Create the tables and views of `collections`, with the records of the source; return how many there are."""
    dialect = SqliteDialect()
    ddl = Ddl(dialect.sql)
    for statement in ddl.system_tables:
        db.execute(statement)
    total = 0
    for collection in _stored(collections):
        db.execute(ddl.create_table(collection))
        columns = [str(row[0]) for row in db.execute(_COLUMNS, (collection.name,))]
        if columns:
            total += _copy(db, collection, compile_copy(dialect, collection, columns), advanced)
        _create_indexes(db, collection)
        for statement in ddl.create_counter(collection):
            db.execute(statement)
    _create_views(db, ddl, [collection for collection in collections if collection.is_view])
    return total


def _copy(db: apsw.Connection, collection: Collection, statement: str, advanced: Advanced) -> int:
    told = 0

    def look() -> bool:
        nonlocal told
        done = db.last_insert_rowid()
        advanced(done - told)
        told = done
        return False

    db.set_last_insert_rowid(0)
    db.set_progress_handler(look, TICK_STEPS)
    try:
        db.execute(statement)
    except apsw.ConstraintError as exc:
        raise SetupError(
            f"cannot take over the records of collection '{collection.name}'",
            why=f"two of them have the same id, or one has none ({exc})",
            do="mend the records in PocketBase's dashboard and run this again",
        ) from exc
    finally:
        db.set_progress_handler(None)
    count = db.changes()
    advanced(count - told)
    return count


def _create_indexes(db: apsw.Connection, collection: Collection) -> None:
    for text in collection.indexes:
        index = parse_index(text)
        assert index is not None, "definitions have been read"
        try:
            db.execute(text)
        except apsw.Error as exc:
            is_unique = isinstance(exc, apsw.ConstraintError)
            raise SetupError(
                f"cannot create the index '{index.name}' of collection '{collection.name}'",
                why="it is unique, and several records have the same values" if is_unique else str(exc),
                do="drop the index or mend the records in PocketBase's dashboard and run this again",
            ) from exc


def _create_views(db: apsw.Connection, ddl: Ddl, views: Sequence[Collection]) -> None:
    """Create views, then look into each: one may read from another that comes after it."""
    db.authorizer = _allow_view
    try:
        for view in views:
            with _view_explained(view):
                db.execute(ddl.create_view(view))
    finally:
        db.authorizer = None
    for view in views:
        with _view_explained(view):
            given = {str(row[0]).lower(): str(row[1]) for row in db.execute(_VIEW_COLUMNS, (view.name,))}
            missing = [field.name for field in view.fields if field.name.lower() not in given]
            if missing:
                raise apsw.SQLError(f"its query gives no {', '.join(missing)}")
            if given.get("id", "").upper() != "TEXT":  # ids are texts
                db.execute(ddl.drop_view(view.name))
                db.execute(ddl.create_view(view, casts_id=True))


def _allow_view(action: int, first: str | None, *_: str | None) -> int:
    """Allow what creating a view needs: its text is a query from elsewhere, and might end and go on otherwise."""
    if action in _VIEW_ACTIONS or (action in _SCHEMA_ACTIONS and first in _SCHEMA_TABLES):
        return apsw.SQLITE_OK
    return apsw.SQLITE_DENY


@contextmanager
def _view_explained(view: Collection) -> Iterator[None]:
    try:
        yield
    except apsw.Error as exc:
        raise SetupError(
            f"cannot create the view '{view.name}'",
            why=str(exc),
            do="change its query in PocketBase's dashboard and run this again",
        ) from exc


def write_definitions(db: apsw.Connection, collections: Iterable[Collection], settings_json: str) -> None:
    """Write the rows of `_collections` and the settings."""
    for collection in collections:
        db.execute(UPSERT_COLLECTION.sql, collection_row(collection))
    db.execute(BUMP_VERSION.sql)
    db.execute(_SAVE_SETTINGS, (settings_json,))


def count_logs(db: apsw.Connection) -> int:
    """Return how many log entries a source has; 0 when it keeps none."""
    return int(next(db.execute(_COUNT_LOGS))[0]) if "_logs" in _tables(db) else 0


def copy_logs(db: apsw.Connection, advanced: Advanced, *, total: int) -> None:
    """Create the table of logs with the entries of the source."""
    table, *indexes = LOG_TABLES
    db.execute(table)
    if total:
        db.execute(_COPY_LOGS)
    for index in indexes:
        db.execute(index)
    advanced(total)
