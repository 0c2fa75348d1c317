"""Lets every site of a test be on the database that was asked for, and spreads tests over the cores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import backstay.site
from backstay.stores.base import Store
from backstay.stores.databases import open_store
from tests.databases import DATABASES, GIVEN, find_server

TESTS = Path(__file__).parent
ALONE = ("live", "conformance")
"""Folders whose tests don't run beside others of their folder."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--database", choices=("sqlite", "postgresql"), default="sqlite")


def pytest_sessionstart(session: pytest.Session) -> None:
    if session.config.getoption("database") == "postgresql" and not find_server():
        told = "NOTHING WAS TESTED ON POSTGRESQL: no server answers, and there are no programs to start one"
        pytest.exit(f"{told} (BACKSTAY_TEST_POSTGRESQL says where one is)", returncode=1 if GIVEN else 0)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With several workers (-n), let one take all tests that serve on ports, one those of the reference, first of all."""
    for item in items:
        if _part(item) in ALONE:
            item.add_marker(pytest.mark.xdist_group(_part(item)))
    items.sort(key=lambda item: ALONE.index(_part(item)) if _part(item) in ALONE else len(ALONE))


def _part(item: pytest.Item) -> str:
    """Return the folder of tests that one is in."""
    within = item.path.relative_to(TESTS).parts if item.path.is_relative_to(TESTS) else ()
    return within[0] if within else ""


def pytest_runtest_setup(item: pytest.Item) -> None:
    is_sqlite = item.config.getoption("database") == "sqlite"
    mark = item.get_closest_marker("sqlite_only")
    if mark is not None and not is_sqlite:
        pytest.skip(f"SQLite only: {mark.args[0]}")
    if item.get_closest_marker("postgresql_only") and is_sqlite:
        pytest.skip("PostgreSQL only")


@pytest.fixture(scope="session", autouse=True)
def _database(request: pytest.FixtureRequest) -> Iterator[None]:
    DATABASES.is_on = request.config.getoption("database") == "postgresql"

    async def open_there(data: Path, database: str = "", *, shared: bool = False) -> Store:
        return await open_store(data, database or DATABASES.of(data), shared=shared)

    patch = pytest.MonkeyPatch()
    patch.setattr(backstay.site, "open_store", open_there)
    yield
    patch.undo()
    DATABASES.drop()


@pytest.fixture(autouse=True)
def _own_databases() -> Iterator[None]:
    """Drop the databases of a test with it."""
    before = set(DATABASES.folders)
    yield
    for folder in set(DATABASES.folders) - before:
        DATABASES.drop(folder)
