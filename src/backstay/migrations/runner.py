"""Brings a database to another schema: operations, data steps, and the note of what was applied.

Each migration is one transaction with its row in `_migrations`, so that it is there wholly or not at all. What loses
data needs permission, and a snapshot of the database is made first, within the same write lock: nothing can come in
between. Expand, then contract: with a data step, what loses data is done after it.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from backstay.catalog import Catalog
from backstay.catalog.casts import format_date
from backstay.catalog.compare import diff
from backstay.catalog.imports import plan_change
from backstay.catalog.operations import Mismatch, Operation, losses, replay
from backstay.declared import Collection, target
from backstay.errors import RequestError, SetupError
from backstay.faults import setup_error
from backstay.migrations.data import Data
from backstay.migrations.files import Migration
from backstay.migrations.modules import line_of
from backstay.plans.params import Statement
from backstay.site import Site
from backstay.stores.base import StoreError, Transaction
from backstay.stores.catalog import load_catalog
from backstay.stores.tables import COLUMNS_OF, key, prepare, system_table, text

SNAPSHOTS_FOLDER = "snapshots"
ALLOW = "look at 'backstay schema diff', then run 'backstay schema apply --allow-drop'"

TABLE = system_table("_migrations", key("name"), text("checksum"), text("applied"))
_SELECT = Statement("SELECT name, checksum FROM _migrations ORDER BY name")
_SELECT_ONE = Statement("SELECT 1 FROM _migrations WHERE name = ?")
_NOTE = Statement(
    "INSERT INTO _migrations (name, checksum, applied) VALUES (?, ?, ?) "
    "ON CONFLICT (name) DO UPDATE SET checksum = excluded.checksum"
)


class Done(msgspec.Struct, frozen=True):
    """What was done.

    left:     operations that lose data, which nobody has allowed
    snapshot: where the database is as it was before, if anything was lost
    """

    operations: tuple[Operation, ...] = ()
    left: tuple[Operation, ...] = ()
    snapshot: Path | None = None


async def applied(site: Site) -> dict[str, str]:
    """Return the checksums of the applied migrations, by name."""
    if not await site.store.fetch(COLUMNS_OF[site.store.dialect.name], [TABLE.name]):
        return {}
    return {str(row[0]): str(row[1]) for row in await site.store.fetch(_SELECT)}


async def note(site: Site, migrations: Sequence[Migration]) -> None:
    """Note that migrations are applied, as they are now."""

    async def job(tx: Transaction) -> None:
        await prepare(tx, tx.dialect, TABLE)
        for migration in migrations:
            await _note(tx, migration)

    await site.store.write(job)


async def _note(tx: Transaction, migration: Migration) -> None:
    await tx.execute(_NOTE, [migration.name, migration.checksum, format_date(datetime.now(UTC))])


async def apply_migration(site: Site, migration: Migration, *, allow_drop: bool) -> Done:
    """Apply one migration, unless it has just been applied by another process. Raises SetupError."""
    what = f"the migration '{migration.name}' can't be applied"

    async def job(tx: Transaction) -> Done:
        await prepare(tx, tx.dialect, TABLE)
        if await tx.fetch(_SELECT_ONE, [migration.name]):
            return Done()
        change = _Change(site, tx, await load_catalog(tx))
        lossy = await change.losing(migration.operations)
        if lossy and not allow_drop:
            raise SetupError(what, why=f"it would {_listed(lossy)}, and there are records", do=ALLOW)
        snapshot = await change.snapshot(migration.name) if lossy else None
        await change.make(migration)
        await _note(tx, migration)
        return Done(migration.operations, snapshot=snapshot)

    async with _explained(what, f"correct {migration.path}"):
        return await site.store.write(job, limited=False)
    raise AssertionError("an error has been raised")


async def apply_classes(site: Site, classes: Sequence[type[Collection]], *, allow_drop: bool) -> Done:
    """Bring the database to what classes declare, as far as that loses nothing or is allowed. Raises SetupError."""

    def wanted(catalog: Catalog) -> list[Operation]:
        return diff(catalog, target(catalog, classes))

    what = "the collections can't become what their classes declare"
    async with _explained(what, "correct the class in collections/"):
        return await _apply(site, wanted, what=what, label="classes", allow_drop=allow_drop)
    raise AssertionError("an error has been raised")


async def follow(site: Site, migration: Migration, end: Catalog) -> Done:
    """Bring a database of a developer to where a migration leads by now, whatever is lost. Raises SetupError."""
    what = f"the database can't follow '{migration.name}', which was changed elsewhere"
    async with _explained(what, f"correct {migration.path}"):
        done = await _apply(
            site, lambda catalog: diff(catalog, end), what=what, label=migration.name, allow_drop=True
        )
        await note(site, [migration])
        return done
    raise AssertionError("an error has been raised")


async def _apply(
    site: Site, wanted: Callable[[Catalog], list[Operation]], *, what: str, label: str, allow_drop: bool
) -> Done:
    async def job(tx: Transaction) -> Done:
        catalog = await load_catalog(tx)
        change = _Change(site, tx, catalog)
        operations = wanted(catalog)
        lossy = await change.losing(operations)
        left = () if allow_drop else tuple(lossy)
        snapshot = await change.snapshot(label) if lossy and allow_drop else None
        made = tuple(operation for operation in operations if operation not in left)
        try:
            await change.operate(made)
        except Mismatch as exc:
            raise SetupError(what, why=f"{exc}; it would {_listed(lossy)}", do=ALLOW) from exc
        return Done(made, left, snapshot)

    return await site.store.write(job, limited=False) if wanted(site.catalog) else Done()


class _Change:
    """One change within one transaction. Its methods raise Mismatch, BadRequest and StoreError."""

    def __init__(self, site: Site, tx: Transaction, catalog: Catalog) -> None:
        self._site, self._tx, self._catalog = site, tx, catalog

    async def losing(self, operations: Sequence[Operation]) -> list[Operation]:
        """Return the operations that lose data, which they do only where there are records."""
        found = losses(self._catalog, operations)
        return [operation for operation, id in found if await self._has_records(id)]

    async def _has_records(self, collection_id: str) -> bool:
        collection = self._catalog.find(collection_id)
        if collection is None or collection.is_view:
            return False
        return bool(await self._tx.fetch(self._site.book.of(collection).some_rows, [1, 0]))

    async def snapshot(self, label: str) -> Path:
        """Copy the database as it was when the transaction began, and return where the copy is."""
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        folder = self._site.data / SNAPSHOTS_FOLDER
        for left in folder.glob(".*.part*"):
            shutil.rmtree(
                left
            ) if left.is_dir() else left.unlink()  # of a process that died in it, and its journal; only one changes the schema at a time
        path = folder / f"{stamp}_{label}.db"
        await self._site.snapshot(path, [TABLE])
        return path

    async def make(self, migration: Migration) -> None:
        """Do what a migration says: with a data step, first what keeps everything, and last what loses something."""
        operations = migration.operations
        if migration.data is None:
            await self.operate(operations)
            return
        losing = [operation for operation, _ in losses(self._catalog, operations)]
        await self.operate([operation for operation in operations if operation not in losing])
        await self._data_step(migration)
        await self.operate(losing)

    async def _data_step(self, migration: Migration) -> None:
        assert migration.data is not None, "only those with a data step come here"
        try:
            await migration.data(Data(self._tx, self._catalog, self._site.writer))
        except Exception as exc:
            raise SetupError(
                f"the data step of the migration '{migration.name}' failed; nothing was changed",
                why=f"line {line_of(exc, migration.path)}: {type(exc).__name__}: {exc}",
                do=f"correct {migration.path}",
            ) from exc

    async def operate(self, operations: Sequence[Operation]) -> None:
        """Make all operations at once."""
        plan = plan_change(
            self._catalog, replay(self._catalog, operations), now=format_date(datetime.now(UTC))
        )
        if plan.deleted or plan.drafts:
            await self._site.changes.import_within(self._tx, plan)
            self._catalog = await load_catalog(self._tx)


def _listed(operations: Sequence[Operation]) -> str:
    return ", ".join(map(str, operations))


@asynccontextmanager
async def _explained(what: str, do: str) -> AsyncIterator[None]:
    """Turn what refuses a change into three lines for the operator."""
    try:
        yield
    except RequestError as exc:
        told = setup_error(exc, what=what, do=do)
        raise SetupError(what, why=" ".join(told.why.split()), do=do) from exc
    except (Mismatch, StoreError, LookupError) as exc:
        raise SetupError(what, why=str(exc), do=do) from exc
    except OSError as exc:
        raise SetupError(
            what, why=f"no snapshot can be made: {exc}", do="make room for a copy of the database"
        ) from exc
