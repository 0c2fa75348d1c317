"""The site that the experiments break: a few open collections, made over the API of the server itself."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from bench.client import Client
from bench.dataset import Field, expect_ok, open_rules, sign_in_superuser
from bench.processes import Launcher, Server, run_command

ENTRIES = "/api/collections/entries/records"
COUNTERS = "/api/collections/counters/records"
COUNTER_FIELDS = 16


async def open_site(launcher: Launcher, data: Path, *, prefix: Sequence[str] = ()) -> Server:
    """Make a site in the new folder `data` and start its server, batches allowed and rate limits off."""
    await asyncio.to_thread(run_command, launcher.superuser_command(data))
    server = await asyncio.to_thread(Server, launcher, data, prefix=prefix)
    try:
        await _fill(server.port)
    except BaseException:
        server.kill()
        raise
    return server


async def _fill(port: int) -> None:
    settings = {
        "batch": {"enabled": True, "maxRequests": 50, "timeout": 10},
        "rateLimits": {"enabled": False},
    }
    async with Client(port) as client:
        await sign_in_superuser(client)
        expect_ok(await client.request("PATCH", "/api/settings", settings))
        for collection in (_entries(), _counters()):
            expect_ok(await client.request("POST", "/api/collections", collection))


def _entries() -> dict[str, object]:
    fields: list[Field] = [
        {"name": "key", "type": "text"},
        {"name": "value", "type": "number"},
        {"name": "copy", "type": "number"},
        {"name": "filler", "type": "text"},
        {"name": "group", "type": "text"},
    ]
    return {
        "name": "entries",
        "type": "base",
        "fields": fields,
        "indexes": ["CREATE INDEX idx_entries_key ON entries (key)"],
        **open_rules(),
    }


def _counters() -> dict[str, object]:
    names = ["views", *(f"f{number}" for number in range(COUNTER_FIELDS))]
    fields: list[Field] = [{"name": name, "type": "number"} for name in names]
    return {"name": "counters", "type": "base", "fields": fields, **open_rules()}


def entry(key: str, value: int, *, group: str = "", size: int = 200) -> dict[str, object]:
    """Give the body of an entry, whose fields all say the same: one that was written by half shows it."""
    return {
        "key": key,
        "value": value,
        "copy": value,
        "filler": f"{value}:" + "x" * size,
        "group": group,
    }
