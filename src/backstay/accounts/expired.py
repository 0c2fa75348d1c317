"""Clears away one-time passwords and begun sign-ins with two factors that are over: nothing else would."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from backstay.accounts.people import People, auth_of, is_over
from backstay.catalog import Catalog
from backstay.records.draft import RecordValues
from backstay.stores.base import Store, Transaction

BATCH_ROWS = 500
"""Rows that are looked at in one transaction, so that other writes come in between."""


class Expired:
    """What is over of one site."""

    def __init__(self, store: Store, people: People, catalog: Callable[[], Awaitable[Catalog]]) -> None:
        self._store, self._people, self._catalog = store, people, catalog

    async def remove_otps(self) -> None:
        """Remove one-time passwords that are over."""
        await self._remove("_otps")

    async def remove_mfas(self) -> None:
        """Remove sign-ins that were begun, and whose second factor has not come in time."""
        await self._remove("_mfas")

    async def _remove(self, name: str) -> None:
        catalog = await self._catalog()
        kept, seen = 0, BATCH_ROWS

        async def job(tx: Transaction) -> tuple[int, int]:
            return await self._batch(tx, catalog, name, kept)

        while seen == BATCH_ROWS:
            seen, gone = await self._store.write(job)
            kept += seen - gone

    async def _batch(self, tx: Transaction, catalog: Catalog, name: str, start: int) -> tuple[int, int]:
        """Look at some rows; return how many there were, and how many of them are gone."""
        statements = self._people.book.of(self._people.system(catalog, name))
        rows = [statements.read(row) for row in await tx.fetch(statements.some_rows, [BATCH_ROWS, start])]
        now = self._people.clock.now()
        over = [values for values in rows if is_over(values["created"], _lasts_s(catalog, name, values), now)]
        for values in over:
            await self._people.remove(tx, catalog, name, values)
        return len(rows), len(over)


def _lasts_s(catalog: Catalog, name: str, values: RecordValues) -> int:
    """Return for how many seconds it holds; what belongs to nobody any more is over."""
    owner = catalog.find(str(values["collectionRef"]))
    if owner is None or owner.auth is None:
        return 0
    auth = auth_of(owner)
    return auth.otp.duration if name == "_otps" else auth.mfa.duration
