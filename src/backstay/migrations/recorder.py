"""In development, writes what is changed over the API into the newest migration: one file, not one for each click.

The file says `shipped = False` and holds what leads from the shipped migrations to the catalog as it is. Each change
writes its operations anew; what a person has added to the file, a data step say, stays. `backstay schema ship` ends it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from backstay.catalog import Catalog
from backstay.catalog.compare import diff
from backstay.errors import RequestError, SetupError
from backstay.migrations.files import (
    MIGRATIONS_FOLDER,
    RECORDED_SLUG,
    load_migrations,
    next_path,
    render,
    replayed,
    rewritten,
    write,
)
from backstay.migrations.modules import load_classes
from backstay.migrations.runner import note
from backstay.site import Site

log = logging.getLogger("backstay")


class DevRecorder:
    """Records the changes of one site's catalog into `SITE/migrations/`.

    A site with classes and without that folder keeps to its classes; nothing is recorded there.

    has_classes: classes are declared elsewhere than in the site's folder
    """

    def __init__(self, site: Site, site_folder: Path, *, has_classes: bool = False) -> None:
        self._site = site
        self._folder = site_folder / MIGRATIONS_FOLDER
        self._is_on = self._folder.is_dir() or not (has_classes or load_classes(site_folder))
        self._notes: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def recording(self) -> AsyncIterator[None]:
        """Record until the block ends, from what differs already."""
        if not self._is_on:
            yield
            return
        self._seen(self._site.catalog)
        self._site.catalog_watchers.append(self._seen)
        try:
            yield
        finally:
            self._site.catalog_watchers.remove(self._seen)
            await asyncio.gather(*self._notes)

    def _seen(self, catalog: Catalog) -> None:
        """Write the file, then note in the database that it is applied; a fault in it must not harm the change."""
        try:
            is_written = self.record(catalog)
        except (SetupError, OSError, ValueError, SyntaxError) as exc:
            log.warning("The change was made, and could not be recorded: %s", exc)
            return
        if is_written:
            task = asyncio.get_running_loop().create_task(self._note())
            self._notes.add(task)
            task.add_done_callback(self._notes.discard)

    def record(self, catalog: Catalog) -> bool:
        """Write what leads from the shipped migrations to `catalog`; tell whether there is a file for it."""
        migrations = load_migrations(self._folder)
        shipped = [migration for migration in migrations if migration.is_shipped]
        operations = diff(replayed(shipped), catalog)
        newest = migrations[-1] if len(migrations) > len(shipped) else None
        if newest is not None:
            if operations != list(newest.operations):
                write(newest.path, rewritten(newest.path.read_text(), operations))
        elif operations:
            write(next_path(self._folder, migrations, RECORDED_SLUG), render(operations, shipped=False))
        return bool(newest or operations)

    async def _note(self) -> None:
        try:
            newest = load_migrations(self._folder)[-1]
            if not newest.is_shipped:
                await note(self._site, [newest])
        except (SetupError, RequestError, IndexError) as exc:
            log.warning("The recorded migration could not be noted as applied: %s", exc)
