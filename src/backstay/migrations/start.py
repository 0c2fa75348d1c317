"""What happens to the schema when a site starts, and when an operator asks for it.

One process does it, others wait. Nobody is asked anything:

- pending migrations are applied; one that would lose data stops the start until an operator allows it
- in production, a site that has migrations must have all of its classes in them; what a superuser has changed
  over the API since is told and left alone
- a site without migrations, and one in development, follows its classes as far as no data is lost; the rest is told
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import msgspec

from backstay.catalog.compare import diff, same
from backstay.catalog.operations import Operation
from backstay.declared import Collection, target
from backstay.errors import SetupError
from backstay.migrations.files import MIGRATIONS_FOLDER, Migration, load_migrations, replayed
from backstay.migrations.modules import load_classes
from backstay.migrations.recorder import DevRecorder
from backstay.migrations.runner import Done, applied, apply_classes, apply_migration, follow, note
from backstay.site import Site

LOCK_FILE = ".schema.lock"
log = logging.getLogger("backstay")


class Schema(msgspec.Struct, frozen=True, eq=False):
    """What a site's folder says about its schema."""

    migrations: tuple[Migration, ...]
    classes: tuple[type[Collection], ...]


def load_schema(site_folder: Path, more: Sequence[type[Collection]] = ()) -> Schema:
    """Load the migrations and the declared classes of a site. Raises SetupError.

    more: classes that are declared elsewhere, by a plugin say
    """
    migrations = load_migrations(site_folder / MIGRATIONS_FOLDER)
    return Schema(tuple(migrations), (*load_classes(site_folder), *more))


class Standing(msgspec.Struct, frozen=True):
    """Where a database stands.

    changed: applied migrations whose file is another now
    missing: applied migrations whose file is gone
    """

    applied: tuple[str, ...]
    pending: tuple[str, ...]
    changed: tuple[str, ...]
    missing: tuple[str, ...]


async def standing(site: Site, schema: Schema) -> Standing:
    """Compare the migrations with those that a database has applied."""
    known = await applied(site)
    files = {migration.name: migration for migration in schema.migrations}
    return Standing(
        tuple(name for name in files if name in known),
        tuple(name for name in files if name not in known),
        tuple(name for name, file in files.items() if known.get(name, file.checksum) != file.checksum),
        tuple(name for name in known if name not in files),
    )


class Told(msgspec.Struct):
    """What an operator should know: what was done, and what is not as it should be."""

    done: list[str] = []
    warnings: list[str] = []

    def tell_snapshot(self, done: Done) -> None:
        if done.snapshot:
            self.done.append(f"The database as it was before: {done.snapshot}")


@asynccontextmanager
async def prepared(
    site: AbstractAsyncContextManager[Site],
    site_folder: Path,
    *,
    dev: bool = False,
    more: Sequence[type[Collection]] = (),
) -> AsyncIterator[Site]:
    """Open a site with its schema as its folder says. In development, changes over the API are recorded.

    more: classes that are declared elsewhere, by a plugin say

    Raises SetupError.
    """
    async with site as opened:
        told = await bring_up(opened, site_folder, dev=dev, more=more)
        for line in told.done:
            log.info(line)
        for line in told.warnings:
            log.warning(line)
        if not dev:
            yield opened
            return
        async with DevRecorder(opened, site_folder, has_classes=bool(more)).recording():
            yield opened


async def bring_up(
    site: Site,
    site_folder: Path,
    *,
    dev: bool = False,
    allow_drop: bool = False,
    more: Sequence[type[Collection]] = (),
) -> Told:
    """Bring a database to what the site's folder says, and classes that are declared elsewhere.

    Raises SetupError when it can't be, or may not be without permission.
    """
    schema, told = load_schema(site_folder, more), Told()
    if schema.migrations or schema.classes:
        async with _alone(site.data):
            await site.refresh()
            await _migrate(site, schema, told, dev=dev, allow_drop=allow_drop)
            await _follow_classes(site, schema, told, dev=dev, allow_drop=allow_drop)
    return told


