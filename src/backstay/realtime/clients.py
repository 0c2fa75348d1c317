"""The clients of this process: what each listens to, and the messages that wait for it.

A client that reads slower than messages come has a queue with an end: when it is full the client is cut off, with its
memory, and nobody waits for it.
"""

from __future__ import annotations

import asyncio
import secrets
import string
import time
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator

from backstay.realtime.topics import Topic, keys_of, parse_topic

ID_CHARS = 40
QUEUE_MAX_MESSAGES = 256
QUEUE_MAX_BYTES = 1 << 20
TAKE_MAX_BYTES = 16 << 10
"""What is handed to a connection at once, one larger message excepted: until it is sent, each client has a copy of its own."""
IDLE_MAX_S = 300.0
LIFE_MAX_S = 1800.0
"""A stream ends when it had nothing to tell for so long, or is so old; clients come back by themselves."""
CLIENTS_MAX = 20_000
"""Streams of one process."""
_LETTERS = string.ascii_letters + string.digits


class Client:
    """One open stream, served by the task that makes this."""

    __slots__ = (
        "_bytes",
        "_heard",
        "_queue",
        "_task",
        "address",
        "awake",
        "born",
        "closed",
        "head",
        "id",
        "token",
        "told",
        "topics",
        "viewer_key",
        "wanted",
    )

    def __init__(self, address: str) -> None:
        self.id = "".join(secrets.choice(_LETTERS) for _ in range(ID_CHARS))
        self.head = f"id:{self.id}\nevent:".encode()
        self.address = address
        self.token = ""
        self.viewer_key = ""
        self.wanted: dict[str, Topic] = {}
        """What it has subscribed to, by text."""
        self.topics: dict[str, Topic] = {}
        """What of that it listens to; the rest is being replayed."""
        self._heard: dict[str, int] = {}
        self.awake = asyncio.Event()
        self.born = self.told = time.monotonic()
        self.closed = False
        self._queue: deque[tuple[bytes, bytes]] = deque()
        self._bytes = 0
        self._task = asyncio.current_task()

    def put(self, topic: str, data: bytes) -> None:
        """Queue a message, whose data all clients share; a client whose queue is full is cut off."""
        head = b"%b%b\ndata:" % (self.head, topic.encode("utf-8", "replace"))
        self._queue.append((head, data))
        self._bytes += len(head) + len(data)
        if len(self._queue) > QUEUE_MAX_MESSAGES or self._bytes > QUEUE_MAX_BYTES:
            self.close()
        self.awake.set()

    def take(self) -> bytes:
        """Return the messages that are next, in the form that they are sent in."""
        self.told = time.monotonic()
        parts: list[bytes] = []
        size = 0
        while self._queue and size < TAKE_MAX_BYTES:
            head, data = self._queue.popleft()
            parts += (head, data, b"\n\n")
            size += len(head) + len(data)
        self._bytes -= size
        if not self._queue:
            self.awake.clear()
        return b"".join(parts)

    def close(self) -> None:
        """End the stream; what waits is dropped."""
        self.closed = True
        self._queue.clear()
        self._bytes = 0
        self.awake.set()

    def cut(self) -> None:
        """End the task that serves a closed stream, which waits for somebody who does not read."""
        if self._task is not None:
            self._task.cancel()

    def is_over(self, now: float) -> bool:
        """Tell whether a stream has nothing to tell for too long, or is too old. now: of the monotonic clock"""
        return now - self.told > IDLE_MAX_S or now - self.born > LIFE_MAX_S

    def listens_to(self, name: str) -> bool:
        """Tell whether one of the subscriptions is a name, options aside."""
        return any(text.partition("?")[0] == name for text in self.topics)

    def wants(self, topic: Topic) -> bool:
        """Tell whether a subscription that is being replayed still stands."""
        return self.wanted.get(topic.text) is topic

    def has_heard(self, topic: Topic, number: int) -> bool:
        """Tell whether an event is one that was replayed to a subscription."""
        return number <= self._heard.get(topic.text, 0)

    def heard(self, topics: Iterable[Topic], number: int) -> None:
        """Take note up to which event everything was replayed to subscriptions."""
        self._heard |= {topic.text: number for topic in topics}

    def drop(self, text: str) -> Topic:
        """Listen to something no longer, and return what it was."""
        self._heard.pop(text, None)
        return self.topics.pop(text)

    @property
    def is_behind(self) -> bool:
        """Tell whether much waits for a client: what can wait should."""
        return len(self._queue) > QUEUE_MAX_MESSAGES // 2 or self._bytes > QUEUE_MAX_BYTES // 2


class Clients:
    """All clients of this process, and an index of what they listen to."""

    def __init__(self) -> None:
        self._all: dict[str, Client] = {}
        self._by_topic: dict[tuple[str, str], dict[tuple[Client, str], Topic]] = defaultdict(dict)

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Client]:
        return iter(list(self._all.values()))

    def find(self, client_id: str) -> Client | None:
        return self._all.get(client_id)

    def add(self, client: Client) -> None:
        self._all[client.id] = client

    def remove(self, client: Client) -> None:
        self._all.pop(client.id, None)
        self.want(client, ())

    def want(self, client: Client, texts: Iterable[str]) -> list[Topic]:
        """Replace what a client has subscribed to, and return what of it must be replayed before it listens to that."""
        before = client.wanted
        client.wanted = {text: before.get(text) or parse_topic(text) for text in texts}
        for text in client.topics.keys() - client.wanted.keys():
            self._leave(client, client.drop(text))
        fresh = [topic for text, topic in client.wanted.items() if text not in before]
        self.join(client, [topic for topic in fresh if topic.options.resume is None])
        return [topic for topic in fresh if topic.options.resume is not None]

    def join(self, client: Client, topics: Iterable[Topic]) -> None:
        """Let a client listen to what it wants."""
        for topic in topics:
            client.topics[topic.text] = topic
            self._by_topic[topic.key][client, topic.text] = topic

    def _leave(self, client: Client, topic: Topic) -> None:
        listeners = self._by_topic[topic.key]
        del listeners[client, topic.text]
        if not listeners:
            del self._by_topic[topic.key]

    def listening(self, names: Iterable[str], record_id: str) -> list[tuple[Client, Topic]]:
        """Return who listens to a record of a collection, which may be called by its id or its name."""
        found: list[tuple[Client, Topic]] = []
        for key in keys_of(names, record_id):
            found += [(client, topic) for (client, _), topic in self._by_topic.get(key, {}).items()]
        return found

    def cares_for(self, names: Iterable[str]) -> bool:
        """Tell whether anybody listens to a collection."""
        wanted = set(names)
        return any(name in wanted for name, _ in self._by_topic)
