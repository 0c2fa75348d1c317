"""R5: counts the syncs of a server with strace. No write is answered before a sync which began after it came."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bench.client import Client
from bench.dataset import expect_ok
from bench.processes import Launcher
from bench.reliability.outcome import CannotRun, Outcome
from bench.reliability.site import ENTRIES, entry, open_site

_TRACED = "fsync,fdatasync,read,recvfrom,recvmsg,write,writev,sendto,sendmsg"
# -D: the server stays the first process, strace its helper. -yy: descriptors with file names and socket addresses.
_STRACE = ("strace", "-D", "-f", "-qq", "-yy", "-s", "64", "-e", f"trace={_TRACED}")
_LINE = re.compile(r"(\d+) +(.*)")
_RESUMED = re.compile(r"<\.\.\. (\w+) resumed>(.*)")
_CALL = re.compile(r"(\w+)\((\d+<(.*?)>(?=[,)]| <unf))?(.*)")


async def syncs(launcher: Launcher, folder: Path, *, creates: int = 150, clients: int = 16) -> Outcome:
    """Create entries with one client, then with `clients`, under strace; read from the trace what came first.

    Raises CannotRun where strace is missing or may not trace.
    """
    check_strace()
    outcome = Outcome()
    for count in (1, clients):
        trace = folder / f"trace{count}"
        server = await open_site(launcher, folder / f"data{count}", prefix=[*_STRACE, "-o", str(trace)])
        try:
            await _create(server.port, creates, count)
            await asyncio.to_thread(server.terminate)  # strace writes the end of its file when it ends
        finally:
            server.kill()
        events = read_events(trace)
        early, answered = early_answers(events)
        outcome.figures[f"acknowledged, clients: {count}"] = answered
        outcome.figures[f"syncs, clients: {count}"] = sum(event.kind == "sync" for event in events)
        outcome.expect(not early, f"clients: {count}: {early} of {answered} answers came before the sync")
        outcome.expect(answered >= creates, f"the trace shows only {answered} of {creates} answers")
    return outcome


def check_strace() -> None:
    """Raise CannotRun where processes can't be traced here."""
    if shutil.which("strace") is None:
        raise CannotRun("strace is not installed")
    probe = subprocess.run([*_STRACE, "-o", "/dev/null", "true"], check=False, capture_output=True, text=True)
    if probe.returncode != 0:
        raise CannotRun(f"strace may not trace here: {probe.stderr.strip()}")


async def _create(port: int, creates: int, clients: int) -> None:
    numbers = iter(range(creates))

    async def create() -> None:
        async with Client(port) as client:
            for number in numbers:
                expect_ok(await client.request("POST", ENTRIES, entry(f"{clients}/{number}", number)))

    await asyncio.gather(*(create() for _ in range(clients)))


class Event(msgspec.Struct, frozen=True):
    """Something in the trace: a request that came, an answer that left, or a sync that was done.

    at:    line of its end (request, sync) or of its beginning (answer)
    began: line of its beginning
    """

    kind: str
    where: str
    began: int
    at: int


def read_events(trace: Path) -> list[Event]:
    """Read the requests, answers and syncs out of a trace."""
    events = [event for call in _calls(trace.read_text(errors="replace")) if (event := _event(*call))]
    return sorted(events, key=lambda event: event.at)


def _calls(text: str) -> Iterator[tuple[str, int, int]]:
    """Give each finished call as one text, with the lines of its beginning and its end."""
    open_calls: dict[str, tuple[str, int]] = {}
    for number, line in enumerate(text.splitlines()):
        if not (split := _LINE.match(line)):
            continue
        process, rest = split[1], split[2]
        if rest.endswith("<unfinished ...>"):
            open_calls[process] = (rest.removesuffix("<unfinished ...>").rstrip(), number)
        elif resumed := _RESUMED.match(rest):
            head, began = open_calls.pop(process, ("", number))
            yield head + resumed[2], began, number
        else:
            yield rest, number, number


def _event(call: str, began: int, ended: int) -> Event | None:
    match = _CALL.match(call)
    if match is None:
        return None
    name, where = match[1], match[3] or ""
    if name in {"fsync", "fdatasync"} and call.rstrip().endswith("= 0"):
        return Event("sync", where, began, ended)
    if name in {"read", "recvfrom", "recvmsg"} and f"OST {ENTRIES} " in call:  # Go reads the P by itself
        return Event("request", where, began, ended)
    if name in {"write", "writev", "sendto", "sendmsg"} and '"HTTP/1.1 200' in call:
        return Event("answer", where, began, began)
    return None


def early_answers(events: list[Event]) -> tuple[int, int]:
    """Count the answers to POST before which no sync was begun and done since the request; and all answers."""
    came: dict[str, int] = {}
    early = answered = last_began = 0
    for event in events:
        match event.kind:
            case "request":
                came[event.where] = event.at
            case "sync":
                last_began = max(last_began, event.began)
            case _ if event.where in came:
                answered += 1
                early += last_began < came.pop(event.where)
    return early, answered
