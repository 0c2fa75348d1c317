"""Where a request comes from, as far as it matters for signing in."""

from __future__ import annotations

import hashlib
from ipaddress import IPv6Address, ip_address

import msgspec

AGENT_MAX_CHARS = 300


class Place(msgspec.Struct, frozen=True):
    """A client's address, and what its program calls itself."""

    address: str = ""
    agent: str = ""

    @property
    def fingerprint(self) -> str:
        """What `_authOrigins` knows a place by (protocol A5). It is no secret, and nothing rests on it."""
        return hashlib.md5(
            (self.address + self.agent).encode("utf-8", "replace"), usedforsecurity=False
        ).hexdigest()

    @property
    def network(self) -> str:
        """What one client can have all of: an IPv4 address, or the 64 bits of an IPv6 network."""
        try:
            address = ip_address(self.address)
        except ValueError:
            return self.address
        if isinstance(address, IPv6Address):
            mapped = address.ipv4_mapped
            return str(mapped) if mapped else address.exploded[:19]
        return str(address)

    def describe(self) -> str:
        """Return it in words for a mail."""
        agent = self.agent[:AGENT_MAX_CHARS]
        return f"{self.address} - {agent}" if agent else self.address