@asynccontextmanager
async def _alone(data: Path) -> AsyncIterator[None]:
    """Wait until no other process changes the schema. A process that dies lets go of it."""
    handle = os.open(data / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        await asyncio.to_thread(fcntl.flock, handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


async def _migrate(site: Site, schema: Schema, told: Told, *, dev: bool, allow_drop: bool) -> None:
    where = await standing(site, schema)
    told.warnings += [f"The applied migration '{name}' has no file any more." for name in where.missing]
    for name in where.changed:
        await _follow_changed(site, schema, name, told, dev=dev)
    pending = [migration for migration in schema.migrations if migration.name in where.pending]
    _check_pending(pending, where, dev=dev)
    there = _there_already(site, schema, pending)
    if there:
        await note(site, there)
    for migration in pending[len(there) :]:
        done = await apply_migration(site, migration, allow_drop=allow_drop)
        told.done.append(f"Applied the migration '{migration.name}'.")
        told.tell_snapshot(done)


def _check_pending(pending: Sequence[Migration], where: Standing, *, dev: bool) -> None:
    for migration in pending:
        if not migration.is_shipped and not dev:
            raise SetupError(
                f"the migration '{migration.name}' is not shipped",
                why="it is still being recorded, and may change after this database has applied it",
                do="backstay schema ship; in development start with --dev",
            )
        later = [name for name in where.applied if name > migration.name]
        if later:
            raise SetupError(
                f"the migration '{migration.name}' comes too late",
                why=f"this database has applied '{later[-1]}', which comes after it",
                do=f"give {migration.path} the next free number",
            )


def _there_already(site: Site, schema: Schema, pending: Sequence[Migration]) -> list[Migration]:
    """Return the pending migrations whose result is there already: it was recorded here, or made over the API.

    One with a data step has to run, since nobody can tell whether it has.
    """
    for count in range(len(pending), 0, -1):
        through = schema.migrations[: schema.migrations.index(pending[count - 1]) + 1]
        if any(migration.data for migration in pending[:count]):
            continue
        if same(site.catalog, replayed(through)):
            return list(pending[:count])
    return []


async def _follow_changed(site: Site, schema: Schema, name: str, told: Told, *, dev: bool) -> None:
    """Deal with an applied migration whose file has changed: one that is still being recorded may."""
    migration = next(item for item in schema.migrations if item.name == name)
    if migration.is_shipped or not dev:
        raise SetupError(
            f"the migration '{name}' was changed after this database had applied it",
            why="its checksum is another; the database does not have what the file says now",
            do=f"put {migration.path} back as it was, and write what is new into a migration of its own",
        )
    done = await follow(site, migration, replayed(schema.migrations))
    told.done += [f"Followed '{name}', which was changed elsewhere: {item}." for item in done.operations]
    told.tell_snapshot(done)


async def _follow_classes(site: Site, schema: Schema, told: Told, *, dev: bool, allow_drop: bool) -> None:
    if not schema.classes:
        return
    if schema.migrations and not dev:
        check_written(schema)
        drift = diff(site.catalog, target(site.catalog, schema.classes))
        told.warnings += [
            f"The database is not as the classes say; it would need to {item}." for item in drift
        ]
        return
    done = await apply_classes(site, schema.classes, allow_drop=allow_drop)
    told.done += [f"Done: {item}." for item in done.operations]
    told.warnings += [f"Not done, since records would lose data: {item}." for item in done.left]
    if done.left:
        told.warnings.append("To allow it: backstay schema apply --allow-drop")
    told.tell_snapshot(done)


def unwritten(schema: Schema) -> list[Operation]:
    """Return what the classes declare and no migration does. Raises SetupError."""
    state = replayed(schema.migrations)
    return diff(state, target(state, schema.classes))


def check_written(schema: Schema) -> None:
    """Raise SetupError when the classes declare what no migration does."""
    missing = unwritten(schema)
    if missing:
        raise SetupError(
            "the classes in collections/ declare what no migration does",
            why=f"a migration would have to {', '.join(map(str, missing[:3]))}{', …' if missing[3:] else ''}",
            do="backstay schema make NAME, and look at what it wrote",
        )
