"""Moving all files from one store to another: copied, compared, and only then used from there."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path

from backstay.files.incoming import Incoming
from backstay.files.stores import FileStore


class Differs(Exception):
    """A copy is not what its original is."""


async def copy_missing(
    source: FileStore, target: FileStore, incoming: Incoming, tell: Callable[[int, int], None]
) -> int:
    """Copy what the target does not have, comparing each file; return how many were copied.

    tell: called with how many are done, and how many there are

    Raises Differs.
    """
    keys = [key for key in await source.names("") if not key.startswith(".")]
    copied = 0
    for number, key in enumerate(keys):
        tell(number, len(keys))
        copied += await _copy(source, target, key, incoming.new_path())
    tell(len(keys), len(keys))
    return copied


async def _copy(source: FileStore, target: FileStore, key: str, passing: Path) -> bool:
    found, there = await source.find(key), await target.find(key)
    if found is None or (there is not None and there.size == found.size):
        return False
    try:
        await source.fetch(key, passing)
        await target.put(key, passing)
    finally:
        await asyncio.to_thread(passing.unlink, missing_ok=True)
    copy = await target.find(key)
    if copy is None or await _digest(source, key, found.size) != await _digest(target, key, copy.size):
        raise Differs(key)
    return True


async def _digest(store: FileStore, key: str, size: int) -> str:
    found = hashlib.sha256()
    async for chunk in store.read(key, 0, size):
        found.update(chunk)
    return found.hexdigest()
