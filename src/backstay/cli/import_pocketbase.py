"""`backstay import pocketbase`: take over a PocketBase data folder, and say what was taken and what was not."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from backstay.cli.progress import new_progress
from backstay.cli.settings import data_folder, data_option, database, json_option

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from backstay.importing.pocketbase import Taken


@click.command(name="pocketbase")
@click.argument("pb_data", type=click.Path(path_type=Path))
@data_option("data")
@click.option("--default-settings", is_flag=True, help="Leave the settings behind, when they are encrypted.")
@json_option
def import_pocketbase(pb_data: Path, data: str | None, default_settings: bool, as_json: bool) -> None:
    """Make a data folder from PB_DATA, the data folder of a PocketBase 0.23 or later.

    Takes collections with their rules and secrets, records, accounts, settings, logs and files. Passwords and
    tokens keep working. PB_DATA stays as it is, and the server may run meanwhile. The new folder appears at the
    end, complete, or not at all.
    """
    from backstay.importing.pocketbase import take_over

    out = data_folder(data)
    bars = Bars()
    try:
        taken = take_over(pb_data, out, bars, default_settings=default_settings)
        if database():
            _move_on(out)
    finally:
        bars.end()
    click.echo(_summary(taken, out) if as_json else _sentences(taken, out))


def _move_on(out: Path) -> None:
    """Take what was imported to the database that was asked for; the folder keeps the files."""
    import asyncio

    from backstay.cli.move import Bar, move_site
    from backstay.stores.databases import DATABASE_FILE

    bar = Bar()
    try:
        asyncio.run(move_site(out, "", database(), bar))
    finally:
        bar.end()
    for left in out.glob(f"{DATABASE_FILE}*"):
        left.unlink()


class Bars:
    """A bar on stderr for each kind of thing that is copied; a log gets a line instead."""

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def began(self, what: str, total: int) -> None:
        if not total:
            return
        if not sys.stderr.isatty():
            click.echo(f"Copying {what}: {total:,} …", err=True)
            return
        if self._progress is None:
            self._progress = new_progress("Copying {task.description:<11}")
            self._progress.start()
        self._task = self._progress.add_task(what, total=total)

    def advanced(self, count: int) -> None:
        if self._progress is not None and self._task is not None:
            self._progress.advance(self._task, count)

    def end(self) -> None:
        if self._progress is not None:
            self._progress.stop()


def _summary(taken: Taken, out: Path) -> str:
    return json.dumps(
        {
            "data": str(out),
            "collections": taken.collections,
            "records": taken.records,
            "files": taken.files,
            "filesBytes": taken.files_bytes,
            "logs": taken.logs,
            "seconds": taken.seconds,
            "left": taken.left,
            "notes": taken.notes,
        }
    )


def _sentences(taken: Taken, out: Path) -> str:
    lines = [
        f"Took over {taken.collections:,} collections, records: {taken.records:,}, files: {taken.files:,} "
        f"({taken.files_bytes / 1e6:,.1f} MB), log entries: {taken.logs:,}. It took {taken.seconds:.1f} s."
    ]
    lines += ["Left behind:", *(f"  {sentence}" for sentence in taken.left)] if taken.left else []
    lines += ["Look at:", *(f"  {sentence}" for sentence in taken.notes)] if taken.notes else []
    return "\n".join([*lines, f"Serve it: backstay serve --data {shlex.quote(str(out))}"])
