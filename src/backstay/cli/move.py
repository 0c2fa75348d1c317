"""`backstay move`: take a site from one database to another."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from backstay.cli.progress import new_progress
from backstay.cli.settings import data_folder, data_option, database, json_option, usable
from backstay.errors import SetupError

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from backstay.moving import Copied, Step

SQLITE = "sqlite"


@click.command(short_help="Take a site from one database to another.")
@click.option(
    "--to",
    "target",
    metavar="DATABASE",
    required=True,
    help="Where to: postgresql://USER:PASSWORD@HOST/NAME, empty so far; or 'sqlite', in the data folder.",
)
@data_option("data")
@json_option
def move(target: str, data: str | None, as_json: bool) -> None:
    """Copy definitions, records, accounts, settings and jobs from the site's database (--database) to another one.

    Nobody writes meanwhile: stop the server first. The copy is there whole or not at all. Then both are compared,
    collection by collection, and the line is printed that switches. The old database stays as it is. Files are not
    moved; see 'backstay files move'.
    """
    import asyncio

    folder = usable(data_folder(data))
    target = "" if target == SQLITE else target
    if target == database():
        raise SetupError(
            "there is nothing to move", why="the site is there already", do="give another database with --to"
        )
    began_s, bar = time.perf_counter(), Bar()
    try:
        copied = asyncio.run(move_site(folder, database(), target, bar))
    finally:
        bar.end()
    took_s = time.perf_counter() - began_s
    click.echo(_json(copied, took_s) if as_json else _told(copied, took_s, target))


async def move_site(folder: Path, source: str, target: str, bar: Bar) -> list[Copied]:
    """Copy a site into an empty database. Raises SetupError."""
    from backstay.migrations.runner import TABLE
    from backstay.moving import NotEmptyError, NotTheSameError, copy_site
    from backstay.site import KEPT_TABLES, open_site
    from backstay.stores.databases import open_store, without_password
    from backstay.stores.joined import held

    where = without_password(target) or str(folder)
    async with open_site(folder, database=source) as site, held(site.store, limited=False) as tx:
        store = await open_store(folder, target)
        try:
            return await copy_site(tx.fetch, tx.dialect, store, [*KEPT_TABLES, TABLE], told=bar.show)
        except NotEmptyError as exc:
            raise SetupError(
                f"cannot move to '{where}'", why="there is a site already", do="give an empty database"
            ) from exc
        except NotTheSameError as exc:
            raise SetupError(
                f"cannot move to '{where}'; nothing was changed",
                why=str(exc),
                do="change that in the site as it is, then move again",
            ) from exc
        finally:
            await store.close()


class Bar:
    """Shows on a terminal how far it is."""

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._task: TaskID | None = None

    def show(self, step: Step) -> None:
        if not sys.stderr.isatty():
            return
        if self._progress is None:
            self._progress = new_progress("{task.description}")
            self._task = self._progress.add_task("")
            self._progress.start()
        assert self._task is not None, "it is added with the bar"
        verb = "Comparing" if step.is_check else "Copying"
        self._progress.update(
            self._task, description=f"{verb} {step.collection}", completed=step.done, total=step.total
        )

    def end(self) -> None:
        if self._progress is not None:
            self._progress.stop()


def _json(copied: list[Copied], took_s: float) -> str:
    collections = {item.collection: {"records": item.records, "checksum": item.checksum} for item in copied}
    return json.dumps({"collections": collections, "seconds": round(took_s, 3)})


def _told(copied: list[Copied], took_s: float, target: str) -> str:
    width = max(len(item.collection) for item in copied)
    lines = [f"  {item.collection:<{width}}  {item.records:>10,}  {item.checksum}" for item in copied]
    total = sum(item.records for item in copied)
    switch = f"backstay serve --database '{target}'" if target else "backstay serve"
    return "\n".join(
        [
            f"Copied {total:,} records in {took_s:.1f} s; both databases hold the same:",
            *lines,
            f"From now on: {switch}" + (" (or set BACKSTAY_DATABASE)" if target else ""),
        ]
    )
