"""The channel between the processes that serve one database: a table of events, written with what caused them.

Each process reads what is new there, in the order of commits, so that every subscriber hears of everything, wherever
it is connected, and nothing is heard of before it is on disk. Processes keep the list of their clients there, too: a
subscription may come in at another process than its stream. A process that dies is forgotten when its lease ends.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Sequence

import msgspec
import sqlalchemy as sa
from sqlalchemy import FromClause
from sqlalchemy.sql.dml import Insert

from backstay.catalog.fields import DbValue, Kind
from backstay.plans.params import Statement
from backstay.plans.scope import Frame
from backstay.realtime.channel import Deliver, Handing, Stream
from backstay.realtime.events import Event, Lapsed, Numbered
from backstay.stores.base import Store, Transaction
from backstay.stores.tables import counter, flag, key, seconds, system_table, text

log = logging.getLogger("backstay")

POLL_S = 0.01
"""How often a process with clients looks whether others have committed anything: one cheap look."""
LEASE_S, HEARTBEAT_S = 30.0, 10.0
AWAY_S = 1.0
"""How often a process looks whether the database is back."""
KEPT_S = 60.0
"""How long events stay in the table; every process has read them long before."""
READ_MAX = 500

_EVENTS = system_table("_events", counter("seq"), text("payload"), seconds("created"), is_counted=True)
_STREAMS = system_table(
    "_streams",
    key("id"),
    text("process"),
    text("address"),
    text("viewer"),
    flag("oauth2"),
    seconds("expires"),
)
TABLES = (_EVENTS, _STREAMS)
_ADD = Statement("INSERT INTO _events (payload, created) VALUES (?, ?)")
_READ = Statement("SELECT seq, payload FROM _events WHERE seq > ? ORDER BY seq LIMIT ?")
_LAST = {
    "sqlite": Statement(
        "SELECT coalesce(max(seq), (SELECT seq FROM sqlite_sequence WHERE name = '_events'), 0) FROM _events"
    ),
    "postgresql": Statement(
        "SELECT coalesce(max(seq), pg_sequence_last_value(pg_get_serial_sequence('_events', 'seq')), 0) FROM _events"
    ),
}
"""By the name of the dialect, the number of the last event, which may be forgotten by now."""
_NEWEST = Statement("SELECT coalesce(max(seq), 0) FROM _events")
_BEFORE = Statement("SELECT 1 FROM _events WHERE seq < ? LIMIT 1")
_TRIM = Statement("DELETE FROM _events WHERE created < ?")
_ANYBODY = Statement("SELECT 1 FROM _streams LIMIT 1")
"""Also where its lease is over: when the database was away, nobody could renew any."""
_OPEN = Statement(
    "INSERT INTO _streams (id, process, address, viewer, oauth2, expires) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (id) DO UPDATE SET viewer = excluded.viewer, oauth2 = excluded.oauth2"
)
_HOLD = Statement(
    "INSERT INTO _streams (id, process, address, viewer, oauth2, expires) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (id) DO UPDATE SET expires = excluded.expires"
)
_CLOSE = Statement("DELETE FROM _streams WHERE id = ?")
_FIND = Statement("SELECT id, address, viewer, oauth2 FROM _streams WHERE id = ? AND expires > ?")
_RENEW = Statement("UPDATE _streams SET expires = ? WHERE process = ?")
_FORGET = Statement("DELETE FROM _streams WHERE expires < ?")
_LEAVE = Statement("DELETE FROM _streams WHERE process = ?")
_PAYLOAD, _NOW = " payload", " now"
"""Names of values beside those of a record's fields, which have no spaces."""
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Event).decode


