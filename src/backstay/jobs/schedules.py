"""Starts what is due by the clock: one process starts a run, whichever comes first.

When a schedule was last looked after stands in `_schedules`, and a run is an effect of the outbox that is recorded in
the same transaction: so a run is started once, is tried again when it fails, and is seen like any other.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import Literal, TypeAlias

import msgspec

from backstay.jobs.times import Times
from backstay.outbox import Effect, Outbox, Queued, Retry
from backstay.plans.params import Statement
from backstay.stores.base import Store, Transaction
from backstay.stores.tables import key, seconds, system_table, text

log = logging.getLogger("backstay")

Missed: TypeAlias = Literal["run_once", "skip"]

TABLE = system_table("_schedules", key("name"), text("rule"), seconds("seen"))
TOPIC = "cron:"
LATE_S = 60.0
"""A run that is later than this was missed."""
LOOK_S = 30.0
"""How long it sleeps at most: clocks are put right, machines sleep."""

_SEEN = Statement("SELECT name, rule, seen FROM _schedules")
_SEEN_ONE = Statement("SELECT name, rule, seen FROM _schedules WHERE name = ?")
_SAVE = Statement(
    "INSERT INTO _schedules (name, rule, seen) VALUES (?, ?, ?) "
    "ON CONFLICT (name) DO UPDATE SET rule = excluded.rule, seen = excluded.seen"
)


class Schedule(msgspec.Struct, frozen=True):
    """What runs when.

    missed:    "run_once": what was missed while nobody ran is made up for by one run; "skip": it is not
    timeout_s: how long a try may take
    """

    name: str
    times: Times
    function: Callable[[], Awaitable[object]]
    missed: Missed = "run_once"
    retry: Retry = Retry(attempts=4)
    timeout_s: float = 300.0

    @property
    def topic(self) -> str:
        return TOPIC + self.name

    def due(self, seen_s: float, now_s: float) -> datetime | None:
        """Return for which time a run is to be started now, or None.

        seen_s: up to when all runs were started, Unix seconds
        """
        now = _time(now_s)
        recent = self.times.next_after(_time(max(seen_s, now_s - LATE_S)))
        if recent is not None and recent <= now:
            return recent
        first = self.times.next_after(_time(seen_s)) if self.missed == "run_once" else None
        return first if first is not None and first <= now else None


class Schedules:
    """The schedules of one site. They are added before `start`."""

    def __init__(self, store: Store, outbox: Outbox) -> None:
        self._store, self._outbox = store, outbox
        self._schedules: dict[str, Schedule] = {}
        self._task: asyncio.Task[None] | None = None

    def __iter__(self) -> Iterator[Schedule]:
        return iter(self._schedules.values())

    def add(self, schedule: Schedule) -> None:
        """Look after one more schedule. Raises ValueError when its name is taken."""
        if schedule.name in self._schedules:
            raise ValueError(f"there is a schedule '{schedule.name}' already")
        self._schedules[schedule.name] = schedule

        async def run(_: Effect) -> None:
            await schedule.function()

        self._outbox.handle(schedule.topic, run, schedule.retry, timeout_s=schedule.timeout_s, concurrency=1)

    async def run(self, name: str) -> Queued:
        """Let a schedule run now, besides its times. One that is asked for already is not added to.

        Raises KeyError when there is no such schedule.
        """
        topic = self._schedules[name].topic
        return await self._store.write(lambda tx: self._outbox.add(tx, topic, {}, key="asked", unique=True))

    # -- by the clock ---------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to look at the clock, in this process's event loop."""
        self._task = asyncio.create_task(self._run_forever(), name="schedules")

    async def stop(self) -> None:
        """End; runs that were started go on in the outbox."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _run_forever(self) -> None:
        while True:
            try:
                await self.tick()
            except Exception:  # the database is away or full: the next look makes up for it
                log.warning("schedules can't be looked after", exc_info=True)
            await asyncio.sleep(self._pause_s())

    def _pause_s(self) -> float:
        """Return how long nothing is due, with one look in `LOOK_S` at least."""
        now_s = self._outbox.now()
        coming = (schedule.times.next_after(_time(now_s)) for schedule in self)
        return min([LOOK_S, *(due.timestamp() - now_s for due in coming if due is not None)])

    async def tick(self) -> None:
        """Start what is due."""
        seen = {name: (rule, seen_s) for name, rule, seen_s in await self._store.fetch(_SEEN)}
        now_s = self._outbox.now()
        due = [
            schedule
            for schedule in self
            if (known := seen.get(schedule.name)) is None
            or known[0] != schedule.times.rule
            or schedule.due(known[1], now_s) is not None
        ]
        if due:
            await self._store.write(lambda tx: self._start(tx, due))

    async def _start(self, tx: Transaction, schedules: list[Schedule]) -> None:
        """Start runs that are due still: another process may have been first."""
        for schedule in schedules:
            rows = await tx.fetch(_SEEN_ONE, [schedule.name])
            now_s = self._outbox.now()
            is_known = bool(rows) and rows[0][1] == schedule.times.rule
            due = schedule.due(rows[0][2], now_s) if is_known else None
            if due is not None or not is_known:  # a new schedule has missed nothing
                await tx.execute(_SAVE, [schedule.name, schedule.times.rule, now_s])
            if due is not None:
                await self._record(tx, schedule, due)

    async def _record(self, tx: Transaction, schedule: Schedule, due: datetime) -> None:
        if await self._outbox.is_unfinished(tx, schedule.topic):
            log.warning("schedule %s is left out: its last run is not over", schedule.name)
            return
        key = due.isoformat()
        await self._outbox.add(tx, schedule.topic, {"due": key}, key=key, unique=True)


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
