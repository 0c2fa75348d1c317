"""Who a token stands for. An invalid or expired token is a guest, as the protocol has it (A5)."""

from __future__ import annotations

from collections import OrderedDict
from typing import Literal, TypeAlias

import msgspec

from backstay.accounts.tokens import Claims, read_unverified, signing_key, verify
from backstay.catalog import Catalog, Collection
from backstay.clock import Clock
from backstay.plans.request import GUEST, Viewer
from backstay.records.draft import RecordValues
from backstay.records.statements import StatementBook
from backstay.stores.base import Store

VIEWERS_MAX = 4096
OwnToken: TypeAlias = Literal["auth", "file"]
"""The kinds of token that their owner holds; the others travel in mails."""


class SignedIn(msgspec.Struct, frozen=True, eq=False):
    """A viewer and what its token says."""

    viewer: Viewer
    claims: Claims
    token: str


class _Known(msgspec.Struct, frozen=True, eq=False):
    catalog: Catalog
    version: int
    found: SignedIn


class Viewers:
    """Finds viewers by their tokens.

    A viewer is kept until anybody commits a change: until then its record, its token key and its collection's secret
    can't be others than they were.
    """

    def __init__(self, store: Store, book: StatementBook, clock: Clock) -> None:
        self._store, self._book, self._clock = store, book, clock
        self._known: OrderedDict[str, _Known] = OrderedDict()

    async def find(self, catalog: Catalog, token: str, type: OwnToken = "auth") -> SignedIn | None:
        """Return who a token stands for that its owner holds, or None for a guest."""
        version = self._store.version()
        known = self._known.get(token)
        if known is not None and known.version == version and known.catalog is catalog:
            is_good = known.found.claims.exp > self._clock.unix_s()
            return known.found if is_good and known.found.claims.type == type else None
        found = await self._look_up(catalog, token, type)
        if found is not None:
            self._known[token] = _Known(catalog, version, found)
            if len(self._known) > VIEWERS_MAX:
                self._known.popitem(last=False)
        return found

    async def _look_up(self, catalog: Catalog, token: str, type: OwnToken) -> SignedIn | None:
        claims = read_unverified(token)
        if claims is None or claims.type != type:
            return None
        collection = catalog.find(claims.collection_id)
        if collection is None or collection.auth is None or collection.id != claims.collection_id:
            return None
        record = await self.load(collection, claims.id)
        if record is None:
            return None
        auth = collection.auth
        secret = (auth.authToken if type == "auth" else auth.fileToken).secret
        proven = verify(token, signing_key(str(record["tokenKey"]), secret), type=type, now=self._clock.now())
        return SignedIn(Viewer(collection, record), proven, token) if proven else None

    async def load(self, collection: Collection, record_id: str) -> RecordValues | None:
        """Return an auth record's values, or None."""
        statements = self._book.of(collection)
        rows = await self._store.fetch(statements.load, [record_id])
        return statements.read(rows[0]) if rows else None


def viewer_of(signed_in: SignedIn | None) -> Viewer:
    """Return the viewer, a guest when nobody is signed in."""
    return signed_in.viewer if signed_in else GUEST