class SharedChannel:
    """See `Channel`."""

    epoch = "db"

    def __init__(self, store: Store, *, now: Callable[[], float] = time.time) -> None:
        self._store, self._now = store, now
        self._process = secrets.token_hex(8)
        self._open: dict[str, Stream] = {}
        self._is_heard, self._heard_at = False, -1
        self._seen = -1
        self._tasks: list[asyncio.Task[None]] = []
        self._awake = asyncio.Event()

    def start(self, deliver: Deliver) -> None:
        self._tasks = [
            asyncio.create_task(self._read_forever(deliver), name="events"),
            asyncio.create_task(self._keep_alive(), name="heartbeat"),
        ]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._tasks:
            await self._write((_LEAVE, [self._process]))

    def may_matter(self) -> bool:
        return True  # whether somebody listens elsewhere is asked within the transaction

    async def _is_anybody_there(self, tx: Transaction) -> bool:
        """Tell whether anybody listens anywhere; known for as long as nobody else may have changed the list."""
        if tx.epoch is None or tx.epoch != self._heard_at:
            self._is_heard = bool(await tx.fetch(_ANYBODY))
            self._heard_at = -1 if tx.epoch is None else tx.epoch
        return self._is_heard

    async def publish(self, tx: Transaction, event: Event) -> None:
        if await self._is_anybody_there(tx):
            await tx.execute(_ADD, [_encode(event).decode(), self._now()])
            tx.after_commit(self._awake.set)

    def handing(self) -> Handing:
        return Handing(self._wake, _follow, self._values)

    def _wake(self, make: Callable[[], Event]) -> None:
        if self._open:
            self._awake.set()

    def _values(self, event: Event) -> dict[str, DbValue]:
        return {_PAYLOAD: _encode(event).decode(), _NOW: self._now()}

    async def send(self, event: Event) -> None:
        await self._write((_ADD, [_encode(event).decode(), self._now()]))
        self._awake.set()

    async def opened(self, stream: Stream) -> None:
        await self._enter(stream)
        self._open[stream.id] = stream
        self._awake.set()

    async def changed(self, stream: Stream) -> None:
        await self._enter(stream)
        if stream.id in self._open:
            self._open[stream.id] = stream

    async def _enter(self, stream: Stream) -> None:
        await self._store.write(lambda tx: self._list(tx, [stream]))

    async def _list(self, tx: Transaction, streams: Sequence[Stream]) -> None:
        self._heard_at = -1  # of the writes that follow, the first looks
        if streams and not await tx.fetch(_ANYBODY):
            await tx.execute(_ADD, [_encode(Lapsed()).decode(), self._now()])
        for stream in streams:
            await tx.execute(*self._opening(stream))

    def _opening(self, stream: Stream) -> tuple[Statement, list[DbValue]]:
        values: list[DbValue] = [stream.id, self._process, stream.address, stream.viewer, stream.oauth2]
        return _OPEN, [*values, self._now() + LEASE_S]

    async def closed(self, client_id: str) -> None:
        self._open.pop(client_id, None)
        await self._write((_CLOSE, [client_id]))

    async def hold(self, for_s: float) -> None:
        values: list[DbValue] = [f"held by {self._process}", "", "", "", False, self._now() + for_s]
        await self._write((_HOLD, values))

    async def find(self, client_id: str) -> Stream | None:
        rows = await self._store.fetch(_FIND, [client_id, self._now()])
        return Stream(rows[0][0], rows[0][1], rows[0][2], bool(rows[0][3])) if rows else None

    async def _write(self, *writes: tuple[Statement, list[DbValue]]) -> None:
        async def job(tx: Transaction) -> None:
            self._heard_at = -1  # of the writes that follow, the first looks
            for statement, values in writes:
                await tx.execute(statement, values)

        await self._store.write(job)

    async def _read_forever(self, deliver: Deliver) -> None:
        version = -1
        while True:
            try:
                current = self._store.version()
                if current != version or self._awake.is_set():
                    self._awake.clear()
                    version = current
                    await self._read(deliver)
                if self._open:
                    await asyncio.sleep(POLL_S)
                else:
                    async with asyncio.timeout(1.0):  # wait_for may swallow a cancellation
                        await self._awake.wait()
            except TimeoutError:
                continue
            except Exception:  # the database is away for a moment: what was missed is read afterwards
                log.warning("events can't be read", exc_info=True)
                version = -1
                await asyncio.sleep(AWAY_S)

    async def caught_up(self) -> int:
        last = int((await self._store.fetch(_NEWEST))[0][0])
        while self._seen < last:  # noqa: ASYNC110 - another task reads them
            await asyncio.sleep(POLL_S)
        return last

    async def _read(self, deliver: Deliver) -> None:
        if self._seen < 0:
            self._seen = int((await self._store.fetch(_LAST[self._store.dialect.name]))[0][0])
            deliver(Numbered(self._seen, Lapsed()))
        while rows := await self._store.fetch(_READ, [self._seen, READ_MAX]):
            if rows[0][0] > self._seen + 1 and not await self._store.fetch(_BEFORE, [rows[0][0]]):
                deliver(Numbered(rows[0][0] - 1, Lapsed()))  # what came between may have been cleared away
            for seq, payload in rows:
                self._seen = seq
                deliver(Numbered(seq, _decode(payload)))
            if len(rows) < READ_MAX:
                return

    async def _keep_alive(self) -> None:
        is_late, pause_s = False, HEARTBEAT_S
        while True:
            await asyncio.sleep(pause_s)
            try:
                await self.beat(is_late=is_late)
                is_late, pause_s = False, HEARTBEAT_S
            except Exception:  # the database is away
                is_late, pause_s = True, AWAY_S
                log.warning("the list of streams can't be renewed", exc_info=True)

    async def beat(self, *, is_late: bool) -> None:
        """Extend the leases of this process's streams, and clear away what nobody needs any more.

        is_late: the database was away, and others may not have come to extend theirs: nobody is forgotten yet
        """
        now, streams = self._now(), list(self._open.values())

        async def job(tx: Transaction) -> None:
            renewed = await tx.execute(_RENEW, [now + LEASE_S, self._process])
            await self._list(
                tx, streams if renewed < len(streams) else []
            )  # who could write has forgotten them
            if not is_late:
                await tx.execute(_FORGET, [now])
            await tx.execute(_TRIM, [now - KEPT_S])

        await self._store.write(job)


def _follow(frame: Frame, stored: FromClause) -> Insert:
    """Return what lets an event happen with each row of `stored`, if anybody listens."""
    dialect = frame.dialect
    payload = dialect.value(frame.param("given", _PAYLOAD), Kind.TEXT)
    now = dialect.value(frame.param("given", _NOW), Kind.NUMBER)
    anybody = sa.select(dialect.number(1)).select_from(_STREAMS).exists()
    rows = sa.select(payload, now).select_from(stored).where(anybody)
    return sa.insert(_EVENTS).from_select(["payload", "created"], rows)
