"""Requests to where nobody may send the server: refused by the address that a name has, in whatever form it hides."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

import backstay.outbound as outbound_module
from backstay.outbound import Answer, Outbound, Refused, check_url, is_askable, is_public

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700:4700::1111", "::ffff:1.1.1.1"])
def test_public_addresses(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.1.2.3", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0"),
        *("100.64.0.1", "198.18.0.1", "192.0.2.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1", "fec0::1", "2001:db8::1"),
        *("::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:10.0.0.1", "::127.0.0.1"),
        *("64:ff9b::7f00:1", "64:ff9b:1::7f00:1", "2002:7f00:1::", "2001:0:7f00:1::1", "not an address", ""),
    ],
)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "::ffff:169.254.169.254", "fe80::1", "0.0.0.0", "224.0.0.1"]
)
def test_addresses_that_nobody_may_set_up(address: str) -> None:
    assert not is_askable(address)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "::1", "1.1.1.1"])
def test_an_owner_may_set_up_private_ones(address: str) -> None:
    assert is_askable(address)


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://example.com/",
            "ftp://example.com/",
            "file:///etc/passwd",
            "gopher://x/",
            "//example.com",
            "",
        ),
        *(
            "https://user@example.com/",
            "https://user:pass@example.com/",
            "https:///x",
            "https://example.com:22/",
        ),
        *("https://example.com:99999/", "https://[::1", "javascript:alert(1)", "https://exa mple.com:bad/"),
    ],
)
def test_urls_that_are_refused_by_their_looks(url: str) -> None:
    with pytest.raises(Refused):
        check_url(url, trusted=False)


LOOPBACK = [
    *(
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "2130706433",
        "0x7f000001",
        "127.1",
    ),
    *("0177.0.0.1", "127.0.0.1.", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "LOCALHOST"),
    *("①②⑦.⓪.⓪.①", "127。0。0。1", "１２７.0.0.1", "①②⑦.①"),
]


class Door:
    """A server on loopback that counts who knocks, and who comes in with a request."""

    def __init__(self) -> None:
        self.knocks = self.visits = 0
        self.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"

    async def visited(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.knocks += 1
        try:
            await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            writer.close()
            return
        self.visits += 1
        writer.write(self.answer)
        await writer.drain()
        writer.close()


@pytest.fixture
async def door() -> AsyncIterator[tuple[Door, int]]:
    door = Door()
    server = await asyncio.start_server(door.visited, "127.0.0.1", 0)
    async with server:
        yield door, server.sockets[0].getsockname()[1]


@pytest.fixture
async def outbound() -> AsyncIterator[Outbound]:
    outbound = Outbound()
    yield outbound
    await outbound.close()


@pytest.mark.parametrize("host", LOOPBACK)
async def test_no_spelling_of_loopback_is_asked(
    outbound: Outbound, door: tuple[Door, int], host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for port in ("", ":443", ":8443"):
        with pytest.raises(Refused):
            await outbound.ask("GET", f"https://{host}{port}/")
    monkeypatch.setattr(outbound_module, "PORTS", {door[1]})
    with pytest.raises(Refused):
        await outbound.ask("GET", f"https://{host}:{door[1]}/")
    assert door[0].knocks == 0


@pytest.mark.parametrize("host", ["１６９.254.169.254", "169。254。169。254", "[::ffff:169.254.169.254]"])
async def test_no_spelling_of_the_metadata_server_is_asked(outbound: Outbound, host: str) -> None:
    with pytest.raises(Refused, match="not asked"):
        await outbound.ask("GET", f"http://{host}/", trusted=True)


def test_an_answer_that_is_too_deep_is_none() -> None:
    with pytest.raises(Refused):
        Answer(200, {}, b"[" * 500_000).json()


async def test_a_name_with_one_bad_address_is_refused(
    outbound: Outbound, door: tuple[Door, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also a name that is public at first and leads home when it is asked again: it is asked once."""
    asked = 0

    async def lookup(host: str, port: int, **_: Any) -> list[Any]:
        nonlocal asked
        asked += 1
        places = [("93.184.216.34", port), ("127.0.0.1", port)] if asked == 1 else [("127.0.0.1", port)]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", place) for place in places]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", lookup)
    with pytest.raises(Refused, match=r"127\.0\.0\.1"):
        await outbound.ask("GET", "https://rebinding.example/")
    assert asked == 1
    assert door[0].visits == 0


async def test_redirects_are_not_followed(outbound: Outbound, door: tuple[Door, int]) -> None:
    visited, port = door
    visited.answer = b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"
    answer = await outbound.ask("GET", f"http://127.0.0.1:{port}/", trusted=True)
    assert (answer.status, visited.visits) == (302, 1)


async def test_an_answer_has_a_size(outbound: Outbound, door: tuple[Door, int]) -> None:
    visited, port = door
    visited.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000
    with pytest.raises(Refused, match="over 100 bytes"):
        await outbound.ask("GET", f"http://127.0.0.1:{port}/", trusted=True, limit=100)
    visited.answer = b"rubbish\r\n\r\n"
    with pytest.raises(Refused):
        await outbound.ask("GET", f"http://127.0.0.1:{port}/", trusted=True)


async def test_proxies_of_the_environment_are_not_used(
    outbound: Outbound, door: tuple[Door, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    visited, port = door
    answer = await outbound.ask("GET", f"http://127.0.0.1:{port}/", trusted=True)
    assert (answer.body, visited.visits) == (b"hi", 1)
