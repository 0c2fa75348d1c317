"""One connection to PostgreSQL: runs statements, and before them the commands that wait, in one go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any, cast

from psycopg import AsyncConnection, AsyncCursor, DataError, OperationalError
from psycopg.pq import TransactionStatus
from psycopg.types.string import TextLoader

from backstay.catalog.fields import DbValue
from backstay.plans.params import MATCHES_NOTHING, Statement
from backstay.stores.base import Row
from backstay.stores.postgresql_wire import CANCEL_S, Refused, Result, Wire

PREPARE_AFTER = 3
"""How often a statement is run on a connection before the server keeps its plan."""
PREPARED_MAX = 500
ALIVE: dict[str, Any] = {
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 2,
    "tcp_user_timeout": 8000,
}
"""What lets libpq notice a server that went away without a word; seconds, and milliseconds for the last."""


@lru_cache(maxsize=4096)
def _spelled(sql: str) -> bytes:
    """Return portable text with the driver's placeholders."""
    return sql.replace("%", "%%").replace("?", "%s").encode()


class Link:
    """See the module. Methods raise psycopg.Error."""

    def __init__(self, connection: AsyncConnection[Row], *, is_direct: bool = True) -> None:
        self.connection = connection
        self._first: list[str] = []
        self.is_direct = is_direct
        """False behind a pooler that lends a server connection for one transaction only."""

    @property
    def is_lost(self) -> bool:
        return self.connection.closed or self.connection.broken

    def first(self, *commands: str) -> None:
        """Run commands before the next statement; without one they are not needed."""
        self._first += commands

    async def _run(self, statement: Statement, values: Sequence[DbValue]) -> Result:
        await self.flush()
        cursor = await self._send(statement, values)
        rows = await cursor.fetchall() if cursor.description is not None else []
        return Result(rows, cursor.rowcount)

    async def _send(self, statement: Statement, values: Sequence[DbValue]) -> AsyncCursor[Row]:
        if statement.is_compiled:
            return await self.connection.execute(statement.sql.encode(), values)
        if values:
            return await self.connection.execute(_spelled(statement.sql), values)
        return await self.connection.execute(statement.sql.encode())

    async def rows(self, statement: Statement, values: Sequence[DbValue]) -> list[Row]:
        """Return the rows of a statement; none where it gives none."""
        try:
            return (await self._run(statement, values)).rows
        except DataError as exc:
            if exc.sqlstate:
                raise
            return (await self._run(statement, _storable(values))).rows

    async def written(self, statement: Statement, values: Sequence[DbValue]) -> list[Row]:
        """Run a statement that writes, and return its rows."""
        return (await self._run(statement, values)).rows

    async def changed(self, statement: Statement, values: Sequence[DbValue]) -> int:
        """Return how many rows a statement changed."""
        return (await self._run(statement, values)).changed

    async def many(self, statement: Statement, rows: Sequence[Sequence[DbValue]]) -> None:
        """Run one statement for many rows, in one pipeline."""
        await self.flush()
        sql = statement.sql.encode() if statement.is_compiled else _spelled(statement.sql)
        await self.connection.cursor().executemany(sql, rows)

    async def command(self, text: str) -> Row:
        """Run commands without values, separated by semicolons; those that wait are not needed any more.

        Returns the first row that any of them gives; () where none does.
        """
        self._first.clear()
        cursor = await self.connection.execute(text.encode(), prepare=False)
        while cursor.description is None:
            if not cursor.nextset():
                return ()
        return await cursor.fetchone() or ()

    async def undo(self, savepoint: str) -> None:
        """Undo what was done since a savepoint, which stays."""
        begun = f"SAVEPOINT {savepoint}"
        if begun in self._first:
            del self._first[self._first.index(begun) + 1 :]
        else:
            await self.command(f"ROLLBACK TO {begun}")

    async def flush(self) -> None:
        """Run the commands that wait."""
        if self._first:
            ahead, self._first = self._first, []
            await self.connection.execute("; ".join(ahead).encode(), prepare=False)

    async def reset(self) -> None:
        """End an open transaction, without a trace."""
        self._first.clear()
        if self.connection.info.transaction_status is not TransactionStatus.IDLE:
            await self.connection.execute(b"ROLLBACK")

    @asynccontextmanager
    async def plain(self) -> AsyncIterator[Link]:
        """Lend the connection to what needs the driver's cursors."""
        await self.flush()
        yield self

    async def close(self) -> None:
        await self.connection.close()


