"""Creating a record by one statement, on stores which write that faster.

It is for what needs no transaction: no code of the site, no files, no passwords, no id of the client's. Where the
statement gives no row, something is wrong, and the writer's long way finds out what it is.
"""

from __future__ import annotations

from backstay.plans.create import CATALOG, plan_create
from backstay.plans.params import Statement, Values, bind
from backstay.records.changes import Change, Observers
from backstay.records.check import check_fields
from backstay.records.draft import Draft
from backstay.records.hooks import Hooked
from backstay.records.plan_cache import PlanCache
from backstay.records.query import RecordCall, ViewQuery
from backstay.records.showing import Showing
from backstay.records.statements import StatementBook
from backstay.stores.base import Store
from backstay.stores.joined import joined

ALL = ViewQuery()


class SingleCreate:
    """See the module."""

    def __init__(self, store: Store, book: StatementBook, observers: Observers) -> None:
        self._store, self._book, self._observers = store, book, observers
        self._plans: PlanCache[Statement] = PlanCache(store.dialect)
        self._takes_dear = store.dialect.chains_writes
        """SQLite's writer shares its thread with the event loop, and must not be held by a rule."""

    def suits(self, call: RecordCall, hooked: Hooked, showing: Showing) -> bool:
        """Tell whether a record may be created so."""
        collection = call.collection
        return not (
            call.uploads
            or "id" in call.body
            or call.query != ALL
            or collection.password_fields
            or collection.is_view
            or collection.file_fields
            or hooked.has(collection, "create")
            or showing.shows(collection)
            or joined(self._store) is not None
        )

    async def create(self, call: RecordCall, draft: Draft) -> bytes | None:
        """Store a draft and return its record; None when it has to go the long way, or can't be stored at all."""
        catalog, collection, info = call.catalog, call.collection, call.info
        followers = self._observers.followers(collection)
        if followers is None or check_fields(draft, {}):
            return None
        following = [follower.plan for follower in followers if follower.plan]
        if following and not self._store.dialect.chains_writes:
            return None
        rule = None if info.viewer.is_superuser else collection.createRule
        statement = self._plans.get(
            catalog,
            (collection.id, info.viewer.shape, rule),
            info,
            lambda frame: plan_create(
                frame,
                collection,
                rule=rule,
                following=following,
            ),
        )
        if not (statement.is_cheap or self._takes_dear):
            return None
        stored = self._book.of(collection)
        given = dict(zip(stored.names, stored.bind(draft.values), strict=True))
        given[CATALOG] = str(catalog.version)
        change = Change("create", catalog, collection, old=None, new=draft.values)
        for follower in followers:
            given |= follower.values(change) if follower.values else {}

        def done() -> None:
            for follower in followers:
                follower.done(change)

        rows = await self._store.write_single(statement, bind(statement, Values(info, given=given)), done)
        if not rows:
            return None
        text: str = rows[0][0]
        return text.encode()
