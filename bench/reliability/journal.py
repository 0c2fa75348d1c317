"""Clients that write without pause and keep a journal, and the audit which compares the journal with the database."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from bench.client import Client, ConnectionBroken, Reply
from bench.reliability.site import ENTRIES, entry

BATCH_SIZE = 5


class Journal:
    """What all clients asked for, and what they were answered. Keys are those of entries."""

    def __init__(self) -> None:
        self.created: set[str] = set()  # answered with 2xx
        self.deleted: set[str] = set()
        self.groups: set[str] = set()  # batches
        self.confirmed: dict[str, int] = {}  # key -> highest value whose update was answered
        self.tried: dict[str, int] = {}  # key -> highest value sent
        self.perhaps_deleted: set[str] = set()  # their delete request broke off
        self.unsure: dict[str, float] = {}  # key or group of a request that broke off -> when it was sent
        self.refused: Counter[int] = Counter()
        self.latencies_s: list[float] = []

    @property
    def acknowledged(self) -> int:
        """How many writes were answered with success."""
        return len(self.latencies_s)

    async def _ask(self, subject: str, request: Coroutine[Any, Any, Reply]) -> Reply | None:
        """Wait for the answer to a write of `subject`; None where it was refused. Raises ConnectionBroken."""
        sent_at = time.monotonic()
        try:
            reply = await request
        except ConnectionBroken as exc:
            if exc.sent:
                self.unsure[subject] = sent_at
            raise
        if not reply.ok:
            self.refused[reply.status] += 1
            return None
        self.latencies_s.append(time.monotonic() - sent_at)
        return reply

    async def create(self, client: Client, key: str, value: int = 0, *, size: int = 200) -> str:
        """Create an entry and give its id, empty where it was refused."""
        self.tried[key] = value
        reply = await self._ask(key, client.request("POST", ENTRIES, entry(key, value, size=size)))
        if reply is None:
            return ""
        self.created.add(key)
        self.confirmed[key] = value
        return str(reply.json()["id"])

    async def update(self, client: Client, identity: str, key: str, value: int) -> None:
        self.tried[key] = value
        reply = await self._ask(key, client.request("PATCH", f"{ENTRIES}/{identity}", entry(key, value)))
        if reply is not None:
            self.confirmed[key] = value

    async def delete(self, client: Client, identity: str, key: str) -> None:
        self.perhaps_deleted.add(key)
        reply = await self._ask(key, client.request("DELETE", f"{ENTRIES}/{identity}"))
        self.perhaps_deleted.discard(key)
        if reply is not None:
            self.deleted.add(key)

    async def batch(self, client: Client, group: str) -> None:
        """Create the entries of a group in one batch: all or none."""
        requests = [
            {"method": "POST", "url": ENTRIES, "body": entry(f"{group}/{number}", number, group=group)}
            for number in range(BATCH_SIZE)
        ]
        if await self._ask(group, client.request("POST", "/api/batch", {"requests": requests})) is not None:
            self.groups.add(group)


async def write_until_broken(journal: Journal, port: int, name: str, *, until: float = float("inf")) -> None:
    """Create, update, batch and delete in turns, until the connection breaks or the time (monotonic) is over.

    name: unique over the whole experiment; it is part of all keys
    """
    try:
        async with Client(port) as client:
            identity = await journal.create(client, f"{name}/own")
            number = 0
            while identity and time.monotonic() < until:
                number += 1
                await journal.create(client, f"{name}/{number}", number)
                await journal.update(client, identity, f"{name}/own", number)
                if number % 4 == 0:
                    await journal.batch(client, f"{name}/group{number}")
                if number % 5 == 0:
                    victim = await journal.create(client, f"{name}/victim{number}")
                    if victim:
                        await journal.delete(client, victim, f"{name}/victim{number}")
    except ConnectionBroken:
        return


class Audit:
    """The database as it is, beside the journal. Made while nobody writes."""

    def __init__(self, database: Path, journal: Journal) -> None:
        self._journal = journal
        link = sqlite3.connect(database)
        self.integrity = str(link.execute("PRAGMA integrity_check").fetchone()[0])
        self._rows = link.execute('SELECT key, value, copy, filler, "group" FROM entries').fetchall()
        link.close()
        self._values: dict[str, int] = {str(row[0]): int(row[1]) for row in self._rows}
        self._groups = Counter(str(row[4]) for row in self._rows if row[4])

    def findings(self) -> list[str]:
        """Name everything that was promised and is not so."""
        counts = {
            "acknowledged records lost": len(self._lost()),
            "acknowledged updates lost": len(self._stale()),
            "deleted records came back": len(self._journal.deleted & self._values.keys()),
            "records torn": sum(_is_torn(*row[1:4]) for row in self._rows),
            "records doubled": len(self._rows) - len(self._values),
            "batches by half": sum(count != BATCH_SIZE for count in self._groups.values()),
            "acknowledged batches lost": len(self._journal.groups - self._groups.keys()),
            "records nobody asked for": len(self._invented()),
        }
        found = [f"{count} {name}" for name, count in counts.items() if count]
        if self.integrity != "ok":
            found.append(f"integrity check: {self.integrity}")
        return found

    def carried_out_unanswered(self) -> set[str]:
        """Give the keys and groups whose request broke off, and which are there all the same."""
        return {
            subject
            for subject in self._journal.unsure
            if subject in self._groups
            or (subject in self._values and subject not in self._journal.created)
            or (subject not in self._values and subject in self._journal.perhaps_deleted)
            or self._values.get(subject, 0) > self._journal.confirmed.get(subject, 0)
        }

    def _lost(self) -> set[str]:
        gone = self._journal.deleted | self._journal.perhaps_deleted
        return self._journal.created - gone - self._values.keys()

    def _stale(self) -> list[str]:
        confirmed = self._journal.confirmed
        return [key for key, value in self._values.items() if value < confirmed.get(key, 0)]

    def _invented(self) -> list[str]:
        tried = self._journal.tried
        plain = (str(row[0]) for row in self._rows if not row[4])
        return [key for key in plain if self._values[key] > tried.get(key, -1)]


def _is_torn(value: float, copy: float, filler: str) -> bool:
    return value != copy or not filler.startswith(f"{int(value)}:x")
