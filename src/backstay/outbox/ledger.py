"""What waits, what is being done and what has failed, for people to look at, to try again and to delete.

Payloads of mails and the like hold secrets (links that sign in); only those of a site's own code are shown.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

import msgspec

from backstay.catalog.casts import format_date
from backstay.catalog.fields import DbValue
from backstay.outbox.outbox import Outbox
from backstay.plans.params import Statement
from backstay.stores.base import Row, Store, Transaction

State: TypeAlias = Literal["waiting", "running", "failed"]
Outcome: TypeAlias = Literal["done", "missing", "unfit"]
"""How an order went: `missing` when there is no such effect, `unfit` when its state doesn't allow it."""
STATES: tuple[State, ...] = ("waiting", "running", "failed")
_OFFSET_MAX = 2**63 - 1
SHOWN = ("job:", "cron:", "hook:")
"""How topics begin whose payload may be seen."""

_SEEN = (
    "WITH effects AS (SELECT *, CASE WHEN failed THEN 'failed' WHEN began > 0 AND due > ? THEN 'running' "
    "ELSE 'waiting' END AS state FROM _outbox) "
)
"""The effects with their state; its value is the time."""
_COLUMNS = (
    "SELECT id, topic, state, attempts, due, began, error, created, key, priority, payload FROM effects "
)
_CHOSEN = "WHERE (? = '' OR state = ?) AND (? = '' OR topic = ?) "
_LIST = Statement(_SEEN + _COLUMNS + _CHOSEN + "ORDER BY id DESC LIMIT ? OFFSET ?")
_COUNT = Statement(_SEEN + "SELECT count(*) FROM effects " + _CHOSEN)
_ONE = Statement(_SEEN + _COLUMNS + "WHERE id = ?")
_COUNTS = Statement(
    _SEEN + "SELECT topic, state, count(*) FROM effects GROUP BY topic, state ORDER BY topic, state"
)
_ANEW = Statement("UPDATE _outbox SET failed = FALSE, due = ?, attempts = 0 WHERE id = ? AND failed = TRUE")
_ALL_ANEW = Statement(
    "UPDATE _outbox SET failed = FALSE, due = ?, attempts = 0 WHERE topic = ? AND failed = TRUE"
)
_SOONER = Statement(
    "UPDATE _outbox SET due = ? WHERE id = ? AND failed = FALSE AND began = 0 AND attempts > 0"
)
_DELETE = Statement("DELETE FROM _outbox WHERE id = ? AND (failed = TRUE OR began = 0 OR due <= ?)")


class Entry(msgspec.Struct, frozen=True):
    """One effect as people see it. Times are Unix seconds.

    attempts: tries that were begun
    due:      of what waits, when the next try may begin
    began:    when the try began that is under way, or 0
    payload:  None for topics whose payload is not shown
    """

    id: int
    topic: str
    state: State
    attempts: int
    due: float
    began: float
    error: str
    created: float
    key: str
    priority: int
    payload: dict[str, Any] | None

    def json(self) -> dict[str, Any]:
        """Return it as programs read it: times as protocol dates, no payload where none is shown."""
        shown = {
            "id": self.id,
            "topic": self.topic,
            "state": self.state,
            "attempts": self.attempts,
            "priority": self.priority,
            "key": self.key,
            "due": date(self.due),
            "created": date(self.created),
            "error": self.error,
        }
        return shown if self.payload is None else shown | {"payload": self.payload}


def date(seconds: float) -> str:
    """Return Unix seconds as a protocol date."""
    return format_date(datetime.fromtimestamp(seconds, UTC))


class Count(msgspec.Struct, frozen=True):
    """How many effects of a topic are in a state."""

    topic: str
    state: State
    count: int


class Ledger:
    """All effects of one site."""

    def __init__(self, store: Store, outbox: Outbox) -> None:
        self._store, self._outbox = store, outbox

    async def page(
        self, *, state: str = "", topic: str = "", limit: int = 30, offset: int = 0
    ) -> tuple[list[Entry], int]:
        """Return some effects, the newest first, and how many there are. '' stands for all states, all topics."""
        chosen: list[DbValue] = [self._outbox.now(), state, state, topic, topic]
        rows = await self._store.fetch(_LIST, [*chosen, limit, min(offset, _OFFSET_MAX)])
        total = (await self._store.fetch(_COUNT, chosen))[0][0]
        return [_entry(row) for row in rows], int(total)

    async def counts(self) -> list[Count]:
        """Return how many effects there are of each topic in each state."""
        return [Count(*row) for row in await self._store.fetch(_COUNTS, [self._outbox.now()])]

    async def retry(self, id: int) -> Outcome:
        """Try an effect that has failed anew, or one that waits for its next try at once.

        One that waits for its first try has its time for a reason: it stays.
        """

        async def job(tx: Transaction) -> Outcome:
            now = self._outbox.now()
            changed = await tx.execute(_ANEW, [now, id]) or await tx.execute(_SOONER, [now, id])
            tx.after_commit(self._outbox.wake)
            return "done" if changed else await self._why(tx, id)

        return await self._store.write(job)

    async def retry_all(self, topic: str) -> int:
        """Try all effects of a topic anew that have failed; return how many."""

        async def job(tx: Transaction) -> int:
            tx.after_commit(self._outbox.wake)
            return await tx.execute(_ALL_ANEW, [self._outbox.now(), topic])

        return await self._store.write(job)

    async def delete(self, id: int) -> Outcome:
        """Delete an effect that waits or has failed; one that is being done must end first."""

        async def job(tx: Transaction) -> Outcome:
            return "done" if await tx.execute(_DELETE, [id, self._outbox.now()]) else await self._why(tx, id)

        return await self._store.write(job)

    async def _why(self, tx: Transaction, id: int) -> Outcome:
        return "unfit" if await tx.fetch(_ONE, [self._outbox.now(), id]) else "missing"


def _entry(row: Row) -> Entry:
    payload = msgspec.json.decode(row[10]) if row[1].startswith(SHOWN) else None
    id, topic, state, attempts, due, began, error, created, key, priority = row[:10]
    return Entry(id, topic, state, attempts, due, began, error, created, key, priority, payload)
