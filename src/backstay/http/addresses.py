"""The address of a client: the connection's own, or what a proxy says that the settings trust (A10).

Headers are what anybody may send. So none counts unless the owner names it in `trustedProxy.headers`, and of a list
of addresses the last one counts, which the nearest proxy has added, unless the owner wants the first.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address, ip_network

from backstay.settings import TrustedProxy


def client_address(connection: str, headers: Iterable[tuple[bytes, bytes]], trusted: TrustedProxy) -> str:
    """Return the client's address.

    connection: the address at the other end of the connection
    headers:    of the request, names in lower case
    """
    for name in trusted.headers:
        wanted = name.lower().encode()
        lines = [value.decode("latin-1") for key, value in headers if key == wanted]
        items = [item.strip() for line in lines for item in line.split(",")]
        for item in items if trusted.use_leftmost_ip else reversed(items):
            address = _parse(item)
            if address:
                return address
    return connection


def _parse(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        return ""


def is_among(address: str, allowed: Iterable[str]) -> bool:
    """Tell whether an address is one of `allowed`, which are addresses and subnets; '' is none of them."""
    try:
        client = ip_address(address)
    except ValueError:
        return False
    mapped = getattr(client, "ipv4_mapped", None)
    return any((mapped or client) in ip_network(text, strict=False) for text in allowed)
