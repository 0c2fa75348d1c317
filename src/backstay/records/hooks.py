"""Code of a site around the writes of records. The writer asks for it by collection and action: mostly there is none."""

from __future__ import annotations

from typing import Protocol

import msgspec

from backstay.catalog import Catalog, Collection
from backstay.moments import NOTHING, Block
from backstay.plans.request import RequestInfo
from backstay.records.changes import Action
from backstay.records.draft import Draft
from backstay.stores.base import Transaction


class RecordWrite(msgspec.Struct, frozen=True, eq=False):
    """One write of a record, in its transaction, after its rule was satisfied and before its checks.

    draft: its values may still be changed
    info:  the request that asked for it, None for what the system does by itself
    """

    action: Action
    tx: Transaction
    catalog: Catalog
    draft: Draft
    info: RequestInfo | None

    @property
    def collection(self) -> Collection:
        return self.draft.collection


class Hooks(Protocol):
    """What a site's own code does about writes."""

    def has(self, collection: Collection, action: Action) -> bool:
        """Tell whether there is anything for an action; asked for each write, so it must be quick."""
        ...

    def around(self, write: RecordWrite) -> Block:
        """Return the block in which a write happens."""
        ...


class NoHooks:
    """The hooks of a site without code."""

    def has(self, collection: Collection, action: Action) -> bool:
        return False

    def around(self, write: RecordWrite) -> Block:
        return NOTHING


class Hooked:
    """The hooks of one site, as those who write ask for them."""

    def __init__(self) -> None:
        self.hooks: Hooks = NoHooks()

    def has(self, collection: Collection, action: Action) -> bool:
        """Tell whether a collection has code for an action."""
        return self.hooks.has(collection, action)

    def around(
        self, action: Action, tx: Transaction, catalog: Catalog, draft: Draft, info: RequestInfo | None = None
    ) -> Block:
        """Return the block in which a write happens: of a collection without code, one that does nothing."""
        if not self.hooks.has(draft.collection, action):
            return NOTHING
        return self.hooks.around(RecordWrite(action, tx, catalog, draft, info))
