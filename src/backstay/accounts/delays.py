"""Growing delays after failures to prove who one is, so that guessing takes for ever and nobody is locked out.

Three counts, all kept in the database: of an identity from one network, of an identity from anywhere, of a network
for any identity. Each has some failures free; each further one doubles the wait, up to a limit. A place from which
the account was used before is not slowed down by what others do elsewhere.

An attempt is counted before the password is looked at, and taken back when it was right: of a thousand attempts at
once each is counted. Identities are counted as they are typed, whether they exist or not, so that no delay tells.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import msgspec

from backstay.accounts.places import Place
from backstay.accounts.recent import Fetch, Recent, canonical
from backstay.errors import TooManyRequests
from backstay.stores.base import Transaction

FIRST_DELAY_S = 1.0


class Limit(msgspec.Struct, frozen=True):
    """free: failures without a delay; longest_s: where doubling ends; memory_s: how long failures count."""

    free: int
    longest_s: float
    memory_s: float


PAIR = Limit(free=10, longest_s=900.0, memory_s=3600.0)
IDENTITY = Limit(free=100, longest_s=60.0, memory_s=3600.0)
NETWORK = Limit(free=100, longest_s=300.0, memory_s=3600.0)


class Tries(msgspec.Struct, frozen=True):
    """failures: since when they are remembered; until: Unix time before which nothing is tried."""

    failures: int = 0
    until: float = 0.0


class Counted(Protocol):
    """What may have to wait."""

    def counts(self) -> list[tuple[Limit, tuple[str, ...]]]:
        """Return what an attempt counts for, with the keys."""
        ...


class Attempt(msgspec.Struct, frozen=True):
    """Somebody's attempt to be somebody.

    identity: as typed; or whatever stands for the account
    known:    the account was used from this place before
    """

    door: str
    identity: str
    place: Place
    known: bool = False

    def counts(self) -> list[tuple[Limit, tuple[str, ...]]]:
        """Return what this attempt counts for, with the keys."""
        identity, network = canonical(self.identity), self.place.network
        found = [
            (PAIR, ("pair", self.door, identity, network)),
            (NETWORK, ("network", network)),
        ]
        return found if self.known else [*found, (IDENTITY, ("identity", self.door, identity))]


class Delays:
    """The delays of one site."""

    def __init__(self, *, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._tries = Recent("tries", Tries, now=now)

    async def begin(self, tx: Transaction, attempt: Counted) -> None:
        """Count an attempt. Raises TooManyRequests while one has to wait."""
        await self.look(tx.fetch, attempt)
        await self.count(tx, attempt)

    async def look(self, fetch: Fetch, attempt: Counted) -> None:
        """Raise TooManyRequests while an attempt has to wait."""
        known = [await self._tries.read(fetch, *keys) or Tries() for _, keys in attempt.counts()]
        wait_s = max(tries.until for tries in known) - self._now()
        if wait_s > 0:
            seconds = int(wait_s) + 1
            raise TooManyRequests(
                "Too many attempts, please try again later.",
                retry_after_s=seconds,
                hint=f"After so many failures the next attempt is looked at in {seconds} s.",
            )

    async def count(self, tx: Transaction, attempt: Counted) -> None:
        """Count an attempt as failed."""
        now = self._now()
        for limit, keys in attempt.counts():
            failures = (await self._tries.read(tx.fetch, *keys) or Tries()).failures + 1
            until = now + _delay_s(limit, failures)
            await self._tries.write(tx, Tries(failures, until), *keys, for_s=limit.memory_s)

    async def succeed(self, tx: Transaction, attempt: Attempt) -> None:
        """Take an attempt back which was right; what failed from this network for this identity is forgiven."""
        for limit, keys in attempt.counts():
            tries = await self._tries.read(tx.fetch, *keys)
            if limit is PAIR or tries is None or tries.failures <= 1:
                await self._tries.forget(tx, *keys)
            else:
                await self._tries.write(tx, Tries(tries.failures - 1), *keys, for_s=limit.memory_s)


def _delay_s(limit: Limit, failures: int) -> float:
    over = failures - limit.free
    return min(FIRST_DELAY_S * 2.0 ** min(over - 1, 32), limit.longest_s) if over > 0 else 0.0
