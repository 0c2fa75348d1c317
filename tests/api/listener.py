"""A subscriber of a site that is served in process: it opens a stream as a browser does, and keeps what it hears."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

from starlette.types import Message

from backstay.realtime import SharedChannel
from tests.api.site import Answer, Served

DEADLINE_S = 10.0


class Listener:
    """One stream. `heard` are its messages after the first: (event, data)."""

    def __init__(self, site: Served, address: str) -> None:
        self.site, self.address = site, address
        self.raw = b""
        self.status = 0
        self.headers: dict[str, str] = {}
        self.ended = False
        self.reading = asyncio.Event()
        self.reading.set()
        self._news = asyncio.Event()
        self._left = asyncio.Event()

    async def run(self) -> None:
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": "/api/realtime",
            "raw_path": b"/api/realtime",
            "query_string": b"",
            "headers": [],
            "client": (self.address, 40000),
            "server": ("127.0.0.1", 8090),
            "root_path": "",
        }

        async def receive() -> Message:
            await self._left.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            await self.reading.wait()
            if message["type"] == "http.response.start":
                self.status = message["status"]
                self.headers = {key.decode(): value.decode() for key, value in message["headers"]}
            self.raw += message.get("body", b"")
            self._news.set()

        await self.site.app(scope, receive, send)
        self.ended = True
        self._news.set()

    def leave(self) -> None:
        self._left.set()

    @property
    def frames(self) -> list[tuple[str, str, Any]]:
        """All messages: id, event, data."""
        found = []
        for frame in self.raw.decode().split("\n\n")[:-1]:
            lines = dict(line.split(":", 1) for line in frame.split("\n"))
            found.append((lines["id"], lines["event"], json.loads(lines["data"])))
        return found

    @property
    def id(self) -> str:
        return str(self.frames[0][2]["clientId"])

    @property
    def heard(self) -> list[tuple[str, Any]]:
        return [(event, data) for _, event, data in self.frames[1:]]

    @property
    def records(self) -> list[tuple[str, str]]:
        """What was heard of records: action and id."""
        return [(data["action"], data["record"]["id"]) for _, data in self.heard]

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds, which is looked at with each message."""
        async with asyncio.timeout(DEADLINE_S):
            while not holds():
                self._news.clear()
                await self._news.wait()

    async def hears(self, count: int) -> list[tuple[str, Any]]:
        """Wait for a number of messages, and return them all."""
        await self.until(lambda: len(self.frames) > count)
        return self.heard

    async def subscribe(self, *topics: str, who: str = "guest", address: str = "") -> Answer:
        body = {"clientId": self.id, "subscriptions": list(topics)}
        headers = {"x-real-ip": address or self.address}
        return await self.site.send("POST", "/api/realtime", who=who, body=body, headers=headers)


@asynccontextmanager
async def listening(
    site: Served, *topics: str, who: str = "guest", address: str = "127.0.0.1"
) -> AsyncIterator[Listener]:
    """Open a stream that listens to topics."""
    listener = Listener(site, address)
    task = asyncio.create_task(listener.run())
    try:
        await listener.until(lambda: bool(listener.frames))
        if topics:
            reply = await listener.subscribe(*topics, who=who)
            assert reply.status == 204, reply
        yield listener
    finally:
        listener.reading.set()
        listener.leave()
        await asyncio.wait_for(task, DEADLINE_S)


def topic(name: str, **options: Any) -> str:
    """Return a subscription with options, as the JavaScript client writes it."""
    return f"{name}?options={quote(json.dumps(options))}"


async def quiet(site: Served) -> None:
    """Wait until all that has happened by now has been told."""
    broker = site.site.realtime
    async with asyncio.timeout(DEADLINE_S):
        if isinstance(broker.channel, SharedChannel):
            await broker.channel.caught_up()
        while not broker.is_quiet:
            await asyncio.sleep(0)
