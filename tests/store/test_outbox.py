"""The outbox: effects are recorded with their cause, done once it is on disk, tried again, kept when they fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backstay.outbox import Effect, GiveUp, Outbox, Retry
from backstay.outbox.outbox import LEASE_S
from backstay.plans.params import Statement
from backstay.site import Site, open_site
from backstay.stores.base import Transaction

pytestmark = pytest.mark.anyio
ROWS = Statement("SELECT topic, attempts, failed, error FROM _outbox ORDER BY id")


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now_s = 1_000_000.0

    def __call__(self) -> float:
        return self.now_s


class Desk:
    """An outbox, its clock, and a handler that fails as often as it is told."""

    def __init__(self, site: Site) -> None:
        self.site, self.clock = site, Clock()
        self.outbox = self.another()
        self.done: list[dict[str, object]] = []
        self.faults: list[Exception] = []

    def another(self) -> Outbox:
        """Return an outbox on the same store, as another process would have."""
        outbox = Outbox(self.site.store, now=self.clock)
        outbox.handle("post", self.handle, Retry(attempts=3, first_s=10))
        return outbox

    async def handle(self, effect: Effect) -> None:
        if self.faults:
            raise self.faults.pop(0)
        self.done.append(effect.payload)

    async def add(self, *, key: str = "", delay_s: float = 0.0, fails: bool = False) -> None:
        async def job(tx: Transaction) -> None:
            await self.outbox.add(tx, "post", {"n": 1}, key=key, delay_s=delay_s)
            if fails:
                raise LookupError("the cause is undone")

        await self.site.store.write(job)

    async def rows(self) -> list[tuple[object, ...]]:
        return await self.site.store.fetch(ROWS)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_site(tmp_path / "data") as site:
        yield Desk(site)


async def test_an_effect_is_done_and_forgotten(desk: Desk) -> None:
    await desk.add()
    await desk.outbox.drain()
    assert desk.done == [{"n": 1}]
    assert await desk.rows() == []


async def test_without_its_cause_there_is_no_effect(desk: Desk) -> None:
    with pytest.raises(LookupError):
        await desk.add(fails=True)
    await desk.outbox.drain()
    assert desk.done == []


async def test_a_failure_is_tried_again_later(desk: Desk) -> None:
    desk.faults = [OSError("no route")]
    await desk.add()
    await desk.outbox.drain()
    assert await desk.rows() == [("post", 1, 0, "OSError: no route")]
    desk.clock.now_s += 7  # 8 s is the shortest that 10 s may turn into
    await desk.outbox.drain()
    assert desk.done == []
    desk.clock.now_s += 6
    await desk.outbox.drain()
    assert desk.done == [{"n": 1}]


async def test_what_fails_too_often_is_kept_with_its_error(desk: Desk) -> None:
    desk.faults = [OSError(str(number)) for number in range(5)]
    await desk.add()
    for _ in range(5):
        await desk.outbox.drain()
        desk.clock.now_s += 4000
    assert await desk.rows() == [("post", 3, 1, "OSError: 2")]
    assert len(desk.faults) == 2


async def test_a_handler_may_give_up_at_once(desk: Desk) -> None:
    desk.faults = [GiveUp("no such address")]
    await desk.add()
    await desk.outbox.drain()
    assert await desk.rows() == [("post", 1, 1, "GiveUp: no such address")]


async def test_a_topic_without_a_handler_waits_for_one(desk: Desk) -> None:
    await desk.add()
    stranger = Outbox(desk.site.store, now=desk.clock)
    await stranger.drain()
    [(_, attempts, failed, error)] = await desk.rows()
    assert (attempts, failed) == (1, 0)
    assert "nothing handles the topic 'post'" in str(error)


async def test_a_delay_and_a_key(desk: Desk) -> None:
    await desk.add(key="a", delay_s=60)
    await desk.add(key="b", delay_s=60)
    await desk.outbox.drain()
    assert desk.done == []

    async def job(tx: Transaction) -> bool:
        await desk.outbox.hasten(tx, "post", prefix="b")
        return await desk.outbox.cancel(tx, "post", "a")

    assert await desk.site.store.write(job)
    await desk.outbox.drain()
    assert len(desk.done) == 1
    desk.clock.now_s += 100
    await desk.outbox.drain()
    assert len(desk.done) == 1


async def test_two_processes_share_the_work(desk: Desk) -> None:
    for _ in range(20):
        await desk.add()
    await asyncio.gather(desk.outbox.drain(), desk.another().drain())
    assert len(desk.done) == 20


async def test_the_lease_of_a_process_that_died_ends(desk: Desk) -> None:
    await desk.add()
    assert len(await desk.outbox._take()) == 1  # and then it is killed
    await desk.another().drain()
    assert desk.done == []
    desk.clock.now_s += LEASE_S + 1
    await desk.another().drain()
    assert desk.done == [{"n": 1}]


async def test_what_a_dead_process_was_doing_is_released(desk: Desk) -> None:
    dying = Outbox(desk.site.store, holder="dead", now=desk.clock)
    await desk.add()
    assert len(await dying._take()) == 1  # and then it is killed

    async def job(tx: Transaction) -> None:
        await desk.outbox.release(tx, "another")
        await desk.outbox.release(tx, desk.site.keeper.incoming.token)

    await desk.site.store.write(job)
    await desk.outbox.drain()
    assert desk.done == []
    await desk.site.store.write(lambda tx: desk.outbox.release(tx, "dead"))
    await desk.outbox.drain()
    assert desk.done == [{"n": 1}]


async def test_a_stop_puts_back_what_was_under_way(desk: Desk) -> None:
    began = asyncio.Event()

    async def hang(effect: Effect) -> None:
        began.set()
        await asyncio.sleep(60)

    outbox = Outbox(desk.site.store, now=desk.clock)
    outbox.handle("post", hang)
    outbox.start()
    await desk.add()
    await asyncio.wait_for(began.wait(), 5)
    await outbox.stop()
    assert await desk.rows() == [("post", 0, 0, "")]
    await desk.outbox.drain()
    assert desk.done == [{"n": 1}]


async def test_a_started_outbox_wakes_for_what_is_added(desk: Desk) -> None:
    desk.outbox.start()
    await desk.add()
    for _ in range(500):
        if desk.done:
            break
        await asyncio.sleep(0.01)
    await desk.outbox.stop()
    assert desk.done == [{"n": 1}]
