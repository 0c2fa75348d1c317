"""What is measured on PostgreSQL: kinds of work beside the hand-written handler and SQLite; rows; processes."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from bench.cases import CASES
from bench.load import load_tool
from bench.measure import Measured, Plan, measure_cases
from bench.postgresql.sites import OnPostgresql, RawOnPostgresql, Sites
from bench.processes import BackstaySite, Launcher, Server

WORK = tuple(case.name for case in CASES if not case.spends)
SHARED_WORK = ("view", "list", "create")
"""What is measured with several processes."""

Cases = dict[str, dict[str, Measured]]
"""Results by case and server."""
Tell = Callable[[str], None]


class PostgresqlPlan(msgspec.Struct, frozen=True):
    """How much to measure.

    rows: how many cities, ascending; the first tables are of `main_rows`
    """

    rounds: int = 3
    seconds: int = 2
    rows: Sequence[int] = (10_000, 100_000, 1_000_000)
    main_rows: int = 100_000
    processes: Sequence[int] = (1, 2, 3)


class PostgresqlReport(msgspec.Struct, frozen=True):
    """All results: of one process by number of rows, and by number of processes."""

    tool: str
    plan: PostgresqlPlan
    rows: dict[int, Cases]
    processes: dict[int, Cases]


def run(plan: PostgresqlPlan, tell: Tell) -> PostgresqlReport:
    """Measure everything in `plan`. Raises BenchVoid where a server's answers are wrong."""
    by_rows: dict[int, Cases] = {}
    by_processes: dict[int, Cases] = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        sites = Sites(Path(folder))
        try:
            for rows in plan.rows:
                tell(f"{rows:,} cities: making them")
                if rows == plan.rows[0]:
                    asyncio.run(sites.make(rows))
                else:
                    sites.grow(rows)
                by_rows[rows] = _beside(plan, sites, tell)
                if rows == plan.main_rows:
                    by_processes = {number: _shared(plan, sites, number, tell) for number in plan.processes}
        finally:
            sites.drop()
    return PostgresqlReport(load_tool(), plan, by_rows, by_processes)


def _beside(plan: PostgresqlPlan, sites: Sites, tell: Tell) -> Cases:
    launchers: list[Launcher] = [
        BackstaySite("sqlite"),
        OnPostgresql(sites.url),
        RawOnPostgresql(sites.raw_url),
    ]
    with _running(launchers, sites) as servers:
        return measure_cases(_plan(plan, WORK), servers, sites.dataset, tell)


def _shared(plan: PostgresqlPlan, sites: Sites, number: int, tell: Tell) -> Cases:
    tell(f"{number} processes")
    launchers: list[Launcher] = [OnPostgresql(sites.url, number), RawOnPostgresql(sites.raw_url, number)]
    with _running(launchers, sites) as servers:
        return measure_cases(_plan(plan, SHARED_WORK), servers, sites.dataset, tell)


def _plan(plan: PostgresqlPlan, cases: Sequence[str]) -> Plan:
    return Plan(rounds=plan.rounds, seconds=plan.seconds, cases=cases)


@contextlib.contextmanager
def _running(launchers: Sequence[Launcher], sites: Sites) -> Iterator[dict[str, Server]]:
    """Start servers on new copies of the site, each with a data folder of its own."""
    sites.lay_out()
    with contextlib.ExitStack() as stack:
        servers: dict[str, Server] = {}
        for launcher in launchers:
            data = sites.data if launcher.database else sites.folder / launcher.name
            servers[launcher.name] = Server(launcher, data)
            stack.callback(servers[launcher.name].kill)
        yield servers
