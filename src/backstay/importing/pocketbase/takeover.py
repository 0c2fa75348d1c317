"""Leads through the take-over: check all, build all in a folder beside the target, rename it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import apsw
import msgspec

from backstay import settings
from backstay.catalog import Collection
from backstay.errors import SetupError
from backstay.importing.pocketbase import database, source
from backstay.importing.pocketbase.definitions import read_collections, read_settings, unreadable_rules
from backstay.importing.pocketbase.leftovers import left_behind
from backstay.importing.pocketbase.storage import FileCount, copy_files, list_files
from backstay.importing.pocketbase.target import check_target, new_folder, sync
from backstay.settings import Settings

SITE_DATABASE = "site.db"
LOG_DATABASE = "logs.db"
STORAGE = "storage"


class Steps(Protocol):
    """Who wants to know how far a take-over is."""

    def began(self, what: str, total: int) -> None:
        """`total` of `what` (records, files, log entries) are to be copied."""

    def advanced(self, count: int) -> None:
        """So many more of them are."""


class Taken(msgspec.Struct, kw_only=True):
    """What was taken over.

    left:  what was left behind, a sentence each
    notes: what the operator should look at, a sentence each
    """

    collections: int = 0
    records: int = 0
    files: int = 0
    files_bytes: int = 0
    logs: int = 0
    seconds: float = 0
    left: list[str] = []
    notes: list[str] = []


def take_over(folder: Path, out: Path, steps: Steps, *, default_settings: bool = False) -> Taken:
    """Make the data folder `out` from the PocketBase data folder `folder`, which stays as it is.

    All of it or nothing: until the end there is no `out`, even if the process is killed.

    default_settings: leave the settings behind, since they can't be read
    Raises SetupError when the source can't be taken over as a whole, or `out` is not free.
    """
    began_s = time.monotonic()
    source.check_source(folder)
    check_target(out, folder)
    with _full_disk_explained(out), new_folder(out) as work:
        taken = _build(folder, work, steps, default_settings=default_settings)
    taken.seconds = round(time.monotonic() - began_s, 3)
    return taken


def _build(folder: Path, work: Path, steps: Steps, *, default_settings: bool) -> Taken:
    scratch = work / "scratch"
    scratch.mkdir(mode=0o700)
    taken = Taken()
    main = folder / source.DATABASE
    uri = source.readable(main, scratch)
    with source.opened(uri, main) as db:
        collections = read_collections(db, main)
        kept = Settings() if default_settings else read_settings(db, main)
        taken.left = left_behind(db, folder, collections)
        database.check_tables(db, collections)
        steps.began("records", database.count_records(db, collections))
    with database.building(work / SITE_DATABASE, uri) as site:
        taken.records = database.copy_records(site, collections, steps.advanced)
        database.write_definitions(site, collections, settings.encode(kept).decode())
    sync(work / SITE_DATABASE)
    taken.collections = len(collections)
    taken.notes = _notes(collections, kept, default_settings=default_settings)
    taken.logs = _take_logs(folder / source.LOGS, work, scratch, steps)
    files = _take_files(folder, work, steps)
    taken.files, taken.files_bytes = files.files, files.size_bytes
    for left in scratch.iterdir():
        left.unlink()
    scratch.rmdir()
    return taken


def _take_logs(path: Path, work: Path, scratch: Path, steps: Steps) -> int:
    if not path.is_file():
        return 0
    uri = source.readable(path, scratch)
    with source.opened(uri, path) as db:
        total = database.count_logs(db)
    steps.began("log entries", total)
    with database.building(work / LOG_DATABASE, uri) as logs:
        database.copy_logs(logs, steps.advanced, total=total)
    sync(work / LOG_DATABASE)
    return total


def _take_files(folder: Path, work: Path, steps: Steps) -> FileCount:
    files = list_files(folder / source.STORAGE)
    steps.began("files", len(files))
    return copy_files(folder / source.STORAGE, work / STORAGE, files, steps.advanced)


def _notes(collections: tuple[Collection, ...], kept: Settings, *, default_settings: bool) -> list[str]:
    notes = list(unreadable_rules(collections))
    if kept.s3.enabled:
        notes.append(f"files in the bucket '{kept.s3.bucket}' stay there")
    if default_settings:
        notes.append("the settings are the defaults: fill in mail, storage and limits")
    return notes


@contextmanager
def _full_disk_explained(out: Path) -> Iterator[None]:
    try:
        yield
    except apsw.FullError as exc:
        raise SetupError(
            f"cannot import into '{out}'",
            why="there is no room left on the disk; nothing of it was kept",
            do="make room, or give a folder on another disk with --data (or BACKSTAY_DATA)",
        ) from exc
