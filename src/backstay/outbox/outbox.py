"""The outbox: what must happen because of a write, kept in the same transaction as the write.

A mail is sent, a file removed, a job done: outside the database, so it can't be undone with it. Its order is a row of
`_outbox`, which is on disk exactly when its cause is. Each process takes rows that are due, one process a row, by moving
`due` into the future: that is its lease, which it extends while it works. A process that dies leaves the row, which is
due again when the lease is over, or when `release` is told of the death. So an effect happens at least once, and handlers
must bear being called twice.

What was tried often enough is kept as failed, with its error, for people to look at: see `ledger`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from backstay.outbox import statements as sql
from backstay.outbox.lanes import PRIORITY_MAX, Fetch, next_due, pick
from backstay.outbox.topics import (
    DEATHS_MAX,
    PER_TOPIC_MAX,
    TIMEOUT_S,
    UNKNOWN,
    Died,
    Effect,
    GiveUp,
    Handler,
    Retry,
    TookTooLong,
    Topic,
)
from backstay.plans.params import Statement
from backstay.stores.base import Store, Transaction

log = logging.getLogger("backstay")

POLL_S = 1.0
"""How long an effect which another process recorded may wait to be seen."""
LEASE_S = 120.0
"""How long nothing may be heard of a process until another one takes its effects over."""
RENEWALS = 3
"""How often a lease is extended within its time."""
AT_ONCE_MAX = 32
"""Effects that one process works on at a time."""
ERROR_MAX_CHARS = 1000
KEY_END = "\U0010ffff"
"""Follows every character of a key."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Queued(msgspec.Struct, frozen=True):
    """What came of recording an effect.

    is_new: False when one with its unique key waited already; `id` is that one's
    """

    id: int
    is_new: bool = True


