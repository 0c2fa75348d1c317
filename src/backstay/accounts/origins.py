"""Where accounts are used from: `_authOrigins`, and the mail to the owner about a new place (A5)."""

from __future__ import annotations

from datetime import UTC, datetime

from backstay.accounts.letters import Post, record_values
from backstay.accounts.people import People, auth_of
from backstay.accounts.places import Place
from backstay.accounts.recent import Fetch
from backstay.catalog import Catalog, Collection
from backstay.records.draft import RecordValues
from backstay.stores.base import Transaction

ORIGINS_MAX = 5
"""Places that are kept for each account; the one that was not used for longest gives way."""
ORIGINS = "_authOrigins"


class Origins:
    """The places of one site's accounts."""

    def __init__(self, people: People, post: Post) -> None:
        self._people, self._post = people, post

    async def knows(
        self, fetch: Fetch, catalog: Catalog, collection: Collection, record: RecordValues, place: Place
    ) -> bool:
        """Tell whether an account was used from a place before."""
        known = await self._all(fetch, catalog, collection, record)
        return any(origin["fingerprint"] == place.fingerprint for origin in known)

    async def note(
        self, tx: Transaction, catalog: Catalog, collection: Collection, record: RecordValues, place: Place
    ) -> None:
        """Note that an account is used from a place; tell its owner when the place is new, and not the first."""
        alert = auth_of(collection).authAlert
        if not alert.enabled:
            return
        known = await self._all(tx.fetch, catalog, collection, record)
        for origin in known:
            if origin["fingerprint"] == place.fingerprint:
                await self._people.change(tx, catalog, self._people.system(catalog, ORIGINS), origin, {})
                return
        by_use = sorted(known, key=lambda origin: str(origin["updated"]), reverse=True)
        for forgotten in by_use[ORIGINS_MAX - 1 :]:
            await self._people.remove(tx, catalog, ORIGINS, forgotten)
        owner: dict[str, object] = {"collectionRef": collection.id, "recordRef": record["id"]}
        await self._people.add(tx, catalog, ORIGINS, fingerprint=place.fingerprint, **owner)
        if known and record["email"]:
            moment = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
            values = record_values(collection, record) | {"ALERT_INFO": f"{moment} - {place.describe()}"}
            await self._post.post(tx, str(record["email"]), alert.emailTemplate, values)

    async def _all(
        self, fetch: Fetch, catalog: Catalog, collection: Collection, record: RecordValues
    ) -> list[RecordValues]:
        origins = self._people.system(catalog, ORIGINS)
        return await self._people.owned(fetch, origins, collection, str(record["id"]))
