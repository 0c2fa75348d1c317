"""The server process: signals, draining, crashed workers, ports in use."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

TRIVIAL = Path(__file__).with_name("trivial_site.py")
DEADLINE_S = 15.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(holds: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < deadline_s, "it did not happen in time"
        time.sleep(0.01)


class Server:
    """A running server with an application that needs no data."""

    def __init__(self, workers: int, port: int, env: dict[str, str]) -> None:
        self.port = port
        self.process = subprocess.Popen(
            [sys.executable, str(TRIVIAL), str(port), str(workers)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **env},
        )

    def line(self) -> str:
        """Return the next line that the server prints."""
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def connect(self, path: str) -> socket.socket:
        link = socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE_S)
        link.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        return link

    def get(self, path: str = "/") -> str:
        """Return the body of the answer."""
        return read_all(self.connect(path)).partition("\r\n\r\n")[2]

    def pid_of_worker(self) -> int:
        return int(self.get().split()[0])

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str, str]:
        """Send a signal and return exit code, stdout and stderr."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=DEADLINE_S)
        return self.process.returncode, out, err


def read_all(link: socket.socket) -> str:
    with link:
        parts = []
        while part := link.recv(65536):
            parts.append(part)
    return b"".join(parts).decode()


@contextmanager
def serving(workers: int = 1, **env: str) -> Iterator[Server]:
    server = Server(workers, free_port(), env)
    try:
        assert server.line() == "ready\n"
        yield server
    finally:
        server.process.kill()
        server.process.communicate()


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_with_exit_code_0(workers: int, number: signal.Signals) -> None:
    with serving(workers) as server:
        assert server.get().endswith(" yes"), "the state of the start is there for requests"
        code, out, err = server.stop(number)
    assert (code, err) == (0, "")
    assert out.count("stopped") == workers


@pytest.mark.parametrize("workers", [1, 2])
def test_a_request_in_flight_is_answered_before_it_stops(workers: int) -> None:
    with serving(workers) as server:
        link = server.connect("/slow")
        assert server.line() == "slow\n", "the request has reached the application"
        began_s = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert read_all(link).endswith(" yes")
        code, out, _ = server.stop()
        assert time.monotonic() - began_s < 2
    assert (code, out.count("stopped")) == (0, workers)


@pytest.mark.parametrize("path", ["/stream", "/flood"])
def test_a_stream_without_end_or_reader_does_not_keep_it_alive(path: str) -> None:
    with serving() as server:
        link = server.connect(path)
        assert link.recv(100)
        began_s = time.monotonic()
        code, out, _ = server.stop()
        took_s = time.monotonic() - began_s
        link.close()
    assert (code, out) == (0, "stopped\n")
    assert took_s < 3, "1.5 s for requests in flight, 0.3 s to end them"


def test_a_crashed_worker_is_replaced_alone() -> None:
    with serving(2) as server:
        first = server.pid_of_worker()
        wait_until(lambda: server.pid_of_worker() != first)
        other = next(pid for pid in iter(server.pid_of_worker, None) if pid != first)
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: not Path(f"/proc/{first}").exists())
        wait_until(lambda: server.pid_of_worker() not in {first, other})
        wait_until(lambda: server.pid_of_worker() == other)
        code, _, err = server.stop()
    assert code == 0
    assert f"worker {first} was killed by SIGKILL; starting another" in err


def test_workers_stop_when_their_supervisor_is_killed() -> None:
    with serving(2) as server:
        pid = server.pid_of_worker()
        server.process.kill()
        server.process.wait()
        wait_until(lambda: is_gone(pid))


def is_gone(pid: int) -> bool:
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return True


@pytest.mark.parametrize("workers", [1, 2])
def test_a_second_server_on_the_port_is_refused(workers: int) -> None:
    with serving() as server:
        second = Server(workers, server.port, {})
        out, err = second.process.communicate(timeout=DEADLINE_S)
        assert second.process.returncode == 1
        assert out == ""
        assert err.splitlines()[0] == f"error: cannot listen on 127.0.0.1:{server.port} (EADDRINUSE)"
        assert len(err.splitlines()) == 3
        assert server.get()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_site_that_cannot_start_says_why_and_ends(workers: int) -> None:
    server = Server(workers, free_port(), {"FAIL": "setup"})
    out, err = server.process.communicate(timeout=DEADLINE_S)
    assert server.process.returncode == 1
    assert out == ""
    assert err.splitlines() == ["error: the site is broken", "why:   the test wants it", "do:    nothing"]
