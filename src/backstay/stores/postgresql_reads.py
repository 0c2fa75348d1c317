"""Reads on PostgreSQL, over few connections.

What is cheap goes at once on a wire that has little to do. Anything else has a wire by itself for as long as it runs, and
one is always left to what is cheap. A pool of plain connections takes what wires can't: while there are too few of them,
when one is lost, and behind a pooler, where the server connection is another one each time.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from math import ceil
from typing import Any, TypeAlias

from psycopg import AsyncConnection, Error
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from backstay.catalog.fields import DbValue
from backstay.errors import Unavailable
from backstay.plans.params import Statement
from backstay.stores.base import QueryTimeout, Row
from backstay.stores.postgresql_errors import is_lost, is_stale, is_timeout, translated
from backstay.stores.postgresql_link import ALIVE, Link, set_up
from backstay.stores.postgresql_wire import Refused, Result, Wire

RECONNECT_S = 2.0
"""How long the pool tries to replace a connection, each time after twice the wait; then whoever wants one next makes it
try anew. With its own 300 s the database could be back for as long as it was away until anybody reads again."""
MEND_S = 0.25
"""How long is waited until a wire is tried again that could not be had."""
CROWDED = 4
"""Trips under way on the wire with the fewest that make it worth to have another one."""
DEAR_S = 0.05
"""Seconds after which a query counts as dear: half of the connections are for those at most."""
DEAR_TEXTS_MAX = 1000

NewWire: TypeAlias = Callable[[], Awaitable[Wire]]


class Wires:
    """Connections which are opened as they are needed, and again when they are lost.

    connect: opens one; raises psycopg.Error
    most:    how many there are at most
    wait_s:  how long somebody waits for one of his own before he is refused with 503
    """

    def __init__(self, connect: NewWire, most: int, wait_s: float) -> None:
        self._connect, self._most, self._wait_s = connect, most, wait_s
        self._all: set[Wire] = set()
        self._open: list[Wire] = []  # those that nobody has for himself
        self._waiting: deque[asyncio.Future[Wire]] = deque()
        self._growing: asyncio.Task[None] | None = None

    async def close(self) -> None:
        if self._growing is not None:
            self._growing.cancel()
            await asyncio.gather(self._growing, return_exceptions=True)
        for wire in list(self._all):
            await wire.close()

    def shared(self) -> Wire | None:
        """Return the wire that has least to do, None when there is none."""
        wire = min(self._open, key=_pending, default=None)
        if wire is None or wire.pending >= CROWDED:
            self._grow()
        return wire

    async def own(self) -> Wire | None:
        """Return a wire for one alone, until it is given back; None while there are not enough. Raises Unavailable."""
        if len(self._open) > 1:
            wire = min(self._open, key=_pending)
            self._open.remove(wire)
            return wire
        if len(self._all) < self._most:
            self._grow()
            return None
        waiter: asyncio.Future[Wire] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            async with asyncio.timeout(self._wait_s):
                return await waiter
        except BaseException as exc:
            if waiter.done() and not waiter.cancelled():
                self.give_back(waiter.result())
            if isinstance(exc, TimeoutError):
                raise Unavailable from exc
            raise

    def give_back(self, wire: Wire) -> None:
        """Let others have a wire; one that is lost is replaced."""
        if wire.is_lost:
            return
        while self._waiting and len(self._open) > 0:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(wire)
                return
        self._open.append(wire)

    def _grow(self) -> None:
        if len(self._all) < self._most and self._growing is None:
            self._growing = asyncio.create_task(self._open_one(), name="connect")

    async def _open_one(self) -> None:
        try:
            wire = await self._connect()
            wire.when_lost = partial(self._lost, wire)
            self._all.add(wire)
            self.give_back(wire)
        except (Error, OSError):
            await asyncio.sleep(MEND_S)
        finally:
            self._growing = None

    def _lost(self, wire: Wire) -> None:
        self._all.discard(wire)
        if wire in self._open:
            self._open.remove(wire)
        if self._waiting:
            self._grow()


class PostgresqlReads:
    """See the module.

    connect:         opens a wire; None where the server connection is another one each time
    readers:         connections of each kind, at most
    wait_s:          how long anybody waits for one before he is refused with 503
    limit_s:         tells how long a query may take
    """

    def __init__(
        self,
        url: str,
        connect: NewWire | None,
        *,
        readers: int,
        wait_s: float,
        limit_s: Callable[[], float],
    ) -> None:
        self._readers, self._limit_s = readers, limit_s
        self._wires = Wires(connect, max(readers, 2), wait_s) if connect else None
        self._pool = AsyncConnectionPool(
            url,
            open=False,
            min_size=1,
            max_size=readers,
            timeout=wait_s,
            kwargs={"autocommit": True, "connect_timeout": ceil(wait_s), **ALIVE},
            reconnect_timeout=RECONNECT_S,
            configure=_configure,
        )
        self._dear: OrderedDict[str, None] = OrderedDict()
        self._dear_turn = asyncio.Semaphore(max(1, readers // 2))

    async def open(self) -> None:
        await self._pool.open()

    async def close(self) -> None:
        if self._wires is not None:
            await self._wires.close()
        await self._pool.close()

    async def fetch(self, statement: Statement, values: Sequence[DbValue]) -> list[Row]:
        """See `Store.fetch`."""
        if statement.is_cheap:
            wire = self._wires.shared() if self._wires else None
            rows = await self._on_shared(wire, statement, values) if wire else None
            return rows if rows is not None else await self._on_any(statement, values)
        if statement.sql not in self._dear:
            return await self._fetch_timed(statement, values)
        async with self._dear_turn:  # the other connections are for what is not
            return await self._fetch_timed(statement, values)

    async def _fetch_timed(self, statement: Statement, values: Sequence[DbValue]) -> list[Row]:
        """Read, and remember what takes long."""
        wire = await self._wires.own() if self._wires else None
        began_s = time.monotonic()
        try:
            rows = await self._on_own(wire, statement, values) if wire else None
            return rows if rows is not None else await self._on_any(statement, values)
        finally:
            if time.monotonic() - began_s > DEAR_S:
                self._dear[statement.sql] = None
                if len(self._dear) > DEAR_TEXTS_MAX:
                    self._dear.popitem(last=False)

    # -- on wires ---------------------------------------------------------------------------------------------

    async def _on_shared(
        self, wire: Wire, statement: Statement, values: Sequence[DbValue]
    ) -> list[Row] | None:
        """Read among others; None where the pool has to."""
        try:
            return await self._within_limit(wire.send([(statement, values)]))
        except Refused as refused:
            self._check(refused.error)
            return None
        except Error:
            return None

    async def _on_own(self, wire: Wire, statement: Statement, values: Sequence[DbValue]) -> list[Row] | None:
        """Read on a wire for this alone, which others have again when the server is done; None where the pool has to."""
        assert self._wires is not None, "it has the wire from there"
        try:
            answer = wire.send([(statement, values)])
        except (Refused, Error):
            self._wires.give_back(wire)
            return None
        answer.add_done_callback(partial(self._done, wire))
        try:
            return await self._within_limit(asyncio.shield(answer))
        except Refused as refused:
            self._check(refused.error)
            return None
        except Error:
            return None

    def _done(self, wire: Wire, answer: asyncio.Future[list[Result]]) -> None:
        if not answer.cancelled():
            answer.exception()  # it counts as seen, though whoever asked may have gone
        if self._wires is not None:
            self._wires.give_back(wire)

    async def _within_limit(self, answer: asyncio.Future[list[Result]]) -> list[Row]:
        try:
            async with asyncio.timeout(self._limit_s()):
                return (await answer)[0].rows
        except TimeoutError as exc:
            raise QueryTimeout(self._limit_s()) from exc

    def _check(self, exc: Error) -> None:
        """Raise what a refusal means, unless another connection may do better: reading twice does no harm."""
        if is_timeout(exc):
            raise QueryTimeout(self._limit_s()) from exc
        if exc.sqlstate and not is_lost(exc) and not is_stale(exc):
            raise translated(exc) from exc

    # -- on the pool ------------------------------------------------------------------------------------------

    async def _on_any(self, statement: Statement, values: Sequence[DbValue]) -> list[Row]:
        """Read on any connection; on another one where that was lost.

        After a restart of the server all that the pool holds are lost; each is thrown away when it is found so.
        """
        for tries in range(self._readers + 1):
            try:
                async with self._pool.connection() as connection, asyncio.timeout(self._limit_s()):
                    return await Link(connection).rows(statement, values)
            except PoolTimeout as exc:
                raise Unavailable from exc
            except TimeoutError as exc:
                raise QueryTimeout(self._limit_s()) from exc
            except Error as exc:
                if tries == self._readers or not is_lost(exc):
                    raise translated(exc) from exc
        raise AssertionError("the last try raises")


async def _configure(connection: AsyncConnection[Any]) -> None:
    set_up(connection, is_direct=False)  # few statements come here, and none often enough to keep its plan


def _pending(wire: Wire) -> int:
    return wire.pending
