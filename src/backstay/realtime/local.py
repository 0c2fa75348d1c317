"""The channel of a site that one process serves: memory. Nobody else is there to be told."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

from backstay.realtime.channel import Deliver, Handing, Stream
from backstay.realtime.events import Event, Lapsed, Numbered
from backstay.stores.base import Transaction


class LocalChannel:
    """See `Channel`."""

    def __init__(self) -> None:
        self.epoch = secrets.token_hex(4)
        self._number = 0
        self._open = 0
        self._held_until = 0.0
        self._deliver: Deliver = lambda _: None

    def start(self, deliver: Deliver) -> None:
        self._deliver = deliver

    async def stop(self) -> None:
        """Nothing runs."""

    async def caught_up(self) -> int:
        return self._number

    def may_matter(self) -> bool:
        return self._open > 0 or time.monotonic() < self._held_until

    async def publish(self, tx: Transaction, event: Event) -> None:
        tx.after_commit(lambda: self._hand_on(event))

    def handing(self) -> Handing:
        return Handing(self._hand_on_if_heard)

    def _hand_on_if_heard(self, make: Callable[[], Event]) -> None:
        if self.may_matter():
            self._hand_on(make())

    async def send(self, event: Event) -> None:
        self._hand_on(event)

    def _hand_on(self, event: Event) -> None:
        self._number += 1
        self._deliver(Numbered(self._number, event))

    async def opened(self, stream: Stream) -> None:
        if not self.may_matter():
            self._hand_on(Lapsed())
        self._open += 1

    async def changed(self, stream: Stream) -> None:
        """Nobody else wants to know."""

    async def closed(self, client_id: str) -> None:
        self._open -= 1

    async def hold(self, for_s: float) -> None:
        self._held_until = time.monotonic() + for_s

    async def find(self, client_id: str) -> Stream | None:
        return None
