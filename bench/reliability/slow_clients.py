"""R14: clients that send their request byte by byte. Others don't feel it, and who never ends the head is cut."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path

from bench.client import Client
from bench.dataset import expect_ok
from bench.processes import Launcher
from bench.reliability.outcome import Outcome
from bench.reliability.site import ENTRIES, entry, open_site

_HEAD = b"GET /api/health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "
_PAUSE_S = 0.25
_CUT_WITHIN_S = 13.0


async def slow_clients(
    launcher: Launcher, folder: Path, *, slow: int = 200, others_max_ms: float = 50.0
) -> Outcome:
    """Open `slow` connections which drip, read and write beside them until all are cut, and time that."""
    outcome = Outcome()
    server = await open_site(launcher, folder / "data")
    try:
        dripping = [asyncio.create_task(_drip(server.port)) for _ in range(slow)]
        latencies_ms = await _work_beside(server.port, dripping)
        lived_s = sorted(await asyncio.gather(*dripping))
    finally:
        server.kill()
    ordered = sorted(latencies_ms)
    p50, highest = ordered[len(ordered) // 2], ordered[-1]
    outcome.figures |= {"slow clients": slow, "others' requests": len(ordered)}
    outcome.figures |= {"others p50 ms": round(p50, 1), "others max ms": round(highest, 1)}
    outcome.figures |= {"first cut after s": round(lived_s[0], 1), "last cut after s": round(lived_s[-1], 1)}
    outcome.expect(highest < others_max_ms, f"another client waited {highest:.0f} ms")
    outcome.expect(lived_s[-1] < _CUT_WITHIN_S, f"a slow client lived for {lived_s[-1]:.0f} s")
    return outcome


async def _drip(port: int) -> float:
    """Send a head that never ends; return how long the server put up with it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began = time.perf_counter()
    writer.write(_HEAD)
    with contextlib.suppress(ConnectionError):
        while time.perf_counter() - began < _CUT_WITHIN_S:
            writer.write(b"x")
            await writer.drain()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PAUSE_S):
                    if not await reader.read(1024):
                        break
    lived_s = time.perf_counter() - began
    writer.close()
    return lived_s


async def _work_beside(port: int, dripping: list[asyncio.Task[float]]) -> list[float]:
    """Write and read until the slow clients are gone; return the latencies in milliseconds."""
    latencies: list[float] = []
    async with Client(port) as client:
        number = 0
        while not all(task.done() for task in dripping):
            for method, path, body in (("POST", ENTRIES, entry("k", number)), ("GET", ENTRIES, None)):
                began = time.perf_counter()
                expect_ok(await client.request(method, path, body))
                latencies.append((time.perf_counter() - began) * 1000)
            number += 1
            await asyncio.sleep(0.02)
    return latencies
