"""Files of several machines on one PostgreSQL and one bucket: two servers with a data folder each, and one that is killed."""

from __future__ import annotations

import asyncio
import io
import json
import re
import secrets
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from PIL import Image
from tests.buckets import s3_service
from tests.live.test_postgresql import (
    DEADLINE_S,
    SOURCE,
    Process,
    create_superuser,
    needs_postgresql,
    token,
)
from tests.live.test_postgresql import (
    database as database,  # noqa: PLC0414 - a fixture
)
from tests.live.test_server import free_port

pytestmark = [pytest.mark.anyio, needs_postgresql]
MB = 1 << 20
LARGE = secrets.token_bytes(16 * MB)
PAPERS = "/api/collections/papers/records"
DAY_S = 86_400
DEFINITION = {
    "name": "papers",
    "type": "base",
    "fields": [
        {"type": "file", "name": "paper", "maxSelect": 1, "maxSize": 32 * MB},
        {"type": "file", "name": "secret", "maxSelect": 1, "protected": True},
    ],
    **dict.fromkeys(("listRule", "createRule", "updateRule", "deleteRule"), ""),
    "viewRule": "@request.auth.id != ''",
}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    with s3_service() as url:
        yield url


class Bucket:
    """A new bucket, seen from outside."""

    def __init__(self, service: str) -> None:
        self._url = f"{service}/bucket-{secrets.token_hex(4)}"
        httpx.put(self._url).raise_for_status()

    def settings(self, endpoint: str) -> dict[str, Any]:
        """Return the settings that use it by way of an address."""
        name = self._url.rpartition("/")[2]
        keys = {"accessKey": "key", "secret": "secret", "forcePathStyle": True}
        return {"s3": {"enabled": True, "bucket": name, "region": "us-east-1", "endpoint": endpoint, **keys}}

    async def objects(self) -> set[str]:
        return await self._keys("list-type=2")

    async def parts(self) -> set[str]:
        """Return the keys of uploads in parts that were begun and neither ended nor given up: they cost as objects do."""
        return await self._keys("uploads")

    async def _keys(self, query: str) -> set[str]:
        async with httpx.AsyncClient() as client:
            reply = await client.get(f"{self._url}?{query}")
        assert reply.status_code == 200, reply.text
        return set(re.findall("<Key>([^<]*)</Key>", reply.text))


class Line:
    """The way to the service, which can be held up once some bytes have gone over it: what follows is lost."""

    def __init__(self, service: str) -> None:
        self._to = httpx.URL(service)
        self.left: int | None = None
        """Bytes until nothing more goes to the service; None for no end."""
        self.is_held = asyncio.Event()
        self._was_cut = asyncio.Event()
        self.url = ""

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield
        finally:
            self.mend()
            server.close()

    def hold_after(self, size: int) -> None:
        self.left = size

    def mend(self) -> None:
        """Cut what is held up, and let everything else through."""
        self.left = None
        self._was_cut.set()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there = await asyncio.open_connection(self._to.host, self._to.port)
        back = asyncio.create_task(self._pipe(there_reader, writer))
        with suppress(ConnectionError):
            while chunk := await reader.read(64 << 10):
                if self.left is not None:
                    self.left -= len(chunk)
                    if self.left < 0:
                        self.is_held.set()
                        await self._was_cut.wait()
                        break
                there.write(chunk)
                await there.drain()
        back.cancel()
        there.transport.abort()
        writer.transport.abort()

    @staticmethod
    async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while chunk := await reader.read(64 << 10):
                writer.write(chunk)
                await writer.drain()


