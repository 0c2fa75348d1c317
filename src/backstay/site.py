"""An opened site: its store, its catalog, its settings, and the parts that work on them.

This is where features meet. HTTP, the command line and user code get what they need from here; nothing below it
knows it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import Context
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from backstay.accounts.codes import Codes
from backstay.accounts.delays import Delays
from backstay.accounts.expired import Expired
from backstay.accounts.linking import Linking
from backstay.accounts.one_time import OneTime
from backstay.accounts.orders import Orders
from backstay.accounts.origins import Origins
from backstay.accounts.passwords import Hasher
from backstay.accounts.people import KeyWatch, People
from backstay.accounts.recent import TABLE as RECENT_TABLE
from backstay.accounts.recovery import Recovery
from backstay.accounts.sign_in import SignIn
from backstay.accounts.sign_ups import SignUps
from backstay.accounts.viewers import Viewers
from backstay.catalog import Catalog, Collection
from backstay.catalog.casts import format_date
from backstay.catalog.fields import FileField
from backstay.catalog.model import SUPERUSERS
from backstay.catalog.system import first_collections
from backstay.clock import Clock
from backstay.collections.changes import Body, Changes
from backstay.collections.view_files import ViewFiles
from backstay.duties import duties
from backstay.errors import BadRequest, NotFound
from backstay.files import FileStore, Keeper, LocalStore
from backstay.files.incoming import Incoming
from backstay.files.thumbs import Thumbs
from backstay.jobs import Jobs, Schedules
from backstay.jobs.schedules import TABLE as SCHEDULE_TABLE
from backstay.mail import Layout, PostOffice
from backstay.moments import Moments
from backstay.moving import into_file
from backstay.oauth2 import Exchange
from backstay.oauth2.avatars import Avatars
from backstay.outbound import Outbound
from backstay.outbox import Outbox
from backstay.outbox.ledger import Ledger
from backstay.outbox.statements import TABLE as OUTBOX_TABLE
from backstay.outbox.table import prepare as prepare_outbox
from backstay.pages import Pages
from backstay.plans.params import Statement
from backstay.plans.request import RequestInfo, Viewer
from backstay.realtime import Broker, LocalChannel, SharedChannel
from backstay.realtime.shared import TABLES as REALTIME_TABLES
from backstay.records.bulk import Bulk, open_bulk
from backstay.records.draft import RecordValues
from backstay.records.event_reader import EventReader
from backstay.records.query import RecordCall
from backstay.records.reader import Reader
from backstay.records.showing import Showing
from backstay.records.uploads import folder_of, names_in
from backstay.records.writer import Writer
from backstay.settings import S3, Settings, decode, encode
from backstay.stores.base import Store, Transaction
from backstay.stores.catalog import (
    SELECT_VERSION,
    load_catalog,
    read_catalog,
    save_collection,
    select_collections,
)
from backstay.stores.databases import ddl_for, open_store
from backstay.stores.joined import joined
from backstay.stores.sqlite import SqliteStore
from backstay.stores.tables import prepare as prepare_table

MAIL_FOLDER = "mails"
STORAGE_FOLDER = "storage"
INCOMING_FOLDER = ".incoming"
PAGE_ROWS = 5000
KEPT_TABLES = (RECENT_TABLE, SCHEDULE_TABLE, OUTBOX_TABLE)
"""What a site keeps beside collections, settings and records, and takes along when it moves."""
SELECT_SETTINGS = Statement("SELECT value FROM _params WHERE id = 'settings'")
SAVE_SETTINGS = Statement(
    "INSERT INTO _params (id, value, created, updated) VALUES ('settings', ?, ?, ?) "
    "ON CONFLICT (id) DO UPDATE SET value = excluded.value, updated = excluded.updated"
)


class WriterHasher:
    """What the writer of records asks of the hasher."""

    def __init__(self, hasher: Hasher) -> None:
        self._hasher = hasher

    async def hash(self, password: str) -> str:
        return await self._hasher.hash(password)

    async def matches(self, password: str, stored: str) -> bool:
        return (await self._hasher.verify(password, stored)).ok


class Site:
    """One site. Open it with `open_site`."""

    def __init__(
        self, data: Path, store: Store, templates: Sequence[Path] = (), *, shared: bool = False
    ) -> None:
        self.data = data
        self.store = store
        incoming = Incoming(data / STORAGE_FOLDER / INCOMING_FOLDER)
        self.clock = Clock()
        self.outbox = Outbox(store, holder=incoming.token, now=self.clock.unix_s)
        self.ledger = Ledger(store, self.outbox)
        self.schedules = Schedules(store, self.outbox)
        self.moments = Moments()
        self.post = PostOffice(
            self.outbox, self.fresh_settings, data / MAIL_FOLDER, Layout(templates), self.moments
        )
        self.pages = Pages(templates)
        self.catalog = Catalog(())
        self.settings = Settings()
        self.hasher = Hasher()
        self.showing = Showing()
        self.reader = Reader(store, self.showing)
        self.schema_reader = Reader(store)
        self.writer = Writer(store, self.reader, WriterHasher(self.hasher), lambda: self.keeper, self.clock)
        self.book = self.writer.book
        self._open_files(store, incoming)
        self.viewers = Viewers(store, self.book, self.clock)
        self._open_accounts(store)
        self.is_shared = shared or store.dialect.name != "sqlite"
        """Whether other processes may work on its database."""
        channel = SharedChannel(store) if self.is_shared else LocalChannel()
        self.realtime = Broker(
            channel,
            EventReader(store, self.showing),
            self._viewer_of,
            self._fresh_catalog,
            self.moments,
            self.clock,
        )
        self.writer.observers.add(self.realtime)
        self.changes = Changes(store, self.writer, self._publish)
        self.catalog_watchers: list[Callable[[Catalog], None]] = []
        """Told each new catalog that this process has made, once it is on disk; they must be quick and not raise."""
        self._shape = -1

    def _open_files(self, store: Store, incoming: Incoming) -> None:
        self.local_files = LocalStore(self.data / STORAGE_FOLDER)
        self.keeper = Keeper(store, self.outbox, self.book, self.files, incoming, self._fresh_catalog)
        self.writer.observers.add(self.keeper)
        self.thumbs = Thumbs(incoming)
        self._bucket: tuple[S3, FileStore] | None = None
        self._view_files = ViewFiles(store, self.book)

    async def files(self) -> FileStore:
        """Return where files are kept, as the settings say now."""
        await self.refresh()
        s3 = self.settings.s3
        if not s3.enabled:
            return self.local_files
        if self._bucket is None or self._bucket[0] != s3:
            from backstay.files.s3 import S3Store

            self._bucket = (s3, S3Store(s3))
        return self._bucket[1]

    async def named_files(self) -> set[str]:
        """Return the keys of all files that records name."""
        found: set[str] = set()
        for collection in self.catalog:
            if not collection.is_view and collection.file_fields:
                statements = self.book.of(collection)
                start = 0
                while rows := await self.store.fetch(statements.some_rows, [PAGE_ROWS, start]):
                    start += len(rows)
                    for row in rows:
                        values = statements.read(row)
                        folder = folder_of(collection, str(values["id"]))
                        found |= {f"{folder}/{name}" for name in names_in(collection, values)}
        return found

    async def origin_folder(
        self, collection: Collection, record: RecordValues, field: FileField, name: str
    ) -> str:
        """Return the folder of a file. A view's files are those of the records that it shows.

        Raises NotFound where a view has lost them.
        """
        if not collection.is_view:
            return folder_of(collection, str(record["id"]))
        return await self._view_files.folder(self.catalog, collection, field.name, name)

    def _open_accounts(self, store: Store) -> None:
        people = People(self.writer)
        for duty in duties(store, Expired(store, people, self._fresh_catalog)):
            self.schedules.add(duty)
        self.writer.observers.add(KeyWatch(people))
        orders = Orders(store, self.outbox, people, self.hasher, self.post, self._fresh_catalog)
        origins = Origins(people, self.post)
        delays = Delays()
        self.sign_ups = SignUps(store, delays)
        self.sign_in = SignIn(
            store, self.reader, people, self.hasher, delays, origins, self.moments, self.clock
        )
        self.recovery = Recovery(store, people, self.hasher, orders, delays, self.moments)
        self.one_time = OneTime(store, people, self.hasher, orders, self.recovery, self.sign_in)
        self.outbound = Outbound()
        self.codes = Codes(store, delays)
        self.exchange = Exchange(self.outbound)
        avatars = Avatars(self.outbound, self.keeper.incoming.receive)
        self.linking = Linking(store, people, self.writer, self.hasher, self.sign_in, avatars, self.moments)

    def use_jobs(self, jobs: Jobs) -> None:
        """Do the jobs and schedules of an application, too; before work starts. Raises ValueError for a name twice."""
        jobs.bind(self.outbox, self.store, self.schedules)
        self._jobs = jobs

    _jobs: Jobs | None = None

    def start_work(self) -> None:
        """Begin to do what waits in the outbox, and to look at the clock."""
        self.outbox.start()
        self.schedules.start()

    async def stop_work(self, *, drain_s: float = 0.0) -> None:
        """Begin nothing more; what is still under way after `drain_s` is put back."""
        await self.schedules.stop()
        await self.outbox.stop(drain_s=drain_s)

    def _close_jobs(self) -> None:
        if self._jobs is not None:
            self._jobs.unbind(self.outbox)

    async def _viewer_of(self, catalog: Catalog, token: str) -> Viewer | None:
        found = await self.viewers.find(catalog, token)
        return found.viewer if found else None

    async def _fresh_catalog(self) -> Catalog:
        await self.refresh()
        return self.catalog

    def _publish(self, catalog: Catalog) -> None:
        self.catalog = catalog
        for tell in self.catalog_watchers:
            tell(catalog)

    def is_stale(self) -> bool:
        """Tell whether anybody may have changed the catalog or the settings since the last `refresh`."""
        return self.store.shape() != self._shape

    async def refresh(self) -> None:
        """Take over what other processes have changed of the catalog and the settings.

        Within a transaction nothing is taken over: what it has written so far may be undone.
        """
        if joined(self.store) is not None:
            return
        shape = self.store.shape()
        if shape == self._shape:
            return
        known = await self.store.fetch(SELECT_VERSION)
        current = int(known[0][0]) if known else 0
        if current != self.catalog.version or not len(self.catalog):
            self.catalog = read_catalog(
                await self.store.fetch(select_collections(self.store.dialect)), current
            )
        kept = await self.store.fetch(SELECT_SETTINGS)
        if kept and kept[0][0] != self._settings_text:
            self._settings_text = kept[0][0]
            self.settings = decode(kept[0][0])
        self._shape = shape  # only then: the database may go away before

    _settings_text = ""

    async def fresh_settings(self) -> Settings:
        """Return the settings as they are stored now, for what runs without a request."""
        await self.refresh()
        return self.settings

    async def change_settings(self, change: Callable[[Settings], Settings]) -> Settings:
        """Store what `change` makes of the settings, secrets included.

        It is given them as they stand within the transaction, so that of two changes at once none is lost.
        """

        async def job(tx: Transaction) -> Settings:
            kept = await tx.fetch(SELECT_SETTINGS)
            settings = change(decode(kept[0][0]) if kept else Settings())
            text, now = encode(settings).decode(), format_date(datetime.now(UTC))
            await tx.execute(SAVE_SETTINGS, [text, now, now])
            tx.after_commit(lambda: self._take_settings(settings, text))
            return settings

        return await self.store.write(job)

    async def snapshot(self, path: Path, more: Sequence[sa.Table] = ()) -> None:
        """Write all that is committed into a new SQLite database at `path`; it appears whole or not at all.

        more: tables that whoever asks keeps beside the site's own

        Raises OSError when it can't be written.
        """
        if isinstance(self.store, SqliteStore):
            await self.store.snapshot(path)
            return
        copying = into_file(self.store.fetch, self.store.dialect, path, [*KEPT_TABLES, *more])
        # What is committed is wanted, not what a transaction of the caller's has written so far.
        await asyncio.create_task(copying, context=Context())

    def _take_settings(self, settings: Settings, text: str) -> None:
        self.settings, self._settings_text = settings, text

    async def change_superuser(self, verb: str, email: str, password: str) -> None:
        """Create, update, upsert or delete a superuser by its e-mail address.

        Raises BadRequest with all faults, NotFound when there is none to update or delete.
        """
        superusers = self.superusers
        rows = await self.store.fetch(self.book.of(superusers).find_by("email", ""), [email])
        record_id = str(self.book.of(superusers).read(rows[0])["id"]) if rows else None
        body = {"email": email, "password": password, "passwordConfirm": password}
        info = RequestInfo(viewer=Viewer(superusers))
        if record_id is None and verb in {"create", "upsert"}:
            await self.writer.create(RecordCall(self.catalog, superusers, info, body=body))
        elif record_id is None:
            raise NotFound(f"There is no superuser {email}.")
        elif verb == "delete":
            await self.writer.delete(RecordCall(self.catalog, superusers, info, record_id))
        elif verb == "create":
            raise BadRequest(f"There is already a superuser {email}.", hint="Use 'update' or 'upsert'.")
        else:
            await self.writer.update(RecordCall(self.catalog, superusers, info, record_id, body))

    @property
    def superusers(self) -> Collection:
        """The collection of those who may do everything."""
        found = self.catalog.find(SUPERUSERS)
        assert found is not None, "every site has its system collections"
        return found

    async def create_collection(self, definition: Body) -> Collection:
        """Create a collection from its JSON. Raises BadRequest with all faults."""
        return await self.changes.create(definition)

    async def delete_collection(self, name: str) -> None:
        """Delete a collection with its records. Raises NotFound, BadRequest when others refer to it."""
        await self.changes.delete(self._found(name).id)

    def bulk(self, collection_name: str) -> AbstractAsyncContextManager[Bulk]:
        """Open a collection for loading many records in one transaction. Raises NotFound."""
        info = RequestInfo(viewer=Viewer(self.superusers))
        return open_bulk(
            self.store, self.writer, RecordCall(self.catalog, self._found(collection_name), info)
        )

    def _found(self, name: str) -> Collection:
        found = self.catalog.find(name)
        if found is None:
            raise NotFound(f"There is no collection {name}.")
        return found


@asynccontextmanager
async def open_site(
    data: Path,
    *,
    database: str = "",
    shared: bool = False,
    works: bool = False,
    jobs: bool = True,
    templates: Sequence[Path] = (),
    prepare: Callable[[Site], None] = lambda _: None,
) -> AsyncIterator[Site]:
    """Open the site in a data folder, which is made when it is not there.

    database:  `postgresql://...`; '' for SQLite in the data folder
    shared:    other processes serve it as well, so that a commit of theirs must be noticed with the next request
    works:     do what waits in the outbox, and tell of events; commands that only look something up leave it to the server
    jobs:      False to leave what waits in the outbox, and the schedules, to other processes all the same
    templates: folders with the site's own templates, which come before ours
    prepare:   what an application does with the site before anything runs in it

    Raises SetupError when the folder or the database can't be used.
    """
    store = await open_store(data, database, shared=shared)
    try:
        await store.write(_prepare)
        site = Site(data, store, templates, shared=shared)
        await site.refresh()
        prepare(site)
        await site.keeper.open()
        if works:
            if jobs:
                site.start_work()
            site.realtime.start()
        try:
            yield site
        finally:
            await site.realtime.stop()
            await site.stop_work()
            site._close_jobs()
            await site.outbound.close()
            await site.thumbs.close()
            site.keeper.incoming.close()
            site.hasher.close()
    finally:
        await store.close()


async def _prepare(tx: Transaction) -> None:
    """Make the tables and collections that every site has."""
    ddl = ddl_for(tx.dialect)
    for text in ddl.system_tables:
        await tx.execute(Statement(text))
    for table in (RECENT_TABLE, *REALTIME_TABLES, SCHEDULE_TABLE):
        await prepare_table(tx, tx.dialect, table)
    await prepare_outbox(tx, tx.dialect)
    catalog = await load_catalog(tx)
    if len(catalog):
        return
    for collection in first_collections(now=format_date(datetime.now(UTC))):
        for text in ddl.create(collection):
            await tx.execute(Statement(text))
        await save_collection(tx, collection)
    now = format_date(datetime.now(UTC))
    await tx.execute(SAVE_SETTINGS, [encode(Settings()).decode(), now, now])
