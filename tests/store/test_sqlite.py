"""The SQLite store: group commit, budgets and deadlines, what one job may do to another."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from backstay.errors import Unavailable
from backstay.plans.params import Statement
from backstay.stores.base import QueryTimeout, StoreError, Transaction, UniqueViolation
from backstay.stores.sqlite import BUDGET_STEPS, SqliteOptions, SqliteStore

pytestmark = pytest.mark.anyio

ADD = Statement("INSERT INTO notes (id, text) VALUES (?, ?)")
COUNT = Statement("SELECT count(*) FROM notes")
ONE = Statement("SELECT text FROM notes WHERE id = ?")
SLOW = Statement(
    "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < ?) SELECT count(*) FROM n"
)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    options = SqliteOptions(query_timeout_s=0.5, write_wait_s=0.3, job_timeout_s=0.3, version_kept_s=0)
    store = SqliteStore(tmp_path / "site.db", options)
    await store.open()

    async def create(tx: Transaction) -> None:
        await tx.execute(Statement("CREATE TABLE notes (id TEXT PRIMARY KEY, text TEXT)"))

    await store.write(create)
    yield store
    await store.close()


async def add(store: SqliteStore, id: str, text: str = "") -> None:
    async def job(tx: Transaction) -> None:
        await tx.execute(ADD, [id, text])

    await store.write(job)


async def count(store: SqliteStore) -> int:
    return int((await store.fetch(COUNT))[0][0])


async def test_a_job_that_fails_undoes_its_own_work_alone(store: SqliteStore) -> None:
    async def fails(tx: Transaction) -> None:
        await tx.execute(ADD, ["half", ""])
        raise ValueError("on purpose")

    jobs = [add(store, f"n{number}") for number in range(20)]
    answers = await asyncio.gather(*jobs[:10], store.write(fails), *jobs[10:], return_exceptions=True)
    assert [type(answer) for answer in answers if answer is not None] == [ValueError]
    assert await count(store) == 20


async def test_equal_ids_in_one_group_are_written_once(store: SqliteStore) -> None:
    answers = await asyncio.gather(*(add(store, "same") for _ in range(16)), return_exceptions=True)
    assert sum(answer is None for answer in answers) == 1
    assert all(isinstance(answer, UniqueViolation) for answer in answers if answer is not None)


async def test_what_is_acknowledged_is_seen_by_others(store: SqliteStore, tmp_path: Path) -> None:
    before = store.version()
    await add(store, "a", "text")
    assert store.version() != before
    other = apsw.Connection(str(tmp_path / "site.db"))
    assert other.execute("SELECT text FROM notes").get == "text"
    other.close()


async def test_the_version_is_never_interrupted(store: SqliteStore) -> None:
    """SQLite counts the steps of a statement over all its runs: what a read used up must not end a later look."""
    for rows in range(5000, 12_000, 1000):
        await store.fetch(SLOW, [rows])  # about one budget: somewhere here it is used up just once
        for _ in range(BUDGET_STEPS // 10):
            store.version()


async def test_a_dear_read_leaves_the_loop_free(store: SqliteStore) -> None:
    slow = asyncio.create_task(store.fetch(SLOW, [300_000]))
    await asyncio.sleep(0)
    started = time.perf_counter()
    for _ in range(20):
        await store.fetch(COUNT)
        await asyncio.sleep(0)
    cheap_s = time.perf_counter() - started
    assert (await slow)[0][0] == 300_000
    again = time.perf_counter()
    assert (await store.fetch(SLOW, [300_000]))[0][0] == 300_000
    assert cheap_s < time.perf_counter() - again + 0.5


async def test_a_read_that_takes_too_long_is_refused(store: SqliteStore) -> None:
    with pytest.raises(QueryTimeout):
        await store.fetch(SLOW, [10**9])
    assert await count(store) == 0


async def test_a_job_that_takes_too_long_is_undone(store: SqliteStore) -> None:
    async def holds(tx: Transaction) -> None:
        await tx.execute(ADD, ["held", ""])
        await asyncio.Event().wait()

    held = asyncio.create_task(store.write(holds))
    await asyncio.sleep(0)
    await add(store, "next")
    with pytest.raises(Unavailable):
        await held
    assert await store.fetch(Statement("SELECT id FROM notes")) == [("next",)]


async def test_writes_wait_for_a_lock_and_are_refused_in_time(store: SqliteStore, tmp_path: Path) -> None:
    other = apsw.Connection(str(tmp_path / "site.db"))
    other.execute("BEGIN IMMEDIATE")
    started = time.monotonic()
    with pytest.raises(Unavailable):
        await add(store, "refused")
    assert 0.2 < time.monotonic() - started < 5
    waiting = asyncio.create_task(add(store, "later"))
    await asyncio.sleep(0.05)
    other.execute("ROLLBACK")
    await waiting
    other.close()
    assert await store.fetch(Statement("SELECT id FROM notes")) == [("later",)]


async def test_bad_statements_are_store_errors(store: SqliteStore) -> None:
    async def job(tx: Transaction) -> None:
        await tx.execute(Statement("INSERT INTO nothing VALUES (1)"))

    with pytest.raises(StoreError, match="nothing"):
        await store.write(job)


async def test_closing_finishes_what_waits(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "other.db")
    await store.open()

    async def create(tx: Transaction) -> None:
        await tx.execute(Statement("CREATE TABLE notes (id TEXT PRIMARY KEY, text TEXT)"))

    await store.write(create)
    jobs = [asyncio.create_task(add(store, f"n{number}")) for number in range(50)]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*jobs)
    kept = apsw.Connection(str(tmp_path / "other.db"))
    assert kept.execute("SELECT count(*) FROM notes").get == 50
    kept.close()