class Machines:
    """Two servers of one site, whose files are in one bucket."""

    def __init__(self, folder: Path, database: str, bucket: Bucket, line: Line) -> None:
        self.here, self.there = (Process(folder, database, free_port()) for _ in range(2))
        self.bucket, self.line = bucket, line
        self._folder, self._database = folder, database
        self.boss: dict[str, str] = {}

    async def begin(self) -> None:
        await self.here.start()
        await asyncio.to_thread(create_superuser, self._folder, self._database)
        await self.there.start()
        async with httpx.AsyncClient(base_url=self.here.url) as client:
            self.boss = await token(client)
            made = await client.post("/api/collections", json=DEFINITION, headers=self.boss)
            assert made.status_code == 200, made.text
            settings = self.bucket.settings(self.line.url)
            reply = await client.patch("/api/settings", json=settings, headers=self.boss)
            assert reply.status_code == 200, reply.text

    async def faults(self) -> dict[str, Any]:
        """Return what `backstay files check` finds, on a third machine."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "backstay", "files", "check", "--json"),
            *("--data", str(self._folder / "cli"), "--database", self._database),
            stdout=asyncio.subprocess.PIPE,
            env=SOURCE,
        )
        said, _ = await process.communicate()
        found: dict[str, Any] = json.loads(said)
        return found


@pytest.fixture
async def machines(tmp_path: Path, database: str, service: str) -> AsyncIterator[Machines]:
    line = Line(service)
    async with line.open():
        made = Machines(tmp_path, database, Bucket(service), line)
        try:
            await made.begin()
            yield made
        finally:
            made.here.kill()
            made.there.kill()


@asynccontextmanager
async def clients(machines: Machines) -> AsyncIterator[tuple[httpx.AsyncClient, httpx.AsyncClient]]:
    async with (
        httpx.AsyncClient(base_url=machines.here.url, timeout=DEADLINE_S) as here,
        httpx.AsyncClient(base_url=machines.there.url, timeout=DEADLINE_S) as there,
    ):
        yield here, there


async def until(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not await holds():
            await asyncio.sleep(0.02)


async def upload(client: httpx.AsyncClient, content: bytes, name: str, field: str = "paper") -> Any:
    reply = await client.post(PAPERS, files={field: (name, content)})
    assert reply.status_code == 200, reply.text
    return reply.json()


def address(record: dict[str, Any], field: str = "paper") -> str:
    return f"/api/files/papers/{record['id']}/{record[field]}"


def picture(colour: str) -> bytes:
    image = io.BytesIO()
    Image.new("RGB", (300, 200), colour).save(image, "PNG")
    return image.getvalue()


async def test_what_one_machine_takes_in_another_gives_out_changes_and_removes(machines: Machines) -> None:
    bucket = machines.bucket
    async with clients(machines) as (here, there):
        red, blue = picture("red"), picture("blue")
        record = await upload(here, red, "a.png")
        assert (await there.get(address(record))).content == red
        part = await there.get(address(record), headers={"Range": "bytes=10-19"})
        assert (part.status_code, part.content) == (206, red[10:20])
        for client in (there, here):
            thumb = await client.get(address(record), params={"thumb": "100x100"})
            assert Image.open(io.BytesIO(thumb.content)).size == (100, 100)
        assert len(await bucket.objects()) == 2, "the original, and one thumbnail for both"

        changed = await there.patch(f"{PAPERS}/{record['id']}", files={"paper": ("b.png", blue)})
        assert changed.status_code == 200, changed.text
        assert (await here.get(address(record))).status_code == 404
        assert (await here.get(address(changed.json()))).content == blue

        async def has_one() -> bool:
            return {key.rpartition("/")[2] for key in await bucket.objects()} == {changed.json()["paper"]}

        await until(has_one)
        assert (await there.delete(f"{PAPERS}/{record['id']}")).status_code == 204
        assert (await here.get(address(changed.json()))).status_code == 404

        async def is_empty() -> bool:
            return not await bucket.objects()

        await until(is_empty)


async def test_a_bucket_set_at_one_machine_is_used_by_the_other_within_a_second(
    machines: Machines, service: str
) -> None:
    other = Bucket(service)
    async with clients(machines) as (here, there):
        settings = other.settings(service)
        reply = await here.patch("/api/settings", json=settings, headers=machines.boss)
        assert reply.status_code == 200, reply.text
        async with asyncio.timeout(1.0):
            while True:
                seen = (await there.get("/api/settings", headers=machines.boss)).json()
                if seen["s3"]["bucket"] == settings["s3"]["bucket"]:
                    break
        await upload(there, b"hello there", "a.txt")
    assert len(await other.objects()) == 1
    assert await machines.bucket.objects() == set()


async def test_a_token_for_protected_files_is_good_at_every_machine(machines: Machines) -> None:
    async with clients(machines) as (here, there):
        record = await upload(here, b"for members", "a.txt", "secret")
        body = {"email": "ann@example.com", "password": "1234567890", "passwordConfirm": "1234567890"}
        made = await here.post("/api/collections/users/records", json=body, headers=machines.boss)
        assert made.status_code == 200, made.text
        words = {"identity": body["email"], "password": body["password"]}
        signed_in = await here.post("/api/collections/users/auth-with-password", json=words)
        headers = {"Authorization": signed_in.json()["token"]}
        given = (await here.post("/api/files/token", headers=headers)).json()["token"]
        assert (await there.get(address(record, "secret"))).status_code == 404
        assert (await there.get(address(record, "secret"), params={"token": given})).text == "for members"
        gone = await here.delete(f"/api/collections/users/records/{made.json()['id']}", headers=machines.boss)
        assert gone.status_code == 204
        assert (await there.get(address(record, "secret"), params={"token": given})).status_code == 404


async def test_a_machine_killed_while_an_upload_comes_in(machines: Machines) -> None:
    is_half = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield (
            b'--x\r\nContent-Disposition: form-data; name="paper"; filename="a.bin"\r\n\r\n' + LARGE[: 8 * MB]
        )
        is_half.set()
        await asyncio.Event().wait()

    async with clients(machines) as (here, _):
        headers = {"Content-Type": "multipart/form-data; boundary=x", "Content-Length": str(len(LARGE))}
        sending = asyncio.create_task(here.post(PAPERS, content=body(), headers=headers))
        await asyncio.wait_for(is_half.wait(), DEADLINE_S)
        machines.here.kill()
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
    await machines.here.start()
    await nothing_is_left(machines)
    left = [path for path in machines.here.data.rglob("*") if path.is_file() and path.suffix != ".lock"]
    assert left == [], "nor is anything left on its disk"


async def test_a_large_upload_is_sent_again_when_the_line_to_the_bucket_breaks(machines: Machines) -> None:
    async with clients(machines) as (here, there):
        machines.line.hold_after(8 * MB)
        sending = asyncio.create_task(upload(here, LARGE, "a.bin"))
        await asyncio.wait_for(machines.line.is_held.wait(), DEADLINE_S)
        machines.line.mend()
        record = await asyncio.wait_for(sending, DEADLINE_S)
        assert (await there.get(address(record))).content == LARGE
    await nothing_is_left(machines, but={record["paper"]})


@pytest.mark.parametrize("end", ["comes back", "never comes back"])
async def test_a_machine_killed_while_an_upload_goes_out(machines: Machines, database: str, end: str) -> None:
    """What it had sent to the bucket is removed, with its next start, or a day later by another machine."""
    line, bucket = machines.line, machines.bucket
    async with clients(machines) as (here, there):
        kept = await upload(here, LARGE[: 6 * MB], "kept.bin")
        line.hold_after(12 * MB)
        sending = asyncio.create_task(here.post(PAPERS, files={"paper": ("a.bin", LARGE)}))
        await asyncio.wait_for(line.is_held.wait(), DEADLINE_S)
        machines.here.kill()
        await asyncio.gather(sending, return_exceptions=True)
        line.mend()
        if end == "comes back":
            await machines.here.start()
        else:
            with psycopg.connect(database) as admin:  # a day goes by
                admin.execute("UPDATE _outbox SET due = due - %s WHERE topic = 'files.remove'", [DAY_S])
        await nothing_is_left(machines, but={kept["paper"]})
        assert (await there.get(address(kept))).content == LARGE[: 6 * MB]
    assert len(await bucket.objects()) == 1


async def nothing_is_left(machines: Machines, but: set[str] | None = None) -> None:
    """Wait until the outbox is empty; then no record lacks a file, no file lacks a record, and no part is kept."""
    async with httpx.AsyncClient(base_url=machines.there.url) as client:

        async def is_done() -> bool:
            jobs = await client.get("/api/jobs", headers=machines.boss)
            return bool(jobs.json()["items"] == [])

        await until(is_done)
        records = (await client.get(PAPERS)).json()["items"]
    assert {record["paper"] for record in records} == (but or set())
    assert await machines.faults() == {"orphans": [], "missing": [], "deleted": False}
    assert await machines.bucket.parts() == set()
