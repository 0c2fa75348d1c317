"""Work that is due while the database is away: jobs, effects and a schedule of two servers that go on by themselves."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import msgspec
import pytest
from tests.live.jobs_site import HOOK, Told
from tests.live.test_postgresql import (
    DEADLINE_S,
    ITEMS,
    Process,
    Subscriber,
    away,
    create,
    create_superuser,
    needs_postgresql,
    token,
)
from tests.live.test_postgresql import (
    database as database,  # noqa: PLC0414 - a fixture
)
from tests.live.test_server import free_port

from backstay.errors import Unavailable
from backstay.site import open_site
from backstay.stores.base import Transaction

pytestmark = [pytest.mark.anyio, needs_postgresql]
SCRIPT = Path(__file__).with_name("outage_site.py")
ROOT = Path(__file__).parents[2]
NOTES, HOOKS, WRITES = 300, 300, 30
LATER = range(NOTES, NOTES + 20)
"""Notes that are due in the middle of the outage."""
LATER_S, AWAY_S = 2.0, 4.0


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Working(Process):
    """A server of `outage_site.py`."""

    def __init__(self, folder: Path, database: str, port: int) -> None:
        super().__init__(folder, database, port)
        self._command = [sys.executable, str(SCRIPT), str(folder), database, str(port)]
        self._env = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}


@pytest.fixture
async def servers(tmp_path: Path, database: str) -> AsyncIterator[list[Working]]:
    """Two servers of one site; `items` is open to everybody."""
    found = [Working(tmp_path, database, free_port()) for _ in range(2)]
    try:
        await found[0].start()
        await asyncio.to_thread(create_superuser, tmp_path, database)
        await found[1].start()
        async with httpx.AsyncClient(base_url=found[0].url) as client:
            await create(client, "_superusers", ITEMS)
        yield found
    finally:
        for server in found:
            server.kill()


async def record(folder: Path, database: str) -> set[str]:
    """Record what is to be done, in one transaction; return what will be told of it."""
    async with open_site(folder / "cli", database=database) as site:

        async def job(tx: Transaction) -> None:
            for number in range(NOTES):
                await site.outbox.add(tx, "job:note", {"number": number})
            for number in LATER:
                await site.outbox.add(tx, "job:note", {"number": number}, delay_s=LATER_S)
            for number in range(HOOKS):
                await site.outbox.add(tx, HOOK, {"number": number})
            for number in range(WRITES):
                await site.outbox.add(tx, "job:write", {"number": number}, delay_s=LATER_S / 4)

        await site.store.write(job)
    counts = {"note": NOTES + len(LATER), "hook": HOOKS, "write": WRITES}
    return {f"{name}{number}" for name, count in counts.items() for number in range(count)}


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not holds():
            await asyncio.sleep(0.01)


async def waiting(server: Working) -> list[str]:
    """Return the topics of what is in the outbox, but for the schedule."""
    async with httpx.AsyncClient(base_url=server.url, timeout=DEADLINE_S) as client:
        reply = await client.get("/api/jobs", params={"perPage": 500}, headers=await token(client))
    assert reply.status_code == 200, reply.text
    return [item["topic"] for item in reply.json()["items"] if item["topic"] != "cron:tick"]


async def test_what_is_due_while_the_database_is_away(
    tmp_path: Path, servers: list[Working], database: str
) -> None:
    """It is done once the database is back, without a restart, and nobody loses their event stream."""
    told = Told(tmp_path)
    subscribers = [
        Subscriber(server, other.url) for server, other in zip(servers, servers[::-1], strict=True)
    ]
    listening = [asyncio.create_task(subscriber.listen()) for subscriber in subscribers]
    async with asyncio.timeout(DEADLINE_S):
        await asyncio.gather(*(subscriber.ready.wait() for subscriber in subscribers))
    await until(lambda: "tick" in told.read())
    expected = await record(tmp_path, database)
    await until(lambda: len(told.read()) > 60)
    with away(database):
        ends_s = asyncio.get_running_loop().time() + AWAY_S
        for server in servers:
            async with httpx.AsyncClient(base_url=server.url, timeout=DEADLINE_S) as client:
                reply = await client.get("/api/collections/items/records")
            assert reply.status_code == 503, reply.text
        await until(lambda: asyncio.get_running_loop().time() > ends_s)
        done = told.read()
        assert not set(done) >= expected, "it was away too late: nothing was tested"
    await until(lambda: set(told.read()) >= expected)
    ticks = told.read().count("tick")
    await until(lambda: told.read().count("tick") > ticks + 1)
    async with asyncio.timeout(DEADLINE_S):
        while await waiting(servers[0]):
            await asyncio.sleep(0.05)
    async with httpx.AsyncClient(base_url=servers[0].url) as client:
        made = await client.post("/api/collections/items/records", json={"who": "after", "n": WRITES})
    assert made.status_code == 200, made.text
    await until(
        lambda: all({item["n"] for _, item in one.heard} >= set(range(WRITES + 1)) for one in subscribers)
    )
    assert not any(task.done() for task in listening), "the streams have survived"
    for task in listening:
        task.cancel()


async def test_a_change_of_settings_heard_of_just_before_the_database_went_away(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever could not read it then reads it as soon as the database is back."""
    async with (
        open_site(tmp_path / "a", database=database) as here,
        open_site(tmp_path / "b", database=database) as there,
    ):
        meta = msgspec.structs.replace(here.settings.meta, app_name="changed")
        await here.change_settings(lambda old: msgspec.structs.replace(old, meta=meta))
        async with asyncio.timeout(DEADLINE_S):
            while not there.is_stale():
                await asyncio.sleep(0.01)

        async def away(*_: object) -> None:
            raise Unavailable

        with monkeypatch.context() as patch:
            patch.setattr(there.store, "fetch", away)
            with pytest.raises(Unavailable):
                await there.refresh()
        assert (await there.fresh_settings()).meta.app_name == "changed"
