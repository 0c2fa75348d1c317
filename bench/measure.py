"""Runs the measurements: same data, same requests, servers in turns, medians of short rounds."""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from bench.cases import CASES, Case
from bench.client import Client
from bench.dataset import READER_EMAIL, READER_PASSWORD, Dataset, expect_ok, make_dataset
from bench.extras import Figures, measure_extras
from bench.hooks import hook_cost_us
from bench.load import Call, Load, Result, load_tool, run_load
from bench.processes import BackstaySite, Launcher, PocketBase, RawHandler, Server

LAUNCHERS: dict[str, Launcher] = {
    "pocketbase": PocketBase(),
    "backstay": BackstaySite(),
    "raw": RawHandler(),
}
STARTS = 5
CHECKED_CALLS = 40


class BenchVoid(Exception):
    """The servers answer differently, or refuse: measuring them would compare nothing."""


class Plan(msgspec.Struct, frozen=True):
    """How much to measure."""

    rounds: int = 5
    seconds: int = 2
    servers: Sequence[str] = tuple(LAUNCHERS)
    cases: Sequence[str] = tuple(case.name for case in CASES)
    extras: bool = True


class Measured(msgspec.Struct, frozen=True):
    """One case on one server: requests a second of each round, and the medians."""

    rates: list[float]
    per_second: float
    p50_ms: float
    p99_ms: float


class Footprint(msgspec.Struct, frozen=True):
    """What a server costs to have."""

    start_s: float
    rest_mb: float
    loaded_mb: float


class Report(msgspec.Struct, frozen=True):
    """All results: by case and server, and by server."""

    tool: str
    plan: Plan
    cases: dict[str, dict[str, Measured]]
    footprints: dict[str, Footprint]
    extras: dict[str, Figures] = {}
    hook_us: float | None = None
    """What one `before` hook costs a write, microseconds."""

    def ratio(self, case: str, server: str, to: str) -> float | None:
        """Requests a second of `server` over those of `to`; None where one was not measured.

        The median over the rounds: two servers share the luck of a round, as they are loaded one after the other.
        """
        row = self.cases.get(case, {})
        if server not in row or to not in row:
            return None
        return statistics.median(a / b for a, b in zip(row[server].rates, row[to].rates, strict=True))


Tell = Callable[[str], None]


