"""What the server remembers of recent attempts: who failed to sign in, whom a mail was sent to.

It is in the database, so that a restart forgets nothing and all processes count together. Keys are hashed: the table
tells nobody's address.
"""

from __future__ import annotations

import hashlib
import time
import unicodedata
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

import msgspec
import sqlalchemy as sa

from backstay.catalog.fields import DbValue
from backstay.plans.params import Statement
from backstay.stores.base import Row, Transaction
from backstay.stores.tables import key, seconds, system_table, text

T = TypeVar("T")

TABLE = system_table("_recent", key("key"), text("value"), seconds("expires"))
sa.Index("_recent_expires", TABLE.c.expires)
PURGE_EVERY_S = 60.0

_SELECT = Statement("SELECT value FROM _recent WHERE key = ? AND expires > ?")
_SAVE = Statement(
    "INSERT INTO _recent (key, value, expires) VALUES (?, ?, ?) "
    "ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires = excluded.expires"
)
_FORGET = Statement("DELETE FROM _recent WHERE key = ?")
_PURGE = Statement("DELETE FROM _recent WHERE expires <= ?")


Fetch = Callable[[Statement, Sequence[DbValue]], Awaitable[list[Row]]]


def canonical(text: str) -> str:
    """Return the one spelling of an identity: what reads alike counts together."""
    return unicodedata.normalize("NFKC", text).casefold().strip()


def key_of(*parts: str) -> str:
    """Return a key made of parts that clients may have chosen."""
    return hashlib.sha256("\x00".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:40]


class Recent(Generic[T]):
    """One kind of memory. Values are msgspec structs or plain JSON; each is forgotten after its time."""

    _purged_s = 0.0

    def __init__(self, kind: str, type: type[T], *, now: Callable[[], float] = time.time) -> None:
        self._kind, self._now = kind, now
        self._decode = msgspec.json.Decoder(type).decode

    async def read(self, fetch: Fetch, *parts: str) -> T | None:
        """Return what is remembered under a key, or None."""
        rows = await fetch(_SELECT, [key_of(self._kind, *parts), self._now()])
        return self._decode(rows[0][0]) if rows else None

    async def write(self, tx: Transaction, value: T, *parts: str, for_s: float) -> None:
        """Remember a value for `for_s` seconds."""
        now = self._now()
        told = msgspec.json.encode(value).decode()
        await tx.execute(_SAVE, [key_of(self._kind, *parts), told, now + for_s])
        if now - Recent._purged_s > PURGE_EVERY_S:
            Recent._purged_s = now
            await tx.execute(_PURGE, [now])

    async def forget(self, tx: Transaction, *parts: str) -> None:
        await tx.execute(_FORGET, [key_of(self._kind, *parts)])


AnyRecent = Recent[Any]
