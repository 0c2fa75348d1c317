"""Starting and stopping an ASGI application, and knowing which of its requests still run.

The server stands between Granian and the application here, because Granian's own way with an application which
can't start is a traceback, and with a stream which never ends is to wait for ever. Signals and sockets are the
business of `server.py`.
"""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Lifespan:
    """Drives the `lifespan` side of an application: `start` once, `stop` once."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._to_app: asyncio.Queue[Message] = asyncio.Queue()
        self._from_app: asyncio.Queue[Message] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self.state: dict[str, Any] = {}

    async def start(self) -> None:
        """Run the application's start. Raises what it raised, or RuntimeError when it said only that it failed."""
        scope: Scope = {
            "type": "lifespan",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "state": self.state,
        }
        call = self._app(scope, self._to_app.get, self._from_app.put)
        self._task = asyncio.ensure_future(call)
        await self._exchange("startup")

    async def stop(self) -> None:
        """Run the application's stop and wait for its end."""
        await self._exchange("shutdown")
        if self._task is not None:
            await self._task

    async def _exchange(self, phase: str) -> None:
        """Send one event and wait for its answer, or for the application to break off."""
        assert self._task is not None, "start comes first"
        self._to_app.put_nowait({"type": f"lifespan.{phase}"})
        answer = asyncio.ensure_future(self._from_app.get())
        await asyncio.wait({answer, self._task}, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            answer.cancel()
            await self._task
            raise RuntimeError(f"The application ended without an answer to lifespan.{phase}.")
        message = answer.result()
        if message["type"].endswith(".failed"):
            await self._task
            raise RuntimeError(message.get("message") or f"The application failed at lifespan.{phase}.")


class Requests:
    """The application as the server calls it, with the set of requests which are being answered."""

    def __init__(self, app: ASGIApp, state: dict[str, Any]) -> None:
        self._app = app
        self._state = state
        self._running: set[asyncio.Task[Any]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        task = asyncio.current_task()
        assert task is not None, "Granian runs each request in a task"
        if self._state:
            scope["state"] = dict(self._state)
        self._running.add(task)
        try:
            await self._app(scope, receive, send)
        finally:
            self._running.discard(task)

    def cancel(self) -> int:
        """Cancel what is still running; return how many there were."""
        tasks = list(self._running)
        for task in tasks:
            task.cancel()
        return len(tasks)
