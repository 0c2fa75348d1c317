"""`python -m bench`: measure Backstay, PocketBase and the hand-written handler side by side. See docs/benchmarks.md."""

from __future__ import annotations

import argparse
import sys

import msgspec
from rich.console import Console

from bench.cases import CASES
from bench.load import load_tool
from bench.measure import LAUNCHERS, BenchVoid, Plan, run
from bench.processes import StartFailed
from bench.report import print_report, write_page


def main() -> int:
    ask = _arguments()
    quick = Plan(rounds=2, seconds=1)
    plan = msgspec.structs.replace(
        quick if ask.quick else Plan(), servers=ask.servers, cases=ask.cases, extras=not ask.no_extras
    )
    if ask.rounds:
        plan = msgspec.structs.replace(plan, rounds=ask.rounds)
    progress = Console(stderr=True)
    if load_tool() != "wrk":
        progress.print(
            "wrk is not installed: loading with the slower client of our own, which may be the limit"
        )
    try:
        report = run(plan, progress.print)
    except (BenchVoid, StartFailed) as exc:
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
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two rounds of one second: under two minutes")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/benchmarks.md")
    parser.add_argument("--no-extras", action="store_true", help="leave out sign-ins, files and subscribers")
    parser.add_argument("--rounds", type=int, default=0, help="rounds for each case and server")
    parser.add_argument("--servers", type=_words(list(LAUNCHERS)), default=list(LAUNCHERS), metavar="A,B")
    names = [case.name for case in CASES]
    parser.add_argument("--cases", type=_words(names), default=names, metavar="A,B", help=", ".join(names))
    return parser.parse_args()


class _words:  # noqa: N801 - a type of argparse, named as argparse shows it
    """A comma-separated choice."""

    def __init__(self, allowed: list[str]) -> None:
        self._allowed = allowed

    def __call__(self, text: str) -> list[str]:
        chosen = text.split(",")
        for name in chosen:
            if name not in self._allowed:
                raise argparse.ArgumentTypeError(f"'{name}' is none of {', '.join(self._allowed)}")
        return chosen


if __name__ == "__main__":
    sys.exit(main())
