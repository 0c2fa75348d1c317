"""Creates, changes, deletes, truncates and imports collections.

Each of them is one transaction with its DDL, its row in `_collections`, and the next version of the catalog. The
new catalog comes into force when the transaction is on disk.
"""

from __future__ import annotations

import asyncio
import secrets
import string
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

import msgspec

from backstay.catalog import Catalog, Collection
from backstay.catalog.casts import format_date
from backstay.catalog.defaults import collection_id
from backstay.catalog.fields import Field
from backstay.catalog.guards import refuse_change, refuse_delete, refuse_truncate
from backstay.catalog.imports import ImportPlan, import_failure, plan_import
from backstay.catalog.merge import check_delete, created, updated
from backstay.catalog.validate import check
from backstay.collections.imported import Import
from backstay.collections.judge import judge_with
from backstay.collections.standing_views import StandingViews, views_of
from backstay.collections.tables import SchemaFault, Tables
from backstay.collections.views import SCAN_MAX_S, ViewProbe, ViewShape
from backstay.errors import BadRequest
from backstay.plans.params import Statement, Values, bind
from backstay.plans.read import plan_list
from backstay.plans.request import RequestInfo
from backstay.plans.scope import Frame
from backstay.records.cascade import OWNED
from backstay.records.writer import Writer
from backstay.stores.base import Store, StoreError, Transaction
from backstay.stores.catalog import delete_collection, load_catalog, park_name, save_collection
from backstay.stores.databases import ddl_for

Body: TypeAlias = Mapping[str, Any]

CREATE_FAILED = "Failed to create collection."
UPDATE_FAILED = "Failed to update collection."
DELETE_FAILED = "Failed to delete collection."
IMPORT_FAILED = "Failed to import collections."
TRUNCATE_FAILED = (
    "Failed to truncate collection (most likely due to required cascade delete record references)."
)
VIEW_TRUNCATED = "View collections cannot be truncated since they don't store their own records."
QUERY_REFUSED = "Invalid view query. Raw error: \n"
TRUNCATE_BATCH = 500
SAMPLE_ROWS = 10


class DryRun(msgspec.Struct, frozen=True):
    """What a view query would give: its fields, and the JSON of some records."""

    fields: tuple[Field, ...]
    sample: tuple[str, ...]


