"""A small HTTP/1.1 client on asyncio streams: one connection, one request at a time, nothing hidden.

The experiments must know what happened to each request, so there are no retries, no pool and no redirects here.
A connection that breaks raises `ConnectionBroken`; then nobody knows whether the request was carried out.
"""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import Any, Self

import msgspec

_ANSWER_WAIT_S = 30.0


class ConnectionBroken(Exception):
    """The connection ended, or nothing came in time, before the whole answer was there.

    `sent` is False where the request never left: no server listened.
    """

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


class Reply(msgspec.Struct, frozen=True):
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


class Client:
    """One kept-alive connection to a server on the loopback."""

    def __init__(self, port: int, *, token: str = "") -> None:
        self.port = port
        self.token = token
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        writer = self._streams[1] if self._streams else None
        self.close()
        if writer is not None:
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None

    async def request(
        self, method: str, path: str, body: object = None, *, wait_s: float = _ANSWER_WAIT_S
    ) -> Reply:
        """Send one request and read its answer.

        Raises ConnectionBroken where there is no server, the connection ends early or `wait_s` has passed.
        """
        try:
            async with asyncio.timeout(wait_s):
                return await self._exchange(method, path, body)
        except (OSError, EOFError, TimeoutError, ValueError) as exc:
            sent = self._streams is not None
            self.close()
            raise ConnectionBroken(f"{method} {path}: {exc!r}", sent=sent) from exc
        except asyncio.CancelledError:
            self.close()
            raise

    async def _exchange(self, method: str, path: str, body: object) -> Reply:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self._streams
        writer.write(encode_request(method, path, body, token=self.token))
        await writer.drain()
        reply = await _read_reply(reader)
        if reply.headers.get("connection", "").lower() == "close":
            self.close()
        return reply


def encode_request(method: str, path: str, body: object = None, *, token: str = "") -> bytes:
    """Give the bytes of a request; `body` travels as JSON, None means without one."""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    if token:
        head += f"Authorization: {token}\r\n"
    if body is None:
        return f"{head}\r\n".encode()
    content = msgspec.json.encode(body)
    head += f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


async def _read_reply(reader: asyncio.StreamReader) -> Reply:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head[:-4].split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    status = int(first.split(" ", 2)[1])
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return Reply(status, headers, await _read_chunks(reader))
    length = int(headers.get("content-length", "0"))
    return Reply(status, headers, await reader.readexactly(length) if length else b"")


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    parts: list[bytes] = []
    while size := int((await reader.readuntil(b"\r\n")).strip(), 16):
        parts.append(await reader.readexactly(size))
        await reader.readexactly(2)
    await reader.readuntil(b"\r\n")
    return b"".join(parts)


async def is_answering(port: int) -> bool:
    """True where the server on `port` answers the health request with 200."""
    with contextlib.suppress(ConnectionBroken):
        async with Client(port) as client:
            return (await client.request("GET", "/api/health", wait_s=2.0)).status == 200
    return False
