"""Jobs and schedules of an opened site: enqueued with their cause, run by whichever process comes first."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from backstay.jobs import ArgumentError, GiveUp, Jobs, NotOpen
from backstay.jobs.schedules import Missed, Schedule, Schedules
from backstay.jobs.times import Times
from backstay.outbox import Outbox
from backstay.outbox.ledger import Entry
from backstay.plans.params import Statement
from backstay.site import Site, open_site
from backstay.stores.base import Transaction
from backstay.worker import work

pytestmark = pytest.mark.anyio
jobs = Jobs()
ran: list[object] = []


class Line(msgspec.Struct):
    sku: str
    count: int = 1


@jobs.job
async def ship(lines: list[Line], *, by: datetime) -> None:
    """Note what is shipped."""
    ran.append((lines, by))


@jobs.job(retries=2, backoff_s=10, priority=5)
async def fail(text: str) -> None:
    raise LookupError(text)


@jobs.job(timeout_s=0.05, retries=0)
async def hang() -> None:
    await asyncio.sleep(60)


@jobs.job
async def refuse() -> None:
    raise GiveUp("no such customer")


@jobs.job
async def chain(left: int) -> None:
    ran.append(left)
    if left:
        await chain.enqueue(left - 1)


@jobs.cron("0 8 * * *")
async def morning() -> None:
    ran.append("morning")


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    ran.clear()
    async with open_site(tmp_path / "data") as site:
        site.use_jobs(jobs)
        yield site


async def entries(site: Site) -> list[Entry]:
    return (await site.ledger.page())[0]


async def test_a_job_runs_with_its_arguments(site: Site) -> None:
    by = datetime(2026, 5, 1, 12, tzinfo=UTC)
    queued = await ship.enqueue([Line("a", 2)], by=by)
    [entry] = await entries(site)
    assert (entry.id, entry.topic, entry.state) == (queued.id, "job:ship", "waiting")
    assert entry.payload == {"lines": [{"sku": "a", "count": 2}], "by": "2026-05-01T12:00:00Z"}
    assert ran == []
    await site.outbox.drain()
    assert ran == [([Line("a", 2)], by)]
    assert await entries(site) == []


async def test_wrong_arguments_add_nothing(site: Site) -> None:
    with pytest.raises(
        ArgumentError, match=r"job 'ship': Expected `str`, got `int` - at `\$.lines\[0\].sku`"
    ):
        await ship.enqueue([Line(7)], by=datetime.now(UTC))  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="missing a required argument: 'by'"):
        await ship.enqueue([])  # type: ignore[call-arg]
    with pytest.raises(ArgumentError, match="Expected `int`"):
        await chain.later(delay_s=5).enqueue("1")  # type: ignore[arg-type]
    assert await entries(site) == []


async def test_options_of_a_call(site: Site) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    first = await chain.later(delay_s=60, key="k", priority=-3).enqueue(0)
    again = await chain.later(key="k").enqueue(0)
    await chain.later(at=soon).enqueue(0)
    await chain.later(at=soon - timedelta(days=1)).enqueue(0)
    assert (first.is_new, again.is_new, again.id) == (True, False, first.id)
    past, future, keyed = await entries(site)
    assert (keyed.key, keyed.priority) == ("k", -3)
    assert 50 < keyed.due - time.time() < 70
    assert future.due == pytest.approx(soon.timestamp(), abs=5)
    assert past.due <= time.time()
    await site.outbox.drain()
    assert ran == [0]


async def test_a_job_may_enqueue_the_next(site: Site) -> None:
    await chain.enqueue(2)
    await site.outbox.drain()
    assert ran == [2, 1, 0]


async def test_failures_are_kept_and_tried_again(site: Site) -> None:
    await fail.enqueue("oops")
    await site.outbox.drain()
    [entry] = await entries(site)
    assert (entry.state, entry.attempts, entry.error) == ("waiting", 1, "LookupError: oops")
    assert 5 < entry.due - time.time() < 13
    assert entry.priority == 5
    for _ in range(2):
        assert await site.ledger.retry(entry.id) == "done"
        await site.outbox.drain()
    [entry] = await entries(site)
    assert (entry.state, entry.attempts) == ("failed", 3)


async def test_time_limits_and_refusals(site: Site) -> None:
    await hang.enqueue()
    await refuse.enqueue()
    await site.outbox.drain()
    assert {(entry.topic, entry.state, entry.error) for entry in await entries(site)} == {
        ("job:hang", "failed", "TookTooLong: stopped after 0.05 s, the time limit"),
        ("job:refuse", "failed", "GiveUp: no such customer"),
    }


async def test_a_job_whose_function_is_gone_says_so(tmp_path: Path) -> None:
    async with open_site(tmp_path / "data") as site:
        site.use_jobs(jobs)
        await chain.enqueue(0)
    with pytest.raises(NotOpen):
        await chain.enqueue(0)
    async with open_site(tmp_path / "data") as site:
        site.use_jobs(Jobs())
        [entry] = await entries(site)
        while entry.state == "waiting":
            await site.outbox.drain()
            [entry] = await entries(site)
            await site.ledger.retry(entry.id) if entry.state == "waiting" else None
        assert (entry.state, entry.attempts) == ("failed", 8)
        assert entry.error == "LookupError: nothing handles the topic 'job:chain'"


async def test_another_site_may_be_open_when_one_ends(tmp_path: Path) -> None:
    async with open_site(tmp_path / "second") as second:
        async with open_site(tmp_path / "first") as first:
            first.use_jobs(jobs)
            second.use_jobs(jobs)
        await chain.enqueue(0)
        assert len(await entries(second)) == 1


async def test_a_job_that_is_declared_late_is_done(site: Site) -> None:
    late = Jobs()
    other = Outbox(site.store)
    late.bind(other, site.store, Schedules(site.store, other))

    @late.job
    async def later() -> None:
        ran.append("later")

    await later.enqueue()
    await other.drain()
    assert ran == ["later"]


# -- schedules ---------------------------------------------------------------------------------------------


class Town:
    """A clock, and processes that look at it."""

    def __init__(self, site: Site) -> None:
        self.site, self.runs = site, 0
        self.now_s = datetime(2026, 3, 1, 7, 0, tzinfo=UTC).timestamp()
        self.holding: asyncio.Event | None = None

    def process(
        self, expression: str = "0 8 * * *", *, missed: Missed = "run_once"
    ) -> tuple[Schedules, Outbox]:
        """Return one more process."""
        outbox = Outbox(self.site.store, now=lambda: self.now_s)
        schedules = Schedules(self.site.store, outbox)
        schedules.add(Schedule("news", Times(expression), self.run, missed))
        return schedules, outbox

    async def run(self) -> None:
        self.runs += 1
        if self.holding is not None:
            await self.holding.wait()

    async def look(self, *processes: tuple[Schedules, Outbox], hours: float = 0.0) -> int:
        """Let time pass, and all processes look and work; return how many runs that made."""
        self.now_s += hours * 3600
        before = self.runs
        await asyncio.gather(*(schedules.tick() for schedules, _ in processes))
        await asyncio.gather(*(outbox.drain() for _, outbox in processes))
        return self.runs - before


@pytest.fixture
def town(site: Site) -> Town:
    return Town(site)


async def test_one_of_many_processes_starts_a_run(town: Town) -> None:
    processes = [town.process() for _ in range(4)]
    assert await town.look(*processes) == 0
    assert await town.look(*processes, hours=0.99) == 0
    assert await town.look(*processes, hours=0.01) == 1
    assert await town.look(*processes) == 0
    assert await town.look(*processes, hours=23.9) == 0
    assert await town.look(*processes, hours=0.1) == 1


async def test_runs_that_were_missed_are_made_up_for_by_one(town: Town) -> None:
    process = town.process()
    await town.look(process)
    assert await town.look(town.process(), hours=24 * 5) == 1
    assert await town.look(town.process()) == 0
    assert await town.look(town.process(), hours=23.9) == 1


async def test_or_skipped(town: Town) -> None:
    await town.look(town.process(missed="skip"))
    assert await town.look(town.process(missed="skip"), hours=24 * 5 - 1) == 0
    assert await town.look(town.process(missed="skip"), hours=2) == 1, "what is due now was not missed"


async def test_a_new_schedule_has_missed_nothing_nor_has_a_changed_one(town: Town) -> None:
    await town.look(town.process())
    changed = town.process("30 9 * * *")
    assert await town.look(changed, hours=48) == 0
    assert await town.look(changed, hours=2.5) == 1


async def test_a_run_that_is_not_over_is_not_joined(town: Town) -> None:
    town.holding = asyncio.Event()
    first, second = town.process("* * * * *"), town.process("* * * * *")
    await town.look(first)
    town.now_s += 60
    await first[0].tick()
    working = asyncio.create_task(first[1].drain())
    while not town.runs:
        await asyncio.sleep(0.001)
    assert await town.look(second, hours=1 / 60) == 0
    assert (await second[0].run("news")).is_new
    await second[1].drain()
    assert town.runs == 1, "nor does one that is asked for: it waits"
    town.holding.set()
    await asyncio.wait_for(working, 5)
    await second[1].drain()
    assert town.runs == 2


async def test_a_run_that_fails_is_kept_like_a_job(site: Site) -> None:
    now_s = datetime(2026, 3, 1, 7, 59, tzinfo=UTC).timestamp()

    async def fail() -> None:
        raise OSError("no paper")

    outbox = Outbox(site.store, now=lambda: now_s)
    schedules = Schedules(site.store, outbox)
    schedules.add(Schedule("news", Times("0 8 * * *"), fail))
    await schedules.tick()
    now_s += 60
    await schedules.tick()
    await outbox.drain()
    [entry] = await entries(site)
    assert (entry.topic, entry.error) == ("cron:news", "OSError: no paper")
    assert (entry.key, entry.payload) == ("2026-03-01T08:00:00+00:00", {"due": "2026-03-01T08:00:00+00:00"})


async def test_a_schedule_may_be_asked_for(site: Site) -> None:
    assert (await morning.enqueue()).is_new
    assert not (await morning.enqueue()).is_new
    await site.outbox.drain()
    assert ran == ["morning"]
    with pytest.raises(KeyError):
        await site.schedules.run("nope")


async def test_names_of_the_site_are_taken(site: Site) -> None:
    own = Jobs()

    @own.cron("@daily", name="__pbOTPCleanup__")
    async def clean() -> None: ...

    with pytest.raises(ValueError, match="there is a schedule '__pbOTPCleanup__' already"):
        site.use_jobs(own)


# -- workers -----------------------------------------------------------------------------------------------


async def test_a_worker_works_until_it_is_told_to_stop_and_lets_jobs_end(tmp_path: Path) -> None:
    began, done, stop, own = asyncio.Event(), asyncio.Event(), asyncio.Event(), Jobs()

    @own.job
    async def slow() -> None:
        began.set()
        await asyncio.sleep(0.2)
        done.set()

    async with open_site(tmp_path / "data", shared=True) as site:
        site.use_jobs(own)
        working = asyncio.create_task(work(site, stop))
        await slow.enqueue()
        await asyncio.wait_for(began.wait(), 5)
        await slow.enqueue()
        stop.set()
        await asyncio.wait_for(working, 5)
        assert done.is_set()
        left = await entries(site)
        assert all(entry.state == "waiting" for entry in left)


async def test_a_server_may_leave_jobs_to_workers(tmp_path: Path) -> None:
    ran.clear()
    async with open_site(tmp_path / "data", works=True, jobs=False) as site:
        site.use_jobs(jobs)
        await chain.enqueue(0)
        await asyncio.sleep(0.1)
        assert ran == []
        async with open_site(tmp_path / "data", works=True) as worker:
            worker.use_jobs(jobs)
            for _ in range(300):
                if ran:
                    break
                await asyncio.sleep(0.01)
        assert ran == [0]


async def test_the_clock_starts_what_is_due_in_an_opened_site(tmp_path: Path) -> None:
    ran.clear()
    every, happened = Jobs(), asyncio.Event()

    @every.cron("* * * * *")
    async def minutely() -> None:
        happened.set()

    async with open_site(tmp_path / "data") as site:
        site.use_jobs(every)
        await site.schedules.tick()
        await site.store.write(_hour_ago)
        site.start_work()
        await asyncio.wait_for(happened.wait(), 5)


async def _hour_ago(tx: Transaction) -> None:
    await tx.execute(Statement("UPDATE _schedules SET seen = seen - 3600 WHERE name = 'minutely'"))


async def test_one_clock_moves_all(site: Site) -> None:
    noon = datetime(2030, 6, 1, 7, 0, tzinfo=UTC)
    site.outbox.now = noon.timestamp
    await site.schedules.tick()
    await chain.later(at=noon + timedelta(hours=3)).enqueue(7)
    site.outbox.now = (noon + timedelta(hours=2)).timestamp
    await site.schedules.tick()
    await site.outbox.drain()
    assert ran == ["morning"]
    site.outbox.now = (noon + timedelta(hours=3)).timestamp
    await site.outbox.drain()
    assert ran == ["morning", 7, 6, 5, 4, 3, 2, 1, 0]
