"""`backstay import json|csv`: load a file into a collection, with a progress bar and an account of what happened."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from backstay.cli.progress import new_progress
from backstay.cli.settings import data_folder, data_option, database, json_option
from backstay.errors import RequestError
from backstay.faults import setup_error
from backstay.folders import ensure_data_folder

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from backstay.importing import Column, Outcome, Source

REFUSALS_SHOWN = 20


@click.group(name="import")
def import_group() -> None:
    """Load a file into a collection, or take over a PocketBase."""


_file = click.argument("file", type=click.Path(path_type=Path))
_into = click.option("--into", metavar="NAME", required=True, help="The collection; made when it is missing.")
_skip = click.option("--skip-errors", is_flag=True, help="Keep the good rows when others are refused.")
_data = data_option("data")


@import_group.command(name="json")
@_file
@_into
@_skip
@_data
@json_option
def import_json(file: Path, into: str, skip_errors: bool, data: str | None, as_json: bool) -> int:
    """Load FILE, a JSON list of objects or an object on each line.

    The fields of a new collection are inferred from all rows, and what was inferred is printed. All rows are
    loaded or none, unless --skip-errors is given. Refused rows are listed with the line they start on.
    """
    from backstay.importing import JsonSource

    return _import(JsonSource(file), into, skip_errors=skip_errors, data=data, as_json=as_json)


@import_group.command(name="csv")
@_file
@_into
@_skip
@_data
@json_option
def import_csv(file: Path, into: str, skip_errors: bool, data: str | None, as_json: bool) -> int:
    """Load FILE, CSV in UTF-8 whose first line names the columns.

    The fields of a new collection are inferred from all rows, and what was inferred is printed. All rows are
    loaded or none, unless --skip-errors is given. Refused rows are listed with the line they start on.
    """
    from backstay.importing import CsvSource

    return _import(CsvSource(file), into, skip_errors=skip_errors, data=data, as_json=as_json)


class Account:
    """Tells on stderr what an import does: what was inferred, then a bar (a terminal gets one, a log does not)."""

    def __init__(self, into: str) -> None:
        self._into = into
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def inferred(self, columns: Sequence[Column]) -> None:
        click.echo(
            f"New collection '{self._into}', closed to all but superusers until you give it rules:", err=True
        )
        width = max(len(column.name) for column in columns)
        for column in columns:
            came_from = f" (column '{column.source}')" if column.source != column.name else ""
            click.echo(f"  {column.name:<{width}}  {column.type:<8}  {column.why}{came_from}", err=True)

    def counted(self, rows: int) -> None:
        if not sys.stderr.isatty():
            click.echo(f"Loading {rows:,} rows …", err=True)
            return
        self._progress = new_progress("Loading")
        self._task = self._progress.add_task("load", total=rows)
        self._progress.start()

    def advanced(self, rows: int) -> None:
        if self._progress is not None and self._task is not None:
            self._progress.advance(self._task, rows)

    def end(self) -> None:
        if self._progress is not None:
            self._progress.stop()


def _import(source: Source, into: str, *, skip_errors: bool, data: str | None, as_json: bool) -> int:
    import asyncio

    from backstay.app import load
    from backstay.importing import load_file
    from backstay.options import ServeOptions

    folder = data_folder(data)
    ensure_data_folder(folder)
    account = Account(into)

    async def run() -> Outcome:
        async with load(ServeOptions.of_folder(folder, database=database())).open() as site:
            return await load_file(site, source, into, steps=account, skip_errors=skip_errors)

    began_s = time.perf_counter()
    try:
        outcome = asyncio.run(run())
    except RequestError as exc:
        raise setup_error(exc, what=f"cannot load into '{into}'") from exc
    finally:
        account.end()
    took_s = time.perf_counter() - began_s
    click.echo(json.dumps(_summary(outcome, took_s)) if as_json else _sentences(outcome, took_s))
    return 1 if outcome.refused and not skip_errors else 0


def _summary(outcome: Outcome, took_s: float) -> dict[str, Any]:
    return {
        "collection": outcome.collection,
        "created": outcome.created,
        "read": outcome.read,
        "loaded": outcome.loaded,
        "refused": outcome.refused,
        "seconds": round(took_s, 3),
        "fields": {column.name: column.type for column in outcome.columns},
        "refusals": [{"line": refusal.line, "faults": refusal.faults} for refusal in outcome.refusals],
    }


def _sentences(outcome: Outcome, took_s: float) -> str:
    lines = [f"line {refusal.line}: {_why(refusal.faults)}" for refusal in outcome.refusals[:REFUSALS_SHOWN]]
    if outcome.refused > len(lines):
        lines.append(f"… and {outcome.refused - len(lines):,} more (--json lists up to 1,000)")
    if outcome.refused and not outcome.loaded:
        lines += [
            f"error: nothing was loaded into '{outcome.collection}'",
            f"why:   {outcome.refused:,} of {outcome.read:,} rows were refused; all are loaded or none",
            "do:    mend the lines above, or give --skip-errors to load the others",
        ]
        return "\n".join(lines)
    refused = f", {outcome.refused:,} refused" if outcome.refused else ""
    rate = outcome.loaded / max(took_s, 0.001)
    lines.append(
        f"Loaded {outcome.loaded:,} records into '{outcome.collection}' in {took_s:.1f} s ({rate:,.0f}/s){refused}."
    )
    return "\n".join(lines)


def _why(faults: dict[str, Any], prefix: str = "") -> str:
    """Spell out the faults of one row: `title: Cannot be blank.; tags.0: …`."""
    if isinstance(faults.get("message"), str):
        return f"{prefix.rstrip('.')}: {faults['message']}" if prefix.rstrip(".") else str(faults["message"])
    return "; ".join(
        _why(inner, f"{prefix}{name}.") for name, inner in faults.items() if isinstance(inner, dict)
    )
