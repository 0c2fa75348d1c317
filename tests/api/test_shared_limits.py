"""Rate limits of several processes on one database."""

from __future__ import annotations

import asyncio

import pytest

from tests.api.site import Served

pytestmark = pytest.mark.anyio
LIMIT = 20


async def limit(site: Served, duration: int) -> None:
    rule = {"label": "/api/health", "audience": "", "duration": duration, "maxRequests": LIMIT}
    body = {"rateLimits": {"enabled": True, "rules": [rule]}}
    assert (await site.send("PATCH", "/api/settings", who="boss", body=body)).status == 200


async def test_processes_count_together(two: tuple[Served, Served]) -> None:
    first, second = two
    await limit(first, 60)
    for _ in range(LIMIT - 1):
        assert (await first.get("/api/health")).status == 200
    for site in (second, first):
        answers = []
        for _ in range(LIMIT // 2):  # far fewer than one process alone would let through
            await asyncio.sleep(0.15)
            answers.append((await site.get("/api/health")).status)
        assert 429 in answers


async def test_a_window_ends_everywhere(two: tuple[Served, Served]) -> None:
    first, _ = two
    await limit(first, 1)
    for _ in range(LIMIT):
        assert (await first.get("/api/health")).status == 200
    refused = await first.get("/api/health")
    assert refused.status == 429
    assert int(refused.headers["retry-after"]) == 1
    async with asyncio.timeout(5):
        for site in two:
            while (await site.get("/api/health")).status != 200:
                await asyncio.sleep(0.1)
