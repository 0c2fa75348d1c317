"""`backstay files`: where a site's files are kept, and moving them all to another place."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from backstay.cli.settings import data_folder, data_option, database, json_option, usable
from backstay.errors import SetupError

if TYPE_CHECKING:
    from backstay.settings import Settings
    from backstay.site import Site


@click.group()
def files() -> None:
    """Move a site's files between its folder and a bucket, and look for those that are left over."""


@files.command()
@click.option(
    "--to", "target", type=click.Choice(["s3", "local"]), required=True, help="Where the files shall be."
)
@data_option("data")
@json_option
def move(target: str, data: str | None, as_json: bool) -> None:
    """Copy all files, compare each copy, then use them from there.

    The bucket is the one in the settings (`s3`), which need not be enabled yet. The server may run meanwhile: what is
    uploaded during the copy is copied at the end. The originals stay where they are.
    """
    import asyncio

    folder = data_folder(data)
    usable(folder)
    copied = asyncio.run(_move(folder, target))
    where = "the bucket" if target == "s3" else "the folder"
    click.echo(
        json.dumps({"to": target, "copied": copied})
        if as_json
        else f"Copied {copied:,} files. They are used from {where} now; the originals are still where they were."
    )


@files.command()
@data_option("data")
@click.option("--delete", "deletes", is_flag=True, help="Remove the files that no record names.")
@json_option
def check(data: str | None, deletes: bool, as_json: bool) -> None:
    """Compare the files with the records: which are named by none, and which are missing."""
    import asyncio

    folder = data_folder(data)
    usable(folder)
    orphans, missing = asyncio.run(_check(folder, deletes=deletes))
    if as_json:
        click.echo(json.dumps({"orphans": orphans, "missing": missing, "deleted": deletes}))
        return
    for title, keys in (("named by no record", orphans), ("missing", missing)):
        for key in keys:
            click.echo(f"{title}: {key}")
    done = ", deleted" if deletes and orphans else ""
    click.echo(f"{len(orphans):,} files are named by no record{done}; {len(missing):,} are missing.")


async def _move(folder: Path, target: str) -> int:
    from backstay.files import LocalStore
    from backstay.files.move import Differs, copy_missing
    from backstay.files.s3 import S3Store
    from backstay.site import open_site

    async with open_site(folder, database=database()) as site:
        _check_target(site, target)
        bucket = S3Store(site.settings.s3)
        local: LocalStore = site.local_files
        source, goal = (local, bucket) if target == "s3" else (bucket, local)
        try:
            with _progress("Copying") as tell:
                copied = await copy_missing(source, goal, site.keeper.incoming, tell)
            await site.change_settings(lambda settings: _using(settings, target))
            with _progress("Copying what came meanwhile") as tell:
                copied += await copy_missing(source, goal, site.keeper.incoming, tell)
        except (OSError, Differs) as exc:
            raise SetupError(
                "not all files could be copied; nothing was switched",
                why=str(exc) or type(exc).__name__,
                do="mend that and run the same command again: what is there already is not copied again",
            ) from exc
        return copied


def _check_target(site: Site, target: str) -> None:
    s3 = site.settings.s3
    if not s3.bucket or not s3.endpoint:
        raise SetupError(
            "there is no bucket in the settings",
            why="'s3' in the settings names none",
            do="set s3.endpoint, bucket, region, accessKey and secret as a superuser: PATCH /api/settings",
        )
    if s3.enabled is (target == "s3"):
        where = "in the bucket" if target == "s3" else "in the folder"
        raise SetupError(
            f"the files are {where} already", why="the settings say so", do="nothing; or give the other --to"
        )


def _using(settings: Settings, target: str) -> Settings:
    import msgspec

    return msgspec.structs.replace(settings, s3=msgspec.structs.replace(settings.s3, enabled=target == "s3"))


async def _check(folder: Path, *, deletes: bool) -> tuple[list[str], list[str]]:
    from backstay.site import open_site

    async with open_site(folder, database=database()) as site:
        store = await site.files()
        there = {key for key in await store.names("") if not key.startswith(".") and "/thumbs_" not in key}
        named = await site.named_files()
        orphans, missing = sorted(there - named), sorted(named - there)
        if deletes:
            for key in orphans:
                await store.remove(key)
        return orphans, missing


@contextmanager
def _progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """Show how far a copy is, on stderr."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(title, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
