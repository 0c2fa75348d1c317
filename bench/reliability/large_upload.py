"""One large upload: it goes to the disk as it comes, whatever its size, and comes back byte for byte."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx

from bench.client import Client
from bench.dataset import expect_ok, open_rules, sign_in_superuser
from bench.processes import Launcher, Server
from bench.reliability.outcome import Outcome
from bench.reliability.site import open_site

MEMORY_MAX_MB = 50.0
_BLOCK = bytes(range(256)) * 4096
_BOUNDARY = "large-upload"


async def large_upload(launcher: Launcher, folder: Path, *, size_mb: int = 200) -> Outcome:
    """Upload a file of `size_mb` MiB, watch the server's memory meanwhile, and read it back."""
    outcome = Outcome()
    server = await open_site(launcher, folder / "data")
    try:
        async with Client(server.port) as client:
            await sign_in_superuser(client)
            field = {"name": "file", "type": "file", "maxSelect": 1, "maxSize": size_mb << 21}
            body = {"name": "films", "type": "base", "fields": [field], **open_rules()}
            expect_ok(await client.request("POST", "/api/collections", body))
        before = server.memory_bytes()
        watch = asyncio.create_task(_watch(server))
        address = await _upload(server.port, size_mb)
        sent, received = await _download(server.port, address, size_mb)
        watch.cancel()
        highest = max(await watch, server.memory_bytes())
    finally:
        server.kill()
    grown_mb = (highest - before) / 1e6
    outcome.figures |= {"size MiB": size_mb, "memory more MB": round(grown_mb, 1)}
    outcome.expect(sent == received, "the file came back different")
    outcome.expect(grown_mb < MEMORY_MAX_MB, f"memory rose by {grown_mb:.0f} MB")
    return outcome


async def _watch(server: Server) -> int:
    """Return the most memory seen until this is cancelled, in bytes."""
    highest = 0
    try:
        while True:
            highest = max(highest, await asyncio.to_thread(server.memory_bytes))
            await asyncio.sleep(0.05)
    except asyncio.CancelledError:
        return highest


async def _upload(port: int, size_mb: int) -> str:
    async def parts() -> AsyncIterator[bytes]:
        disposition = 'form-data; name="file"; filename="film.bin"'
        yield f"--{_BOUNDARY}\r\nContent-Disposition: {disposition}\r\n\r\n".encode()
        for _ in range(size_mb):
            yield _BLOCK
        yield f"\r\n--{_BOUNDARY}--\r\n".encode()

    url = f"http://127.0.0.1:{port}/api/collections/films/records"
    headers = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"}
    async with httpx.AsyncClient(timeout=300) as client:
        record = (await client.post(url, content=parts(), headers=headers)).raise_for_status().json()
    return f"http://127.0.0.1:{port}/api/files/films/{record['id']}/{record['file']}"


async def _download(port: int, address: str, size_mb: int) -> tuple[str, str]:
    """Return the hashes of what was sent and of what is served."""
    sent, received = hashlib.sha256(), hashlib.sha256()
    for _ in range(size_mb):
        sent.update(_BLOCK)
    async with httpx.AsyncClient(timeout=300) as client, client.stream("GET", address) as reply:
        async for chunk in reply.aiter_raw(1 << 20):
            received.update(chunk)
    return sent.hexdigest(), received.hexdigest()
