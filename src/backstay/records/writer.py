"""Creating, changing and deleting records.

Reading the old record, the rule, the checks and the writing happen in one transaction, so that no acknowledged
update is lost to another. Only passwords are hashed before it, since that takes long and needs no database.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol

import msgspec

from backstay.catalog import Catalog, Collection
from backstay.catalog.fields import DbValue, PasswordField
from backstay.errors import BadRequest, Fault, Forbidden, NotFound
from backstay.plans.check import plan_candidate, plan_check
from backstay.plans.params import Statement, Values, bind
from backstay.plans.request import RequestInfo
from backstay.records.auth_fields import check_auth_draft, rotate_token_key
from backstay.records.cascade import Cascade
from backstay.records.check import check_draft
from backstay.records.draft import Body, Draft, RecordValues, draft_record
from backstay.records.plan_cache import PlanCache
from backstay.records.query import ViewQuery
from backstay.records.reader import ONLY_SUPERUSERS, Reader
from backstay.records.statements import StatementBook
from backstay.records.unique import find_duplicates
from backstay.stores.base import Store, Transaction, UniqueViolation

CREATE_FAILED = "Failed to create record."
UPDATE_FAILED = "Failed to update record."
DELETE_FAILED = "Failed to delete record."
VIEW_REFUSED = "Unsupported collection type."
LAST_SUPERUSER = "You can't delete the only existing superuser."
_COUNT_SUPERUSERS = Statement("SELECT count(*) FROM _superusers")


class PasswordHasher(Protocol):
    """What the writer needs of `accounts`: it is given to it, since records come before accounts."""

    async def hash(self, password: str) -> str:
        """Return the hash of a password."""
        ...

    async def matches(self, password: str, stored: str) -> bool:
        """Tell whether a password is the one that was hashed."""
        ...


class Hashes(msgspec.Struct, frozen=True, eq=False):
    """What was worked out before the transaction: new hashes by field, and which stored hash the old password fits."""

    new: dict[str, str] = {}
    old_password_fits: str = ""


class Writer:
    """Writes records of one store."""

    def __init__(self, store: Store, reader: Reader, hasher: PasswordHasher) -> None:
        self._store, self._reader, self._hasher = store, reader, hasher
        self.book = StatementBook(store.dialect)
        self._checks: PlanCache[Statement] = PlanCache(store.dialect)

    # -- creating -------------------------------------------------------------------------------------------

    async def create(
        self, catalog: Catalog, collection: Collection, body: Body, query: ViewQuery, info: RequestInfo
    ) -> bytes:
        """Create a record and return it. Raises BadRequest with all faults, Forbidden for superusers' collections."""
        check_writable(collection, collection.createRule, info)
        hashes = await self.prepare(collection, body, None)

        async def job(tx: Transaction) -> bytes:
            return await self.create_within(tx, catalog, collection, body, query, info, hashes)

        return await self._store.write(job)

    async def create_within(
        self,
        tx: Transaction,
        catalog: Catalog,
        collection: Collection,
        body: Body,
        query: ViewQuery,
        info: RequestInfo,
        hashes: Hashes,
    ) -> bytes:
        """Create a record in a transaction of the caller's."""
        check_writable(collection, collection.createRule, info)
        draft = draft_record(collection, body, None, superuser=info.viewer.is_superuser, now=datetime.now(UTC))
        info = msgspec.structs.replace(info, body=draft.body_for_rules(body))
        if not await self._satisfies(tx, catalog, draft, collection.createRule, info):
            raise BadRequest(CREATE_FAILED)
        await self._check(tx, catalog, draft, body, info, hashes, CREATE_FAILED)
        statements = self.book.of(collection)
        draft.values |= hashes.new
        await self._run(tx, draft, statements.insert, statements.bind(draft.values), CREATE_FAILED)
        return await self._answer(tx, catalog, collection, draft.id, query, info)

    # -- changing -------------------------------------------------------------------------------------------

    async def update(
        self,
        catalog: Catalog,
        collection: Collection,
        record_id: str,
        body: Body,
        query: ViewQuery,
        info: RequestInfo,
    ) -> bytes:
        """Change a record and return it. Raises NotFound when there is none that the viewer may change."""
        check_writable(collection, collection.updateRule, info)
        hashes = await self.prepare(collection, body, record_id)

        async def job(tx: Transaction) -> bytes:
            return await self.update_within(tx, catalog, collection, record_id, body, query, info, hashes)

        return await self._store.write(job)

    async def update_within(
        self,
        tx: Transaction,
        catalog: Catalog,
        collection: Collection,
        record_id: str,
        body: Body,
        query: ViewQuery,
        info: RequestInfo,
        hashes: Hashes,
    ) -> bytes:
        """Change a record in a transaction of the caller's."""
        check_writable(collection, collection.updateRule, info)
        old = await self.load(tx, collection, record_id)
        draft = draft_record(collection, body, old, superuser=info.viewer.is_superuser, now=datetime.now(UTC))
        info = msgspec.structs.replace(info, body=draft.body_for_rules(body))
        if not await self._satisfies(tx, catalog, draft, collection.updateRule, info):
            raise NotFound
        await self._check(tx, catalog, draft, body, info, hashes, UPDATE_FAILED)
        draft.values |= hashes.new
        await self._save_changes(tx, draft)
        return await self._answer(tx, catalog, collection, record_id, query, info)

    async def _save_changes(self, tx: Transaction, draft: Draft) -> None:
        """Write the columns that change; sums are left to the database."""
        changed = [field.name for field in draft.changed() if field.name not in draft.added]
        if not changed and not draft.added:
            return
        statements = self.book.of(draft.collection)
        values: list[DbValue] = [*statements.bind(draft.values, changed)] if changed else []
        values += draft.added.values()
        await self._run(tx, draft, statements.update(changed, tuple(draft.added)), [*values, draft.id], UPDATE_FAILED)

    # -- deleting -------------------------------------------------------------------------------------------

    async def delete(self, catalog: Catalog, collection: Collection, record_id: str, info: RequestInfo) -> None:
        """Delete a record with all that cascades. Raises NotFound, or BadRequest when a required relation holds it."""
        check_writable(collection, collection.deleteRule, info)

        async def job(tx: Transaction) -> None:
            await self.delete_within(tx, catalog, collection, record_id, info)

        await self._store.write(job)

    async def delete_within(
        self, tx: Transaction, catalog: Catalog, collection: Collection, record_id: str, info: RequestInfo
    ) -> None:
        """Delete a record in a transaction of the caller's."""
        check_writable(collection, collection.deleteRule, info)
        old = await self.load(tx, collection, record_id)
        draft = Draft(collection, old, old, set(), {}, {})
        if not await self._satisfies(tx, catalog, draft, collection.deleteRule, info):
            raise NotFound
        if collection.is_superusers and (await tx.fetch(_COUNT_SUPERUSERS))[0][0] <= 1:
            raise BadRequest(LAST_SUPERUSER)
        await Cascade(tx, catalog, self.book, datetime.now(UTC)).delete(collection, old)

    # -- parts ----------------------------------------------------------------------------------------------

    async def load(self, tx: Transaction, collection: Collection, record_id: str) -> RecordValues:
        """Return a record's values. Raises NotFound."""
        statements = self.book.of(collection)
        rows = await tx.fetch(statements.load, [record_id])
        if not rows:
            raise NotFound
        return statements.read(rows[0])

    async def prepare(self, collection: Collection, body: Body, record_id: str | None) -> Hashes:
        """Hash the body's passwords, and see whether the old password is right, before the write lock is taken.

        Passwords that the checks will refuse are not hashed: refusing must stay cheap.
        """
        new: dict[str, str] = {}
        for field in collection.fields:
            plain = body.get(field.name) if isinstance(field, PasswordField) else None
            if isinstance(field, PasswordField) and isinstance(plain, str) and plain and not field.check_plain(plain):
                new[field.name] = await self._hasher.hash(plain)
        old_password = body.get("oldPassword")
        if not collection.is_auth or record_id is None or not isinstance(old_password, str) or not old_password:
            return Hashes(new)
        rows = await self._store.fetch(self.book.of(collection).load, [record_id])
        stored = str(self.book.of(collection).read(rows[0])["password"]) if rows else ""
        fits = stored if stored and await self._hasher.matches(old_password, stored) else ""
        return Hashes(new, fits)

    async def _satisfies(
        self, tx: Transaction, catalog: Catalog, draft: Draft, rule: str | None, info: RequestInfo
    ) -> bool:
        """Tell whether the stored record, or the one to be created, satisfies a rule."""
        if info.viewer.is_superuser or not rule:
            return True
        collection = draft.collection
        is_new = draft.is_new
        key = ("candidate" if is_new else "stored", collection.id, info.viewer.shape, rule)
        plan = plan_candidate if is_new else plan_check
        statement = self._checks.get(catalog, key, info, lambda frame: plan(frame, collection, rule))
        given: dict[str, DbValue] = {"id": draft.id}
        if is_new:
            names = self.book.of(collection).names
            given = dict(zip(names, self.book.of(collection).bind(draft.values), strict=True))
        return bool(await tx.fetch(statement, bind(statement, Values(info, given=given))))

    async def is_manager(self, tx: Transaction, catalog: Catalog, draft: Draft, info: RequestInfo) -> bool:
        """Tell whether the viewer may write what is not the owner's to write."""
        auth = draft.collection.auth
        if info.viewer.is_superuser:
            return True
        if auth is None or auth.manageRule is None:
            return False
        return await self._satisfies(tx, catalog, draft, auth.manageRule, info)

    async def _check(
        self,
        tx: Transaction,
        catalog: Catalog,
        draft: Draft,
        body: Body,
        info: RequestInfo,
        hashes: Hashes,
        message: str,
    ) -> None:
        """Raise BadRequest with all faults of a draft."""
        faults: dict[str, Fault] = {}
        if draft.collection.is_auth:
            if draft.collection.is_superusers:
                draft.values["verified"] = True
            manager = await self.is_manager(tx, catalog, draft, info)
            fits = bool(hashes.old_password_fits) and (draft.old or {}).get("password") == hashes.old_password_fits
            faults |= check_auth_draft(draft, body, manager=manager, old_password_ok=fits)
            if faults:
                raise BadRequest(message, faults)
            rotate_token_key(draft)
        faults |= await check_draft(tx, catalog, self.book, draft)
        if faults:
            raise BadRequest(message, faults)

    async def _run(
        self, tx: Transaction, draft: Draft, statement: Statement, values: Sequence[DbValue], message: str
    ) -> None:
        try:
            await tx.execute(statement, values)
        except UniqueViolation as exc:
            faults = await find_duplicates(tx, self._store.dialect, draft)
            raise BadRequest(message, faults) from exc

    async def _answer(
        self,
        tx: Transaction,
        catalog: Catalog,
        collection: Collection,
        record_id: str,
        query: ViewQuery,
        info: RequestInfo,
    ) -> bytes:
        return await self._reader.view_within(tx.fetch, catalog, collection, record_id, query, info)


def check_writable(collection: Collection, rule: str | None, info: RequestInfo) -> None:
    """Raise what refuses a write without looking at any record."""
    if collection.is_view:
        raise BadRequest(VIEW_REFUSED)
    if rule is None and not info.viewer.is_superuser:
        raise Forbidden(ONLY_SUPERUSERS)
