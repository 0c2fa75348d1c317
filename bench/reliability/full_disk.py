"""R6: the disk is full. Reads and health go on, writes are refused with a reason, and all heals when there is room."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from bench.client import Client, ConnectionBroken
from bench.dataset import expect_ok
from bench.processes import Launcher
from bench.reliability.journal import Audit, Journal
from bench.reliability.outcome import CannotRun, Outcome
from bench.reliability.site import ENTRIES, open_site

DISK_BYTES = 64 << 20
ROOM_BYTES = 2 << 20
HEAL_MAX_S = 5.0
ENTRY_SIZE = 4000


async def full_disk(
    launcher: Launcher, folder: Path, *, full_s: float = 1.5, fill_max_s: float = 20.0, clients: int = 4
) -> Outcome:
    """Let the server fill a small disk of its own, go on for `full_s`, make room again. Needs root.

    Raises CannotRun where a tmpfs may not be mounted.
    """
    outcome, journal = Outcome(), Journal()
    with small_disk(folder / "disk") as disk:
        server = await open_site(launcher, disk / "data")
        try:
            filler = disk / "filler"
            _leave_room(filler, disk)
            filling = _Filling(journal, fill_max_s=fill_max_s, full_s=full_s)
            load = [asyncio.create_task(filling.write(server.port, f"c{n}")) for n in range(clients)]
            statuses = await _watch(server.port, asyncio.gather(*load))
            outcome.expect(filling.is_full, "the disk never filled up: nothing was tested")
            filler.unlink()
            healed_s = await _heal(journal, server.port)
            outcome.expect(healed_s <= HEAL_MAX_S, f"writes worked again only {healed_s:.1f} s after")
            outcome.figures["healed after ms"] = round(healed_s * 1e3)
            server.kill()
            outcome.findings += Audit(server.database, journal).findings()
        finally:
            server.kill()
    outcome.figures |= {"acknowledged": journal.acknowledged, "refused": journal.refused.total()}
    outcome.expect(set(statuses) == {200}, f"reads and health gave {dict(statuses)}")
    wrong = journal.refused.keys() - {503, 507}
    outcome.expect(not wrong, f"writes were refused with {sorted(wrong)} instead of 507 or 503")
    return outcome


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Mount a tmpfs of a few megabytes. Raises CannotRun where that is not allowed."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, check=False, capture_output=True, text=True)
    except FileNotFoundError as exc:
        raise CannotRun("there is no command `mount`") from exc
    if done.returncode != 0:
        raise CannotRun(f"a tmpfs may not be mounted: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True, capture_output=True)


def _leave_room(filler: Path, disk: Path) -> None:
    """Fill the disk but for a little."""
    room = os.statvfs(disk)
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, room.f_bavail * room.f_bsize - ROOM_BYTES)


class _Filling:
    """What the writers share: the disk is full from the first refusal on, and they end `full_s` later."""

    def __init__(self, journal: Journal, *, fill_max_s: float, full_s: float) -> None:
        self.journal = journal
        self.is_full = False
        self._full_s = full_s
        self.deadline = time.monotonic() + fill_max_s

    def refused(self) -> None:
        if not self.is_full:
            self.is_full = True
            self.deadline = time.monotonic() + self._full_s

    async def write(self, port: int, name: str) -> None:
        number = 0
        async with Client(port) as client:
            while time.monotonic() < self.deadline:
                number += 1
                with contextlib.suppress(ConnectionBroken):
                    if not await self.journal.create(client, f"{name}/{number}", number, size=ENTRY_SIZE):
                        self.refused()
                        await asyncio.sleep(0.01)


async def _watch(port: int, load: asyncio.Future[list[None]]) -> Counter[int]:
    """Read until the load ends. Counts the statuses, 0 for no answer."""
    statuses: Counter[int] = Counter()
    async with Client(port) as client:
        while not load.done():
            for path in ("/api/health", f"{ENTRIES}?perPage=1"):
                try:
                    statuses[(await client.request("GET", path, wait_s=5)).status] += 1
                except ConnectionBroken:
                    statuses[0] += 1
            await asyncio.sleep(0.02)
    await load
    return statuses


async def _heal(journal: Journal, port: int) -> float:
    started = time.monotonic()
    async with Client(port) as client:
        number = 0
        while time.monotonic() < started + 20:
            number += 1
            with contextlib.suppress(ConnectionBroken):
                if await journal.create(client, f"after/{number}", number):
                    break
            await asyncio.sleep(0.05)
        healed_s = time.monotonic() - started
        expect_ok(await client.request("GET", "/api/health"))
    return healed_s