class WireLink(Link):
    """A link whose statements go over a wire, and the commands that wait along with them."""

    def __init__(self, connection: AsyncConnection[Row]) -> None:
        super().__init__(connection)
        connection.prepare_threshold = None  # two who keep plans would be in each other's way
        self._wire = Wire(connection)

    @property
    def is_lost(self) -> bool:
        return self._wire.is_lost

    async def _run(self, statement: Statement, values: Sequence[DbValue]) -> Result:
        results = await self._sent([*self._first, statement], values)
        if statement.sql.startswith(("ALTER", "DROP")):
            self._wire.forget()
        return results[-1]

    async def command(self, text: str) -> Row:
        self._first.clear()
        results = await self._sent(text.split(";"))
        return next((result.rows[0] for result in results if result.rows), ())

    async def _sent(self, texts: Sequence[str | Statement], values: Sequence[DbValue] = ()) -> list[Result]:
        """Send commands, the last of them with values, in one trip."""
        *ahead, last = [text if isinstance(text, Statement) else Statement(text) for text in texts]
        try:
            answer = self._wire.send([*((command, ()) for command in ahead), (last, values)])
            self._first = []
            return await self._waited(answer)
        except Refused as refused:
            raise refused.error from refused

    async def _waited(self, answer: asyncio.Future[list[Result]]) -> list[Result]:
        """Wait for an answer; whoever gives up leaves nothing running that the next one would have to wait for."""
        try:
            return await asyncio.shield(answer)
        except asyncio.CancelledError:
            await self._wire.cancel()
            await asyncio.wait([answer], timeout=CANCEL_S)
            if not answer.done():
                self._wire.lose(OperationalError("the server does not stop"))
            answer.exception()  # it counts as seen
            raise

    async def many(self, statement: Statement, rows: Sequence[Sequence[DbValue]]) -> None:
        async with self.plain() as link:
            await link.many(statement, rows)

    async def reset(self) -> None:
        self._first.clear()
        if self.connection.info.transaction_status is not TransactionStatus.IDLE:
            await self.command("ROLLBACK")

    @asynccontextmanager
    async def plain(self) -> AsyncIterator[Link]:
        link = Link(self._wire.pause())
        link.first(*self._first)
        self._first = []
        try:
            await link.flush()
            yield link
        finally:
            self._wire.resume()

    async def close(self) -> None:
        await self._wire.close()


def _storable(values: Sequence[DbValue]) -> list[DbValue]:
    """Return values to look for without U+0000, which no text of PostgreSQL holds: what had it is found nowhere."""
    return [value.replace("\0", MATCHES_NOTHING) if isinstance(value, str) else value for value in values]


def set_up(connection: AsyncConnection[Any], *, is_direct: bool) -> None:
    """Let JSON come as text, and statements be prepared where the server connection stays the same."""
    for name in ("json", "jsonb"):
        connection.adapters.register_loader(name, TextLoader)
    connection.prepare_threshold = PREPARE_AFTER if is_direct else None
    connection.prepared_max = PREPARED_MAX


async def connect(url: str, *, timeout_s: float) -> Link:
    """Open a connection. Raises psycopg.OperationalError.

    timeout_s: how long that may take, whole seconds
    """
    connection = cast(
        "AsyncConnection[Row]",
        await AsyncConnection.connect(url, autocommit=True, connect_timeout=max(int(timeout_s), 1), **ALIVE),
    )
    async with kept_if_done(connection):
        cursor = await connection.execute("SELECT pg_backend_pid()")
        row = await cursor.fetchone()
    is_direct = (
        row is not None and row[0] == connection.info.backend_pid
    )  # a pooler tells a number of its own
    set_up(connection, is_direct=is_direct)
    return Link(connection, is_direct=is_direct)


@asynccontextmanager
async def kept_if_done(connection: AsyncConnection[Any]) -> AsyncIterator[None]:
    """Close a connection if the block fails, or is cancelled."""
    try:
        yield
    except BaseException:
        await connection.close()
        raise
