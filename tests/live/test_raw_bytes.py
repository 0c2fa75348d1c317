"""Raw bytes to a real server process: whatever comes over the wire, it goes on answering and never with a 5xx."""

from __future__ import annotations

import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.api.bytes_of import MALFORMED, PARTS, VALUES, multipart

RECORDS = b"/api/collections/users/records"
SECONDS = 4.0
"""How long mutated requests are sent."""
START_S, ANSWER_S = 15.0, 5.0
PATIENCE_S = 0.1
"""How long the server may think before it is told that nothing follows."""


class Process:
    """A server process over an empty folder."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.log = folder / "stderr.txt"
        command = [sys.executable, "-m", "backstay", "serve", str(folder), "--http", f"127.0.0.1:{self.port}"]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log)
        deadline = time.monotonic() + START_S
        while not self._is_up():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, "it did not start in time"

    def _is_up(self) -> bool:
        try:
            return statuses(self.ask(request(b"GET", b"/api/health"))) == [200]
        except ConnectionRefusedError:
            return False

    def ask(self, raw: bytes) -> bytes:
        """Send bytes and return what comes back; b'' when the server just closed the connection.

        What waits for more than was sent is told that nothing follows.
        """
        answer = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S) as link:
            try:
                link.sendall(raw)
                while part := link.recv(65536):
                    answer += part
            except TimeoutError:
                answer += self._end(link)
            except OSError:
                pass
        return answer

    def _end(self, link: socket.socket) -> bytes:
        link.settimeout(ANSWER_S)
        link.shutdown(socket.SHUT_WR)
        try:
            return b"".join(iter(lambda: link.recv(65536), b""))
        except ConnectionError:
            return b""

    def stop(self) -> int:
        """Ask it to end and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(START_S)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    process = Process(tmp_path_factory.mktemp("raw"))
    try:
        yield process
        assert process.stop() == 0
        assert "request failed" not in process.log.read_text()
    finally:
        process.process.kill()
        process.process.wait()


def request(method: bytes, target: bytes, body: bytes = b"", *headers: tuple[bytes, bytes]) -> bytes:
    """Return an HTTP request; headers that are given stand in for the usual ones."""
    given = {b"Host": b"x", b"Connection": b"close", b"Content-Length": b"%d" % len(body)} | dict(headers)
    lines = b"".join(b"%s: %s\r\n" % pair for pair in given.items())
    return b"%s %s HTTP/1.1\r\n%s\r\n%s" % (method, target, lines, body)