class Changes:
    """Changes the schema of one store.

    publish: told the new catalog once it is on disk
    """

    def __init__(self, store: Store, writer: Writer, publish: Callable[[Catalog], None]) -> None:
        self._store, self._writer, self._publish = store, writer, publish
        self._book = writer.book

    async def create(self, body: Body) -> Collection:
        """Create a collection. Raises BadRequest with all faults."""

        async def job(tx: Transaction) -> Collection:
            work = await self._work(tx)
            draft = created(work.catalog, body, now=work.now)
            try:
                new = await work.create(draft)
            except SchemaFault as fault:
                raise _refusal(CREATE_FAILED, fault) from fault
            await self._finish(tx)
            return new

        return await self._store.write(job)

    async def update(self, collection_id: str, body: Body) -> Collection:
        """Change a collection: what the body does not name stays. Raises BadRequest with all faults.

        The queries of views follow renamed tables and columns. A change which would leave a view without what it
        reads is refused.
        """

        async def job(tx: Transaction) -> Collection:
            work = await self._work(tx)
            old = work.find(collection_id)
            draft = updated(old, body, now=work.now)
            refuse_change(old, draft, UPDATE_FAILED)
            try:
                new = await (work.change_view if old.is_view else work.change_table)(old, draft)
            except SchemaFault as fault:
                raise _refusal(UPDATE_FAILED, fault) from fault
            await self._finish(tx)
            return new

        return await self._store.write(job)

    async def delete(self, collection_id: str) -> None:
        """Delete a collection with its records. Raises BadRequest when it is a system one or others need it."""

        async def job(tx: Transaction) -> None:
            work = await self._work(tx)
            old = work.find(collection_id)
            refuse_delete([old], DELETE_FAILED)
            try:
                await work.delete(old)
                await self._forget(work, old)
            except SchemaFault as fault:
                raise BadRequest(DELETE_FAILED, hint=fault.reason) from fault
            await self._finish(tx)

        await self._store.write(job)

    async def truncate(self, collection: Collection) -> None:
        """Delete all records of a collection, with all that cascades.

        Raises BadRequest for views and superusers, and when a required relation holds a record.
        """
        if collection.is_view:
            raise BadRequest(VIEW_TRUNCATED)
        if collection.is_superusers:
            raise BadRequest(TRUNCATE_FAILED, hint="A site needs at least one superuser.")

        async def job(tx: Transaction) -> None:
            work = await self._work(tx)
            current = work.find(collection.id)
            refuse_truncate(current, TRUNCATE_FAILED)
            has_code = self._writer.hooked.has(current, "delete")
            watched = has_code or current.is_auth or self._writer.observers.watch(current)
            if not watched and not work.catalog.references(current):
                await tx.execute(Statement(work.ddl.truncate(current)), long=True)
                return
            try:
                await self._delete_all(work, current)
            except BadRequest as exc:
                raise BadRequest(TRUNCATE_FAILED, hint=exc.hint) from exc

        await self._store.write(job)

    async def _delete_all(self, work: _Work, collection: Collection) -> None:
        statements = self._book.of(collection)
        while rows := await work.tx.fetch(statements.some_rows, [TRUNCATE_BATCH, 0]):
            cascade = self._writer.cascade(work.tx, work.catalog)
            for row in rows:
                await cascade.delete(collection, statements.read(row))
            await asyncio.sleep(0)  # reads of others go on between batches

    async def replace(self, bodies: Sequence[Body], *, delete_missing: bool) -> None:
        """Import collections: all of them, or none. Raises BadRequest with what is wrong.

        delete_missing: delete collections and fields that are not among them
        """

        async def job(tx: Transaction) -> None:
            catalog = await load_catalog(tx)
            now = format_date(datetime.now(UTC))
            plan = plan_import(catalog, bodies, delete_missing=delete_missing, now=now)
            refuse_delete(plan.deleted, IMPORT_FAILED)
            for draft in plan.drafts:
                old = catalog.find(draft.id)
                if old is not None:
                    refuse_change(old, draft, IMPORT_FAILED)
            await self.import_within(tx, plan)

        await self._store.write(job)

    async def import_within(self, tx: Transaction, plan: ImportPlan) -> None:
        """Make planned changes in a transaction of the caller's, whatever is guarded. Raises BadRequest."""
        work = await self._work(tx)
        try:
            await Import(tx, self._store.dialect, work.catalog, plan).run()
        except SchemaFault as fault:
            if fault.faults:
                raise BadRequest(IMPORT_FAILED, fault.faults) from fault
            reason = f'failed to save collection "{fault.collection}": {fault.reason}'
            message = f"Failed to import the collections configuration. Raw error:\n{reason}."
            raise import_failure(message) from fault
        for old in plan.deleted:
            await self._forget(work, old)
        await self._finish(tx)

    async def dry_run(self, query: str) -> DryRun:
        """Return what a view query would give, and change nothing. Raises BadRequest when it can't be used."""

        async def job(tx: Transaction) -> None:
            work = await self._work(tx)
            raise _Undo(await work.try_view(query))

        try:
            await self._store.write(job)
        except _Undo as undo:
            return undo.result
        raise AssertionError("the job always ends by undoing itself")

    async def _work(self, tx: Transaction) -> _Work:
        return _Work(tx, self._store, await load_catalog(tx))

    async def _forget(self, work: _Work, old: Collection) -> None:
        """Do what follows when a collection has gone: its files, and the sign-in data of its users, go as well."""
        await self._writer.observers.tell_dropped(work.tx, old)
        for name in OWNED if old.is_auth else ():
            owner = work.catalog.find(name)
            if owner is not None:
                await work.tx.execute(self._book.of(owner).disown, [old.id])

    async def _finish(self, tx: Transaction) -> None:
        """Let the catalog come into force as it is now stored, when it is on disk."""
        catalog = await load_catalog(tx)
        tx.after_commit(lambda: self._publish(catalog))


class _Undo(Exception):
    """Ends a job that must leave nothing behind."""

    def __init__(self, result: DryRun) -> None:
        self.result = result
        super().__init__()


