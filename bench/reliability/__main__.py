"""`python -m bench.reliability`: the long form of every experiment, against Backstay or the real PocketBase."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench.measure import LAUNCHERS
from bench.pages import DOCS, markdown_table, write_measured
from bench.processes import Launcher
from bench.reliability.crash import crash
from bench.reliability.full_disk import full_disk
from bench.reliability.large_upload import large_upload
from bench.reliability.locked import locked_database
from bench.reliability.lost_updates import lost_updates
from bench.reliability.outcome import CannotRun, Outcome
from bench.reliability.schema import schema_changes
from bench.reliability.slow_clients import slow_clients
from bench.reliability.stop import stop
from bench.reliability.stuck_readers import stuck_readers
from bench.reliability.syncs import syncs
from bench.reliability.uploads import uploads
from bench.report import machine

Run = Callable[[Launcher, Path], Awaitable[Outcome]]


class Experiment(msgspec.Struct, frozen=True):
    """One line of the table: its number, what is done, and how."""

    number: str
    title: str
    run: Run


EXPERIMENTS = [
    Experiment("R1", "kill -9 under load, restart", partial(crash, acknowledged=100_000, load_s=3.0)),
    Experiment("R1", "kill -9 under uploads", partial(uploads, rounds=20, load_s=2.0)),
    Experiment("R1", "an upload of 1 GiB", partial(large_upload, size_mb=1024)),
    Experiment("R3", "graceful stop under load", partial(stop, rounds=10)),
    Experiment("R5", "syncs, by strace", partial(syncs, creates=1000, clients=32)),
    Experiment("R6", "full disk", full_disk),
    Experiment("R7", "database locked 2 s", partial(locked_database, held_s=2.0)),
    Experiment("R7", "database locked 10 s", partial(locked_database, held_s=10.0, clients=8)),
    Experiment(
        "R7", "database locked exclusively 10 s", partial(locked_database, held_s=10.0, kind="EXCLUSIVE")
    ),
    Experiment("R8", "schema changes under kill -9", partial(schema_changes, rounds=40, load_s=3.0)),
    Experiment("R13", "stuck subscribers", stuck_readers),
    Experiment("R14", "slow clients", slow_clients),
    *(
        Experiment("R15", f"lost updates, {clients} clients", partial(lost_updates, clients=clients))
        for clients in (2, 4, 8, 16, 32)
    ),
]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.reliability", description=__doc__)
    parser.add_argument("numbers", nargs="*", metavar="R1", help="only these experiments")
    parser.add_argument("--server", choices=["backstay", "pocketbase"], default="backstay")
    parser.add_argument("--write", action="store_true", help="put the table into docs/reliability.md")
    ask = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 160)
    rows: list[list[str]] = []
    table = Table(title=f"Reliability of {ask.server}", title_justify="left", show_lines=True)
    for name in ("", "experiment", "figures", "result"):
        table.add_column(name)
    failed = False
    for experiment in EXPERIMENTS:
        if ask.numbers and experiment.number not in ask.numbers:
            continue
        started = time.monotonic()
        figures, result, passed = _run(experiment, LAUNCHERS[ask.server])
        console.print(f"{experiment.number} {experiment.title}: {time.monotonic() - started:.0f} s")
        table.add_row(experiment.number, experiment.title, figures, result)
        plain = [Text.from_markup(cell).plain.replace("\n", "; ") for cell in (figures, result)]
        rows.append([experiment.number, experiment.title, *plain])
        failed |= not passed
    console.print(table)
    if ask.write:
        facts = "\n".join(f"- {fact}" for fact in machine())
        head = ["", "experiment", "figures", "result"]
        write_measured(DOCS / "reliability.md", f"{facts}\n\n{markdown_table([head, *rows])}")
    return int(failed)


def _run(experiment: Experiment, launcher: Launcher) -> tuple[str, str, bool]:
    """Give the figures and the result as text, and whether it passed; what cannot run here has not failed."""
    with tempfile.TemporaryDirectory(prefix="reliability-") as folder:
        try:
            outcome = asyncio.run(_outcome(experiment, launcher, Path(folder)))
        except CannotRun as exc:
            return "", f"[yellow]NOT RUN: {exc}", True
    figures = "\n".join(f"{name}: {value:,g}" for name, value in outcome.figures.items())
    if outcome.findings:
        return figures, "[red]" + "\n".join(outcome.findings[:20]), False
    return figures, "[green]passed", True


async def _outcome(experiment: Experiment, launcher: Launcher, folder: Path) -> Outcome:
    return await experiment.run(launcher, folder)


if __name__ == "__main__":
    sys.exit(main())
