"""Hears of the commits of other processes: by NOTIFY, or where that doesn't get through, by looking."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from psycopg import AsyncConnection, Error

from backstay.stores.postgresql_link import connect

log = logging.getLogger("backstay")

SILENCE_S = 0.5
"""How long nothing may be heard until it looks for itself; twice as long without an answer, and it counts as deaf."""
LOOK_S = 0.05
"""How often it looks where it can't listen."""
RETRY_S = 0.25
_LOOK = "SELECT version, shape FROM _writer"


class Listener:
    """One process's ear. Both are None while nothing can be heard.

    version: the number of the last commit that was heard of
    shape:   the number of the last one that changed definitions or settings
    """

    def __init__(self, url: str, channel: str, *, can_listen: bool) -> None:
        self._url, self._channel, self.can_listen = url, channel, can_listen
        self.version: int | None = None
        self.shape: int | None = None
        self._task: asyncio.Task[None] | None = None

    def hear(self, version: int, shape: int) -> None:
        """Take note of a commit."""
        if self.version is not None and version > self.version:
            self.version, self.shape = version, shape

    async def start(self) -> None:
        self._task = asyncio.create_task(self._listen_forever(), name="listener")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _listen_forever(self) -> None:
        while True:
            try:
                await self._listen()
            except (Error, OSError, TimeoutError):
                if self.version is not None:
                    log.warning("commits of other processes can't be heard of", exc_info=True)
            finally:
                self.version = self.shape = None
            await asyncio.sleep(RETRY_S)

    async def _listen(self) -> None:
        link = await connect(self._url, timeout_s=2 * SILENCE_S)
        connection = link.connection
        try:
            if self.can_listen:
                await connection.execute(f'LISTEN "{self._channel}"'.encode())
            while True:
                await self._look(connection)
                if self.can_listen:
                    await self._hear_for_a_while(connection)
                else:
                    await asyncio.sleep(LOOK_S)
        finally:
            with contextlib.suppress(Error):
                await link.close()

    async def _look(self, connection: AsyncConnection[tuple[int, int]]) -> None:
        async with asyncio.timeout(SILENCE_S):
            row = await (await connection.execute(_LOOK.encode())).fetchone()
        assert row is not None, "the store has made its row"
        if self.version is None:
            self.version, self.shape = row
        self.hear(*row)

    async def _hear_for_a_while(self, connection: AsyncConnection[tuple[int, int]]) -> None:
        async for notice in connection.notifies(timeout=SILENCE_S):
            version, shape = notice.payload.split()
            self.hear(int(version), int(shape))
