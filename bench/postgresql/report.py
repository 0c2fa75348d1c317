"""Shows the results as tables, on the terminal and in `docs/postgresql.md`."""

from __future__ import annotations

import os
import statistics
from importlib.metadata import version

import psycopg
from rich.console import Console
from rich.table import Table

from bench.cases import CASES
from bench.measure import Measured
from bench.pages import DOCS, markdown_table, write_measured
from bench.postgresql.measure import Cases, PostgresqlReport
from bench.postgresql.sites import SERVER

LIMIT_SHARE = 0.7
Rows = list[list[str]]


def tables(report: PostgresqlReport) -> dict[str, Rows]:
    """Return the tables by their titles; the first row of each is its head."""
    main = report.rows.get(report.plan.main_rows) or next(iter(report.rows.values()))
    found = {f"One process, {report.plan.main_rows:,} cities": _beside(main)}
    if len(report.rows) > 1:
        found["As the rows grow: requests a second on PostgreSQL (on SQLite)"] = _growth(report.rows)
    if report.processes:
        found["With more processes: requests a second (of the hand-written handler)"] = _shared(
            report.processes
        )
    return found


def share(row: dict[str, Measured], server: str, to: str) -> float | None:
    """Return the median over the rounds of the rate of `server` over that of `to`."""
    if server not in row or to not in row:
        return None
    return statistics.median(a / b for a, b in zip(row[server].rates, row[to].rates, strict=True))


def _beside(cases: Cases) -> Rows:
    rows = [
        ["work", "SQLite", "PostgreSQL", "hand-written", "PostgreSQL / hand-written", "PostgreSQL / SQLite"]
    ]
    for case in CASES:
        row = cases.get(case.name)
        if row:
            cells = [_figures(row.get(name)) for name in ("sqlite", "postgresql", "raw")]
            shares = [_percent(share(row, "postgresql", to)) for to in ("raw", "sqlite")]
            rows.append([case.title, *cells, *shares])
    return rows


def _growth(by_rows: dict[int, Cases]) -> Rows:
    rows = [["work", *(f"{number:,}" for number in by_rows)]]
    for case in CASES:
        cells = [
            f"{found['postgresql'].per_second:,.0f}/s ({found['sqlite'].per_second:,.0f}/s)"
            for cases in by_rows.values()
            if (found := cases.get(case.name))
        ]
        if cells:
            rows.append([case.title, *cells])
    return rows


def _shared(by_processes: dict[int, Cases]) -> Rows:
    rows = [["work", *(f"{number} process{'es' if number > 1 else ''}" for number in by_processes)]]
    for case in CASES:
        cells = [
            f"{found['postgresql'].per_second:,.0f}/s ({found['raw'].per_second:,.0f}/s)"
            for cases in by_processes.values()
            if (found := cases.get(case.name))
        ]
        if cells:
            rows.append([case.title, *cells])
    return rows


def _figures(found: Measured | None) -> str:
    if found is None:
        return ""
    return f"{found.per_second:,.0f}/s · {found.p50_ms:.1f} · {found.p99_ms:.1f} ms"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}"


def missed(report: PostgresqlReport) -> list[str]:
    """Say which kinds of work are below their share of the hand-written handler."""
    found = []
    for case in CASES:
        row = report.rows.get(report.plan.main_rows, {}).get(case.name, {})
        reached = share(row, "postgresql", "raw")
        if reached is not None and reached < LIMIT_SHARE:
            found.append(
                f"{case.title}: {reached:.0%} of the hand-written handler ({LIMIT_SHARE:.0%} wanted)"
            )
    return found


def print_report(report: PostgresqlReport, console: Console) -> None:
    for title, (head, *rows) in tables(report).items():
        table = Table(*head, title=title, title_justify="left")
        for row in rows:
            table.add_row(*row)
        console.print(table)
    for line in missed(report):
        console.print(f"missed: {line}")


def write_page(report: PostgresqlReport) -> None:
    """Put the tables into `docs/postgresql.md`."""
    parts = [_setting(report)]
    for title, rows in tables(report).items():
        parts.append(f"### {title}\n\n{markdown_table(rows)}")
    lines = missed(report)
    if lines:
        parts.append("Missed: " + "; ".join(lines) + ".")
    write_measured(DOCS / "postgresql.md", "\n\n".join(parts))


def _setting(report: PostgresqlReport) -> str:
    with psycopg.connect(SERVER) as link:
        server = link.info.server_version
    plan = report.plan
    return (
        f"Measured with {report.tool}, {plan.rounds} rounds of {plan.seconds} s for each server in turn, medians; "
        f"requests a second, and latency at p50 and p99. PostgreSQL {server // 10000}.{server % 10000} at its defaults, "
        f"psycopg {version('psycopg')}, all on the same {os.cpu_count()} cores."
    )
