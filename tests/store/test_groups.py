"""Jobs that are committed together: each sees what the one before it wrote, and a refused one leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from backstay.plans.params import Statement
from backstay.site import Site
from backstay.stores.base import Job, StoreError, Transaction
from backstay.stores.catalog import load_version

pytestmark = pytest.mark.anyio
RAISE = Statement(
    "UPDATE _params SET value = CAST(CAST(value AS INTEGER) + 1 AS TEXT) WHERE id = 'catalogVersion'"
)
ADD = Statement("INSERT INTO _params (id, value) VALUES (?, '1')")
NAMES = Statement("SELECT id FROM _params WHERE id LIKE 'name%' ORDER BY id")


async def together(site: Site, *jobs: Job[Any]) -> list[Any]:
    """Run jobs in one commit: they wait together while another one is at work."""
    ready = asyncio.Event()

    async def hold(tx: Transaction) -> None:
        await ready.wait()

    holding = asyncio.create_task(site.store.write(hold))
    await asyncio.sleep(0.05)
    waiting = [asyncio.create_task(site.store.write(job)) for job in jobs]
    await asyncio.sleep(0)
    ready.set()
    await holding
    return await asyncio.gather(*waiting, return_exceptions=True)


async def test_definitions_that_the_job_before_has_changed(site: Site) -> None:
    async def change(tx: Transaction) -> None:
        await load_version(tx)
        await tx.execute(RAISE)

    async def fail(tx: Transaction) -> None:
        await tx.execute(RAISE)
        raise LookupError

    first, _, second, _, third, _, fourth = await together(
        site, load_version, change, load_version, change, load_version, fail, load_version
    )
    assert isinstance(first, int)
    assert (second, third, fourth) == (first + 1, first + 2, first + 2)


async def test_one_that_fails_between_others(site: Site) -> None:
    """With nothing done yet, with savepoints of its own, after a statement that was refused."""

    async def good(tx: Transaction, name: str) -> None:
        async with tx.savepoint():
            await tx.execute(ADD, [name])

    async def early(tx: Transaction) -> None:
        raise LookupError

    async def within(tx: Transaction) -> None:
        await tx.execute(ADD, ["name_lost"])
        async with tx.savepoint():
            await tx.execute(ADD, ["name_1"])

    async def half(tx: Transaction) -> None:
        await tx.execute(ADD, ["name_3"])
        with contextlib.suppress(LookupError):
            async with tx.savepoint():
                await tx.execute(ADD, ["name_lost"])
                raise LookupError

    async def nothing(tx: Transaction) -> None:
        """Do nothing."""

    answers = await together(
        site,
        nothing,
        lambda tx: good(tx, "name_1"),
        early,
        nothing,
        within,
        lambda tx: good(tx, "name_2"),
        half,
        early,
        lambda tx: good(tx, "name_4"),
    )
    kinds = [type(answer) for answer in answers]
    assert kinds[2] is kinds[7] is LookupError
    assert issubclass(kinds[4], StoreError)
    assert {kind for at, kind in enumerate(kinds) if at not in {2, 4, 7}} == {type(None)}
    assert [name for (name,) in await site.store.fetch(NAMES)] == [f"name_{n}" for n in range(1, 5)]
