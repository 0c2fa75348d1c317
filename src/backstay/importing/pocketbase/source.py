"""Opens the databases of a PocketBase without changing a byte in its folder.

Opening a database in WAL mode makes files beside it, even for reading. So a database at rest is opened as one that
nobody changes (`immutable=1`); one with a journal is copied first, with its journal, and the copy is opened.
"""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import apsw

from backstay.errors import SetupError

DATABASE = "data.db"
LOGS = "auxiliary.db"
STORAGE = "storage"

_JOURNALS = ("-wal", "-journal")
_CHECKPOINT_LOCK_AT = 121
"""The byte of the -shm file which a process locks while it writes back its WAL (https://sqlite.org/walformat.html)."""


def check_source(folder: Path) -> None:
    """Raise SetupError unless `folder` is there and has a `data.db`."""
    if not folder.is_dir():
        raise SetupError(
            f"there is no PocketBase data folder '{folder}'",
            why="it is a file" if folder.exists() else "the folder does not exist",
            do="give the folder which PocketBase calls pb_data",
        )
    if (folder / DATABASE).is_file():
        return
    inner = folder / "pb_data"
    raise SetupError(
        f"'{folder}' is no PocketBase data folder",
        why=f"there is no '{DATABASE}' in it",
        do=f"backstay import pocketbase {inner}"
        if inner.is_dir()
        else "give the folder which PocketBase calls pb_data",
    )


def readable(path: Path, scratch: Path) -> str:
    """Return the URI under which a database can be opened for reading, without touching its folder.

    scratch: a folder for the copy of a database which has a journal
    """
    try:
        if not any(_journal(path, ending).exists() for ending in _JOURNALS):
            with path.open("rb"):
                return f"file:{quote(str(path.resolve()))}?mode=ro&immutable=1"
        return f"file:{quote(str(_copy(path, scratch).resolve()))}"
    except OSError as exc:
        raise SetupError(
            f"cannot read '{path}'",
            why=exc.strerror or str(exc),
            do="run as a user who may read all of the folder",
        ) from exc


def _copy(path: Path, scratch: Path) -> Path:
    """Copy a database and its journal. First the database: what was written back since then is still in the WAL."""
    copy = scratch / path.name
    with _no_checkpoint(path):
        shutil.copyfile(path, copy)
        for ending in _JOURNALS:
            journal = _journal(path, ending)
            if journal.exists():
                shutil.copyfile(journal, _journal(copy, ending))
    return copy


@contextmanager
def _no_checkpoint(path: Path) -> Iterator[None]:
    """Keep a running PocketBase from writing its WAL back meanwhile: it shares the lock which SQLite takes for that.

    Commits go on, into the WAL; a copy of the WAL holds those which were complete.
    """
    try:
        shared = _journal(path, "-shm").open("rb")
    except FileNotFoundError:
        yield  # nobody has it open: the WAL was left behind
        return
    with shared:
        fcntl.lockf(shared, fcntl.LOCK_SH, 1, _CHECKPOINT_LOCK_AT)
        yield


def _journal(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


@contextmanager
def opened(uri: str, path: Path) -> Iterator[apsw.Connection]:
    """Open a source database. Raises SetupError when it is none, is damaged, or can't be read.

    path: what to call it in errors
    """
    try:
        # A copy with a WAL needs a -shm file beside it, so it is opened for writing.
        access = apsw.SQLITE_OPEN_READONLY if "immutable=1" in uri else apsw.SQLITE_OPEN_READWRITE
        db = apsw.Connection(uri, flags=access | apsw.SQLITE_OPEN_URI)
    except apsw.Error as exc:
        raise _unreadable(path, exc) from exc
    try:
        check_whole(db, path)
        yield db
    finally:
        db.close()


def check_whole(db: apsw.Connection, path: Path) -> None:
    """Raise SetupError when SQLite finds a database damaged, or none at all."""
    try:
        found = [str(row[0]) for row in db.execute("PRAGMA quick_check(3)")]
    except (apsw.NotADBError, apsw.CorruptError, apsw.IOError, apsw.CantOpenError) as exc:
        raise _unreadable(path, exc) from exc
    if found != ["ok"]:
        raise _damaged(path, "; ".join(text.replace("\n", " ") for text in found))


def _unreadable(path: Path, exc: apsw.Error) -> SetupError:
    if isinstance(exc, apsw.NotADBError):
        return SetupError(
            f"cannot read '{path}'",
            why="it is no SQLite database, or an encrypted one",
            do="give the data folder of a PocketBase, or restore the file from a backup",
        )
    return _damaged(path, str(exc))


def _damaged(path: Path, why: str) -> SetupError:
    return SetupError(
        f"'{path}' is damaged",
        why=f"SQLite says: {why}",
        do=f"restore it from a backup, or mend it: sqlite3 {path} .recover | sqlite3 mended.db",
    )