def run(plan: Plan, tell: Tell) -> Report:
    """Measure everything in `plan`. Raises BenchVoid where a server's answers are wrong."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        tell("making the data: 100,000 cities")
        dataset = asyncio.run(make_dataset(Path(folder, "made")))
        start_s = {}
        for name in plan.servers:
            tell(f"{name}: loading, and {STARTS} starts")
            data = Path(folder, name)
            LAUNCHERS[name].adopt(dataset.pb_data, data)
            start_s[name] = _median_start(LAUNCHERS[name], data)
        with _running(plan.servers, Path(folder)) as servers:
            time.sleep(1)  # what a server does after its first answer is part of its rest
            rest = {name: server.memory_bytes() / 1e6 for name, server in servers.items()}
            cases = measure_cases(plan, servers, dataset, tell)
            loaded = {name: server.memory_bytes() / 1e6 for name, server in servers.items()}
            extras = _measure_extras(plan, servers, dataset, tell) if plan.extras else {}
        tell("a hook")
        hook_us = hook_cost_us() if plan.extras else None
    footprints = {name: Footprint(start_s[name], rest[name], loaded[name]) for name in plan.servers}
    return Report(
        tool=load_tool(), plan=plan, cases=cases, footprints=footprints, extras=extras, hook_us=hook_us
    )


def _measure_extras(
    plan: Plan, servers: dict[str, Server], dataset: Dataset, tell: Tell
) -> dict[str, Figures]:
    found: dict[str, Figures] = {}
    for name, server in servers.items():
        if name != "raw":
            tell(f"{name}: sign-ins, files, subscribers")
            found[name] = measure_extras(server, dataset)
    return found


@contextlib.contextmanager
def _running(names: Sequence[str], folder: Path) -> Iterator[dict[str, Server]]:
    with contextlib.ExitStack() as stack:
        servers = {}
        for name in names:
            servers[name] = Server(LAUNCHERS[name], folder / name)
            stack.callback(servers[name].kill)
        yield servers


def _median_start(launcher: Launcher, data: Path) -> float:
    times = []
    for _ in range(STARTS):
        server = Server(launcher, data)
        times.append(server.start_s)
        server.terminate()
    return statistics.median(times)


def measure_cases(
    plan: Plan, servers: dict[str, Server], dataset: Dataset, tell: Tell
) -> dict[str, dict[str, Measured]]:
    tokens = {name: asyncio.run(_sign_in(server)) for name, server in servers.items() if name != "raw"}
    measured = {}
    for case in CASES:
        if case.name not in plan.cases:
            continue
        able = {name: server for name, server in servers.items() if name != "raw" or case.has_limit}
        calls = case.calls(dataset)
        loads = {
            name: Load(calls, case.clients, tokens.get(name, "") if case.signed_in else "") for name in able
        }
        if case.is_read:
            asyncio.run(_check_same_answers(able, loads))
        measured[case.name] = _measure(case, plan, able, loads)
        rates = ", ".join(f"{name} {row.per_second:,.0f}/s" for name, row in measured[case.name].items())
        tell(f"{case.title}: {rates}")
    return measured


def _measure(
    case: Case, plan: Plan, servers: dict[str, Server], loads: dict[str, Load]
) -> dict[str, Measured]:
    results: dict[str, list[Result]] = {name: [] for name in servers}
    spent = dict.fromkeys(servers, 0)
    for number in range(plan.rounds + 1):
        seconds = plan.seconds if number else 1
        for name, server in servers.items():
            result = run_load(loads[name], server.port, seconds, first=spent[name])
            spent[name] += result.requests + case.clients
            if result.refused or result.broken or not result.requests:
                raise BenchVoid(f"{name}, {case.title}: {result}\n{server.output()[-2000:]}")
            if number:  # the round before the first warms up and is not counted
                results[name].append(result)
        if case.spends and max(spent.values()) > len(next(iter(loads.values())).calls):
            raise BenchVoid(f"{case.title}: there are too few records to spend")
    return {name: _medians(rounds) for name, rounds in results.items()}


def _medians(rounds: Sequence[Result]) -> Measured:
    rates = [result.per_second for result in rounds]
    return Measured(
        rates=rates,
        per_second=statistics.median(rates),
        p50_ms=statistics.median(result.p50_ms for result in rounds),
        p99_ms=statistics.median(result.p99_ms for result in rounds),
    )


async def _sign_in(server: Server) -> str:
    async with Client(server.port) as client:
        body = {"identity": READER_EMAIL, "password": READER_PASSWORD}
        reply = await client.request("POST", "/api/collections/users/auth-with-password", body)
        return str(expect_ok(reply).json()["token"])


async def _check_same_answers(servers: dict[str, Server], loads: dict[str, Load]) -> None:
    for number in range(CHECKED_CALLS):
        answers = {}
        for name, server in servers.items():
            load = loads[name]
            answers[name] = await _answer(server, load.calls[number % len(load.calls)], load.token)
        first = next(iter(answers))
        for name, answer in answers.items():
            if answer != answers[first]:
                raise BenchVoid(f"different answers\n{first}: {answers[first]}\n{name}: {answer}")


async def _answer(server: Server, call: Call, token: str) -> Any:
    """Ask once and give the whole answer as values. Refuses errors and empty lists."""
    async with Client(server.port, token=token) as client:
        reply = await client.request(call.method, call.path)
    if reply.status != 200:
        raise BenchVoid(f"{server.launcher.name}: {call.path} gave {reply.status}: {reply.body[:500]!r}")
    answer = reply.json()
    if "id" not in answer and not answer["items"]:
        raise BenchVoid(f"{server.launcher.name}: {call.path} gave an empty list")
    return answer
