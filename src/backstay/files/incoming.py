"""Where uploads wait while their request is answered: a folder for each process, locked while the process lives.

What a process leaves that died is found by its lock, which nobody holds any more, and cleared away.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
from pathlib import Path

from backstay.files.kinds import HEAD_BYTES, ending_of, kind_of
from backstay.files.names import stored_name
from backstay.records.upload import Upload

TOKEN_BYTES = 8
ORIGINAL_MAX_CHARS = 255


def name_upload(original: str, head: bytes, size: int, path: Path) -> Upload:
    """Return a waiting file as an upload: named, and told what it is by its first bytes."""
    kind = kind_of(head)
    name = stored_name(original, ending_of(kind))
    return Upload(name, original[:ORIGINAL_MAX_CHARS], size, kind, path)


class Incoming:
    """The uploads of this process. `open` first, `close` last."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.token = secrets.token_hex(TOKEN_BYTES)
        self.folder = root / self.token
        self._lock: int | None = None

    def open(self) -> list[str]:
        """Make the folder, and clear away those of the dead; return their tokens."""
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        dead = [token for token in self._tokens() if self._bury(token)]
        self._lock = os.open(self._root / f"{self.token}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self.folder.mkdir(mode=0o700)
        return dead

    def close(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        if self._lock is not None:
            with contextlib.suppress(OSError):
                (self._root / f"{self.token}.lock").unlink()
            os.close(self._lock)
            self._lock = None

    def new_path(self) -> Path:
        """Return a path for one more upload."""
        return self.folder / secrets.token_hex(TOKEN_BYTES)

    def receive(self, original: str, content: bytes) -> Upload:
        """Make an upload of a content that is at hand, as a request with a file makes one."""
        path = self.new_path()
        path.write_bytes(content)
        return name_upload(original, content[:HEAD_BYTES], len(content), path)

    def _tokens(self) -> list[str]:
        return [path.name.removesuffix(".lock") for path in self._root.glob("*.lock")]

    def _bury(self, token: str) -> bool:
        path = self._root / f"{token}.lock"
        try:
            lock = os.open(path, os.O_RDWR)
        except OSError:
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        else:
            shutil.rmtree(self._root / token, ignore_errors=True)
            with contextlib.suppress(OSError):
                path.unlink()
            return True
        finally:
            os.close(lock)
