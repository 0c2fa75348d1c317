"""R1 for files: kill -9 under uploads. After the next start no file is without a record, and no record without its file."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
from pathlib import Path

import httpx

from bench.client import Client
from bench.dataset import expect_ok, open_rules, sign_in_superuser
from bench.processes import Launcher, Server
from bench.reliability.outcome import CannotRun, Outcome
from bench.reliability.site import open_site

FILES = "/api/collections/papers/records"
SETTLE_S = 10.0
"""How long the server may take, after its start, to clear away what the last one left."""


class Kept:
    """What was acknowledged: by its address, the content that must be there."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.uploads = 0


async def uploads(
    launcher: Launcher, folder: Path, *, rounds: int = 3, load_s: float = 1.0, clients: int = 6
) -> Outcome:
    """Upload, replace and delete files from some clients, kill the server in it, start it again and compare."""
    if launcher.name != "backstay":
        raise CannotRun("only Backstay compares its files with its records")
    outcome, kept = Outcome(), Kept()
    server = await open_site(launcher, folder / "data")
    try:
        await _make_collection(server.port)
        for number in range(rounds):
            load = [asyncio.create_task(_upload(kept, server.port, client)) for client in range(clients)]
            await asyncio.sleep(random.uniform(load_s / 3, load_s))
            await asyncio.to_thread(server.kill)
            await asyncio.gather(*load)
            server = await asyncio.to_thread(Server, launcher, server.data, port=server.port)
            outcome.add_findings(f"after kill {number + 1}", await _compare(server, kept))
    finally:
        server.kill()
    outcome.figures |= {"kills": rounds, "uploads acknowledged": kept.uploads, "files kept": len(kept.files)}
    outcome.expect(kept.uploads > rounds, "hardly an upload was acknowledged: nothing was tested")
    return outcome


async def _make_collection(port: int) -> None:
    field = {"name": "file", "type": "file", "maxSelect": 1}
    async with Client(port) as client:
        await sign_in_superuser(client)
        body = {"name": "papers", "type": "base", "fields": [field], **open_rules()}
        expect_ok(await client.request("POST", "/api/collections", body))


async def _upload(kept: Kept, port: int, number: int) -> None:
    """Upload, replace and delete until the server is gone; note what it has acknowledged."""
    dice = random.Random(number)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
        try:
            while True:
                await _one(kept, client, dice)
        except httpx.TransportError:
            return  # killed; whether the last one was carried out nobody knows


async def _one(kept: Kept, client: httpx.AsyncClient, dice: random.Random) -> None:
    content = dice.randbytes(dice.randrange(1, 60_000))
    made = (await client.post(FILES, files={"file": ("a.bin", content)})).raise_for_status().json()
    path = f"{FILES}/{made['id']}"
    kept.uploads += 1
    match dice.randrange(3):
        case 0:
            kept.files[_address(made)] = content
        case 1:
            content = dice.randbytes(100)
            changed = (await client.patch(path, files={"file": ("b.bin", content)})).raise_for_status().json()
            kept.files[_address(changed)] = content
        case _:
            (await client.delete(path)).raise_for_status()


def _address(record: dict[str, str]) -> str:
    return f"/api/files/papers/{record['id']}/{record['file']}"


async def _compare(server: Server, kept: Kept) -> list[str]:
    """Return what is wrong: acknowledged files that are not as they were, orphans, records without their file."""
    found = []
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", timeout=10) as client:
        for address, content in kept.files.items():
            reply = await client.get(address)
            if reply.status_code != 200 or reply.content != content:
                found.append(f"{address} is {reply.status_code} with {len(reply.content)} bytes")
    return found + await _orphans(server.data)


async def _orphans(data: Path) -> list[str]:
    """Return the files without a record, and the records without a file, once the server has cleared up."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + SETTLE_S
    command = [sys.executable, "-m", "backstay", "files", "check", "--json", "--data", str(data)]
    while True:
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=True)
        answer = json.loads(done.stdout)
        left = [f"{key} is named by no record" for key in answer["orphans"]]
        left += [f"{key} is missing" for key in answer["missing"]]
        if not left or loop.time() > deadline:
            return left
        await asyncio.sleep(0.2)
