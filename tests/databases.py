"""Which database the sites of tests are on: SQLite, or with `--database postgresql` a database of its own for each.

Where PostgreSQL is: BACKSTAY_TEST_POSTGRESQL (a connection string without a database; default: this machine's).
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

POSTGRESQL = os.environ.get("BACKSTAY_TEST_POSTGRESQL", "postgresql://root@127.0.0.1/postgres")


def url_of(database: str) -> str:
    """Return the connection string of a database."""
    return urlunsplit(urlsplit(POSTGRESQL)._replace(path=f"/{database}"))


class Databases:
    """The PostgreSQL databases that stand for data folders. is_on: whether they do."""

    def __init__(self) -> None:
        self.is_on = False
        self._made: dict[Path, str] = {}

    def of(self, data: Path) -> str:
        """Return the connection string for a data folder, '' for SQLite; its database is as empty as the folder."""
        if not self.is_on:
            return ""
        data = data.absolute()
        if data not in self._made or not data.exists():
            self._create(data)
        return url_of(self._made[data])

    def _create(self, data: Path, template: str = "template0") -> None:
        name = "site_" + hashlib.sha256(f"{os.getpid()} {data}".encode()).hexdigest()[:16]
        with psycopg.connect(POSTGRESQL, autocommit=True) as admin:
            admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        self._made[data] = name

    def copy(self, source: Path, target: Path) -> None:
        """Copy a site that nobody has open."""
        shutil.copytree(source, target)
        source, target = source.absolute(), target.absolute()
        if source in self._made:
            self.drop(target)
            self._create(target, self._made[source])

    def drop(self, data: Path | None = None) -> None:
        """Drop a folder's database, or all."""
        for folder in [data] if data else list(self._made):
            if folder in self._made:
                with psycopg.connect(POSTGRESQL, autocommit=True) as admin:
                    admin.execute(f"DROP DATABASE IF EXISTS {self._made.pop(folder)} WITH (FORCE)")


DATABASES = Databases()
