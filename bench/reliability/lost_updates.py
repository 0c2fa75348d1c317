"""R15: many clients change one record at once. Every acknowledged change is kept."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from bench.client import Client
from bench.dataset import expect_ok
from bench.processes import Launcher
from bench.reliability.outcome import Outcome
from bench.reliability.site import COUNTER_FIELDS, COUNTERS, open_site


async def lost_updates(
    launcher: Launcher, folder: Path, *, updates: int = 200, clients: int = 32, rounds: int = 10
) -> Outcome:
    """Add 1 to one number `updates` times over `clients` connections; then set different fields at once."""
    outcome = Outcome()
    server = await open_site(launcher, folder / "data")
    try:
        kept, acknowledged = await _add_up(server.port, updates, clients)
        outcome.figures |= {"additions acknowledged": acknowledged, "additions kept": kept}
        outcome.expect(
            acknowledged == updates, f"only {acknowledged} of {updates} additions were acknowledged"
        )
        outcome.expect(kept == acknowledged, f"{acknowledged - kept} of {acknowledged} additions were lost")
        lost, tried = await _set_different_fields(server.port, rounds)
        outcome.figures |= {"field updates acknowledged": tried, "field updates lost": lost}
        outcome.expect(not lost, f"{lost} of {tried} acknowledged updates of different fields were lost")
    finally:
        server.kill()
    return outcome


async def _new_counter(client: Client) -> str:
    return str(expect_ok(await client.request("POST", COUNTERS, {"views": 0})).json()["id"])


async def _add_up(port: int, updates: int, clients: int) -> tuple[int, int]:
    """Give the sum at the end, and how many additions were acknowledged."""
    left = iter(range(updates))

    async def add(path: str) -> int:
        async with Client(port) as client:
            return sum([(await client.request("PATCH", path, {"views+": 1})).ok for _ in left])

    async with Client(port) as client:
        path = f"{COUNTERS}/{await _new_counter(client)}"
        acknowledged = sum(await asyncio.gather(*(add(path) for _ in range(clients))))
        return int(expect_ok(await client.request("GET", path)).json()["views"]), acknowledged


async def _set_different_fields(port: int, rounds: int) -> tuple[int, int]:
    """Each client sets its own field, all at once. Give how many acknowledged updates were lost, and of how many."""
    lost = tried = 0
    async with contextlib.AsyncExitStack() as stack:
        reader = await stack.enter_async_context(Client(port))
        clients = [await stack.enter_async_context(Client(port)) for _ in range(COUNTER_FIELDS)]
        path = f"{COUNTERS}/{await _new_counter(reader)}"
        for number in range(1, rounds + 1):
            replies = await asyncio.gather(
                *(
                    client.request("PATCH", path, {f"f{field}": number})
                    for field, client in enumerate(clients)
                )
            )
            record = expect_ok(await reader.request("GET", path)).json()
            tried += sum(reply.ok for reply in replies)
            lost += sum(reply.ok and record[f"f{field}"] != number for field, reply in enumerate(replies))
    return lost, tried
