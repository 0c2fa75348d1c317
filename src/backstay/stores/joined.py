"""Taking part in a transaction that is open further up the call: what a site's own code does in hooks and blocks.

Within `join`, the store's `fetch` and `write` work in the joined transaction: reads see what it has written so far, and
each write is a savepoint of it. Tasks that outlive the block are on their own again. Who goes on in a transaction that was
taken away (it was held for too long) is told so by the transaction itself, since half of a change must not be written.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from backstay.errors import Unavailable
from backstay.stores.base import Job, Store, Transaction

T = TypeVar("T")


class Joined:
    """A transaction as one scope of code sees it; scopes within it take turns."""

    __slots__ = ("_turn", "is_over", "store", "tx")

    def __init__(self, store: Store, tx: Transaction) -> None:
        self.store, self.tx = store, tx
        self.is_over = False
        self._turn = asyncio.Lock()

    async def write(self, job: Job[T]) -> T:
        """Run a job in a savepoint; what it raises undoes its own work."""
        async with self._turn, self.tx.savepoint():
            with join(self.store, self.tx):
                return await job(self.tx)


_current: ContextVar[Joined | None] = ContextVar("joined", default=None)


def joined(store: Store) -> Joined | None:
    """Return the transaction of a store that this code is in, or None."""
    found = _current.get()
    return found if found is not None and found.store is store and not found.is_over else None


@contextmanager
def join(store: Store, tx: Transaction) -> Iterator[Joined]:
    """Let the code of this block, and what it calls, take part in a transaction."""
    here = Joined(store, tx)
    token = _current.set(here)
    try:
        yield here
    finally:
        here.is_over = True
        _current.reset(token)


class _LeftError(Exception):
    """Tells the transaction that its block was left by an exception."""


@asynccontextmanager
async def held(store: Store, *, limited: bool = True) -> AsyncIterator[Transaction]:
    """Hold one transaction for a block; it ends with the block, undone when that raises.

    limited: give it up when it is held too long; see `Store.write`

    Raises what the store raises where there is no transaction to be had, or none any more at the end.
    """
    began: asyncio.Future[Transaction] = asyncio.get_running_loop().create_future()
    ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def hold(tx: Transaction) -> None:
        if began.done():  # the database undid the transaction, and the block can't be run again
            raise Unavailable
        began.set_result(tx)
        await ended

    holding = asyncio.ensure_future(store.write(hold, limited=limited))
    waiting: set[asyncio.Future[Any]] = {began, holding}
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    if holding.done():
        await holding  # raises why there is no transaction
    try:
        yield began.result()
    except BaseException:
        if not ended.done():
            ended.set_exception(_LeftError())
        await asyncio.wait({holding})
        holding.exception()
        raise
    if not ended.done():
        ended.set_result(None)
    await holding


@asynccontextmanager
async def transaction(store: Store) -> AsyncIterator[Transaction]:
    """Let a block take part in one transaction: the one it is in already, as a savepoint, or one of its own.

    Raises Unavailable at the end, or with the next step, when it was held for too long: then nothing of it is kept.
    """
    outer = joined(store)
    if outer is not None:
        async with outer.tx.savepoint():
            with join(store, outer.tx):
                yield outer.tx
        return
    async with held(store) as tx:
        with join(store, tx):
            yield tx
