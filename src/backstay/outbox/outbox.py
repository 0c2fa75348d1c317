"""The outbox: what must happen because of a write, kept in the same transaction as the write.

A mail is sent, a file removed: outside the database, so it can't be undone with it. Its order is a row of `_outbox`,
which is on disk exactly when its cause is. Each process takes rows that are due, one process a row, by moving `due`
into the future: that is its lease. A process that dies leaves the row, which is due again when the lease is over, or when
`release` is told of the death. So an effect happens at least once, and handlers must bear being called twice.

What was tried often enough is kept as failed, with its error, for people to look at.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import msgspec

from backstay.outbox import statements as sql
from backstay.plans.params import Statement
from backstay.stores.base import Store, StoreError, Transaction

log = logging.getLogger("backstay")

POLL_S = 1.0
"""How long an effect which another process recorded may wait to be seen."""
LEASE_S = 120.0
"""How long a handler may take before another process may take the effect over."""
AT_ONCE_MAX = 8
"""Effects that one process works on at a time."""
ERROR_MAX_CHARS = 1000
KEY_END = "\U0010ffff"
"""Follows every character of a key."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Effect(msgspec.Struct, frozen=True):
    """One effect that is due.

    id:       grows with each effect that is recorded
    attempts: how often it has been begun, this time included
    """

    id: int
    topic: str
    payload: dict[str, Any]
    attempts: int


Handler: TypeAlias = Callable[[Effect], Awaitable[None]]


class GiveUp(Exception):
    """The effect can't succeed, however often it is tried: raised by handlers."""


class Retry(msgspec.Struct, frozen=True):
    """How often an effect is tried, and how long it waits in between: twice as long each time, with some chance.

    first_s, longest_s: seconds before the second try, and at most
    """

    attempts: int = 8
    first_s: float = 5.0
    longest_s: float = 3600.0

    def delay_s(self, attempts: int) -> float:
        """Return how long to wait after `attempts` tries have failed."""
        wait_s = min(self.first_s * 2.0 ** min(attempts - 1, 32), self.longest_s)
        return wait_s * random.uniform(0.8, 1.2)  # noqa: S311 - it only keeps failures from coming in step


