"""How events get from the transaction that caused them to every process that has listeners."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

import msgspec

from backstay.catalog.fields import DbValue
from backstay.plans.single import Following
from backstay.realtime.events import Event, Numbered
from backstay.stores.base import Transaction

Deliver: TypeAlias = Callable[[Numbered], None]
"""Takes an event that is on disk; it must be quick, and is called in the order of commits."""


class Stream(msgspec.Struct, frozen=True):
    """What other processes know of a client. viewer: of whom it is, '' for a guest."""

    id: str
    address: str
    viewer: str
    oauth2: bool


class Handing(msgspec.Struct, frozen=True):
    """How an event happens with a record that is stored by one statement; see `records.changes.Follower`.

    done: is given what makes the event
    """

    done: Callable[[Callable[[], Event]], None]
    plan: Following | None = None
    values: Callable[[Event], dict[str, DbValue]] | None = None


class Channel(Protocol):
    """One process's end of the channel."""

    epoch: str
    """Which numbering events have; another epoch's numbers mean nothing."""

    def start(self, deliver: Deliver) -> None: ...

    async def stop(self) -> None: ...

    async def caught_up(self) -> int:
        """Wait until all is delivered that has happened by now, and return the number of the last event."""
        ...

    def may_matter(self) -> bool:
        """Tell whether anybody may listen anywhere; quick, since each write asks."""
        ...

    async def publish(self, tx: Transaction, event: Event) -> None:
        """Let an event happen with a transaction."""
        ...

    def handing(self) -> Handing:
        """Return how an event happens with a record that is stored by one statement."""
        ...

    async def send(self, event: Event) -> None:
        """Let an event happen that no write has caused."""
        ...

    async def opened(self, stream: Stream) -> None:
        """Make a client of this process known. The first after a while in which nobody listened lets `Lapsed` happen."""
        ...

    async def changed(self, stream: Stream) -> None:
        """Make known what a client of this process is now."""
        ...

    async def closed(self, client_id: str) -> None: ...

    async def hold(self, for_s: float) -> None:
        """Let events matter for a while though nobody listens: somebody may come back and ask for them."""
        ...

    async def find(self, client_id: str) -> Stream | None:
        """Return a client of any other process."""
        ...
