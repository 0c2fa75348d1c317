"""What a rate alone does not tell: reads while people sign in, files, and thousands who listen.

Each server gets the same, one after the other, and every figure has its unit in its name.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import random
import resource
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import msgspec
from PIL import Image

from bench.client import Client, encode_request
from bench.dataset import READER_EMAIL, READER_PASSWORD, Dataset, expect_ok, open_rules, sign_in_superuser
from bench.load import Call, Load, run_load
from bench.processes import Server

Figures = dict[str, float]
READ_CLIENTS, SIGN_IN_CLIENTS = 4, 4
QUIET_S, BUSY_S = 3.0, 6.0
FILE_BYTES = 100 << 10
SUBSCRIBERS_MAX = 9000
SPARE_FILES = 500
EVENTS = 10


def measure_extras(server: Server, dataset: Dataset) -> Figures:
    """Return all figures of one server."""
    found: Figures = {}
    for part in (_sign_ins, _files, _subscribers):
        found |= asyncio.run(part(server, dataset))
    return found


# -- reads while people sign in -------------------------------------------------------------------------------


async def _sign_ins(server: Server, dataset: Dataset) -> Figures:
    quiet, _ = await _reads_while(server, dataset, QUIET_S, clients=0)
    busy, rate = await _reads_while(server, dataset, BUSY_S, clients=SIGN_IN_CLIENTS)
    return {
        "sign-ins a second, 4 clients": rate,
        "read by id p99 when quiet, ms": quiet,
        "read by id p99 while they sign in, ms": busy,
        "times slower": busy / quiet,
    }


async def _reads_while(
    server: Server, dataset: Dataset, seconds: float, *, clients: int
) -> tuple[float, float]:
    """Return the p99 of reads in milliseconds, and how many sign-ins a second there were meanwhile."""
    ends = time.perf_counter() + seconds
    times: list[float] = []
    signed = 0

    async def read(number: int) -> None:
        dice = random.Random(number)
        async with Client(server.port) as client:
            while time.perf_counter() < ends:
                started = time.perf_counter()
                path = f"/api/collections/cities/records/{dice.choice(dataset.cities)}"
                expect_ok(await client.request("GET", path))
                times.append((time.perf_counter() - started) * 1000)
                await asyncio.sleep(0.005)  # readers who come and go, not a flood of reads

    async def sign_in() -> None:
        nonlocal signed
        body = {"identity": READER_EMAIL, "password": READER_PASSWORD}
        async with Client(server.port) as client:
            while time.perf_counter() < ends:
                expect_ok(await client.request("POST", "/api/collections/users/auth-with-password", body))
                signed += 1

    await asyncio.gather(*(read(n) for n in range(READ_CLIENTS)), *(sign_in() for _ in range(clients)))
    return statistics.quantiles(times, n=100)[98], signed / seconds


# -- files ----------------------------------------------------------------------------------------------------


async def _files(server: Server, dataset: Dataset) -> Figures:
    async with Client(server.port) as owner:
        await sign_in_superuser(owner)
        field = {"type": "file", "name": "file", "maxSelect": 1}
        body = {"name": "pictures", "type": "base", "fields": [field], **open_rules()}
        expect_ok(await owner.request("POST", "/api/collections", body))
    url = f"http://127.0.0.1:{server.port}/api/collections/pictures/records"
    async with httpx.AsyncClient() as client:
        data = (
            await client.post(url, files={"file": ("data.bin", random.Random(3).randbytes(FILE_BYTES))})
        ).json()
        image = (await client.post(url, files={"file": ("photo.png", _photo())})).json()
    path = "/api/files/pictures/{}/{}".format
    plain = Load([Call("GET", path(data["id"], data["file"]))])
    thumb = Load([Call("GET", path(image["id"], image["file"]) + "?thumb=100x100")], clients=8)
    return {
        "file of 100 KB, a second": run_load(plain, server.port, 3).per_second,
        "thumbnail that is there, a second": run_load(thumb, server.port, 3).per_second,
    }


def _photo() -> bytes:
    out = io.BytesIO()
    Image.effect_noise((800, 600), 40).convert("RGB").save(out, "PNG")
    return out.getvalue()


# -- subscribers ----------------------------------------------------------------------------------------------


async def _subscribers(server: Server, dataset: Dataset) -> Figures:
    async with Client(server.port) as owner:
        await sign_in_superuser(owner)
        field = {"type": "text", "name": "text"}
        body = {"name": "news", "type": "base", "fields": [field], **open_rules()}
        expect_ok(await owner.request("POST", "/api/collections", body))
    alone_ms, _ = await _write(server, _nobody)
    before = server.memory_bytes()
    count = min(SUBSCRIBERS_MAX, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - SPARE_FILES)
    async with _listening(server.port, count) as crowd:
        each_kb = (server.memory_bytes() - before) / count / 1000
        write_ms, all_ms = await _write(server, crowd.all_have_heard)
    return {
        "subscribers": float(count),
        "memory for each, KB": each_kb,
        "writer's answer without them, ms": alone_ms,
        "writer's answer with them, ms": write_ms,
        "until all have heard, ms": all_ms,
    }


async def _nobody() -> None:
    """There is nobody to wait for."""


async def _write(server: Server, heard: Callable[[], Awaitable[None]]) -> tuple[float, float]:
    """Write some records one by one; return the medians until the answer, and until all have heard."""
    answers, all_heard = [], []
    writer = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.writer", str(server.port)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert writer.stdin is not None
    assert writer.stdout is not None
    for _ in range(EVENTS):
        writer.stdin.write(b"write\n")
        await heard()
        now = time.perf_counter()
        started, answer_ms = map(float, (await writer.stdout.readline()).split())
        answers.append(answer_ms)
        all_heard.append((now - started) * 1000)
        await asyncio.sleep(0.1)
    writer.stdin.close()
    await writer.wait()
    return statistics.median(answers), statistics.median(all_heard)


class _Ear(asyncio.Protocol):
    """One subscriber: it counts events, and keeps nothing."""

    def __init__(self, crowd: _Crowd) -> None:
        self._crowd, self.start = crowd, bytearray()
        self.connected: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes) -> None:
        if self.connected.done():
            self._crowd.hear(data.count(b"\ndata:"))
            return
        self.start += data
        _, mark, rest = bytes(self.start).partition(b'"clientId":"')
        if mark and b'"' in rest:
            self.connected.set_result(rest.partition(b'"')[0].decode())


class _Crowd:
    """All subscribers."""

    def __init__(self, size: int) -> None:
        self._size, self._heard = size, 0
        self._done = asyncio.Event()

    def hear(self, events: int) -> None:
        self._heard += events
        if self._heard >= self._size:
            self._heard -= self._size
            self._done.set()

    async def all_have_heard(self) -> None:
        async with asyncio.timeout(30):
            await self._done.wait()
        self._done.clear()


@asynccontextmanager
async def _listening(port: int, count: int) -> AsyncIterator[_Crowd]:
    """Open streams and subscribe them."""
    loop, crowd = asyncio.get_running_loop(), _Crowd(count)
    transports: list[asyncio.BaseTransport] = []
    places = asyncio.Semaphore(50)

    async def join() -> None:
        async with places, Client(port) as client:
            transport, ear = await loop.create_connection(lambda: _Ear(crowd), "127.0.0.1", port)
            transports.append(transport)
            transport.write(encode_request("GET", "/api/realtime"))
            client_id = await asyncio.wait_for(ear.connected, 30)
            ear.start.clear()
            body = {"clientId": client_id, "subscriptions": ["news/*"]}
            expect_ok(await client.request("POST", "/api/realtime", body))

    try:
        await asyncio.gather(*(join() for _ in range(count)))
        await asyncio.sleep(1)
        yield crowd
    finally:
        for transport in transports:
            with contextlib.suppress(OSError):
                transport.close()
        await asyncio.sleep(0.5)


class ExtraRow(msgspec.Struct, frozen=True):
    """One figure of all servers."""

    title: str
    values: dict[str, float]


def extra_rows(extras: dict[str, Figures]) -> list[ExtraRow]:
    """Return the figures, a row each."""
    titles = list(next(iter(extras.values()))) if extras else []
    return [ExtraRow(title, {name: figures[title] for name, figures in extras.items()}) for title in titles]
