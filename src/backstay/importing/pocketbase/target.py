"""Makes a data folder appear whole or not at all.

All is built in a hidden folder beside it, synced, and renamed at the end. What a killed import left there is removed
by the next one for the same target: a lock tells whether its process still lives.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backstay.errors import SetupError

_LOCK = ".lock"


def check_target(out: Path, source: Path) -> None:
    """Raise SetupError unless `out` is free for a new site: missing, or an empty folder."""
    inside = out.resolve()
    if inside == source.resolve() or source.resolve() in inside.parents:
        raise SetupError(
            f"cannot import into '{out}'",
            why=f"it is inside of '{source}', which stays as it is",
            do="give another folder with --data (or BACKSTAY_DATA)",
        )
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        why = "it is a file" if not out.is_dir() else "there is something in it already"
        if (out / "site.db").exists():
            why = "it holds the data of a site, which an import would replace"
        raise SetupError(
            f"cannot import into '{out}'",
            why=why,
            do=f"give another folder with --data (or BACKSTAY_DATA), or move that away: mv {out} {out}.old",
        )


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """Yield an empty folder, closed to other users, which becomes `out` when the block ends without an error."""
    out = Path(os.path.abspath(out))
    prefix = f".{out.name}.importing-"
    try:
        out.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _remove_left(out.parent, prefix)
        work = Path(tempfile.mkdtemp(prefix=prefix, dir=out.parent))
    except OSError as exc:
        raise _unusable(out, exc) from exc
    lock = os.open(work / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield work
        (work / _LOCK).unlink()
        _publish(work, out)
    except OSError as exc:
        raise _unusable(out, exc) from exc
    finally:
        os.close(lock)
        shutil.rmtree(work, ignore_errors=True)


def _remove_left(parent: Path, prefix: str) -> None:
    for left in parent.glob(f"{prefix}*"):
        try:
            lock = os.open(left / _LOCK, os.O_RDWR)
        except OSError:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left, ignore_errors=True)
        except BlockingIOError:
            continue  # another import is at work there
        finally:
            os.close(lock)


def _publish(work: Path, out: Path) -> None:
    """Sync the folders of `work` and rename it; files are synced by who writes them."""
    for folder, _, _ in os.walk(work):
        sync(Path(folder))
    os.rename(work, out)
    sync(out.parent)


def sync(path: Path) -> None:
    """Have a file or folder on disk before going on."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unusable(out: Path, exc: OSError) -> SetupError:
    """Say what is in the way: the parent folder isn't ours to write in, or `out` is a disk of its own."""
    inner = f", like {out / 'site'}" if out.is_dir() else ""
    return SetupError(
        f"cannot make the data folder '{out}'",
        why=f"{exc.strerror or exc} ('{exc.filename}')" if exc.filename else str(exc.strerror or exc),
        do=f"give a folder in one where you may write with --data (or BACKSTAY_DATA){inner}",
    )