class Outbox:
    """The outbox of one store. Handlers are registered before `start`.

    holder:  this process, by a name that no other has
    now:     the clock, Unix seconds; also that of the site's schedules
    lease_s: see LEASE_S
    """

    def __init__(
        self,
        store: Store,
        *,
        holder: str = "",
        now: Callable[[], float] = time.time,
        lease_s: float = LEASE_S,
    ) -> None:
        self._store, self._holder, self._lease_s = store, holder, lease_s
        self.now = now
        self._topics: dict[str, Topic] = {}
        self._turn = asyncio.Lock()
        self._awake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._at_work: dict[int, str] = {}
        self._is_taking = False

    def handle(
        self,
        topic: str,
        handler: Handler,
        retry: Retry | None = None,
        *,
        timeout_s: float = TIMEOUT_S,
        concurrency: int | None = None,
    ) -> None:
        """Let `handler` do the effects of a topic; the options are those of `Topic`."""
        assert topic not in self._topics, "a topic has one handler"
        self._topics[topic] = Topic(handler, retry or Retry(), timeout_s, concurrency)

    # -- recording ------------------------------------------------------------------------------------------

    async def add(
        self,
        tx: Transaction,
        topic: str,
        payload: Mapping[str, Any],
        *,
        delay_s: float = 0.0,
        key: str = "",
        unique: bool = False,
        priority: int = 0,
    ) -> Queued:
        """Record an effect in a transaction; it is done once that is on disk, and `delay_s` have passed.

        key:      a name by which `cancel` finds it
        unique:   record nothing when one of the topic with this key waits, for its first try or for another one. Looked
                  for before it is recorded: SQLite lets one write in at a time; another database needs a lock here
        priority: -100 to 100; the higher is done first
        """
        assert abs(priority) <= PRIORITY_MAX, "whoever asks has checked it"
        now = self.now()
        if unique and (waiting := await tx.fetch(sql.WAITING, [topic, key, now])):
            return Queued(waiting[0][0], is_new=False)
        text = _encode(payload).decode()
        rows = await tx.fetch(sql.ADD, [topic, key, text, now + delay_s, now, priority])
        if delay_s <= 0:
            tx.after_commit(self._awake.set)
        return Queued(rows[0][0])

    async def cancel(self, tx: Transaction, topic: str, key: str) -> bool:
        """Take back the effects with a key that have not been done. Tells whether there were any."""
        return bool(await tx.execute(sql.CANCEL, [topic, key]))

    async def hasten(self, tx: Transaction, topic: str, *, prefix: str) -> None:
        """Make the effects of a topic due at once that wait for their first try, and whose key starts so."""
        await tx.execute(sql.HASTEN, [self.now(), topic, prefix, prefix + KEY_END])
        tx.after_commit(self._awake.set)

    async def release(self, tx: Transaction, holder: str) -> None:
        """Make due at once what a process was doing that is dead."""
        await tx.execute(sql.RELEASE, [self.now(), holder])
        tx.after_commit(self._awake.set)

    async def is_unfinished(self, tx: Transaction, topic: str) -> bool:
        """Tell whether any effect of a topic waits or is being done."""
        return bool(await tx.fetch(sql.UNFINISHED, [topic]))

    def wake(self) -> None:
        """Look for what is due now, not with the next poll."""
        self._awake.set()

    # -- doing ----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to do what is due, in this process's event loop."""
        self._task = asyncio.create_task(self._run_forever(), name="outbox")

    async def stop(self, *, drain_s: float = 0.0) -> None:
        """End; what is still under way after `drain_s` is due again at once, in whichever process comes next."""
        if self._task is None:
            return
        await _end([self._task])
        self._task = None
        if self._tasks and drain_s > 0:
            await asyncio.wait(self._tasks, timeout=drain_s)
        await _end(self._tasks)
        await self._leave_nothing()

    async def _leave_nothing(self) -> None:
        """Put back what was stopped between taking and beginning; where that fails, its lease ends by itself."""
        if self._holder and (self._is_taking or self._at_work):
            try:
                await self._write(sql.PUT_ALL_BACK, [self.now(), self._holder])
            except Exception:
                log.warning("what was taken can't be put back", exc_info=True)
        self._is_taking = False
        self._at_work.clear()

    async def drain(self) -> None:
        """Do all that is due now, and return when it is done, with what this process does already: for commands and tests."""
        while True:
            effects = await self._take()
            await asyncio.gather(*(self._do(effect) for effect in effects))
            others = [task for task in self._tasks if task is not asyncio.current_task()]
            if others:
                await asyncio.wait(others)
            elif not effects:
                return

    async def _run_forever(self) -> None:
        while True:
            self._awake.clear()
            try:
                took = await self._take()
            except Exception:  # the database is away or full: what is due stays due
                log.warning("outbox can't be read", exc_info=True)
                took = []
            for effect in took:
                task = asyncio.create_task(self._do(effect), name=f"effect {effect.topic}")
                self._tasks.add(task)
                task.add_done_callback(self._done)
            if not took:
                pause_s = await self._pause_s()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause_s):  # wait_for may swallow a cancellation
                        await self._awake.wait()

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._awake.set()
        if not task.cancelled() and (fault := task.exception()) is not None:
            log.warning("how an effect went can't be written down; its lease will end", exc_info=fault)

    async def _pause_s(self) -> float:
        if len(self._at_work) >= AT_ONCE_MAX:
            return POLL_S
        try:
            due = await next_due(self._store.fetch, self._room)
        except Exception:  # the database is away: `_take` says so
            return POLL_S
        return POLL_S if due is None else min(max(due - self.now(), 0.01), POLL_S)

    async def _room(self, fetch: Fetch, topic: str) -> int:
        """Return how many more effects of a topic this process may begin."""
        here = sum(1 for name in self._at_work.values() if name == topic)
        concurrency = self._topics.get(topic, UNKNOWN).concurrency
        if concurrency is None:
            return PER_TOPIC_MAX - here
        running = (await fetch(sql.RUNNING, [topic, self.now()]))[0][0]
        return min(concurrency - int(running), PER_TOPIC_MAX - here)

    async def _take(self) -> list[Effect]:
        """Take the lease of effects that are due, one caller after the other."""
        async with self._turn:
            return await self._take_due()

    async def _take_due(self) -> list[Effect]:
        if self._is_taking:
            await self._store.write(self._put_lost_back)
        free = AT_ONCE_MAX - len(self._at_work)
        if free <= 0 or not await pick(self._store.fetch, self._room, self.now(), 1):
            return []

        async def job(tx: Transaction) -> list[Effect]:
            now = self.now()
            rows = await pick(tx.fetch, self._room, now, free)
            for row in rows:
                await tx.execute(sql.LEASE, [now + self._lease_s, now, self._holder, row[0]])
            return [Effect(row[0], row[1], _decode(row[2]), row[3] + 1) for row in rows]

        self._is_taking = True  # stays so where this is cancelled, or the database goes away
        took = await self._store.write(job)
        self._at_work |= {effect.id: effect.topic for effect in took}
        self._is_taking = False
        return took

    async def _put_lost_back(self, tx: Transaction) -> None:
        """Put back what was taken when the database went away: it may have committed that without our hearing of it."""
        for effect_id, attempts in await tx.fetch(sql.HELD, [self._holder]) if self._holder else ():
            if effect_id not in self._at_work:
                await tx.execute(sql.PUT_BACK, [self.now(), effect_id, attempts])
        self._is_taking = False

    async def _do(self, effect: Effect) -> None:
        topic = self._topics.get(effect.topic, UNKNOWN)
        try:
            await self._try(topic, effect)
        except asyncio.CancelledError:
            await self._write(sql.PUT_BACK, [self.now(), effect.id, effect.attempts])
            raise
        except (GiveUp, Died) as exc:
            await self._fail(effect, exc)
        except Exception as exc:  # a handler may raise anything; what it was is kept with the effect
            await self._try_again(topic.retry, effect, exc)
        else:
            await self._settle(sql.DONE, [effect.id, effect.attempts])
        finally:
            self._at_work.pop(effect.id, None)

    async def _try(self, topic: Topic, effect: Effect) -> None:
        """Let the handler do it, within its time. Raises what that raises, and TookTooLong."""
        if effect.attempts > topic.retry.attempts + DEATHS_MAX:
            raise Died
        limit = asyncio.timeout(topic.timeout_s)
        try:
            async with self._leased(effect), limit:
                await topic.handler(effect)
        except TimeoutError as exc:
            if limit.expired():
                raise TookTooLong(topic.timeout_s) from exc
            raise

    @asynccontextmanager
    async def _leased(self, effect: Effect) -> AsyncIterator[None]:
        """Extend the lease of an effect while the block runs."""
        keeping = asyncio.create_task(self._keep(effect), name="lease")
        try:
            yield
        finally:
            keeping.cancel()

    async def _keep(self, effect: Effect) -> None:
        while True:
            await asyncio.sleep(self._lease_s / RENEWALS)
            try:
                await self._write(sql.EXTEND, [self.now() + self._lease_s, effect.id, effect.attempts])
            except Exception:  # the database is away or full: there are more tries until the lease ends
                log.warning("the lease of an effect can't be extended", exc_info=True)

    async def _try_again(self, retry: Retry, effect: Effect, exc: Exception) -> None:
        if effect.attempts >= retry.attempts:
            await self._fail(effect, exc)
            return
        log.warning("effect %s will be tried again", effect.topic, exc_info=exc)
        due = self.now() + retry.delay_s(effect.attempts)
        await self._settle(sql.RETRY, [due, _describe(exc), effect.id, effect.attempts])

    async def _fail(self, effect: Effect, exc: Exception) -> None:
        log.error("effect %s failed for good", effect.topic, exc_info=exc)
        await self._settle(sql.FAIL, [_describe(exc), effect.id, effect.attempts])

    async def _settle(self, statement: Statement, values: list[Any]) -> None:
        """Write down how an effect went, as soon as the database takes it: what is done must not be done again for that.

        After the time of a lease it is given up, and the effect is done again.
        """
        ends_s = time.monotonic() + self._lease_s
        while True:
            try:
                await self._write(statement, values)
            except Exception:  # the database is away or full
                if time.monotonic() > ends_s:
                    raise
                await asyncio.sleep(POLL_S)
            else:
                return

    async def _write(self, statement: Statement, values: list[Any]) -> None:
        """Change an effect that is being done, unless another process has taken it over."""

        async def job(tx: Transaction) -> None:
            await tx.execute(statement, values)

        await self._store.write(job)


async def _end(tasks: Iterable[asyncio.Task[None]]) -> None:
    ending = list(tasks)
    for task in ending:
        task.cancel()
    await asyncio.gather(*ending, return_exceptions=True)


def _describe(exc: Exception) -> str:
    return f"{type(exc).__name__}: {exc}"[:ERROR_MAX_CHARS]
