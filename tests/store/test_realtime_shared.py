"""The list of streams that processes share: while the database is away nobody can extend a lease, and nobody is forgotten."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backstay.plans.params import Statement
from backstay.realtime.channel import Stream
from backstay.realtime.events import Relay
from backstay.realtime.shared import LEASE_S, SharedChannel
from backstay.site import Site, open_site
from backstay.stores.base import Transaction

pytestmark = pytest.mark.anyio
EVENTS = Statement("SELECT count(*) FROM _events")


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now_s = 1_000_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with open_site(tmp_path / "data") as site:
        yield site


async def is_kept(site: Site, channel: SharedChannel) -> bool:
    """Tell whether what happens now is kept for whoever listens."""

    async def job(tx: Transaction) -> int:
        before = (await tx.fetch(EVENTS))[0][0]
        await channel.publish(tx, Relay("nobody", "topic", None))
        return int((await tx.fetch(EVENTS))[0][0]) - int(before)

    return await site.store.write(job) == 1


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
