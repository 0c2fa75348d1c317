"""Creates, changes, deletes, truncates and imports collections.

Each of them is one transaction with its DDL, its row in `_collections`, and the next version of the catalog. The
new catalog comes into force when the transaction is on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

import msgspec

from backstay.catalog import Catalog, Collection
from backstay.catalog.casts import format_date
from backstay.catalog.imports import check_import, plan_import
from backstay.catalog.merge import check_delete, created, updated
from backstay.catalog.validate import Judge, check
from backstay.collections.judge import rule_problem
from backstay.collections.views import ViewProbe, reading_views
from backstay.errors import BadRequest
from backstay.plans.params import Statement
from backstay.records.cascade import Cascade
from backstay.records.statements import StatementBook
from backstay.stores.base import Store, StoreError, Transaction
from backstay.stores.catalog import (
    SELECT_COLLECTIONS,
    SELECT_VERSION,
    delete_collection,
    read_catalog,
    save_collection,
)
from backstay.stores.schema import Ddl

Body: TypeAlias = Mapping[str, Any]


class Changes:
    """Changes the schema of one store.

    publish: told the new catalog once it is on disk
    """

    def __init__(self, store: Store, book: StatementBook, publish: Callable[[Catalog], None]) -> None:
        self._store, self._book, self._publish = store, book, publish
        self._ddl = Ddl(store.dialect.sql)

    async def create(self, body: Body) -> Collection:
        """Create a collection. Raises BadRequest with all faults."""

        async def job(tx: Transaction) -> Collection:
            catalog = await load_catalog(tx)
            draft = created(catalog, body, now=_now())
            new = check(draft, old=None, catalog=catalog, judge=await self._judge(tx, catalog, [draft]))
            await self._run(tx, self._ddl.create(new), "Failed to create collection.")
            await save_collection(tx, new)
            await self._finish(tx)
            return new

        return await self._store.write(job)

    async def update(self, collection_id: str, body: Body) -> Collection:
        """Change a collection: what the body does not name stays. Raises BadRequest with all faults."""

        async def job(tx: Transaction) -> Collection:
            catalog = await load_catalog(tx)
            old = catalog.find(collection_id)
            assert old is not None, "the caller has found it"
            draft = updated(old, body, now=_now())
            new = check(draft, old=old, catalog=catalog, judge=await self._judge(tx, catalog, [draft]))
            await self._change(tx, catalog, old, new)
            await self._finish(tx)
            return new

        return await self._store.write(job)

    async def delete(self, collection_id: str) -> None:
        """Delete a collection with its records. Raises BadRequest when it is a system one or others need it."""

        async def job(tx: Transaction) -> None:
            catalog = await load_catalog(tx)
            old = catalog.find(collection_id)
            assert old is not None, "the caller has found it"
            check_delete(old, catalog, used_by=await reading_views(tx, catalog, old))
            await self._drop(tx, old)
            await self._finish(tx)

        await self._store.write(job)

    async def truncate(self, collection: Collection) -> None:
        """Delete all records of a collection, with all that cascades."""
        if collection.is_view:
            raise BadRequest("View collections cannot be truncated since they don't store their own records.")

        async def job(tx: Transaction) -> None:
            catalog = await load_catalog(tx)
            if not catalog.references(collection) and not collection.is_auth:
                await tx.execute(Statement(self._ddl.truncate(collection)), long=True)
                return
            cascade = Cascade(tx, catalog, self._book, datetime.now(UTC))
            statements = self._book.of(collection)
            for row in await tx.fetch(statements.all_rows):
                await cascade.delete(collection, statements.read(row))

        await self._store.write(job)

    async def replace(self, bodies: Sequence[Body], *, delete_missing: bool) -> None:
        """Import collections: all of them, or none. Raises BadRequest with what is wrong."""

        async def job(tx: Transaction) -> None:
            catalog = await load_catalog(tx)
            plan = plan_import(catalog, bodies, delete_missing=delete_missing, now=_now())
            for old in plan.deleted:
                await self._drop(tx, old)
            tables = [draft for draft in plan.drafts if not draft.is_view]
            for draft in tables:
                await self._put(tx, catalog, draft)
            judge = await self._judge(tx, catalog, plan.drafts)
            _, checked = check_import(catalog, plan, judge)
            for new in checked:
                if new.is_view:
                    await self._put(tx, catalog, new)
                await save_collection(tx, new)
            await self._finish(tx)

        await self._store.write(job)

    async def dry_run(self, query: str) -> tuple[Collection, list[dict[str, Any]]]:
        """Return what a view query would give: its fields, and a sample of ten rows."""
        raise AssertionError(query)

    # -- parts ----------------------------------------------------------------------------------------------

    async def _put(self, tx: Transaction, catalog: Catalog, new: Collection) -> None:
        old = catalog.find(new.id)
        if old is None:
            await self._run(tx, self._ddl.create(new), "Failed to import collections.")
        else:
            await self._change(tx, catalog, old, new)

    async def _change(self, tx: Transaction, catalog: Catalog, old: Collection, new: Collection) -> None:
        failed = "Failed to update collection."
        if new.is_view:
            await self._run(tx, [*self._ddl.drop(old), *self._ddl.create(new)], failed)
        else:
            await self._with_views_aside(tx, catalog, self._ddl.alter(old, new), failed)
        await save_collection(tx, new)

    async def _with_views_aside(
        self, tx: Transaction, catalog: Catalog, statements: Sequence[str], message: str
    ) -> None:
        """Change a table while no view reads from it: SQLite refuses to change what a view would lose."""
        views = [item for item in catalog if item.is_view]
        await self._run(tx, [text for view in views for text in self._ddl.drop(view)], message)
        await self._run(tx, statements, message)
        await self._run(tx, [text for view in views for text in self._ddl.create(view)], message)

    async def _drop(self, tx: Transaction, old: Collection) -> None:
        await self._run(tx, self._ddl.drop(old), "Failed to delete collection.")
        await delete_collection(tx, old)

    async def _run(self, tx: Transaction, statements: Sequence[str], message: str) -> None:
        for text in statements:
            try:
                await tx.execute(Statement(text), long=True)
            except StoreError as exc:
                raise BadRequest(f"{message} Raw error: \n{exc}") from exc

    async def _judge(self, tx: Transaction, catalog: Catalog, drafts: Sequence[Collection]) -> Judge:
        after = _with(catalog, drafts)
        probe = ViewProbe(after)
        for draft in drafts:
            if draft.is_view:
                await probe.look(tx, draft.viewQuery)
        dialect = self._store.dialect

        def check_rule(collection: Collection, rule: str) -> str | None:
            return rule_problem(after, dialect, collection, rule)

        return Judge(check_rule=check_rule, analyse_view=probe.analysis)

    async def _finish(self, tx: Transaction) -> None:
        """Let the catalog come into force as it is now stored, when it is on disk."""
        catalog = await load_catalog(tx)
        tx.after_commit(lambda: self._publish(catalog))


async def load_catalog(tx: Transaction) -> Catalog:
    """Return the catalog as a transaction sees it."""
    version = await tx.fetch(SELECT_VERSION)
    return read_catalog(await tx.fetch(SELECT_COLLECTIONS), int(version[0][0]) if version else 0)


def _with(catalog: Catalog, drafts: Sequence[Collection]) -> Catalog:
    changed = {draft.id for draft in drafts}
    return Catalog([*(item for item in catalog if item.id not in changed), *drafts], catalog.version)


def _now() -> str:
    return format_date(datetime.now(UTC))


__all__ = ["Changes", "load_catalog", "msgspec"]
