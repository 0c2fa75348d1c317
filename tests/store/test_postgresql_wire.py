"""Statements that share connections to PostgreSQL: each has its own answer, whatever happens to the others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.databases import DATABASES

from backstay.catalog.fields import DbValue
from backstay.errors import Unavailable
from backstay.plans.params import Statement
from backstay.stores.base import QueryTimeout, StoreError
from backstay.stores.postgresql import PostgresqlOptions, PostgresqlStore
from backstay.stores.postgresql_link import connect
from backstay.stores.postgresql_wire import Refused, Step, Wire

pytestmark = [pytest.mark.anyio, pytest.mark.postgresql_only]
ECHO = Statement("SELECT ?::text", is_cheap=True)
SLEEP = Statement("SELECT pg_sleep(?), 'slept'")
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@pytest.fixture
def url(tmp_path: Path) -> str:
    return DATABASES.of(tmp_path / "data")


@pytest.fixture
async def wire(url: str) -> AsyncIterator[Wire]:
    link = await connect(url, timeout_s=4)
    wire = Wire(link.connection)
    yield wire
    await wire.close()


@pytest.fixture
async def store(url: str) -> AsyncIterator[PostgresqlStore]:
    store = PostgresqlStore(url, PostgresqlOptions(readers=3, write_wait_s=1.0, query_timeout_s=2.0))
    await store.open()
    yield store
    await store.close()


async def sent(wire: Wire, *steps: Step) -> list[list[Any]]:
    return [result.rows for result in await wire.send(steps)]


async def rows(wire: Wire, sql: str, *values: DbValue) -> list[Any]:
    return (await sent(wire, (Statement(sql), values)))[0]


async def end_connections(url: str, query: str = "") -> int:
    """Let the server end all connections but this one whose last query holds a text; return how many."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        sql = """SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE %s"""
        row = await (await connection.execute(sql, [f"%{query}%"])).fetchone()
    assert row is not None
    return int(row[0])


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.lists(st.tuples(TEXTS, st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.booleans()))
)
async def test_values_come_back_as_they_were(wire: Wire, given: list[tuple[str, int, float, bool]]) -> None:
    sql = "SELECT ?::text, ?::bigint, ?::float8, ?::bool, NULL"
    answers = await asyncio.gather(*(rows(wire, sql, *values) for values in given))
    assert answers == [[(*values, None)] for values in given]


async def test_signs_of_the_driver_are_text(wire: Wire) -> None:
    compiled = Statement("SELECT '100%%s ?' || %s", is_compiled=True)
    assert await sent(wire, (compiled, ["x%s"])) == [[("100%s ?x%s",)]]
    assert await rows(wire, "SELECT '100%s' || ?", "x") == [("100%sx",)]


async def test_a_trip_is_a_transaction_and_its_refusal_is_its_own(wire: Wire) -> None:
    await rows(wire, "CREATE TABLE t (id int PRIMARY KEY)")
    insert = Statement("INSERT INTO t VALUES (?) RETURNING id")
    trips = [
        sent(wire, (insert, [1]), (insert, [2])),
        sent(wire, (insert, [3]), (insert, [1]), (insert, [4])),
        sent(wire, (insert, [5])),
    ]
    first, second, third = await asyncio.gather(*trips, return_exceptions=True)
    assert (first, third) == ([[(1,)], [(2,)]], [[(5,)]])
    assert isinstance(second, Refused)
    assert isinstance(second.error, psycopg.errors.UniqueViolation)
    assert second.step == 1
    assert await rows(wire, "SELECT id FROM t ORDER BY id") == [(1,), (2,), (5,)]


async def test_a_value_that_cannot_be_sent_is_refused_before_anything_is(wire: Wire) -> None:
    await rows(wire, "CREATE TABLE t (x text)")
    insert = Statement("INSERT INTO t VALUES (?)")
    with pytest.raises(Refused) as refused:
        wire.send([(insert, ["good"]), (insert, ["nul \0"])])
    assert isinstance(refused.value.error, psycopg.DataError)
    assert refused.value.step == 1
    assert await rows(wire, "SELECT x FROM t") == []


async def test_whoever_gives_up_gets_in_nobodys_way(wire: Wire) -> None:
    leaving = asyncio.ensure_future(rows(wire, "SELECT pg_sleep(0.2)"))
    staying = wire.send([(ECHO, ["here"])])
    await asyncio.sleep(0)
    leaving.cancel()
    assert (await staying)[0].rows == [("here",)]


async def test_large_values_both_ways_at_once(wire: Wire) -> None:
    sizes = [3_000_000 + number for number in range(8)]
    answers = [wire.send([(ECHO, ["x" * size])]) for size in sizes]
    assert [len((await answer)[0].rows[0][0]) for answer in answers] == sizes


async def test_plans_are_kept_up_to_a_number(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backstay.stores.postgresql_wire.PREPARED_MAX", 5)
    for number in [*range(12), *range(12)]:
        answers = [wire.send([(Statement(f"SELECT ?::text || '{number % 7}'"), ["a"])]) for _ in range(3)]
        assert [(await answer)[0].rows for answer in answers] == [[(f"a{number % 7}",)]] * 3
    assert await rows(wire, "SELECT count(*) <= 6 FROM pg_prepared_statements") == [(True,)]


async def test_a_statement_that_cannot_be_planned_is_refused_each_time(wire: Wire) -> None:
    for _ in range(2):
        bad = [wire.send([(Statement("SELECT nothing FROM nowhere"), ())]) for _ in range(3)]
        refused = await asyncio.gather(*bad, return_exceptions=True)
        assert {type(exc.error) for exc in refused if isinstance(exc, Refused)} <= {
            psycopg.errors.UndefinedTable,
            psycopg.errors.InvalidSqlStatementName,
        }
    assert await rows(wire, "SELECT 1") == [(1,)]


async def test_a_transaction_with_a_fault_can_be_undone_though_plans_are_to_be_forgotten(wire: Wire) -> None:
    begun = [(Statement(text), ()) for text in ("CREATE TABLE t (id int)", "BEGIN", "SAVEPOINT one")]
    await sent(wire, *begun)
    with pytest.raises(Refused):
        await rows(wire, "SELECT nothing")
    wire.forget()
    assert await rows(wire, "ROLLBACK TO SAVEPOINT one") == []
    assert await rows(wire, "SELECT count(*) FROM t") == [(0,)]
    await rows(wire, "COMMIT")
    assert await rows(wire, "SELECT count(*) <= 3 FROM pg_prepared_statements") == [(True,)]


async def test_a_lost_connection_is_told_to_all_who_wait(wire: Wire, url: str) -> None:
    answers = [wire.send([(SLEEP, [5.0])]), wire.send([(ECHO, ["x"])])]
    await asyncio.sleep(0.1)
    assert await end_connections(url, "pg_sleep") == 1
    lost = await asyncio.gather(*answers, return_exceptions=True)
    assert {isinstance(exc, psycopg.OperationalError) for exc in lost} == {True}
    assert wire.is_lost
    with pytest.raises(psycopg.OperationalError):
        wire.send([(ECHO, ["x"])])


async def test_a_lost_connection_is_noticed_though_nobody_says_so(wire: Wire, url: str) -> None:
    """uvloop calls a reader once when a connection was reset, which may not be enough to read all that is left."""
    asyncio.get_running_loop().remove_reader(wire._socket)
    assert await rows(wire, "SELECT 1") == [(1,)]
    asleep = wire.send([(SLEEP, [30.0])])
    await asyncio.sleep(0.1)
    assert await end_connections(url, "pg_sleep") == 1
    with pytest.raises(psycopg.OperationalError):
        await asyncio.wait_for(asleep, 10)


# -- reads -----------------------------------------------------------------------------------------------------


async def echoes(store: PostgresqlStore, texts: Sequence[str]) -> list[str]:
    found = await asyncio.gather(*(store.fetch(ECHO, [text]) for text in texts))
    return [row[0] for (row,) in found]


async def until_grown(store: PostgresqlStore) -> None:
    """Ask for much at once until reads have all their connections."""
    wires = store._reads._wires
    assert wires is not None
    while len(wires._all) < 3:
        await asyncio.gather(*(store.fetch(Statement("SELECT 1")) for _ in range(10)))
        await asyncio.sleep(0.01)


async def test_reads_at_once(store: PostgresqlStore) -> None:
    texts = [f"text {number}" for number in range(300)]
    for _ in range(3):
        assert await echoes(store, texts) == texts
    assert await store.fetch(ECHO, ["nul \0"]) != [("nul \0",)], (
        "what no text holds is looked for, and not found"
    )


async def test_what_is_cheap_waits_for_nothing_that_is_not(store: PostgresqlStore) -> None:
    await until_grown(store)
    sleeping = [asyncio.ensure_future(store.fetch(SLEEP, [1.5])) for _ in range(2)]
    await asyncio.sleep(0.05)
    for _ in range(20):
        assert await echoes(store, ["a", "b"]) == ["a", "b"]
    assert not any(task.done() for task in sleeping)
    await asyncio.gather(*sleeping)


async def test_no_more_runs_at_once_than_there_are_connections(store: PostgresqlStore) -> None:
    await until_grown(store)
    sleeping = [store.fetch(Statement(f"SELECT pg_sleep(0.7), {number}")) for number in range(6)]
    answers = await asyncio.gather(*sleeping, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, Unavailable)]
    assert 0 < len(refused) < 6
    assert len([answer for answer in answers if isinstance(answer, list)]) == 6 - len(refused)
    assert await echoes(store, ["x"]) == ["x"]


async def test_what_takes_too_long_is_stopped(store: PostgresqlStore) -> None:
    await until_grown(store)
    for _ in range(3):
        with pytest.raises(QueryTimeout):
            await store.fetch(SLEEP, [30.0])
    assert await store.fetch(Statement("SELECT 1")) == [(1,)]


async def test_a_refused_read_says_why(store: PostgresqlStore) -> None:
    for cheap in (True, False):
        for _ in range(3):
            with pytest.raises(StoreError, match="division by zero"):
                await store.fetch(Statement("SELECT 1 / ?::int", is_cheap=cheap), [0])


async def test_reads_go_on_after_a_loss(store: PostgresqlStore, url: str) -> None:
    await until_grown(store)
    for _ in range(3):
        assert await end_connections(url) > 0
        assert await echoes(store, ["a", "b", "c"]) == ["a", "b", "c"]
        assert await store.fetch(Statement("SELECT 1")) == [(1,)]
    await until_grown(store)
    assert await echoes(store, ["x"]) == ["x"]


async def test_a_table_may_change_its_shape(store: PostgresqlStore, url: str) -> None:
    """A plan that the server keeps is none any more, and nobody hears of it."""
    look = Statement("SELECT * FROM t", is_cheap=True)
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute("CREATE TABLE t AS SELECT 1 AS a")
        await until_grown(store)
        for number in range(3):
            answers = await asyncio.gather(*(store.fetch(look) for _ in range(20)))
            assert {len(row) for (row,) in answers} == {number + 1}
            await connection.execute(f"ALTER TABLE t ADD b{number} int".encode())
