"""The outbox: effects are recorded with their cause, done once it is on disk, tried again, kept when they fail."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from backstay.errors import Unavailable
from backstay.outbox import Effect, GiveUp, Outbox, Queued, Retry
from backstay.outbox.ledger import Count, Ledger
from backstay.outbox.outbox import LEASE_S
from backstay.outbox.topics import DEATHS_MAX
from backstay.plans.params import Statement
from backstay.site import Site, open_site
from backstay.stores.base import Job, Store, Transaction

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


class Flaky:
    """A store that goes away before a write, or once it has committed, as often as it is told."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.fetch = store.fetch
        self.before = self.after = 0

    async def write(self, job: Job[Any]) -> Any:
        if self.before:
            self.before -= 1
            raise Unavailable
        result = await self._store.write(job)
        if self.after:
            self.after -= 1
            raise Unavailable
        return result


@pytest.fixture
def flaky(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Flaky:
    monkeypatch.setattr("backstay.outbox.outbox.POLL_S", 0.01)
    return Flaky(desk.site.store)


def outbox_on(flaky: Flaky, desk: Desk) -> Outbox:
    outbox = Outbox(cast("Store", flaky), holder="me", now=desk.clock)
    outbox.handle("post", desk.handle, Retry(attempts=3, first_s=10))
    return outbox


@pytest.mark.parametrize("fails", [False, True])
async def test_how_an_effect_went_is_written_down_once_the_database_is_back(
    desk: Desk, flaky: Flaky, fails: bool
) -> None:
    outbox = outbox_on(flaky, desk)
    desk.faults = [OSError("no route")] if fails else []

    async def cut(effect: Effect) -> None:
        flaky.before = 5
        await desk.handle(effect)

    outbox.handle("cut", cut, Retry(attempts=3, first_s=10))
    await desk.site.store.write(lambda tx: outbox.add(tx, "cut", {"n": 1}))
    await outbox.drain()
    assert desk.done == ([] if fails else [{"n": 1}])
    assert await desk.rows() == ([("cut", 1, 0, "OSError: no route")] if fails else [])


async def test_what_was_taken_without_our_hearing_of_it_is_done_at_once(desk: Desk, flaky: Flaky) -> None:
    outbox = outbox_on(flaky, desk)
    await desk.add()
    flaky.after = 1
    with pytest.raises(Unavailable):
        await outbox.drain()
    await outbox.drain()
    assert desk.done == [{"n": 1}]
    assert await desk.rows() == []


async def test_a_started_outbox_wakes_for_what_is_added(desk: Desk) -> None:
    desk.outbox.start()
    await desk.add()
    for _ in range(500):
        if desk.done:
            break
        await asyncio.sleep(0.01)
    await desk.outbox.stop()
    assert desk.done == [{"n": 1}]


class Line:
    """A topic of numbered effects, and what is seen of them while they are done."""

    def __init__(self, site: Site, clock: Clock | None = None) -> None:
        self.site, self.clock = site, clock or Clock()
        self.began: list[int] = []
        self.at_once = self.most_at_once = 0
        self.hold_s = 0.0

    def outbox(self, *topics: str, lease_s: float = LEASE_S, **options: Any) -> Outbox:
        """Return one more process that does these topics."""
        outbox = Outbox(self.site.store, now=self.clock, lease_s=lease_s)
        for topic in topics or ("line",):
            outbox.handle(topic, self.handle, Retry(attempts=2, first_s=1), **options)
        return outbox

    async def handle(self, effect: Effect) -> None:
        self.began.append(effect.payload["n"])
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(self.hold_s)
        finally:
            self.at_once -= 1

    async def add(self, outbox: Outbox, n: int, topic: str = "line", **options: Any) -> Queued:
        return await self.site.store.write(lambda tx: outbox.add(tx, topic, {"n": n}, **options))


@pytest.fixture
def line(desk: Desk) -> Line:
    return Line(desk.site)


async def test_the_higher_priority_is_done_first(line: Line) -> None:
    outbox = line.outbox("line", "other", concurrency=1)
    for n, priority in ((1, 0), (2, -5), (3, 9), (4, 0), (5, 9)):
        await line.add(outbox, n, priority=priority)
    await outbox.drain()
    assert line.began == [3, 5, 1, 4, 2]


async def test_priority_counts_over_topics_too(line: Line) -> None:
    outbox = line.outbox("line", "other")
    await line.add(outbox, 1)
    await line.add(outbox, 2, "other", priority=1)
    await outbox.drain()
    assert line.began == [2, 1]


async def test_a_unique_key_that_waits_adds_nothing(line: Line) -> None:
    outbox = line.outbox()
    first = await line.add(outbox, 1, key="k", unique=True, delay_s=5)
    again = await line.add(outbox, 2, key="k", unique=True)
    other = await line.add(outbox, 3, key="other", unique=True)
    assert (first.is_new, again, other.is_new) == (True, Queued(first.id, is_new=False), True)
    line.clock.now_s += 6
    await outbox.drain()
    assert sorted(line.began) == [1, 3]
    assert (await line.add(outbox, 4, key="k", unique=True)).is_new


async def test_a_key_that_is_being_done_does_not_wait(line: Line) -> None:
    outbox = line.outbox()
    await line.add(outbox, 1, key="k", unique=True)
    assert len(await outbox._take()) == 1
    assert (await line.add(outbox, 2, key="k", unique=True)).is_new, (
        "the one under way may have read old data"
    )
    line.clock.now_s += LEASE_S + 1
    assert not (await line.add(outbox, 3, key="k", unique=True)).is_new, "a dead process's waits again"


async def test_a_key_that_waits_for_another_try_counts_and_one_that_has_failed_does_not(desk: Desk) -> None:
    async def add() -> Queued:
        return await desk.site.store.write(lambda tx: desk.outbox.add(tx, "post", {}, key="k", unique=True))

    desk.faults = [OSError("1"), GiveUp("2")]
    assert (await add()).is_new
    await desk.outbox.drain()
    assert not (await add()).is_new
    desk.clock.now_s += 100
    await desk.outbox.drain()
    assert (await add()).is_new


async def test_concurrency_holds_over_processes(line: Line) -> None:
    line.hold_s = 0.02
    outboxes = [line.outbox(concurrency=2) for _ in range(3)]
    for n in range(12):
        await line.add(outboxes[0], n)
    for _ in range(12):
        await asyncio.gather(*(outbox.drain() for outbox in outboxes))
    assert sorted(line.began) == list(range(12))
    assert line.most_at_once == 2


async def test_a_topic_that_is_full_holds_up_no_other(line: Line) -> None:
    line.hold_s = 0.3
    outbox = line.outbox("line", concurrency=1)
    done = asyncio.Event()

    async def finish(effect: Effect) -> None:
        done.set()

    outbox.handle("quick", finish)
    for n in range(50):
        await line.add(outbox, n, priority=10)
    outbox.start()
    await asyncio.sleep(0)
    await line.add(outbox, 0, "quick")
    await asyncio.wait_for(done.wait(), 5)
    assert len(line.began) <= 2
    await outbox.stop()


async def test_a_try_over_its_time_is_stopped_and_counts(line: Line) -> None:
    line.hold_s = 60
    outbox = line.outbox(timeout_s=0.05)
    await line.add(outbox, 1)
    await outbox.drain()
    [(_, attempts, failed, error)] = await line.site.store.fetch(ROWS)
    assert (attempts, failed, error) == (1, 0, "TookTooLong: stopped after 0.05 s, the time limit")
    line.clock.now_s += 10
    await outbox.drain()
    assert (await line.site.store.fetch(ROWS))[0][1:3] == (2, 1)
    assert line.at_once == 0


async def test_a_timeout_of_the_handlers_own_keeps_its_text(desk: Desk) -> None:
    desk.faults = [TimeoutError("no answer from example.com")]
    await desk.add()
    await desk.outbox.drain()
    assert (await desk.rows())[0][3] == "TimeoutError: no answer from example.com"


async def test_a_lease_is_extended_while_its_process_works(desk: Desk) -> None:
    line = Line(desk.site)
    line.clock = time.time  # type: ignore[assignment]  # leases are extended in real time
    line.hold_s = 1.0
    first, second = (line.outbox(timeout_s=30, lease_s=0.3) for _ in range(2))
    await line.add(first, 1)
    working = asyncio.create_task(first.drain())
    while not working.done():
        await second.drain()
        await asyncio.sleep(0.02)
    assert line.began == [1]
    assert await line.site.store.fetch(ROWS) == []


async def test_what_kills_its_process_again_and_again_is_left_alone(line: Line) -> None:
    outbox = line.outbox()
    await line.add(outbox, 1)
    for _ in range(2 + DEATHS_MAX):
        assert len(await line.outbox()._take()) == 1  # and then its process is killed
        line.clock.now_s += LEASE_S + 1
    await outbox.drain()
    assert line.began == []
    [(_, _, failed, error)] = await line.site.store.fetch(ROWS)
    assert failed
    assert "the process died" in error


async def test_a_stop_may_wait_for_what_is_under_way(line: Line) -> None:
    line.hold_s = 0.2
    outbox = line.outbox()
    await line.add(outbox, 1)
    outbox.start()
    while not line.began:
        await asyncio.sleep(0.01)
    await outbox.stop(drain_s=5)
    assert await line.site.store.fetch(ROWS) == []


@pytest.mark.sqlite_only("elsewhere the outbox itself may be the first to take")
async def test_a_stop_leaves_no_lease_behind(desk: Desk) -> None:
    outbox = Outbox(desk.site.store, holder="me", now=desk.clock)
    await desk.add()
    outbox.start()
    assert len(await outbox._take()) == 1  # and is stopped before it begins
    await outbox.stop()
    await desk.outbox.drain()
    assert desk.done == [{"n": 1}]


async def test_the_ledger_tells_states_and_hides_payloads(line: Line) -> None:
    outbox = line.outbox("line", "job:a")
    ledger = Ledger(line.site.store, outbox)
    outbox.handle("bad", _give_up)
    await line.add(outbox, 1, "bad")
    await outbox.drain()
    await line.add(outbox, 2, "job:a", key="k", priority=3)
    await outbox._take()
    await line.add(outbox, 3)
    entries, total = await ledger.page()
    assert total == 3
    assert [(entry.topic, entry.state) for entry in entries] == [
        ("line", "waiting"),
        ("job:a", "running"),
        ("bad", "failed"),
    ]
    assert [entry.payload for entry in entries] == [None, {"n": 2}, None]
    assert (entries[1].key, entries[1].priority) == ("k", 3)
    assert await ledger.counts() == [
        Count("bad", "failed", 1),
        Count("job:a", "running", 1),
        Count("line", "waiting", 1),
    ]
    assert [entry.topic for entry in (await ledger.page(state="failed"))[0]] == ["bad"]
    assert (await ledger.page(topic="line", state="failed")) == ([], 0)
    assert [entry.topic for entry in (await ledger.page(limit=1, offset=1))[0]] == ["job:a"]


async def test_the_ledger_retries_and_deletes(desk: Desk) -> None:
    ledger = Ledger(desk.site.store, desk.outbox)
    desk.faults = [GiveUp("1"), GiveUp("2"), OSError("3")]
    for _ in range(3):
        await desk.add()
    await desk.outbox.drain()
    ids = [entry.id for entry in (await ledger.page())[0]][::-1]
    assert await ledger.retry(ids[0]) == "done"
    await desk.outbox.drain()
    assert len(desk.done) == 1
    assert await ledger.retry_all("post") == 1
    assert await ledger.retry_all("nope") == 0
    assert await ledger.retry(ids[2]) == "done", "it waits for its next try"
    await desk.outbox.drain()
    assert len(desk.done) == 3
    await desk.add(delay_s=50)
    [later] = (await ledger.page())[0]
    assert await ledger.retry(later.id) == "unfit", "what waits for its first try has its time for a reason"
    assert await ledger.delete(later.id) == "done"
    assert await ledger.delete(later.id) == "missing"
    assert await ledger.retry(later.id) == "missing"
    await desk.add()
    [running] = await desk.outbox._take()
    assert await ledger.delete(running.id) == "unfit"
    assert await ledger.retry(running.id) == "unfit"


async def _give_up(effect: Effect) -> None:
    raise GiveUp("never")


OLD_TABLE = """CREATE TABLE _outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, topic TEXT NOT NULL, key TEXT DEFAULT '' NOT NULL,
    payload TEXT NOT NULL, due REAL NOT NULL, attempts INTEGER DEFAULT 0 NOT NULL,
    failed BOOLEAN DEFAULT FALSE NOT NULL, error TEXT DEFAULT '' NOT NULL, holder TEXT DEFAULT '' NOT NULL,
    created REAL NOT NULL)"""
OLD_ROW = "INSERT INTO _outbox (topic, payload, due, created) VALUES ('post', '{\"n\": 7}', 1, 1)"


@pytest.mark.sqlite_only("older sites are on SQLite")
async def test_a_site_from_before_opens_and_keeps_what_waits(tmp_path: Path) -> None:
    async with open_site(tmp_path / "data") as site:
        for text in ("DROP TABLE _outbox", OLD_TABLE, OLD_ROW):
            await site.store.write(lambda tx, text=text: tx.execute(Statement(text)))  # type: ignore[misc]
        await site.store.write(
            lambda tx: tx.execute(
                Statement("CREATE INDEX _outbox_due ON _outbox (due) WHERE failed = FALSE"),
            )
        )
    for _ in range(2):
        async with open_site(tmp_path / "data") as site:
            assert len(await site.store.fetch(ROWS)) == 1
    async with open_site(tmp_path / "data") as site:
        desk = Desk(site)
        await desk.outbox.drain()
        assert desk.done == [{"n": 7}]
