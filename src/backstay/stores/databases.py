"""Which databases there are, and how a site's own is opened."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from backstay.errors import SetupError
from backstay.plans.dialects.base import Dialect
from backstay.stores.base import Store
from backstay.stores.ddl_postgresql import PostgresqlDdl
from backstay.stores.schema import Ddl

DATABASE_FILE = "site.db"
POSTGRESQL = ("postgresql", "postgres")


def ddl_for(dialect: Dialect) -> Ddl:
    """Return what writes the DDL of a database."""
    return PostgresqlDdl() if dialect.name == "postgresql" else Ddl(dialect.sql)


async def open_store(data: Path, database: str = "", *, shared: bool = False) -> Store:
    """Open the database of a site.

    data:     the data folder, which is made when it is not there
    database: `postgresql://...`; '' for SQLite in the data folder
    shared:   other processes work on it, so that a commit of theirs must be noticed at once

    Raises SetupError when it can't be used.
    """
    _make_folder(data)
    scheme = urlsplit(database).scheme
    if not database:
        return await _open_sqlite(data, shared=shared)
    if scheme in POSTGRESQL:
        return await _open_postgresql(database)
    raise SetupError(
        f"'{without_password(database)}' is no database that Backstay knows",
        why="it knows SQLite, in the data folder, and PostgreSQL",
        do="leave --database (or BACKSTAY_DATABASE) out, or give it as postgresql://USER:PASSWORD@HOST/NAME",
    )


def without_password(database: str) -> str:
    """Return a connection string as it may be shown."""
    parts = urlsplit(database)
    user, at, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}{at}{host}", query=""))


def _make_folder(data: Path) -> None:
    try:
        data.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise _bad_folder(data, exc) from exc


def _bad_folder(data: Path, exc: OSError) -> SetupError:
    return SetupError(
        f"cannot use the data folder '{data}'",
        why=exc.strerror or str(exc),
        do="make it writable for this user, or choose another folder with --data",
    )


async def _open_sqlite(data: Path, *, shared: bool) -> Store:
    import apsw

    from backstay.stores.sqlite import SqliteOptions, SqliteStore

    path = data / DATABASE_FILE
    store = SqliteStore(path, SqliteOptions(version_kept_s=0) if shared else SqliteOptions())
    try:
        await store.open()
    except OSError as exc:
        raise _bad_folder(data, exc) from exc
    except apsw.Error as exc:
        raise SetupError(
            f"cannot open '{path}' ({type(exc).__name__})",
            why=str(exc),
            do="check that the file is a Backstay database and that this user may write to it and its folder",
        ) from exc
    return store


async def _open_postgresql(database: str) -> Store:
    try:
        import psycopg

        from backstay.stores.postgresql import PostgresqlStore
    except ImportError as exc:
        raise SetupError(
            "PostgreSQL needs a driver that is not installed",
            why=str(exc),
            do="run: pip install 'backstay[postgresql]'",
        ) from exc
    store = PostgresqlStore(database)
    try:
        await store.open()
    except psycopg.Error as exc:
        raise SetupError(
            f"cannot use the database '{without_password(database)}'",
            why=str(exc).strip().splitlines()[-1] if str(exc).strip() else type(exc).__name__,
            do="check that the server runs, that the address is right, and that this user may create tables in it",
        ) from exc
    return store
