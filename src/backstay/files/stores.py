"""Where files are kept. One contract; here the folder, in `s3.py` the bucket.

A key is `collectionId/recordId/name`. Keys come from names of ours alone; the folder checks all the same that none
leads out of it.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

import msgspec

CHUNK_BYTES = 256 << 10
"""How much of a file is in memory at a time."""


class Stored(msgspec.Struct, frozen=True):
    """A file that is there. modified: Unix seconds; path: where it can be read from directly, if it can."""

    size: int
    modified: float
    path: Path | None = None


class FileStore(Protocol):
    """A place for files. Blocking work happens in threads."""

    async def put(self, key: str, source: Path) -> None:
        """Store a file durably; `source` may be moved away."""
        ...

    async def find(self, key: str) -> Stored | None:
        """Return what is known of a file, or None when it is not there."""
        ...

    def read(self, key: str, start: int, length: int) -> AsyncIterator[bytes]:
        """Yield a part of a file in chunks. Raises FileNotFoundError."""
        ...

    async def fetch(self, key: str, target: Path) -> None:
        """Copy a file to a local path. Raises FileNotFoundError."""
        ...

    async def remove(self, key: str) -> None:
        """Remove a file, or all below a folder; what is not there is no error."""
        ...

    async def names(self, folder: str) -> list[str]:
        """Return the keys of all files below a folder, '' for all."""
        ...


class LocalStore:
    """A folder of this machine."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    def _path(self, key: str) -> Path:
        path = self.root.joinpath(*key.split("/"))
        if ".." in key.split("/") or "\\" in key or "\x00" in key or not path.is_relative_to(self.root):
            raise FileNotFoundError(key)
        return path

    async def put(self, key: str, source: Path) -> None:
        await asyncio.to_thread(self._put, self._path(key), source)

    def _put(self, path: Path, source: Path) -> None:
        """Sync the file, then its name: after a power cut it is there whole, or not at all."""
        with source.open("rb") as file:
            os.fsync(file.fileno())
        for folder in reversed([path.parent, path.parent.parent]):
            if not folder.exists():
                folder.mkdir(parents=True, exist_ok=True)
                _sync_folder(folder.parent)
        try:
            source.rename(path)
        except OSError:  # another disk
            partial = path.with_name(f"{path.name}.partial")
            shutil.copyfile(source, partial)
            with partial.open("rb") as file:
                os.fsync(file.fileno())
            partial.rename(path)
            source.unlink()
        _sync_folder(path.parent)

    async def find(self, key: str) -> Stored | None:
        try:
            path = self._path(key)
            found = path.lstat()
        except (OSError, ValueError):
            return None
        if not path.is_file() or path.is_symlink():
            return None
        return Stored(found.st_size, found.st_mtime, path)

    async def read(self, key: str, start: int, length: int) -> AsyncIterator[bytes]:
        file = await asyncio.to_thread(self._path(key).open, "rb")
        try:
            await asyncio.to_thread(file.seek, start)
            left = length
            while left > 0:
                chunk = await asyncio.to_thread(file.read, min(CHUNK_BYTES, left))
                if not chunk:
                    return
                left -= len(chunk)
                yield chunk
        finally:
            file.close()

    async def fetch(self, key: str, target: Path) -> None:
        await asyncio.to_thread(shutil.copyfile, self._path(key), target)

    async def remove(self, key: str) -> None:
        await asyncio.to_thread(self._remove, self._path(key))

    def _remove(self, path: Path) -> None:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
        for folder in (path.parent, path.parent.parent):
            if folder == self.root or not folder.is_relative_to(self.root):
                return
            try:
                folder.rmdir()
            except OSError:  # something is left in it, or it has gone
                return

    async def names(self, folder: str) -> list[str]:
        return await asyncio.to_thread(self._names, self._path(folder) if folder else self.root)

    def _names(self, folder: Path) -> list[str]:
        return [
            path.relative_to(self.root).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()
        ]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