def statuses(answer: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.\d (\d{3})", answer)]


def assert_no_fault(server: Process, raw: bytes) -> bytes:
    answer = server.ask(raw)
    assert all(status < 500 for status in statuses(answer)), (raw[:300], answer[:300])
    return answer


TARGETS = (
    b"/",
    b"*",
    b"//",
    b"/../../etc/passwd",
    b"/%2e%2e/%2e%2e/etc/passwd",
    b"/api/collections/%ff%fe/records",
    b"/api/collections/\xff\xfe/records",
    b"/api/collections/%ed%a0%80/records",
    b"/api/collections/users/records/%00",
    b"/api/collections/users/records/%c3%28",
    b"/api/collections/users/records/\xed\xa0\x80",
    b"/api/collections/users%2frecords",
    RECORDS + b"?filter=%ff",
    RECORDS + b"?filter=\xff\xfe",
    RECORDS + b"?" + b"a=1&" * 300,
    RECORDS + b"?filter=" + b"(" * 3000,
    RECORDS + b"?fields=" + b"a." * 2000,
    RECORDS + b"?" + b"x" * 60_000,
    b"/" + b"a" * 100_000,
    b"http://evil.example/api/health",
    b"/api/health#fragment",
    b"/api/health?%zz",
)


@pytest.mark.parametrize(
    "method", [b"GET", b"POST", b"PATCH", b"DELETE", b"OPTIONS", b"HEAD", b"BREW", b"CONNECT"]
)
def test_targets(server: Process, method: bytes) -> None:
    for target in TARGETS:
        assert_no_fault(server, request(method, target))


def test_bodies(server: Process) -> None:
    for kind, body in MALFORMED:
        if b"\n" not in kind[1] and len(kind[1]) < 4000:
            assert_no_fault(server, request(b"POST", RECORDS, body, kind))
    for value in VALUES:
        body = b'{"name":' + value + b',"email":' + value + b"}"
        assert_no_fault(server, request(b"POST", RECORDS, body, (b"Content-Type", b"application/json")))


def chunked(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


FRAMES: dict[str, bytes] = {
    "shorter than it says": request(b"POST", RECORDS, b"{}", (b"Content-Length", b"500")),
    "longer than it says": request(b"POST", RECORDS, b'{"name":"x"}', (b"Content-Length", b"2")),
    "negative length": request(b"POST", RECORDS, b"{}", (b"Content-Length", b"-1")),
    "length of letters": request(b"POST", RECORDS, b"{}", (b"Content-Length", b"two")),
    "endless length": request(b"POST", RECORDS, b"{}", (b"Content-Length", b"9" * 30)),
    "two lengths": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
    "length and chunks": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "bad chunk": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "huge chunk": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{}",
    "no host": b"GET /api/health HTTP/1.1\r\n\r\n",
    "old version": b"GET /api/health HTTP/1.0\r\n\r\n",
    "oldest version": b"GET /api/health\r\n\r\n",
    "no version": b"GET /api/health HTTP/9.9\r\nHost: x\r\n\r\n",
    "bare line feeds": b"GET /api/health HTTP/1.1\nHost: x\nConnection: close\n\n",
    "folded header": b"GET /api/health HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\nConnection: close\r\n\r\n",
    "header without colon": b"GET /api/health HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n",
    "header of NULs": b"GET /api/health HTTP/1.1\r\nHost: x\r\nX: \0\0\r\nConnection: close\r\n\r\n",
    "long header": b"GET /api/health HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 200_000 + b"\r\n\r\n",
    "many headers": b"GET /api/health HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
    "token of bytes": request(b"GET", RECORDS, b"", (b"Authorization", b"\xff\xfe\x80")),
    "two requests": request(b"GET", RECORDS, b"", (b"Connection", b"keep-alive"))
    + request(b"GET", b"/api/health"),
    "web socket": b"GET /api/realtime HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    "http/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "tls hello": bytes.fromhex("16030100a5010000a10303") + b"\0" * 150,
    "nothing": b"",
    "one byte": b"\0",
    "garbage": bytes(range(256)) * 20,
    "cut multipart": request(
        b"POST", RECORDS, multipart((b"name", b"x"))[:40], PARTS, (b"Content-Length", b"400")
    ),
    "chunked multipart": b"POST %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n%s: %s\r\n\r\n"
    % (RECORDS, *PARTS)
    + chunked(b"--cut\r\n", b"Content-Disposition: form-data; ", b'name="name"\r\n\r\n', b"x"),
}


@pytest.mark.parametrize("name", FRAMES)
def test_frames(server: Process, name: str) -> None:
    assert_no_fault(server, FRAMES[name])
    assert b"API is healthy." in server.ask(request(b"GET", b"/api/health"))


def mutated(chance: random.Random, raw: bytes) -> bytes:
    """Return a request with some bytes changed, doubled, lost or moved."""
    out = bytearray(raw)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(out) + 1)
        match chance.randrange(4):
            case 0:
                out[at:at] = chance.randbytes(chance.randint(1, 8))
            case 1:
                del out[at : at + chance.randint(1, 20)]
            case 2:
                out[at : at + 1] = chance.choice((b"\0", b"\xff", b"%", b"\r", b"\n", b":", b'"', b"'", b"{"))
            case _:
                out[at:at] = out[: chance.randint(0, 40)]
    return bytes(out)


def test_mutated_requests(server: Process) -> None:
    """Random changes of good requests, as many as fit into a few seconds."""
    body = b'{"email":"a@example.com","password":"12345678","passwordConfirm":"12345678"}'
    kind = (b"Content-Type", b"application/json")
    good = [
        request(
            b"GET", RECORDS + b"?filter=name%20=%20'a'&sort=-created&expand=x&fields=id,name&page=1&perPage=5"
        ),
        request(b"POST", RECORDS, body, kind),
        request(b"POST", RECORDS, multipart((b"name", b"x"), (b"@jsonPayload", body)), PARTS),
        request(
            b"POST", b"/api/collections/users/auth-with-password", body.replace(b"email", b"identity"), kind
        ),
        request(b"GET", RECORDS, b"", (b"Authorization", b"Bearer a.b.c")),
    ]
    chance = random.Random()
    deadline = time.monotonic() + SECONDS
    sent = 0
    while time.monotonic() < deadline:
        assert_no_fault(server, mutated(chance, chance.choice(good)))
        sent += 1
    assert sent > 20
    assert b"API is healthy." in server.ask(request(b"GET", b"/api/health"))
