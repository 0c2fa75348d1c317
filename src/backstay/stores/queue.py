"""Jobs that wait for a store's writer: one task, which takes all that wait and answers them together."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, TypeVar

import msgspec

from backstay.stores.base import Job

T = TypeVar("T")


class Waiting(msgspec.Struct, eq=False):
    """A job, who waits for its answer, and since when (monotonic seconds). limited: it may not take its time"""

    job: Job[Any]
    answer: asyncio.Future[Any]
    since: float
    limited: bool

    def refuse(self, exc: BaseException) -> None:
        """Answer with an error, unless it is answered or nobody waits any more."""
        if not self.answer.done():
            self.answer.set_exception(exc)

    def accept(self, result: Any) -> None:
        """Answer with a result, unless nobody waits any more."""
        if not self.answer.done():
            self.answer.set_result(result)


Group: TypeAlias = list[Waiting]


class JobQueue:
    """The queue and its writer.

    write_group: writes a group, which it may `fill`, and answers all of it; what it raises is everybody's answer
    translate:   makes an answer of what was raised
    """

    def __init__(
        self,
        write_group: Callable[[Group], Awaitable[None]],
        translate: Callable[[BaseException], BaseException],
    ) -> None:
        self._write_group, self._translate = write_group, translate
        self._queue: asyncio.Queue[Waiting] = asyncio.Queue()
        self._taken = 0  # jobs of the group that is being written

    def start(self) -> asyncio.Task[None]:
        """Begin to write; return the task that does."""
        self._task = asyncio.create_task(self._write_forever(), name="writer")
        return self._task

    async def stop(self) -> None:
        """Write what waits, then end."""
        await self._queue.join()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def run(self, job: Job[T], *, limited: bool) -> T:
        """Let a job wait for its turn, and return its result."""
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait(Waiting(job, answer, time.monotonic(), limited))
        return await answer

    def fill(self, group: Group, most: int) -> None:
        """Let those join a group that wait by now, until it has `most`."""
        while len(group) < most and not self._queue.empty():
            group.append(self._queue.get_nowait())
            self._taken += 1

    async def _write_forever(self) -> None:
        while True:
            group = [await self._queue.get()]
            self._taken = 1
            try:
                await self._write_group(group)
            except Exception as exc:
                self.refuse_all(group, exc)
            finally:
                for _ in range(self._taken):
                    self._queue.task_done()

    def refuse_all(self, group: Group, exc: BaseException) -> None:
        """Answer those with an error who have no answer yet."""
        for waiting in group:
            waiting.refuse(self._translate(exc))
