"""Formats of addresses: what counts as an e-mail address, a URL, a domain."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

EMAIL_MAX_CHARS = 320
URL_MAX_CHARS = 2083

_LOCAL = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*")
_HOST = re.compile(r"(?=.{1,253}$)(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.)*[^\W_](?:[\w-]{0,61}[^\W_])?\.?")
_IPV6 = re.compile(r"\[[0-9a-fA-F:.]+\]")
_SCHEMES = frozenset({"http", "https", "ftp", "tcp", "udp", "ws", "wss", "irc", "rtmp"})


def is_email(text: str) -> bool:
    """Tell whether `text` is an address which mail can be sent to: dot-atom local part, a host with a dot.

    Control characters, white space and quoted local parts are refused (RFC 5321, 4.1.2, without quoted strings).
    """
    local, at, host = text.rpartition("@")
    if not at or len(text) > EMAIL_MAX_CHARS or len(local) > 64 or "." not in host:
        return False
    return _LOCAL.fullmatch(local) is not None and is_host(host) and not host.endswith(".")


def is_host(text: str) -> bool:
    """Tell whether `text` is a host name (RFC 1123) or an IPv4 address; international names count."""
    return _HOST.fullmatch(text) is not None


def is_url(text: str) -> bool:
    """Tell whether `text` is a URL with a host, of a scheme that browsers know."""
    if not 3 <= len(text) <= URL_MAX_CHARS or any(char.isspace() or ord(char) < 32 for char in text):
        return False
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        return False
    if parts.scheme not in _SCHEMES or text.startswith("."):
        return False
    bare = parts.netloc.rpartition("@")[2]
    if bare.startswith("["):
        return _IPV6.match(bare) is not None
    return is_host(host) and ("." in host or host == "localhost")


def domain_allowed(domain: str, only: Sequence[str] | None, excepted: Sequence[str] | None) -> bool:
    """Tell whether `domain` passes the two lists; case does not count (RFC 4343)."""
    name = domain.lower()
    if only and name not in {item.lower() for item in only}:
        return False
    return not (excepted and name in {item.lower() for item in excepted})
