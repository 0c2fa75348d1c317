"""Keeps files in step with records, whatever dies in between.

A new file is stored before its record is written, so that the write lock is never held for a disk or a network. So
that it is not left over when the record is not written, its removal is recorded first, due much later; the record's
own transaction takes that back. A file that a record no longer names is removed by an effect recorded with that
change. Before any removal the database is asked whether a record names the file by now.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence

from backstay.catalog import Catalog, Collection
from backstay.files.incoming import Incoming
from backstay.files.stores import FileStore
from backstay.outbox import Effect, Outbox
from backstay.records.changes import NOTHING_FOLLOWS, Change, Follower
from backstay.records.statements import StatementBook
from backstay.records.upload import Upload
from backstay.records.uploads import folder_of, names_in
from backstay.stores.base import Store, Transaction

REMOVE, REMOVE_ALL = "files.remove", "files.remove_all"
PENDING_S = 86_400.0
"""How long an upload may take until its record is written; then nobody waits for it any more."""
THUMBS_PREFIX = "thumbs_"


class Keeper:
    """The files of one site. It is the writer's `FileKeeper`, and an observer of collections with files."""

    def __init__(
        self,
        store: Store,
        outbox: Outbox,
        book: StatementBook,
        files: Callable[[], Awaitable[FileStore]],
        incoming: Incoming,
        catalog: Callable[[], Awaitable[Catalog]],
    ) -> None:
        self._store, self._outbox, self._book = store, outbox, book
        self._files, self._catalog, self.incoming = files, catalog, incoming
        outbox.handle(REMOVE, self._remove)
        outbox.handle(REMOVE_ALL, self._remove_all)

    async def open(self) -> None:
        """Begin; what processes have left that died is done now: uploads without a record, and effects half done."""
        dead = self.incoming.open()

        async def job(tx: Transaction) -> None:
            for token in dead:
                await self._outbox.hasten(tx, REMOVE, prefix=f"{token}/")
                await self._outbox.release(tx, token)

        if dead:
            await self._store.write(job)

    # -- what the writer asks for ---------------------------------------------------------------------------

    async def keep(self, folder: str, uploads: Sequence[Upload]) -> None:
        async def job(tx: Transaction) -> None:
            for upload in uploads:
                payload = {"folder": folder, "names": [upload.name]}
                await self._outbox.add(
                    tx, REMOVE, payload, delay_s=PENDING_S, key=self._key(folder, upload.name)
                )

        await self._store.write(job)
        files = await self._files()
        for upload in uploads:
            await files.put(f"{folder}/{upload.name}", upload.path)

    async def take(self, tx: Transaction, folder: str, names: Iterable[str]) -> None:
        for name in names:
            await self._outbox.cancel(tx, REMOVE, self._key(folder, name))

    async def leave(self, tx: Transaction, folder: str, names: Iterable[str]) -> None:
        for name in names:
            await self._outbox.hasten(tx, REMOVE, prefix=self._key(folder, name))

    async def drop(self, folder: str, names: Iterable[str]) -> None:
        async def job(tx: Transaction) -> None:
            await self.leave(tx, folder, names)

        await self._store.write(job)

    def _key(self, folder: str, name: str) -> str:
        return f"{self.incoming.token}/{folder}/{name}"

    # -- what follows from changes --------------------------------------------------------------------------

    def watches(self, collection: Collection) -> bool:
        return bool(collection.file_fields)

    def follower(self, collection: Collection) -> Follower | None:
        return None if self.watches(collection) else NOTHING_FOLLOWS

    async def changed(self, tx: Transaction, change: Change) -> None:
        gone = names_in(change.collection, change.old) - names_in(change.collection, change.new)
        if gone:
            payload = {"folder": folder_of(change.collection, change.id), "names": sorted(gone)}
            await self._outbox.add(tx, REMOVE, payload)

    async def dropped(self, tx: Transaction, collection: Collection) -> None:
        if collection.file_fields:
            await self._outbox.add(tx, REMOVE_ALL, {"folder": collection.id})

    # -- removing -------------------------------------------------------------------------------------------

    async def _remove(self, effect: Effect) -> None:
        folder, names = str(effect.payload["folder"]), effect.payload["names"]
        used = await self._used(folder)
        files = await self._files()
        for name in names:
            if name not in used:
                await files.remove(f"{folder}/{THUMBS_PREFIX}{name}")
                await files.remove(f"{folder}/{name}")

    async def _remove_all(self, effect: Effect) -> None:
        """Remove the folder of a collection, unless there is one with this id again."""
        folder = str(effect.payload["folder"])
        if (await self._catalog()).find(folder) is None:
            await (await self._files()).remove(folder)

    async def _used(self, folder: str) -> set[str]:
        """Return the names of files that the record of a folder has now."""
        collection_id, _, record_id = folder.partition("/")
        collection = (await self._catalog()).find(collection_id)
        if collection is None or collection.is_view:
            return set()
        statements = self._book.of(collection)
        rows = await self._store.fetch(statements.load, [record_id])
        return names_in(collection, statements.read(rows[0])) if rows else set()
