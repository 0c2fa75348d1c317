"""Creating, changing and deleting records.

Reading the old record, the rule, the checks and the writing happen in one transaction, so that no acknowledged
update is lost to another. Only passwords are hashed before it, since that takes long and needs no database.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

import msgspec

from backstay.catalog import Catalog, Collection
from backstay.catalog.casts import to_text
from backstay.catalog.fields import DbValue, TextField
from backstay.catalog.patterns import generate
from backstay.clock import Clock
from backstay.errors import BadRequest, Forbidden, NotFound, Unavailable
from backstay.plans.check import plan_candidate, plan_check
from backstay.plans.params import Statement, Values, bind
from backstay.plans.request import RequestInfo
from backstay.records.auth_fields import check_auth_draft, rotate_token_key
from backstay.records.cascade import Cascade
from backstay.records.changes import Change, Observers
from backstay.records.check import check_draft
from backstay.records.draft import Draft, RecordValues, doomed, draft_record, stamp
from backstay.records.hooks import Hooked
from backstay.records.plan_cache import PlanCache
from backstay.records.query import RecordCall, refuse_rewrite
from backstay.records.reader import ONLY_SUPERUSERS, Reader
from backstay.records.single import Single
from backstay.records.statements import StatementBook
from backstay.records.unique import find_duplicates
from backstay.records.upload import Upload
from backstay.records.uploads import FileKeeper, check_upload, folder_of, names_in
from backstay.stores.base import Job, Store, Transaction, UniqueViolation
from backstay.stores.catalog import load_catalog, load_version

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

    def __init__(
        self,
        store: Store,
        reader: Reader,
        hasher: PasswordHasher,
        files: Callable[[], FileKeeper],
        clock: Clock,
    ) -> None:
        self._store, self._reader, self._hasher, self._files = store, reader, hasher, files
        self.clock = clock
        self.book = StatementBook(store.dialect)
        self.observers = Observers()
        self.hooked = Hooked()
        self._checks: PlanCache[Statement] = PlanCache(store.dialect)
        self._single = Single(store, self.book, self.observers, self.hooked, reader.showing)

    # -- creating -------------------------------------------------------------------------------------------

    async def create(self, call: RecordCall) -> bytes:
        """Create a record and return it. Raises BadRequest with all faults, Forbidden for superusers' collections."""
        check_writable(call, call.collection.createRule)
        if self._single.suits("create", call):
            draft = self._draft(call, None)
            made = await self._single.create(_with_body_for_rules(call, draft), draft)
            if made is not None:
                return made
        call = with_new_id(call)
        hashes = await self.prepare(call)

        async def job(tx: Transaction) -> bytes:
            return await self.create_within(tx, call, hashes)

        return await self._write(call, job)

    async def _write(self, call: RecordCall, job: Job[bytes]) -> bytes:
        """Run a write, with its files kept around it where there are any."""
        if not call.uploads:
            return await self._store.write(job)
        async with self.keeping([call]):
            return await self._store.write(job)

    @asynccontextmanager
    async def keeping(self, calls: Sequence[RecordCall]) -> AsyncIterator[None]:
        """Keep the files of calls while they are written, and drop them when that fails."""
        kept: list[tuple[str, list[Upload]]] = []
        try:
            for call in calls:
                uploads = worth_keeping(call)
                if uploads:
                    folder = folder_of(call.collection, call.record_id or call.new_id)
                    kept.append((folder, uploads))
                    await self._files().keep(folder, uploads)
            yield
        except BaseException:
            for folder, uploads in kept:
                await self._files().drop(folder, [upload.name for upload in uploads])
            raise

    async def create_within(self, tx: Transaction, call: RecordCall, hashes: Hashes) -> bytes:
        """Create a record in a transaction of the caller's."""
        call = await self._current(tx, call)
        collection = call.collection
        check_writable(call, collection.createRule)
        draft = self._draft(call, None)
        call = _with_body_for_rules(call, draft)
        if not await self._satisfies(tx, call, draft, collection.createRule):
            raise BadRequest(CREATE_FAILED)
        async with self.hooked.around("create", tx, call.catalog, draft, call.info):
            await self._check(tx, call, draft, hashes, CREATE_FAILED)
            draft.take_hashes(hashes.new)
            await self._insert(tx, call.catalog, draft)
            await self._take_files(tx, call, draft)
        return await self._reader.view_within(tx.fetch, msgspec.structs.replace(call, record_id=draft.id))

    async def _insert(self, tx: Transaction, catalog: Catalog, draft: Draft) -> None:
        """Store a new record, and tell who watches."""
        statements = self.book.of(draft.collection)
        await self._run(tx, draft, statements.insert, statements.bind(draft.values), CREATE_FAILED)
        if self.observers.watch(draft.collection):
            await self.observers.tell(
                tx, Change("create", catalog, draft.collection, old=None, new=draft.values)
            )

    def _draft(self, call: RecordCall, old: RecordValues | None) -> Draft:
        superuser = call.info.viewer.is_superuser
        return draft_record(
            call.collection,
            call.body,
            old,
            superuser=superuser,
            now=self.clock.now(),
            new_id=call.new_id,
            by_code=call.by_code,
        )

    async def _take_files(self, tx: Transaction, call: RecordCall, draft: Draft) -> None:
        """Let those files stay which the record names by now."""
        if call.uploads:
            folder, sent = folder_of(draft.collection, draft.id), set(call.uploads)
            used = names_in(draft.collection, draft.values) & sent
            await self._files().take(tx, folder, used)
            await self._files().leave(tx, folder, sent - used)

    # -- changing -------------------------------------------------------------------------------------------

    async def update(self, call: RecordCall) -> bytes:
        """Change a record and return it. Raises NotFound when there is none that the viewer may change."""
        check_writable(call, call.collection.updateRule)
        refuse_rewrite(call)
        made = await self._update_at_once(call)
        if made is not None:
            return made
        hashes = await self.prepare(call)

        async def job(tx: Transaction) -> bytes:
            return await self.update_within(tx, call, hashes)

        return await self._write(call, job)

    async def _update_at_once(self, call: RecordCall) -> bytes | None:
        """Change a record by one statement; None where that can't be, or was not."""
        found = await self._single.read(call) if self._single.suits("update", call) else None
        if found is None:
            return None
        draft = self._draft(call, found[0])
        return await self._single.update(_with_body_for_rules(call, draft), draft, found[1])

    async def update_within(self, tx: Transaction, call: RecordCall, hashes: Hashes) -> bytes:
        """Change a record in a transaction of the caller's."""
        call = await self._current(tx, call)
        check_writable(call, call.collection.updateRule)
        refuse_rewrite(call)
        draft = self._draft(call, await self.load(tx, call.collection, call.record_id))
        call = _with_body_for_rules(call, draft)
        if not await self._satisfies(tx, call, draft, call.collection.updateRule):
            raise NotFound
        async with self.hooked.around("update", tx, call.catalog, draft, call.info):
            await self._check(tx, call, draft, hashes, UPDATE_FAILED)
            draft.take_hashes(hashes.new)
            await self._save_changes(tx, call.catalog, draft)
            await self._take_files(tx, call, draft)
        return await self._reader.view_within(tx.fetch, call)

    async def change_within(
        self,
        tx: Transaction,
        catalog: Catalog,
        collection: Collection,
        old: RecordValues,
        values: RecordValues,
    ) -> RecordValues:
        """Set some values of a stored record for the system itself: without rules, and without checks but indexes.

        Autodates follow; new values of a password field are hashes. Returns the record as it is stored now.
        """
        draft = Draft(collection, old | values, old, set(values), {}, {})
        stamp(draft, self.clock.now())
        async with self.hooked.around("update", tx, catalog, draft):
            await self._save_changes(tx, catalog, draft)
        return draft.values

    async def insert_within(
        self, tx: Transaction, catalog: Catalog, collection: Collection, values: RecordValues
    ) -> None:
        """Store a new record for the system itself: without rules, and without checks but indexes."""
        draft = Draft(collection, values, None, set(values), {}, {})
        stamp(draft, self.clock.now())
        async with self.hooked.around("create", tx, catalog, draft):
            await self._insert(tx, catalog, draft)

    async def remove_within(
        self, tx: Transaction, catalog: Catalog, collection: Collection, values: RecordValues
    ) -> bool:
        """Delete a record to which nothing refers, for the system itself; of two at once, one is told True."""
        async with self.hooked.around("delete", tx, catalog, doomed(collection, values)):
            if await tx.execute(self.book.of(collection).delete, [values["id"]]) != 1:
                return False
            await self.observers.tell(tx, Change("delete", catalog, collection, old=values, new=None))
            return True

    async def _save_changes(self, tx: Transaction, catalog: Catalog, draft: Draft) -> None:
        """Write the columns that change, and tell who watches; sums are left to the database."""
        changed = [field.name for field in draft.changed() if field.name not in draft.added]
        if changed or draft.added:
            statements = self.book.of(draft.collection)
            values: list[DbValue] = [*statements.bind(draft.values, changed)] if changed else []
            statement = statements.update(changed, tuple(draft.added))
            await self._run(tx, draft, statement, [*values, *draft.added.values(), draft.id], UPDATE_FAILED)
        if self.observers.watch(draft.collection):
            new = await self.load(tx, draft.collection, draft.id) if draft.added else draft.values
            change = Change("update", catalog, draft.collection, old=draft.old, new=new)
            await self.observers.tell(tx, change)

    # -- deleting -------------------------------------------------------------------------------------------

    async def delete(self, call: RecordCall) -> None:
        """Delete a record with all that cascades. Raises NotFound, or BadRequest when a relation must keep it."""
        check_writable(call, call.collection.deleteRule)
        refuse_rewrite(call)
        if await self._delete_at_once(call):
            return

        async def job(tx: Transaction) -> None:
            await self.delete_within(tx, call)

        await self._store.write(job)

    async def _delete_at_once(self, call: RecordCall) -> bool:
        """Delete a record by one statement; False where that can't be, or was not."""
        found = await self._single.read(call) if self._single.suits("delete", call) else None
        return found is not None and await self._single.delete(call, *found)

    async def delete_within(self, tx: Transaction, call: RecordCall) -> None:
        """Delete a record in a transaction of the caller's."""
        call = await self._current(tx, call)
        collection = call.collection
        check_writable(call, collection.deleteRule)
        refuse_rewrite(call)
        old = await self.load(tx, collection, call.record_id)
        if not await self._satisfies(tx, call, doomed(collection, old), collection.deleteRule):
            raise NotFound
        if collection.is_superusers and (await tx.fetch(_COUNT_SUPERUSERS))[0][0] <= 1:
            raise BadRequest(LAST_SUPERUSER)
        await self.cascade(tx, call.catalog, call.info).delete(collection, old)

    def cascade(self, tx: Transaction, catalog: Catalog, info: RequestInfo | None = None) -> Cascade:
        """Return what deletes records with all that hangs on them, in a transaction of the caller's.

        info: the request that asks for it, if any
        """
        return Cascade(tx, catalog, self.book, self.observers, self.hooked, self.clock.now(), info)

    # -- parts ----------------------------------------------------------------------------------------------

    async def _current(self, tx: Transaction, call: RecordCall) -> RecordCall:
        """Return the call for the schema as the transaction sees it.

        The schema may have changed after the request came in: columns have other names, rules are stricter.
        Raises NotFound when the collection is gone, Unavailable when its passwords were hashed for other fields.
        """
        if await load_version(tx) == call.catalog.version:
            return call
        catalog = await load_catalog(tx)
        collection = catalog.find(call.collection.id)
        if collection is None:
            raise NotFound
        if collection.password_fields != call.collection.password_fields:
            raise Unavailable(hint="The fields of the collection have just been changed; send this again.")
        return msgspec.structs.replace(call, catalog=catalog, collection=collection)

    async def load(self, tx: Transaction, collection: Collection, record_id: str) -> RecordValues:
        """Return a record's values. Raises NotFound."""
        statements = self.book.of(collection)
        rows = await tx.fetch(statements.load, [record_id])
        if not rows:
            raise NotFound
        return statements.read(rows[0])

    async def prepare(self, call: RecordCall) -> Hashes:
        """Hash the body's passwords, and see whether the old password is right, before the write lock is taken.

        Passwords that the checks will refuse are not hashed: refusing must stay cheap.
        """
        collection, body = call.collection, call.body
        new: dict[str, str] = {}
        for field in collection.password_fields:
            plain = str(field.cast(body.get(field.name)))
            if plain and field.check_plain(plain) is None:
                new[field.name] = await self._hasher.hash(plain)
        return Hashes(new, await self._old_password_fits(call))

    async def _old_password_fits(self, call: RecordCall) -> str:
        """Return the stored hash that the body's old password fits, or ''.

        For a record that is not there it takes the same work, so that its time doesn't tell which ones are.
        """
        old_password = to_text(call.body.get("oldPassword"))
        if not call.collection.is_auth or not call.record_id or not old_password:
            return ""
        statements = self.book.of(call.collection)
        rows = await self._store.fetch(statements.load, [call.record_id])
        stored = str(statements.read(rows[0])["password"]) if rows else ""
        return stored if await self._hasher.matches(old_password, stored) else ""

    async def _satisfies(self, tx: Transaction, call: RecordCall, draft: Draft, rule: str | None) -> bool:
        """Tell whether the stored record, or the one to be created, satisfies a rule."""
        info, collection = call.info, draft.collection
        if info.viewer.is_superuser or not rule:
            return True
        is_new = draft.is_new
        key = ("candidate" if is_new else "stored", collection.id, info.viewer.shape, rule)
        plan = plan_candidate if is_new else plan_check
        statement = self._checks.get(call.catalog, key, info, lambda frame: plan(frame, collection, rule))
        given: dict[str, DbValue] = {"id": draft.id}
        if is_new:
            names = self.book.of(collection).names
            given = dict(zip(names, self.book.of(collection).bind(draft.values), strict=True))
        return bool(await tx.fetch(statement, bind(statement, Values(info, given=given))))

    async def is_manager(self, tx: Transaction, call: RecordCall, draft: Draft) -> bool:
        """Tell whether the viewer may write what is not the owner's to write."""
        auth = draft.collection.auth
        if call.info.viewer.is_superuser:
            return True
        if auth is None or auth.manageRule is None:
            return False
        return await self._satisfies(tx, call, draft, auth.manageRule)

    async def _check(
        self, tx: Transaction, call: RecordCall, draft: Draft, hashes: Hashes, message: str
    ) -> None:
        """Raise BadRequest with all faults of a draft."""
        if draft.collection.is_auth:
            await self._check_auth(tx, call, draft, hashes, message)
        faults = await check_draft(tx, call.catalog, self.book, draft, call.uploads)
        if faults:
            raise BadRequest(message, faults)

    async def _check_auth(
        self, tx: Transaction, call: RecordCall, draft: Draft, hashes: Hashes, message: str
    ) -> None:
        if draft.collection.is_superusers:
            draft.values["verified"] = True
        manager = await self.is_manager(tx, call, draft)
        stored = (draft.old or {}).get("password")
        fits = bool(hashes.old_password_fits) and stored == hashes.old_password_fits
        faults = check_auth_draft(draft, call.body, manager=manager, old_password_ok=fits)
        if faults:
            raise BadRequest(message, faults)
        rotate_token_key(draft)

    async def _run(
        self, tx: Transaction, draft: Draft, statement: Statement, values: Sequence[DbValue], message: str
    ) -> None:
        try:
            await tx.execute(statement, values)
        except UniqueViolation as exc:
            faults = await find_duplicates(tx, self._store.dialect, self.book, draft)
            raise BadRequest(message, faults) from exc


