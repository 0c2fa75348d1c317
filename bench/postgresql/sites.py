"""The same site three times: on SQLite, on PostgreSQL, and on PostgreSQL for the hand-written handler. It can grow.

Which server: BACKSTAY_BENCH_POSTGRESQL, a connection string without a database (default: this machine's). Databases are
made there for the run, and dropped after it.
"""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import sys
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import msgspec
import psycopg

from bench.dataset import Dataset, Row, city_rows, make_dataset, record_id
from bench.processes import BackstaySite, run_command
from bench.raw_handler import COLLECTION

SERVER = os.environ.get("BACKSTAY_BENCH_POSTGRESQL", "postgresql://root@127.0.0.1/postgres")
COLUMNS = ("id", "name", "country", "population", "timezone", "location", "active", "created", "updated")
SEED = 61


class OnPostgresql(msgspec.Struct, frozen=True):
    """Backstay on PostgreSQL."""

    url: str
    workers: int = 1
    name: str = "postgresql"
    database: str = ""

    def serve_command(self, data: Path, port: int) -> list[str]:
        http = f"127.0.0.1:{port}"
        command = [sys.executable, "-m", "backstay", "serve", "--data", str(data), "--http", http]
        return [*command, "--database", self.url, "--workers", str(self.workers)]

    def superuser_command(self, data: Path) -> list[str]:
        return []

    def adopt(self, pb_data: Path, data: Path) -> None:
        """Nothing: `Sites` moves the data."""


class RawOnPostgresql(OnPostgresql, frozen=True):
    """The hand-written handler of `bench/postgresql/raw_handler.py`."""

    name: str = "raw"

    def serve_command(self, data: Path, port: int) -> list[str]:
        return [sys.executable, "-m", "bench.postgresql.raw_handler", self.url, str(port), str(self.workers)]


class Sites:
    """See the module. Masters grow, and copies of them are served, since writing makes the copies differ.

    folder: takes what lies on disk
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.data = folder, folder / "site"
        self.dataset: Dataset
        self._master = folder / "master"
        self._source = random.Random(SEED)
        self._name = f"backstay_bench_{os.getpid()}"

    @property
    def url(self) -> str:
        """The database of the site on PostgreSQL."""
        return _url_of(f"{self._name}_site")

    @property
    def raw_url(self) -> str:
        """The database of the hand-written handler."""
        return _url_of(f"{self._name}_raw")

    async def make(self, cities: int) -> None:
        """Make the masters; the one on PostgreSQL by `backstay move`."""
        self.dataset = await make_dataset(self.folder / "made", cities=cities, towns=0)
        BackstaySite().adopt(self.folder / "made", self._master)
        _command(f'CREATE DATABASE "{self._name}"')
        move = ("move", "--data", str(self._master), "--to", _url_of(self._name))
        run_command([sys.executable, "-m", "backstay", *move])

    def grow(self, cities: int) -> None:
        """Add cities to the masters until there are that many."""
        ids = [record_id(self._source) for _ in range(cities - len(self.dataset.cities))]
        rows = list(city_rows(ids, self.dataset.countries, self._source))
        _insert_sqlite(self._master / BackstaySite().database, rows)
        _insert_postgresql(_url_of(self._name), rows)
        self.dataset = msgspec.structs.replace(self.dataset, cities=[*self.dataset.cities, *ids])

    def lay_out(self) -> None:
        """Copy the masters anew; no server may run. The hand-written handler counts by counting."""
        shutil.rmtree(self.data, ignore_errors=True)
        shutil.copytree(self._master, self.data)
        self._drop_copies()
        for name in ("site", "raw"):
            _command(f'CREATE DATABASE "{self._name}_{name}" TEMPLATE "{self._name}"')
        with psycopg.connect(self.raw_url, autocommit=True) as link:
            for verb in ("insert", "delete"):
                link.execute(f'DROP TRIGGER "_count_{verb}_{COLLECTION}" ON cities'.encode())

    def _drop_copies(self) -> None:
        for name in ("site", "raw"):
            _command(f'DROP DATABASE IF EXISTS "{self._name}_{name}" WITH (FORCE)')

    def drop(self) -> None:
        """Drop all databases of this run."""
        self._drop_copies()
        _command(f'DROP DATABASE IF EXISTS "{self._name}" WITH (FORCE)')


def _url_of(database: str) -> str:
    return urlunsplit(urlsplit(SERVER)._replace(path=f"/{database}"))


def _command(text: str) -> None:
    with psycopg.connect(SERVER, autocommit=True) as link:
        link.execute(text.encode())


def _insert_sqlite(path: Path, rows: list[Row]) -> None:
    marks = ", ".join("?" * len(COLUMNS))
    link = sqlite3.connect(path)
    with link:
        link.executemany(f"INSERT INTO cities ({', '.join(COLUMNS)}) VALUES ({marks})", rows)
    link.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    link.close()


def _insert_postgresql(url: str, rows: list[Row]) -> None:
    with psycopg.connect(url, autocommit=True) as link:
        with link.cursor().copy(f"COPY cities ({', '.join(COLUMNS)}) FROM STDIN".encode()) as copy:
            for row in rows:
                copy.write_row(row)
        link.execute("VACUUM ANALYZE cities")
