"""Starts the two servers on loopback, each on an empty folder, and ends them again."""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

EMAIL = "root@example.com"
PASSWORD = "conformance-1234"
START_S = 30.0
STOP_S = 10.0


def pocketbase_command() -> list[str] | None:
    """Return how to call the real PocketBase, or None when it is not installed."""
    beside = Path(sys.executable).parent / "pocketbase"
    found = str(beside) if beside.exists() else shutil.which("pocketbase")
    return [found, "--dir", "{data}", "--automigrate=0"] if found else None


def backstay_command() -> list[str]:
    """Return how to call Backstay.

    BACKSTAY_CONFORMANCE_COMMAND replaces it: `{data}` stands for the data folder, and without it `--data` is added.
    """
    given = shlex.split(os.environ.get("BACKSTAY_CONFORMANCE_COMMAND", ""))
    return given or [sys.executable, "-m", "backstay"]


def complete(command: list[str], data: Path, *words: str) -> list[str]:
    """Put the data folder and a subcommand into a command."""
    full = [part.replace("{data}", str(data)) for part in command] + list(words)
    return full if full[: len(command)] != command else [*full, "--data", str(data)]


def free_port() -> int:
    """Ask the system for a port that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def environment() -> dict[str, str]:
    """Return the environment, with search paths that hold in another folder too."""
    paths = [str(Path(path).resolve()) for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


@contextmanager
def running(command: list[str], folder: Path) -> Iterator[httpx.Client]:
    """Serve an empty site with one superuser; yield a client of it."""
    data, log = folder / "data", folder / "log.txt"
    subprocess.run(
        complete(command, data, "superuser", "upsert", EMAIL, PASSWORD),
        check=True,
        capture_output=True,
        timeout=60,
    )
    address = f"127.0.0.1:{free_port()}"
    with log.open("wb") as out:
        arguments = complete(command, data, "serve", "--http", address)
        process = subprocess.Popen(arguments, stdout=out, stderr=out, cwd=folder, env=environment())
        try:
            with httpx.Client(base_url=f"http://{address}", timeout=30, trust_env=False) as client:
                wait_until_up(client, process, log)
                yield client
        finally:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_until_up(client: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return when the server answers; fail with its log when it ends or is late."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            client.get("/api/health")
        except httpx.TransportError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError(f"the server did not start: {process.args!r}\n{log.read_text()[-3000:]}")
