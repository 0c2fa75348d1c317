"""R7: another process holds the database. Reads go on, writes are answered in time, and all heals by itself."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import msgspec

from bench.client import Client, ConnectionBroken, Reply
from bench.dataset import expect_ok
from bench.processes import Launcher
from bench.reliability.outcome import Outcome
from bench.reliability.site import ENTRIES, entry, open_site

ANSWER_MAX_S = 5.5  # the promise is 5 s; the rest is the client's own share on a busy machine
READ_MAX_S = 1.0
HEAL_MAX_S = 2.0

_HOLD = """
import sqlite3, sys
link = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=20)
link.execute("BEGIN " + sys.argv[2])
print("held", flush=True)
sys.stdin.read()
link.execute("ROLLBACK")
"""


class Answer(msgspec.Struct, frozen=True):
    """A write or read during the lock: its answer, None where there was none, and how long it took."""

    reply: Reply | None
    took_s: float


async def locked_database(
    launcher: Launcher, folder: Path, *, held_s: float = 2.0, kind: str = "IMMEDIATE", clients: int = 4
) -> Outcome:
    """Hold the database for `held_s` from another process while clients write and read.

    kind: IMMEDIATE or EXCLUSIVE, the way in which the other process begins
    """
    outcome = Outcome()
    server = await open_site(launcher, folder / "data")
    try:
        async with Client(server.port) as client:
            created = await client.request("POST", ENTRIES, entry("before", 1))
            known = f"{ENTRIES}/{expect_ok(created).json()['id']}"
        with Holder(server.database, kind) as holder:
            await asyncio.to_thread(holder.wait)
            until = time.monotonic() + held_s
            writers = [asyncio.create_task(_write(server.port, n, until)) for n in range(clients)]
            reads = await _read(server.port, known, until)
        released = time.monotonic()
        healed_s = await _heal(server.port, released)
        writes = [answer for part in await asyncio.gather(*writers) for answer in part]
        _judge(outcome, writes, reads, healed_s)
        _count_rows(outcome, server.database, writes)
    finally:
        server.kill()
    return outcome


class Holder:
    """A process which has a write transaction open until it is left."""

    def __init__(self, database: Path, kind: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _HOLD, str(database), kind],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def __enter__(self) -> Holder:
        return self

    def wait(self) -> None:
        """Return when the lock is held."""
        assert self._process.stdout is not None
        if self._process.stdout.readline() != b"held\n":
            raise RuntimeError("the other process got no lock")

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=20)


async def _timed(client: Client, method: str, path: str, body: object = None) -> Answer:
    started = time.monotonic()
    try:
        reply = await client.request(method, path, body, wait_s=25.0)
    except ConnectionBroken:
        return Answer(None, time.monotonic() - started)
    return Answer(reply, time.monotonic() - started)


async def _write(port: int, number: int, until: float) -> list[Answer]:
    answers: list[Answer] = []
    async with Client(port) as client:
        while time.monotonic() < until:
            key = f"writer{number}/{len(answers)}"
            answers.append(await _timed(client, "POST", ENTRIES, entry(key, len(answers))))
    return answers


async def _read(port: int, known: str, until: float) -> list[Answer]:
    answers = []
    async with Client(port) as client:
        while time.monotonic() < until:
            for path in (known, f"{ENTRIES}?perPage=5", "/api/health"):
                answers.append(await _timed(client, "GET", path))
            await asyncio.sleep(0.05)
    return answers


async def _heal(port: int, released: float) -> float:
    """Write until it works again. Gives the seconds since the release."""
    async with Client(port) as client:
        while time.monotonic() < released + 15:
            answer = await _timed(client, "POST", ENTRIES, entry("after", 1))
            if answer.reply is not None and answer.reply.ok:
                break
            await asyncio.sleep(0.02)
    return time.monotonic() - released


def _judge(outcome: Outcome, writes: list[Answer], reads: list[Answer], healed_s: float) -> None:
    longest_s = max(answer.took_s for answer in writes)
    refused = [answer.reply for answer in writes if answer.reply is not None and not answer.reply.ok]
    wrong = {reply.status for reply in refused if reply.status != 503 or "retry-after" not in reply.headers}
    bad_reads = [a for a in reads if a.reply is None or a.reply.status != 200 or a.took_s > READ_MAX_S]
    outcome.figures |= {
        "writes": len(writes),
        "writes refused": len(refused),
        "longest write ms": round(longest_s * 1e3),
        "reads": len(reads),
        "longest read ms": round(max(answer.took_s for answer in reads) * 1e3),
        "healed after ms": round(healed_s * 1e3),
    }
    outcome.expect(longest_s <= ANSWER_MAX_S, f"a write waited {longest_s:.1f} s for its answer")
    outcome.expect(not wrong, f"writes were refused with {sorted(wrong)} instead of 503 with Retry-After")
    outcome.expect(all(answer.reply for answer in writes), "a write got no answer")
    outcome.expect(not bad_reads, f"{len(bad_reads)} of {len(reads)} reads failed or were slow")
    outcome.expect(healed_s <= HEAL_MAX_S, f"writes worked again only {healed_s:.1f} s after the release")


def _count_rows(outcome: Outcome, database: Path, writes: list[Answer]) -> None:
    """A refused write must not be there afterwards, nor an acknowledged one be missing."""
    link = sqlite3.connect(database)
    rows = link.execute("SELECT count(*) FROM entries WHERE key LIKE 'writer%'").fetchone()[0]
    link.close()
    acknowledged = sum(answer.reply is not None and answer.reply.ok for answer in writes)
    outcome.expect(rows == acknowledged, f"{acknowledged} writes were acknowledged and {rows} are there")
