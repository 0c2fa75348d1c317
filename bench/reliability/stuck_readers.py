"""R13: subscribers who stop reading. They are cut, with their memory; who reads hears everything, and writes stay quick."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from pathlib import Path

from bench.client import Client
from bench.dataset import expect_ok, open_rules, sign_in_superuser
from bench.processes import Launcher, Server
from bench.reliability.outcome import Outcome
from bench.reliability.site import open_site

EVENT_BYTES = 60_000
PAGE_CACHE_BYTES = 40_000_000
"""More than SQLite keeps of its file for a connection (`cache_size`)."""
_LETTERS = "/api/collections/letters/records"
_MARK = b"event:letters/*"
_HEARS_WITHIN_S = 20.0


async def stuck_readers(
    launcher: Launcher,
    folder: Path,
    *,
    stuck: int = 30,
    events: int = 200,
    write_max_ms: float = 20.0,
    memory_max_mb: float = 30.0,
) -> Outcome:
    """Subscribe `stuck` clients who read nothing and one who does, write `events` records, and count.

    Records are written before for nobody, until the database's page cache is full, so that memory which grows
    afterwards is what the subscribers cost.
    """
    outcome = Outcome()
    server = await open_site(launcher, folder / "data")
    listeners = [_Listener() for _ in range(stuck + 1)]
    try:
        await _make_collection(server.port)
        fresh = server.memory_bytes()
        await _write(server, PAGE_CACHE_BYTES // EVENT_BYTES)
        alone_mb = (server.memory_bytes() - fresh) / 1e6
        for listener in listeners:
            await listener.subscribe(server.port)
        good = asyncio.create_task(listeners[0].hear(events))
        before = server.memory_bytes()
        slowest_ms, highest = await _write(server, events)
        heard = await good
        highest = max(highest, server.memory_bytes())
        cut = sum(await asyncio.gather(*(listener.is_cut() for listener in listeners[1:])))
    finally:
        for listener in listeners:
            listener.close()
        server.kill()
    grown_mb = (highest - before) / 1e6
    outcome.figures |= {"stuck": stuck, "events": events, "heard": heard, "cut": cut}
    outcome.figures |= {"slowest write ms": round(slowest_ms, 1)}
    outcome.figures |= {"page cache MB": round(alone_mb, 1), "memory more MB": round(grown_mb, 1)}
    outcome.expect(heard == events, f"the good reader heard {heard} of {events}")
    outcome.expect(cut == stuck, f"{stuck - cut} stuck subscribers were not cut")
    outcome.expect(grown_mb < memory_max_mb, f"memory rose by {grown_mb:.0f} MB")
    outcome.expect(slowest_ms < write_max_ms, f"a write took {slowest_ms:.0f} ms")
    return outcome


async def _make_collection(port: int) -> None:
    async with Client(port) as client:
        await sign_in_superuser(client)
        field = {"name": "text", "type": "text", "max": EVENT_BYTES}
        body = {"name": "letters", "type": "base", "fields": [field], **open_rules()}
        expect_ok(await client.request("POST", "/api/collections", body))


async def _write(server: Server, events: int) -> tuple[float, int]:
    """Return the time of the slowest write in milliseconds, and the most memory seen, in bytes."""
    slowest, highest = 0.0, 0
    async with Client(server.port) as client:
        for number in range(events):
            started = time.perf_counter()
            expect_ok(await client.request("POST", _LETTERS, {"text": "x" * EVENT_BYTES}))
            slowest = max(slowest, time.perf_counter() - started)
            if number % 10 == 0:
                highest = max(highest, await asyncio.to_thread(server.memory_bytes))
    return slowest * 1000, highest


class _Listener:
    """A subscriber to all letters; it reads only when told to."""

    async def subscribe(self, port: int) -> None:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", port, limit=4096)
        self._writer.write(
            b"GET /api/realtime HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n"
        )
        while not (line := await self._reader.readline()).startswith(b"data:"):
            assert line, "the connection ended before it began"
        client_id = json.loads(line.partition(b":")[2])["clientId"]
        async with Client(port) as client:
            body = {"clientId": client_id, "subscriptions": ["letters/*"]}
            expect_ok(await client.request("POST", "/api/realtime", body))

    async def hear(self, events: int) -> int:
        """Return how many events came; ends with the last of `events`, or when none comes for long."""
        heard, rest = 0, b""
        with contextlib.suppress(TimeoutError):
            while heard < events:
                async with asyncio.timeout(_HEARS_WITHIN_S):
                    chunk = await self._reader.read(1 << 16)
                if not chunk:
                    break
                whole = rest + chunk
                heard += whole.count(_MARK) - rest.count(_MARK)
                rest = whole[-len(_MARK) :]
        return heard

    async def is_cut(self) -> bool:
        """Read what is there; tell whether the stream ends then."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_HEARS_WITHIN_S):
                while await self._reader.read(1 << 16):
                    pass
                return True
        return False

    def close(self) -> None:
        self._writer.close()
