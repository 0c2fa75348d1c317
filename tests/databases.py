"""Which database the sites of tests are on: SQLite, or with `--database postgresql` a database of its own for each.

Where PostgreSQL is: BACKSTAY_TEST_POSTGRESQL (a connection string without a database; default: this machine's).
"""

from __future__ import annotations

import atexit
import glob
import hashlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

GIVEN = os.environ.get("BACKSTAY_TEST_POSTGRESQL", "")
POSTGRESQL = GIVEN or "postgresql://root@127.0.0.1/postgres"
START_S = 15.0
_PLACES = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/bin",
)


def url_of(database: str) -> str:
    """Return the connection string of a database."""
    return urlunsplit(urlsplit(POSTGRESQL)._replace(path=f"/{database}"))


def answers(url: str) -> bool:
    """Tell whether a server answers at an address."""
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.Error:
        return False
    return True


def start_private() -> str | None:
    """Start a server for this run alone, where its programs are installed; return its address.

    It ends with this process, and its folder goes with it.
    """
    found = [Path(name) for place in _PLACES for name in sorted(glob.glob(place), reverse=True)]
    programs = next((place for place in found if (place / "initdb").exists()), None)
    if programs is None:
        return None
    folder = Path(tempfile.mkdtemp(prefix="backstay-postgresql-"))
    user = "postgres" if os.getuid() == 0 else None  # it refuses to run as root
    if user:
        shutil.chown(folder, user)
    options = {"user": user, "cwd": "/", "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    data = folder / "data"
    made = subprocess.run(
        [programs / "initdb", "-D", data, "-U", "root", "--auth=trust", "-E", "UTF8", "--locale=C"],
        check=False,
        **options,  # type: ignore[call-overload]
    )
    if made.returncode:
        return None
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [programs / "postgres", "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", folder],
        **options,  # type: ignore[call-overload]
    )

    def end() -> None:
        server.terminate()
        server.wait()
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(end)
    url, deadline_s = f"postgresql://root@127.0.0.1:{port}/postgres", time.monotonic() + START_S
    while not answers(url):
        if time.monotonic() > deadline_s:
            return None
        time.sleep(0.2)
    return url


def find_server() -> bool:
    """Use the server that answers, or start one; tell whether there is any."""
    global POSTGRESQL  # noqa: PLW0603 - the address of this run's server
    if not answers(POSTGRESQL) and not GIVEN:
        POSTGRESQL = start_private() or POSTGRESQL
    return answers(POSTGRESQL)


class Databases:
    """The PostgreSQL databases that stand for data folders. is_on: whether they do."""

    def __init__(self) -> None:
        self.is_on = False
        self._made: dict[Path, str] = {}

    @property
    def folders(self) -> list[Path]:
        """The data folders that have a database."""
        return list(self._made)

    def of(self, data: Path) -> str:
        """Return the connection string for a data folder, '' for SQLite; its database is as empty as the folder."""
        if not self.is_on:
            return ""
        data = data.absolute()
        if data not in self._made or not data.exists():
            self._create(data)
        return url_of(self._made[data])

    def _create(self, data: Path, template: str = "template0") -> None:
        name = "site_" + hashlib.sha256(f"{os.getpid()} {data}".encode()).hexdigest()[:16]
        with psycopg.connect(POSTGRESQL, autocommit=True) as admin:
            admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
            admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
        self._made[data] = name

    def copy(self, source: Path, target: Path) -> None:
        """Copy a site that nobody has open."""
        shutil.copytree(source, target)
        source, target = source.absolute(), target.absolute()
        if source in self._made:
            self.drop(target)
            self._create(target, self._made[source])

    def drop(self, data: Path | None = None) -> None:
        """Drop a folder's database, or all."""
        for folder in [data] if data else self.folders:
            if folder in self._made:
                with psycopg.connect(POSTGRESQL, autocommit=True) as admin:
                    admin.execute(f"DROP DATABASE IF EXISTS {self._made.pop(folder)} WITH (FORCE)".encode())


DATABASES = Databases()
