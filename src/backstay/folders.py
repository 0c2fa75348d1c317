"""Checks the folders that an operator names before anything is opened in them.

Each fault is a `SetupError` which says what to type; finding a read-only disk here is kinder than SQLite's word
for it later.
"""

from __future__ import annotations

import errno
import getpass
import os
import tempfile
from pathlib import Path

from backstay.errors import SetupError


def check_site_folder(path: Path) -> None:
    """Raise SetupError unless `path` is a folder that can be read."""
    if not path.exists():
        raise SetupError(
            f"there is no site folder '{path}'",
            why="the folder does not exist",
            do=f"mkdir -p {path}, or give the folder of your site: backstay serve SITE",
        )
    if not path.is_dir():
        raise SetupError(
            f"'{path}' is no site folder",
            why="it is a file; a site is a folder, with its data in 'data/' inside",
            do=f"backstay serve {path.parent}",
        )
    if not os.access(path, os.R_OK | os.X_OK):
        raise SetupError(
            f"cannot read the site folder '{path}'",
            why=f"user '{_user()}' has no right to read it",
            do=f"chmod u+rx {path}, or run as the user who owns it",
        )


def ensure_data_folder(path: Path) -> None:
    """Make the data folder when it is missing, and raise SetupError unless files can be made in it.

    New folders are closed to other users: the database holds password hashes.
    """
    try:
        if not path.exists():
            path.mkdir(mode=0o700, parents=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as exc:
        raise _data_error(path, exc) from exc


def check_data_folder(path: Path) -> None:
    """Raise SetupError unless `path` is the data folder of a site that was started before."""
    if not path.is_dir():
        raise SetupError(
            f"there is no data folder '{path}'",
            why="this command works on a site's data, and there is none yet",
            do="start the site once with 'backstay serve', or give its folder with --data (or BACKSTAY_DATA)",
        )
    ensure_data_folder(path)


def _data_error(path: Path, exc: OSError) -> SetupError:
    what = f"cannot use the data folder '{path}' ({errno.errorcode.get(exc.errno or 0, exc.errno)})"
    elsewhere = "give another one with --data (or BACKSTAY_DATA)"
    match exc.errno:
        case errno.ENOTDIR | errno.EEXIST:
            return SetupError(
                what, why="it, or a part of its path, is a file", do=f"move that file, or {elsewhere}"
            )
        case errno.EACCES | errno.EPERM:
            return SetupError(
                what,
                why=f"user '{_user()}' may not write there; SQLite also puts its journal beside the database",
                do=f"chown {_user()} {path}, or {elsewhere}",
            )
        case errno.EROFS:
            return SetupError(
                what, why="the disk is mounted read-only", do=f"mount it writable, or {elsewhere}"
            )
        case errno.ENOSPC | errno.EDQUOT:
            return SetupError(what, why="there is no room left on the disk", do=f"make room, or {elsewhere}")
        case _:
            return SetupError(what, why=exc.strerror or str(exc), do=elsewhere)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
