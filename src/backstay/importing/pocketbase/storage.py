"""Copies the files of records, their thumbnails and what is known about them, as they are."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from backstay.errors import SetupError

_THREADS = 8
"""Enough to keep a disk busy: each copy ends with a sync."""


class FileCount(msgspec.Struct):
    """How many files were copied, and their bytes."""

    files: int = 0
    size_bytes: int = 0


def list_files(folder: Path) -> list[Path]:
    """Return the paths of all files below a folder, relative to it; none when there is no such folder."""
    return sorted(_walk(folder, Path())) if folder.is_dir() else []


def _walk(root: Path, inner: Path) -> Iterator[Path]:
    for entry in os.scandir(root / inner):
        if entry.is_dir():
            yield from _walk(root, inner / entry.name)
        elif entry.is_file():
            yield inner / entry.name


def size_of(root: Path, files: list[Path]) -> int:
    return sum((root / file).stat().st_size for file in files)


def copy_files(source: Path, target: Path, files: list[Path], advanced: Callable[[int], None]) -> FileCount:
    """Copy `files` from one folder into another and sync them. Raises SetupError for one that can't be read."""
    done = FileCount()
    target.mkdir(mode=0o700)
    for folder in sorted({file.parent for file in files}):
        (target / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="copy") as pool:
        for size_bytes in pool.map(lambda file: _copy(source / file, target / file), files):
            done.files += 1
            done.size_bytes += size_bytes
            advanced(1)
    return done


def _copy(source: Path, target: Path) -> int:
    try:
        reading = source.open("rb")
    except OSError as exc:
        raise SetupError(
            f"cannot read '{source}'",
            why=exc.strerror or str(exc),
            do="run as a user who may read all of the folder",
        ) from exc
    with reading, target.open("xb") as writing:
        shutil.copyfileobj(reading, writing, 1 << 20)
        writing.flush()
        os.fsync(writing.fileno())
        return writing.tell()
