"""Thumbnails: each made once, in a worker process that may die, and kept beside its original.

What can't be made is remembered for a while, so that a broken image costs its worker once.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections import OrderedDict
from pathlib import Path

import msgspec

from backstay.files.incoming import Incoming
from backstay.files.keeper import THUMBS_PREFIX
from backstay.files.sizes import ThumbSize
from backstay.files.stores import FileStore

JOB_MAX_S = 10.0
WAITING_MAX = 64
"""Thumbnails that may wait to be made; more requests get the original meanwhile."""
FAILED_KEPT_S = 600.0
FAILED_MAX = 1000
IDLE_S = 60.0
"""How long a worker with nothing to do stays."""


def thumb_key(folder: str, name: str, size: str) -> str:
    """Return where a thumbnail is kept (protocol A9)."""
    return f"{folder}/{THUMBS_PREFIX}{name}/{size}_{name}"


class Thumbs:
    """Makes the thumbnails of one site."""

    def __init__(self, incoming: Incoming) -> None:
        self._incoming = incoming
        self._lock = asyncio.Lock()
        self._making: dict[str, asyncio.Task[bool]] = {}
        self._failed: OrderedDict[str, float] = OrderedDict()
        self._worker: asyncio.subprocess.Process | None = None
        self._idle: asyncio.TimerHandle | None = None

    async def ensure(self, files: FileStore, original: str, target: str, size: ThumbSize) -> bool:
        """Make a thumbnail unless it is there; False when it can't be made, or not now."""
        if await files.find(target) is not None:
            return True
        if time.monotonic() - self._failed.get(target, -FAILED_KEPT_S) < FAILED_KEPT_S:
            return False
        task = self._making.get(target)
        if task is None:
            if len(self._making) >= WAITING_MAX:
                return False
            task = asyncio.create_task(self._make(files, original, target, size), name="thumbnail")
            self._making[target] = task
            task.add_done_callback(lambda _: self._making.pop(target, None))
        return await asyncio.shield(task)

    async def _make(self, files: FileStore, original: str, target: str, size: ThumbSize) -> bool:
        source, made = self._incoming.new_path(), self._incoming.new_path()
        try:
            found = await files.find(original)
            if found is None:
                return False
            if found.path is None:
                await files.fetch(original, source)
            error = await self._ask(found.path or source, made, size)
            if error:
                self._remember_failure(target)
                return False
            await files.put(target, made)
            return True
        finally:
            for path in (source, made):
                path.unlink(missing_ok=True)

    def _remember_failure(self, target: str) -> None:
        self._failed[target] = time.monotonic()
        if len(self._failed) > FAILED_MAX:
            self._failed.popitem(last=False)

    async def _ask(self, source: Path, target: Path, size: ThumbSize) -> str:
        """Have one thumbnail made; return '' or why it wasn't. A worker that hangs or dies is replaced."""
        job = {"source": str(source), "target": str(target), "size": msgspec.to_builtins(size)}
        async with self._lock:
            worker = await self._running()
            assert worker.stdin is not None
            assert worker.stdout is not None
            try:
                worker.stdin.write(msgspec.json.encode(job) + b"\n")
                async with asyncio.timeout(JOB_MAX_S):
                    await worker.stdin.drain()
                    line = await worker.stdout.readline()
                return str(msgspec.json.decode(line)["error"]) if line else self._gone("it died")
            except (TimeoutError, OSError, msgspec.DecodeError) as exc:
                return self._gone(type(exc).__name__)

    def _gone(self, why: str) -> str:
        self._kill()
        return f"the worker was replaced: {why}"

    async def _running(self) -> asyncio.subprocess.Process:
        if self._idle is not None:
            self._idle.cancel()
        if self._worker is None or self._worker.returncode is not None:
            self._worker = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "backstay.files.thumb_worker"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
        self._idle = asyncio.get_running_loop().call_later(IDLE_S, self._kill)
        return self._worker

    def _kill(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None and worker.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                worker.kill()

    async def close(self) -> None:
        """End the worker, and what waits for it."""
        for task in list(self._making.values()):
            task.cancel()
        if self._idle is not None:
            self._idle.cancel()
        worker = self._worker
        self._kill()
        if worker is not None:
            await worker.wait()