class Outbox:
    """The outbox of one store. Handlers are registered before `start`.

    holder: this process, by a name that no other has
    """

    def __init__(self, store: Store, *, holder: str = "", now: Callable[[], float] = time.time) -> None:
        self._store, self._holder, self._now = store, holder, now
        self._handlers: dict[str, tuple[Handler, Retry]] = {}
        self._awake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._running: set[asyncio.Task[None]] = set()

    def handle(self, topic: str, handler: Handler, retry: Retry | None = None) -> None:
        """Let `handler` do the effects of a topic."""
        assert topic not in self._handlers, "a topic has one handler"
        self._handlers[topic] = (handler, retry or Retry())

    # -- recording ------------------------------------------------------------------------------------------

    async def add(
        self, tx: Transaction, topic: str, payload: Mapping[str, Any], *, delay_s: float = 0.0, key: str = ""
    ) -> None:
        """Record an effect in a transaction; it is done once that is on disk, and `delay_s` have passed.

        key: a name by which `cancel` finds it; need not be unique
        """
        now = self._now()
        await tx.execute(sql.ADD, [topic, key, _encode(payload).decode(), now + delay_s, now])
        if not delay_s:
            tx.after_commit(self._awake.set)

    async def cancel(self, tx: Transaction, topic: str, key: str) -> bool:
        """Take back the effects with a key that have not been done. Tells whether there were any."""
        return bool(await tx.execute(sql.CANCEL, [topic, key]))

    async def hasten(self, tx: Transaction, topic: str, *, prefix: str) -> None:
        """Make the effects of a topic due at once that wait for their first try, and whose key starts so."""
        await tx.execute(sql.HASTEN, [self._now(), topic, prefix, prefix + KEY_END])
        tx.after_commit(self._awake.set)

    async def release(self, tx: Transaction, holder: str) -> None:
        """Make due at once what a process was doing that is dead."""
        await tx.execute(sql.RELEASE, [self._now(), holder])
        tx.after_commit(self._awake.set)

    # -- doing ----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to do what is due, in this process's event loop."""
        self._task = asyncio.create_task(self._run_forever(), name="outbox")

    async def stop(self) -> None:
        """End; what was under way is due again at once, in whichever process comes next."""
        tasks = [task for task in (self._task, *self._running) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._task = None

    async def drain(self) -> None:
        """Do all that is due now, and return when it is done: for commands, and for tests."""
        while effects := await self._take():
            await asyncio.gather(*(self._do(effect) for effect in effects))

    async def _run_forever(self) -> None:
        while True:
            self._awake.clear()
            try:
                took = await self._take() if len(self._running) < AT_ONCE_MAX else []
            except Exception:  # the database is away or full: what is due stays due
                log.warning("outbox can't be read", exc_info=True)
                took = []
            for effect in took:
                task = asyncio.create_task(self._do(effect), name=f"effect {effect.topic}")
                self._running.add(task)
                task.add_done_callback(self._done)
            if not took:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._awake.wait(), await self._pause_s())

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._awake.set()

    async def _pause_s(self) -> float:
        try:
            due = (await self._store.fetch(sql.NEXT_DUE))[0][0]
        except StoreError:
            return POLL_S
        return POLL_S if due is None else min(max(due - self._now(), 0.01), POLL_S)

    async def _take(self) -> list[Effect]:
        """Take the lease of effects that are due."""
        now, free = self._now(), AT_ONCE_MAX - len(self._running)
        if not await self._store.fetch(sql.DUE, [now, 1]):
            return []

        async def job(tx: Transaction) -> list[Effect]:
            rows = await tx.fetch(sql.DUE, [now, free])
            for row in rows:
                await tx.execute(sql.LEASE, [now + LEASE_S, self._holder, row[0]])
            return [Effect(row[0], row[1], _decode(row[2]), row[3] + 1) for row in rows]

        return await self._store.write(job)

    async def _do(self, effect: Effect) -> None:
        handler, retry = self._handlers.get(effect.topic, (_unknown, Retry()))
        try:
            await asyncio.wait_for(handler(effect), LEASE_S * 0.8)
        except asyncio.CancelledError:
            await self._write(sql.PUT_BACK, [self._now(), effect.id, effect.attempts])
            raise
        except GiveUp as exc:
            await self._fail(effect, exc)
        except Exception as exc:  # a handler may raise anything; what it was is kept with the effect
            if effect.attempts >= retry.attempts:
                await self._fail(effect, exc)
                return
            log.warning("effect %s will be tried again", effect.topic, exc_info=exc)
            due = self._now() + retry.delay_s(effect.attempts)
            await self._write(sql.RETRY, [due, _describe(exc), effect.id, effect.attempts])
        else:
            await self._write(sql.DONE, [effect.id, effect.attempts])

    async def _fail(self, effect: Effect, exc: Exception) -> None:
        log.error("effect %s failed for good", effect.topic, exc_info=exc)
        await self._write(sql.FAIL, [_describe(exc), effect.id, effect.attempts])

    async def _write(self, statement: Statement, values: list[Any]) -> None:
        """Write down how an effect went, unless another process has taken it over."""

        async def job(tx: Transaction) -> None:
            await tx.execute(statement, values)

        await self._store.write(job)


def _describe(exc: Exception) -> str:
    return f"{type(exc).__name__}: {exc}"[:ERROR_MAX_CHARS]


async def _unknown(effect: Effect) -> None:
    """Stand in where a topic has no handler: a later version or another plugin may have one."""
    raise LookupError(f"nothing handles the topic '{effect.topic}'")
