"""`python -m bench.postgresql`: measure a site on PostgreSQL. See docs/postgresql.md."""

from __future__ import annotations

import argparse
import sys

import msgspec
import psycopg
from rich.console import Console

from bench.measure import BenchVoid
from bench.postgresql.measure import PostgresqlPlan, run
from bench.postgresql.report import print_report, write_page
from bench.processes import StartFailed


def main() -> int:
    ask = _arguments()
    plan = PostgresqlPlan(rounds=1, seconds=1, rows=(10_000, 100_000)) if ask.quick else PostgresqlPlan()
    if ask.rounds:
        plan = msgspec.structs.replace(plan, rounds=ask.rounds)
    progress = Console(stderr=True)
    try:
        report = run(plan, progress.print)
    except (BenchVoid, StartFailed, psycopg.Error) as exc:
        progress.print(f"error: {exc}", style="red", markup=False)
        return 1
    if ask.json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(report)).decode() + "\n")
    else:
        print_report(report, Console(width=None if sys.stdout.isatty() else 160))
    if ask.write:
        write_page(report)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.postgresql", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round of one second, up to 100,000 rows")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/postgresql.md")
    parser.add_argument("--rounds", type=int, default=0, help="rounds for each case and server")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
