"""Telling clients that come back what they have missed (`resume` in a subscription).

A subscription that resumes joins those who hear of events as they are told only when it has heard of all before them:
so it hears of each once, in the order of the commits, however many happen meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

import msgspec

from backstay.errors import Unavailable
from backstay.realtime.channel import Channel
from backstay.realtime.clients import Client, Clients
from backstay.realtime.events import Happened, Numbered
from backstay.realtime.topics import Topic

LOG_MAX_EVENTS = 1000
LOG_MAX_BYTES = 4 << 20
"""What is kept for clients that come back: the last events, by number and by size."""
AWAY_S = 0.5
"""How often it is looked whether the database is back."""
PAUSE_S = 0.01
"""How often it is looked whether a client has read on."""

log = logging.getLogger("backstay")

Topics: TypeAlias = Mapping[tuple[str, str], Sequence[Topic]]
"""Subscriptions by what they are about."""
Tell: TypeAlias = Callable[[Client, Topics, Numbered], Awaitable[None]]


class EventLog:
    """The last events that were told.

    last: the number of the last one of any kind
    """

    def __init__(self) -> None:
        self.last = 0
        self._kept: deque[tuple[Numbered, int]] = deque()
        self._bytes = 0
        self._forgotten = 0

    def add(self, numbered: Numbered) -> None:
        """Keep an event that clients hear of."""
        event = numbered.event
        assert isinstance(event, Happened), "clients hear of records"
        size = sum(len(str(value)) for values in (event.old, event.new) for value in (values or {}).values())
        self._kept.append((numbered, size))
        self._bytes += size
        while len(self._kept) > LOG_MAX_EVENTS or self._bytes > LOG_MAX_BYTES:
            oldest, size = self._kept.popleft()
            self._bytes -= size
            self._forgotten = oldest.number

    def forget(self, number: int) -> None:
        """Take note that nobody knows what happened before a number."""
        self._kept.clear()
        self._bytes = 0
        self._forgotten = number

    def after(self, number: int) -> list[Numbered] | None:
        """Return the events after a number, None when some of them may be forgotten."""
        if not self._forgotten <= number <= self.last:
            return None
        return [numbered for numbered, _ in self._kept if numbered.number > number]


class Replays:
    """The tasks that tell clients what they have missed.

    tell: tells a client of one event, as far as subscriptions are about it
    """

    def __init__(self, log: EventLog, channel: Channel, clients: Clients, tell: Tell) -> None:
        self._log, self._channel, self._clients, self._tell = log, channel, clients, tell
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def is_quiet(self) -> bool:
        return not self._tasks

    def begin(self, client: Client, topics: Sequence[Topic]) -> None:
        """Tell a client what it has missed of topics that it wants, and then let it listen to them."""
        task = asyncio.create_task(self._replay(client, topics), name="replay")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def tell_gap(self) -> None:
        """Tell all who count what they hear that something may be missing."""
        for client in self._clients:
            for topic in client.topics.values():
                if topic.options.resume is not None:
                    self._put_place(client, topic, "gap")

    async def stop(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _replay(self, client: Client, topics: Sequence[Topic]) -> None:
        try:
            await self._resume_all(client, topics)
        except Exception:
            log.exception("a client can't be told what it has missed")
            client.close()

    async def _resume_all(self, client: Client, topics: Sequence[Topic]) -> None:
        await self._catch_up(client)
        by_number: dict[int | None, list[Topic]] = defaultdict(list)
        for topic in topics:
            by_number[self._number(topic)].append(topic)
        for number, together in by_number.items():
            if number is not None:
                await self._resume(client, together, number)
            else:
                await self._start_anew(client, together)

    async def _resume(self, client: Client, topics: Sequence[Topic], number: int) -> None:
        by_key = _by_key(topics)
        while missed := self._log.after(number):
            for numbered in missed:
                await _room(client)
                if client.closed:
                    return
                await self._tell(client, by_key, numbered)
                number = numbered.number
        if missed is None:  # more has happened meanwhile than is kept
            await self._start_anew(client, topics)
        else:
            self._join(client, topics, number)

    async def _catch_up(self, client: Client) -> None:
        """Wait until all that had happened when the client came has been told here, too."""
        last: int | None = None
        while last is None and not client.closed:
            try:
                last = await self._channel.caught_up()
            except Unavailable:
                await asyncio.sleep(AWAY_S)
        while last is not None and self._log.last < last and not client.closed:  # noqa: ASYNC110
            await asyncio.sleep(PAUSE_S)

    def _number(self, topic: Topic) -> int | None:
        """Return after which event a subscription goes on, None where that isn't known any more."""
        epoch, _, digits = (topic.options.resume or "").rpartition("-")
        if epoch != self._channel.epoch or not (digits.isascii() and digits.isdigit()) or len(digits) > 18:
            return None
        return None if self._log.after(int(digits)) is None else int(digits)

    async def _start_anew(self, client: Client, topics: Sequence[Topic]) -> None:
        """Tell a client from where on it hears of everything."""
        for topic in topics:
            await _room(client)
            if client.wants(topic):
                self._put_place(client, topic, "gap" if topic.options.resume else "begin")
            self._join(client, [topic], self._log.last)

    def _put_place(self, client: Client, topic: Topic, action: str) -> None:
        here = f"{self._channel.epoch}-{self._log.last}"
        client.put(topic.text, msgspec.json.encode({"action": action, "seq": here}))

    def _join(self, client: Client, topics: Sequence[Topic], number: int) -> None:
        wanted = [topic for topic in topics if client.wants(topic)]
        client.heard(wanted, number)
        self._clients.join(client, wanted)


def _by_key(topics: Iterable[Topic]) -> Topics:
    by_key: dict[tuple[str, str], list[Topic]] = defaultdict(list)
    for topic in topics:
        by_key[topic.key].append(topic)
    return by_key


async def _room(client: Client) -> None:
    """Wait until a client has read most of what waits for it."""
    while client.is_behind and not client.closed:  # noqa: ASYNC110 - reading sets no event
        await asyncio.sleep(PAUSE_S)
