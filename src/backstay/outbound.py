"""Requests that the server makes itself: to sign-in providers, for avatars, to webhooks.

Whoever can choose an address could make the server knock at doors that only it can reach (SSRF). So a name is
resolved once, every address it has is looked at, and the connection goes to one that was looked at. Redirects are not
followed, proxies of the environment are not used, and an answer has a size and a time.

Two kinds of addresses: those that an owner has set up (`trusted`), which may be in a private network, as the sign-in
server of a company is; and those that come from anywhere else, which must be public.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Mapping
from functools import partial
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import msgspec

if TYPE_CHECKING:
    from aiohttp import ClientSession
    from aiohttp.abc import AbstractResolver, ResolveResult

CONNECT_S, TOTAL_S = 5.0, 10.0
ANSWER_MAX_BYTES = 1 << 20
PORTS = frozenset({80, 443, 8080, 8443})
"""Ports that addresses from elsewhere may have."""

_EMBEDDING = tuple(
    IPv6Network(text)
    for text in (
        "::/96",  # IPv4-compatible
        "64:ff9b::/96",  # NAT64 (RFC 6052)
        "64:ff9b:1::/48",  # local NAT64 (RFC 8215)
        "2002::/16",  # 6to4
        "2001::/32",  # Teredo
        "fec0::/10",  # site-local, given up
    )
)
"""Networks whose addresses lead to others."""


class Refused(Exception):
    """The address must not be asked, or the answer is not what it may be. The text is for the log."""


class Answer(msgspec.Struct, frozen=True):
    """What came back: status, headers by lower-case name, body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON. Raises Refused."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
            raise Refused("the answer is no JSON") from exc


def is_public(address: str) -> bool:
    """Tell whether an address belongs to the public internet, whatever form it hides in."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        elif any(found in network for network in _EMBEDDING):
            return False
    return found.is_global and not found.is_multicast and not found.is_reserved


def is_askable(address: str) -> bool:
    """Tell whether an address that an owner set up may be asked: private ones may, cloud metadata and the like not."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    plain: IPv4Address | IPv6Address = getattr(found, "ipv4_mapped", None) or found
    return not (plain.is_link_local or plain.is_multicast or plain.is_unspecified)


def check_url(url: str, *, trusted: bool) -> None:
    """Raise Refused for what is wrong with a URL by its looks."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as exc:
        raise Refused("the URL can't be read") from exc
    if parts.scheme not in ({"https", "http"} if trusted else {"https"}):
        raise Refused(f"'{parts.scheme}' is no scheme to ask by")
    if not parts.hostname or parts.username is not None or parts.password is not None:
        raise Refused("the URL has no host, or a user in it")
    if not trusted and port is not None and port not in PORTS:
        raise Refused(f"port {port} is not asked")


class Outbound:
    """Makes requests. Close it when it is done with."""

    def __init__(self) -> None:
        self._sessions: dict[bool, ClientSession] = {}

    async def ask(
        self,
        method: str,
        url: str,
        *,
        trusted: bool = False,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        json: Any = None,
        limit: int = ANSWER_MAX_BYTES,
    ) -> Answer:
        """Make a request and return the whole answer. Raises Refused for whatever keeps it from coming.

        limit: bytes that the answer may have
        """
        import aiohttp
        from yarl import URL

        check_url(url, trusted=trusted)
        try:
            # What is looked at is what the connection is made to: `１２７.0.0.1` is 127.0.0.1 only once it is encoded.
            target = URL(url)
            host = target.host or ""
        except ValueError as exc:
            raise Refused("the URL can't be read") from exc
        _check_literal(host, trusted=trusted)
        try:
            async with self._session(trusted=trusted).request(
                method, target, headers=headers, data=form, json=json, allow_redirects=False
            ) as reply:
                body = await _read(reply.content, limit)
                named = {name.lower(): value for name, value in reply.headers.items()}
                return Answer(reply.status, named, body)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as exc:
            raise Refused(f"{type(exc).__name__}: {exc}"[:300]) from exc

    def _session(self, *, trusted: bool) -> ClientSession:
        session = self._sessions.get(trusted)
        if session is None:
            import aiohttp

            connector = aiohttp.TCPConnector(
                resolver=cast("AbstractResolver", _Resolver(trusted=trusted)),
                socket_factory=partial(_socket, trusted=trusted),
                use_dns_cache=False,
                limit=20,
                force_close=True,
            )
            session = self._sessions[trusted] = aiohttp.ClientSession(
                connector=connector,
                timeout=aiohttp.ClientTimeout(total=TOTAL_S, connect=CONNECT_S),
                trust_env=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": "Backstay"},
                auto_decompress=True,
            )
        return session

    async def close(self) -> None:
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()


def _check_literal(host: str, *, trusted: bool) -> None:
    """Raise Refused for an address in the URL itself: no name is looked up for it."""
    looks_like_one = ":" in host or host.replace(".", "").isdigit()
    if looks_like_one and not _may_ask(host, trusted=trusted):
        raise Refused(f"{host} is not asked")


def _may_ask(address: str, *, trusted: bool) -> bool:
    return is_askable(address) if trusted else is_public(address)


def _socket(place: tuple[Any, ...], *, trusted: bool) -> socket.socket:
    """Open a socket to an address: the last gate, which no spelling of a host gets around."""
    family, kind, proto, _, peer = place
    if not _may_ask(str(peer[0]), trusted=trusted):
        raise OSError(errno.EACCES, f"{peer[0]} is not asked")
    return socket.socket(family, kind, proto)


async def _read(stream: Any, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for chunk in stream.iter_chunked(64 << 10):
        size += len(chunk)
        if size > limit:
            raise Refused(f"the answer has over {limit} bytes")
        parts.append(chunk)
    return b"".join(parts)


class _Resolver:
    """Resolves a name once, and gives up where one of its addresses must not be asked."""

    def __init__(self, *, trusted: bool) -> None:
        self._trusted = trusted

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family)
        for *_, place in found:
            if not _may_ask(str(place[0]), trusted=self._trusted):
                raise OSError(errno.EACCES, f"'{host}' leads to {place[0]}, which is not asked")
        return [
            {
                "hostname": host,
                "host": str(place[0]),
                "port": port,
                "family": kind,
                "proto": proto,
                "flags": socket.AI_NUMERICHOST,
            }
            for kind, _, proto, _, place in found
        ]

    async def close(self) -> None:
        """Nothing is kept open."""
