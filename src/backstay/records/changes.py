"""What happened to a record, told to the parts that must act on it in the same transaction.

Files go with their record, subscribers hear of it, a changed password ends what hung on the old one: each such part
is an `Observer`. The writer asks `watches` first, so that a collection nobody watches pays nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, Protocol, TypeAlias

import msgspec

from backstay.catalog import Catalog, Collection
from backstay.catalog.fields import DbValue
from backstay.plans.single import Following
from backstay.records.draft import RecordValues
from backstay.stores.base import Transaction

Action: TypeAlias = Literal["create", "update", "delete"]


class Change(msgspec.Struct, frozen=True, eq=False):
    """One record before and after a write.

    old: None for a new record
    new: None for a deleted one; otherwise as it is stored, sums of the database included
    """

    action: Action
    catalog: Catalog
    collection: Collection
    old: RecordValues | None
    new: RecordValues | None

    @property
    def id(self) -> str:
        return str((self.new or self.old or {})["id"])


class Follower(msgspec.Struct, frozen=True):
    """What an observer does about a record which is created or updated by one statement.

    done:   is called when it is on disk
    plan:   makes a statement that is run along with that one, None where there is nothing to write
    values: returns the values of its parameters, which are given by name
    """

    done: Callable[[Change], None]
    plan: Following | None = None
    values: Callable[[Change], dict[str, DbValue]] | None = None


def _nothing(change: Change) -> None:
    """What follows for who has no part in a collection."""


NOTHING_FOLLOWS = Follower(_nothing)


class Observer(Protocol):
    """A part that takes part in each write of the collections it watches."""

    def watches(self, collection: Collection) -> bool:
        """Tell whether changes of a collection's records matter; asked for each write, so it must be quick."""
        ...

    def follower(self, collection: Collection) -> Follower | None:
        """Return what it does about a record that one statement writes; None where that takes a transaction.

        It is asked before the write: who begins to watch meanwhile is found when it is on disk.
        """
        ...

    async def changed(self, tx: Transaction, change: Change) -> None:
        """Do what follows from a change, within its transaction: what this raises undoes the write."""
        ...

    async def dropped(self, tx: Transaction, collection: Collection) -> None:
        """Do what follows when a whole collection is deleted; its records are not told one by one."""
        ...


class Observers:
    """All observers of one site, in the order in which they are told."""

    def __init__(self, observers: Sequence[Observer] = ()) -> None:
        self._all = list(observers)

    def add(self, observer: Observer) -> None:
        self._all.append(observer)

    def watch(self, collection: Collection) -> bool:
        """Tell whether anybody watches a collection."""
        return any(observer.watches(collection) for observer in self._all)

    def followers(self, collection: Collection) -> list[Follower] | None:
        """Return what all do about a record that one statement writes; None where one takes a transaction."""
        found = [observer.follower(collection) for observer in self._all]
        kept = [follower for follower in found if follower is not None]
        return kept if len(kept) == len(found) else None

    async def tell(self, tx: Transaction, change: Change) -> None:
        """Tell everybody who watches."""
        for observer in self._all:
            if observer.watches(change.collection):
                await observer.changed(tx, change)

    async def tell_dropped(self, tx: Transaction, collection: Collection) -> None:
        """Tell everybody that a collection is deleted."""
        for observer in self._all:
            await observer.dropped(tx, collection)
