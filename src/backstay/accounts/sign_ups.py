"""Sign-up tells which names are taken: it must, since a form says so. So that nobody asks for a whole list, it gets slow.

A write to an auth collection that is refused for a value which somebody else has counts for its network. While a network
waits, all its sign-ups wait, whatever they ask for, so that waiting tells nothing. Many at once gain little: such a
refusal comes after the password was hashed, which only so many can have done at a time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import msgspec

from backstay.accounts.delays import Delays, Limit
from backstay.accounts.places import Place
from backstay.catalog import Collection
from backstay.errors import Fault, Faults, RequestError
from backstay.moments import NOTHING, Block
from backstay.plans.request import Viewer
from backstay.records.check import NOT_UNIQUE
from backstay.stores.base import Store

SIGN_UPS = Limit(free=20, longest_s=900.0, memory_s=3600.0)
"""Refusals that tell of somebody else; more than a form sees whose user looks for a free name."""


class SignUpAttempt(msgspec.Struct, frozen=True):
    """Somebody's attempt to have a name, from a place."""

    place: Place

    def counts(self) -> list[tuple[Limit, tuple[str, ...]]]:
        """Return what this attempt counts for, with the keys."""
        return [(SIGN_UPS, ("sign-up", self.place.network))]


class SignUps:
    """Counts the sign-ups of one site."""

    def __init__(self, store: Store, delays: Delays) -> None:
        self._store, self._delays = store, delays

    def counted(self, collection: Collection, viewer: Viewer, place: Callable[[], Place]) -> Block:
        """Return the block for a write that may tell who has an account; refusals that do are counted.

        Entering it raises TooManyRequests while the network has to wait.
        """
        if not collection.is_auth or viewer.is_superuser:
            return NOTHING
        return self._counted(SignUpAttempt(place()))

    @asynccontextmanager
    async def _counted(self, attempt: SignUpAttempt) -> AsyncIterator[None]:
        await self._delays.look(self._store.fetch, attempt)
        try:
            yield
        except RequestError as exc:
            if tells_of_others(exc.faults):
                await self._store.write(lambda tx: self._delays.count(tx, attempt))
            raise


def tells_of_others(faults: Faults) -> bool:
    """Tell whether faults say that somebody else has a value."""
    return any(
        fault.code == NOT_UNIQUE.code if isinstance(fault, Fault) else tells_of_others(fault)
        for fault in faults.values()
        if isinstance(fault, Fault | Mapping)
    )
