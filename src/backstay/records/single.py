"""Writing a record by one statement, which stores do faster than a transaction.

It is for what needs no transaction: no code of the site, no files, no passwords, no id of the client's. Where the
statement gives no row, something is in the way, and the writer's long way finds out what it is.

A change is thought out on the record as it is read beforehand; the statement holds only if nobody has written it since.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from backstay.catalog.fields import DbValue
from backstay.plans.params import Statement, Values, bind
from backstay.plans.scope import Frame
from backstay.plans.single import CATALOG, ROW, ROW_VERSION, Following, plan_create, plan_delete, plan_update
from backstay.records.changes import Action, Change, Follower, Observers
from backstay.records.check import check_fields
from backstay.records.draft import Draft, RecordValues
from backstay.records.hooks import Hooked
from backstay.records.plan_cache import PlanCache
from backstay.records.query import RecordCall, ViewQuery
from backstay.records.showing import Showing
from backstay.records.statements import StatementBook
from backstay.stores.base import Store
from backstay.stores.joined import joined

ALL = ViewQuery()


class Single:
    """See the module. None comes back from what has to go the long way, or can't be done at all."""

    def __init__(
        self, store: Store, book: StatementBook, observers: Observers, hooked: Hooked, showing: Showing
    ) -> None:
        self._store, self._book, self._observers = store, book, observers
        self._hooked, self._showing = hooked, showing
        self._plans: PlanCache[Statement] = PlanCache(store.dialect)
        self._takes_dear = store.dialect.chains_writes
        """SQLite's writer shares its thread with the event loop, and must not be held by a rule."""

    def suits(self, action: Action, call: RecordCall) -> bool:
        """Tell whether a call may be one statement."""
        collection = call.collection
        return not (
            call.uploads
            or "id" in call.body
            or call.query != ALL
            or collection.password_fields
            or collection.is_view
            or collection.file_fields
            or self._hooked.has(collection, action)
            or self._showing.shows(collection)
            or joined(self._store) is not None
        )

    async def create(self, call: RecordCall, draft: Draft) -> bytes | None:
        """Store a new record and return it. call: with the body as rules see it"""
        if check_fields(draft, {}):
            return None
        rule = None if call.info.viewer.is_superuser else call.collection.createRule
        stored = self._book.of(call.collection)
        given = dict(zip(stored.names, stored.bind(draft.values), strict=True))
        change = Change("create", call.catalog, call.collection, old=None, new=draft.values)

        def plan(frame: Frame, following: Sequence[Following]) -> Statement:
            return plan_create(frame, call.collection, rule=rule, following=following)

        return await self._write(call, change, ("create", rule), plan, given)

    async def read(self, call: RecordCall) -> tuple[RecordValues, str] | None:
        """Return a record that is to be changed, and the version of its row."""
        statements = self._book.of(call.collection)
        if statements.load_version is None:
            return None
        rows = await self._store.fetch(statements.load_version, [call.record_id])
        return (statements.read(rows[0][1:]), rows[0][0]) if rows else None

    async def update(self, call: RecordCall, draft: Draft, version: str) -> bytes | None:
        """Store the changes of a record and return it. call: with the body as rules see it"""
        names = tuple(field.name for field in draft.changed())
        if not names or check_fields(draft, {}):
            return None
        rule = None if call.info.viewer.is_superuser else call.collection.updateRule
        values = self._book.of(call.collection).bind(draft.values, names)
        given = dict(zip(names, values, strict=True)) | {ROW: draft.id, ROW_VERSION: version}
        change = Change("update", call.catalog, call.collection, old=draft.old, new=draft.values)

        def plan(frame: Frame, following: Sequence[Following]) -> Statement:
            return plan_update(frame, call.collection, names, rule=rule, following=following)

        return await self._write(call, change, ("update", rule, names), plan, given)

    async def delete(self, call: RecordCall, old: RecordValues, version: str) -> bool:
        """Delete a record, and tell whether it was; it was not, for one, where others refer to it."""
        rule = None if call.info.viewer.is_superuser else call.collection.deleteRule
        given: dict[str, DbValue] = {ROW: str(old["id"]), ROW_VERSION: version}
        change = Change("delete", call.catalog, call.collection, old=old, new=None)

        def plan(frame: Frame, following: Sequence[Following]) -> Statement:
            return plan_delete(frame, call.collection, rule=rule, following=following)

        return await self._write(call, change, ("delete", rule), plan, given) is not None

    async def _write(
        self,
        call: RecordCall,
        change: Change,
        key: tuple[object, ...],
        plan: Callable[[Frame, Sequence[Following]], Statement],
        given: dict[str, DbValue],
    ) -> bytes | None:
        """Run the statement of a plan, with what follows from the change."""
        followers = self._observers.followers(call.collection)
        following = [follower.plan for follower in followers or () if follower.plan]
        if followers is None or (following and not self._store.dialect.chains_writes):
            return None
        key = (call.collection.id, call.info.viewer.shape, *key)
        statement = self._plans.get(call.catalog, key, call.info, lambda frame: plan(frame, following))
        if not (statement.is_cheap or self._takes_dear):
            return None
        given |= {CATALOG: str(call.catalog.version)} | _values_of(followers, change)

        def done() -> None:
            for follower in followers:
                follower.done(change)

        bound = bind(statement, Values(call.info, given=given))
        rows = await self._store.write_single(statement, bound, done)
        text: str = rows[0][0] if rows else ""
        return text.encode() or None


def _values_of(followers: Sequence[Follower], change: Change) -> dict[str, DbValue]:
    found: dict[str, DbValue] = {}
    for follower in followers:
        found |= follower.values(change) if follower.values else {}
    return found