def _with_body_for_rules(call: RecordCall, draft: Draft) -> RecordCall:
    """Return a call whose `@request.body` is what rules see: fields as they will be."""
    return call.by(msgspec.structs.replace(call.info, body=draft.body_for_rules(call.body)))


def with_new_id(call: RecordCall) -> RecordCall:
    """Return a call with the id that its new record will have, where files must know it beforehand."""
    sent = call.body.get("id")
    if not call.uploads or call.record_id:
        return call
    if sent:
        return msgspec.structs.replace(call, new_id=to_text(sent))
    field = call.collection.by_name["id"]
    pattern = field.autogeneratePattern if isinstance(field, TextField) else ""
    return msgspec.structs.replace(call, new_id=generate(pattern)) if pattern else call


def worth_keeping(call: RecordCall) -> list[Upload]:
    """Return the files of a call that may be taken; those that every field refuses are not stored at all."""
    record_id = call.record_id or call.new_id
    id_field, fields = call.collection.by_name["id"], call.collection.file_fields
    if not record_id or (not call.record_id and id_field.check(record_id, new=True) is not None):
        return []
    uploads = call.uploads.values()
    return [upload for upload in uploads if any(check_upload(field, upload) is None for field in fields)]


def check_writable(call: RecordCall, rule: str | None) -> None:
    """Raise what refuses a write without looking at any record."""
    if call.collection.is_view:
        raise BadRequest(VIEW_REFUSED)
    if rule is None and not call.info.viewer.is_superuser:
        raise Forbidden(ONLY_SUPERUSERS)
