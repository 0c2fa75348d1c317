"""Which database the sites of tests are on: SQLite, or with `--database postgresql` a schema of its own for each.

Where PostgreSQL is: BACKSTAY_TEST_POSTGRESQL (a connection string; default: this machine's, database `test`).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

import backstay.site
from backstay.stores.base import Store
from backstay.stores.databases import open_store

POSTGRESQL = os.environ.get("BACKSTAY_TEST_POSTGRESQL", "postgresql://root@127.0.0.1/test")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--database", choices=("sqlite", "postgresql"), default="sqlite")


def schema_url(schema: str) -> str:
    """Return the connection string of a schema."""
    mark = "&" if "?" in POSTGRESQL else "?"
    return f"{POSTGRESQL}{mark}options=-csearch_path%3D{schema}"


class Schemas:
    """The schemas that stand for data folders."""

    def __init__(self) -> None:
        self._made: dict[Path, str] = {}

    def of(self, data: Path) -> str:
        """Return the connection string for a data folder; its schema is empty the first time."""
        if data not in self._made:
            name = "site_" + hashlib.sha256(f"{os.getpid()} {data}".encode()).hexdigest()[:16]
            with psycopg.connect(POSTGRESQL, autocommit=True) as admin:
                admin.execute(f"DROP SCHEMA IF EXISTS {name} CASCADE")
                admin.execute(f"CREATE SCHEMA {name}")
            self._made[data] = name
        return schema_url(self._made[data])

    def drop(self) -> None:
        with psycopg.connect(POSTGRESQL, autocommit=True) as admin:
            for name in self._made.values():
                admin.execute(f"DROP SCHEMA IF EXISTS {name} CASCADE")


@pytest.fixture(scope="session", autouse=True)
def _database(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let every site that is opened without a database of its own be on the one that was asked for."""
    if request.config.getoption("database") == "sqlite":
        yield
        return
    schemas = Schemas()

    async def open_elsewhere(data: Path, database: str = "", *, shared: bool = False) -> Store:
        return await open_store(data, database or schemas.of(data), shared=shared)

    patch = pytest.MonkeyPatch()
    patch.setattr(backstay.site, "open_store", open_elsewhere)
    yield
    patch.undo()
    schemas.drop()