class _Work:
    """One change, within one transaction. Its methods raise BadRequest and SchemaFault."""

    def __init__(self, tx: Transaction, store: Store, catalog: Catalog) -> None:
        self.tx = tx
        self.catalog = catalog
        self.ddl = ddl_for(store.dialect)
        self.now = format_date(datetime.now(UTC))
        self._dialect = store.dialect
        self._tables = Tables(tx, self.ddl)
        self._views = StandingViews(tx, self.ddl)

    def find(self, collection_id: str) -> Collection:
        """Return a collection. Raises SchemaFault when another change has deleted it meanwhile."""
        found = self.catalog.find(collection_id)
        if found is None:
            raise BadRequest(hint="The collection has just been deleted.")
        return found

    async def create(self, draft: Collection) -> Collection:
        new, shape = await self._checked(draft, None)
        if new.is_view:
            await self._views.create(new, shape)
        else:
            await self._tables.apply([(None, new)])
        await save_collection(self.tx, new)
        return new

    async def change_table(self, old: Collection, draft: Collection) -> Collection:
        new, _ = await self._checked(draft, old)
        touches_views = old.name != new.name or old.fields != new.fields
        broken = await self._views.broken(views_of(self.catalog)) if touches_views else []
        await self._views.put_aside(broken)
        await self._tables.apply([(old, new)])
        await self._save(old, new)
        if touches_views:
            await self._views.follow(self.catalog.having(new), leave=broken, now=self.now)
        await self._views.put_back(broken)
        return new

    async def change_view(self, old: Collection, draft: Collection) -> Collection:
        others = [view for view in views_of(self.catalog) if view.id != old.id]
        broken = await self._views.broken(others)
        await self._views.put_aside([old])
        new, shape = await self._checked(draft, old)
        await self._views.create(new, shape)
        await self._save(old, new)
        await self._views.follow(self.catalog.having(new), leave=[new, *broken], now=self.now)
        return new

    async def delete(self, old: Collection) -> None:
        check_delete(old, self.catalog)
        others = [view for view in views_of(self.catalog) if view.id != old.id]
        broken = {view.id for view in await self._views.broken(others)}
        await self._tables.drop(old)
        await delete_collection(self.tx, old)
        lost = [view for view in await self._views.broken(others) if view.id not in broken]
        check_delete(old, self.catalog, used_by=lost)

    async def try_view(self, query: str) -> DryRun:
        """Return what a query gives; a view is created for it, which the caller undoes."""
        shape = await ViewProbe(self.catalog).look(self.tx, query, scan=True)
        if shape.error is not None:
            raise BadRequest(f"{QUERY_REFUSED}{shape.error.removesuffix('.')}.")
        letters = string.ascii_letters + string.digits
        name = "temp_view_" + "".join(secrets.choice(letters) for _ in range(5))
        id = collection_id("view", name)
        view = Collection(id=id, name=name, type="view", fields=shape.fields, viewQuery=query)
        await self._views.create(view, shape)
        info = RequestInfo()  # hidden fields are told, not shown
        frame = Frame(self.catalog.having(view), self._dialect, info)
        statement = plan_list(frame, view, rule=None).rows
        values = Values(info, given={"limit": SAMPLE_ROWS, "offset": 0})
        try:
            rows = await self.tx.fetch(statement, bind(statement, values), limit_s=SCAN_MAX_S)
        except StoreError as exc:
            raise BadRequest(f"{QUERY_REFUSED}{exc}.") from exc
        return DryRun(shape.fields, tuple(row[0] for row in rows))

    async def _checked(self, draft: Collection, old: Collection | None) -> tuple[Collection, ViewShape]:
        """Return a draft as it may be stored, and the shape of its query when it is a view."""
        probe = ViewProbe(self.catalog)
        shape = ViewShape()
        if draft.is_view and draft.viewQuery:
            shape = await probe.look(self.tx, draft.viewQuery, old=old.fields if old else (), scan=True)
        judge = judge_with(self.catalog, self._dialect, probe.analysis)
        return check(draft, old=old, catalog=self.catalog, judge=judge), shape

    async def _save(self, old: Collection, new: Collection) -> None:
        if old.name != new.name:
            await park_name(self.tx, old)
        await save_collection(self.tx, new)


def _refusal(message: str, fault: SchemaFault) -> BadRequest:
    if fault.faults:
        return BadRequest(message, fault.faults)
    return BadRequest(f"{message} Raw error: \n{fault.reason.removesuffix('.')}.")
