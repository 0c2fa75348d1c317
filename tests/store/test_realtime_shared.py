"""The list of streams that processes share: while the database is away nobody can extend a lease, and nobody is forgotten."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from backstay.plans.params import Statement
from backstay.realtime.channel import Stream
from backstay.realtime.events import Relay
from backstay.realtime.shared import LEASE_S, SharedChannel
from backstay.site import Site
from backstay.stores.base import Transaction

pytestmark = pytest.mark.anyio
EVENTS = Statement("SELECT count(*) FROM _events")


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now_s = 1_000_000.0

    def __call__(self) -> float:
        return self.now_s


async def is_kept(site: Site, channel: SharedChannel) -> bool:
    """Tell whether what happens now is kept for whoever listens."""

    async def job(tx: Transaction) -> int:
        before = (await tx.fetch(EVENTS))[0][0]
        await channel.publish(tx, Relay("nobody", "topic", None))
        return int((await tx.fetch(EVENTS))[0][0]) - int(before)

    return await site.store.write(job) == 1


@asynccontextmanager
async def reading(channel: SharedChannel) -> AsyncIterator[list[str]]:
    """Let a channel run; what it delivers is kept: the kinds of the events."""
    kinds: list[str] = []
    channel.start(lambda numbered: kinds.append(type(numbered.event).__name__))
    try:
        await channel.caught_up()
        yield kinds
    finally:
        await channel.stop()


async def sleep_over(site: Site, here: SharedChannel, there: SharedChannel) -> None:
    """Let events happen and be cleared away which a process has not read, and one more that it reads."""

    async def job(tx: Transaction) -> None:
        for _ in range(3):
            await there.publish(tx, Relay("nobody", "topic", None))
        await tx.execute(Statement("DELETE FROM _events"), [])
        await there.publish(tx, Relay("nobody", "topic", None))

    await site.store.write(job)
    await here.caught_up()


async def test_what_happened_while_nobody_listened_is_not_known(site: Site) -> None:
    clock = Clock()
    here, there = (SharedChannel(site.store, now=clock) for _ in range(2))
    stream = Stream("one", "127.0.0.1", "", oauth2=False)
    async with reading(here) as heard:
        await there.opened(stream)
        await there.opened(Stream("two", "127.0.0.1", "", oauth2=False))
        assert await is_kept(site, there)
        for client_id in ("one", "two"):
            await there.closed(client_id)
        assert not await is_kept(site, there)
        await there.opened(stream)
        clock.now_s += 2 * LEASE_S
        await here.beat(is_late=False)
        await there.beat(is_late=False)
        await here.caught_up()
        assert heard == ["Lapsed", "Lapsed", "Relay", "Lapsed", "Lapsed"]


async def test_a_process_that_slept_knows_that_it_missed_something(site: Site) -> None:
    clock = Clock()
    here, there = (SharedChannel(site.store, now=clock) for _ in range(2))
    await there.opened(Stream("one", "127.0.0.1", "", oauth2=False))
    async with reading(here) as heard:
        await here.send(Relay("nobody", "topic", None))
        await here.caught_up()
        assert heard == ["Lapsed", "Relay"]
        await sleep_over(site, here, there)
        assert heard == ["Lapsed", "Relay", "Lapsed", "Relay"]


async def test_streams_outlive_the_database_being_away(site: Site) -> None:
    clock = Clock()
    here, there = (SharedChannel(site.store, now=clock) for _ in range(2))
    await there.opened(Stream("one", "127.0.0.1", "ann", oauth2=False))
    clock.now_s += 10 * LEASE_S  # the database is away
    assert await is_kept(site, here), "its process has had no time to extend its lease"
    await here.beat(is_late=True)
    assert await is_kept(site, here)
    await there.beat(is_late=True)
    found = await here.find("one")
    assert found is not None
    assert found.viewer == "ann"


async def test_a_process_that_was_forgotten_makes_its_streams_known_again(site: Site) -> None:
    clock = Clock()
    here, there = (SharedChannel(site.store, now=clock) for _ in range(2))
    await there.opened(Stream("one", "127.0.0.1", "", oauth2=False))
    await there.changed(Stream("one", "127.0.0.1", "ann", oauth2=True))
    await there.opened(Stream("two", "127.0.0.1", "", oauth2=False))
    await there.closed("two")
    clock.now_s += 2 * LEASE_S
    await here.beat(is_late=False)
    assert await here.find("one") is None
    assert not await is_kept(site, here)
    await there.beat(is_late=False)
    assert await here.find("one") == Stream("one", "127.0.0.1", "ann", oauth2=True)
    assert await here.find("two") is None
