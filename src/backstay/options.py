"""What `backstay serve` is told: the address, the folders, the number of workers, the origins.

Text from the command line or the environment becomes a frozen `ServeOptions` here, and every fault in it a
`SetupError`. Nothing is opened or bound; `server.py` does that. Settings which a superuser changes while the
server runs are another thing and live in the database.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from backstay.errors import SetupError

DEFAULT_HTTP = "127.0.0.1:8090"
DEFAULT_ORIGINS = "*"
WORKERS_MAX = 64


class Address(NamedTuple):
    """Where the server listens. `host` has no brackets, also when it is IPv6."""

    host: str
    port: int

    @property
    def url(self) -> str:
        """The address as a URL which a browser on this machine opens."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)  # noqa: S104
        return f"http://{f'[{host}]' if ':' in host and not host.startswith('[') else host}:{self.port}"


class ServeOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that one run of the server needs to know before it opens its data."""

    address: Address
    data: Path
    site: Path
    database: str = ""
    """`postgresql://...`; '' for SQLite in the data folder."""
    workers: int = 1
    origins: tuple[str, ...] = (DEFAULT_ORIGINS,)
    app: str = ""
    """`module:name` of the application; '' for `app` in `site.py` of the site's folder, where there is one."""
    jobs: bool = True
    """Whether what waits in the outbox is done here; False leaves it to `backstay worker`."""
    dev: bool = False
    """In development: code is loaded again when it changes, and changes of the schema are recorded."""

    @property
    def shared(self) -> bool:
        """Whether other processes work on the same site."""
        return self.workers > 1 or not self.jobs

    @classmethod
    def of_folder(
        cls,
        data: Path,
        *,
        site: Path | None = None,
        database: str = "",
        origins: tuple[str, ...] = (DEFAULT_ORIGINS,),
    ) -> ServeOptions:
        """Return options for a data folder, for who serves the application with another server."""
        address = parse_address(DEFAULT_HTTP)
        return cls(address=address, data=data, site=site or data.parent, database=database, origins=origins)


def parse_address(text: str) -> Address:
    """Read `HOST:PORT`, `:PORT` (every interface) or `[IPV6]:PORT`.

    Raises SetupError when there is no port, or when it isn't 1 to 65535.
    """
    host, colon, port = text.strip().rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise _bad_address(text, "an IPv6 address stands in brackets")
    if not colon or not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65536:
        raise _bad_address(text, "there is no port from 1 to 65535 after the last ':'")
    return Address(host or "0.0.0.0", int(port))  # noqa: S104 - the operator asked for every interface


def _bad_address(text: str, why: str) -> SetupError:
    return SetupError(
        f"'{text}' is no address to listen on",
        why=why,
        do=f"give --http (or BACKSTAY_HTTP) as HOST:PORT, like {DEFAULT_HTTP}, :8090 or [::1]:8090",
    )


def parse_workers(text: str) -> int:
    """Read the number of worker processes, 1 to `WORKERS_MAX`."""
    if text.isascii() and text.isdigit() and 1 <= int(text) <= WORKERS_MAX:
        return int(text)
    raise SetupError(
        f"'{text}' is no number of workers",
        why=f"each worker is a process of its own; there can be 1 to {WORKERS_MAX}",
        do="give --workers (or BACKSTAY_WORKERS) as a number; 1 is right for most sites on SQLite",
    )


def parse_origins(text: str) -> tuple[str, ...]:
    """Read the web origins which browsers may call from, separated by commas; `*` means all of them."""
    origins = tuple(part.strip().rstrip("/") for part in text.split(",") if part.strip())
    if not origins:
        raise _bad_origin(text, "the list is empty")
    for origin in origins:
        if origin != "*" and not _is_origin(origin):
            raise _bad_origin(
                origin, "an origin is a scheme and a host, with a port where it isn't the usual one"
            )
    return origins


def _is_origin(text: str) -> bool:
    try:
        parts = urlsplit(text)
        has_host = bool(parts.scheme and parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
    return has_host and not (parts.path or parts.query or parts.fragment or parts.username)


def _bad_origin(text: str, why: str) -> SetupError:
    return SetupError(
        f"'{text}' is no web origin",
        why=why,
        do="give --origins (or BACKSTAY_ORIGINS) like https://example.com,http://localhost:5173, or * for all",
    )
