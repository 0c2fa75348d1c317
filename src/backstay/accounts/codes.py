"""Codes of sign-in providers: each may be shown once, and guessing gets slower."""

from __future__ import annotations

from backstay.accounts.delays import Attempt, Delays
from backstay.accounts.recent import Recent
from backstay.accounts.sign_in import FAILED
from backstay.catalog import Collection
from backstay.errors import BadRequest
from backstay.stores.base import Store, Transaction

REMEMBERED_S = 900.0
"""Providers let a code live for ten minutes at most (RFC 6749, section 4.1.2)."""


class Codes:
    """The codes that were shown lately, and the names that came with some of them."""

    def __init__(self, store: Store, delays: Delays) -> None:
        self._store, self._delays = store, delays
        self._shown = Recent("oauth2.code", bool)
        self._names = Recent("oauth2.name", str)

    async def use(self, collection: Collection, provider: str, code: str, attempt: Attempt) -> None:
        """Note that a code is shown, before the provider is asked. Raises BadRequest for one that was shown before."""

        async def job(tx: Transaction) -> None:
            await self._delays.begin(tx, attempt)
            if await self._shown.read(tx.fetch, collection.id, provider, code):
                raise BadRequest(FAILED, hint="This code was used before; begin again with the provider.")
            await self._shown.write(tx, True, collection.id, provider, code, for_s=REMEMBERED_S)

        await self._store.write(job)

    async def keep_name(self, code: str, name: str) -> None:
        """Keep the name that a provider tells beside a code, once and never again, as Apple does."""

        async def job(tx: Transaction) -> None:
            await self._names.write(tx, name, code, for_s=REMEMBERED_S)

        await self._store.write(job)

    async def name_of(self, code: str) -> str:
        """Return the name that came with a code, or ''."""
        return await self._names.read(self._store.fetch, code) or ""
