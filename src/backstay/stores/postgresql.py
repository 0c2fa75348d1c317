"""PostgreSQL: reads on a pool of connections, writes one after the other, several in one commit.

- A write is what it is on SQLite: nothing else is written while it reads, checks and writes. The row of `_writer` is
  locked by every writing transaction, so that this holds over all processes and machines, and needs no more of the
  database than row locks. Each process takes all jobs that wait, runs each in a savepoint, and commits once.
- `_writer` counts the commits, and knows the last one that changed definitions or settings. Other processes are told
  with NOTIFY; a process that can't listen looks at the row.
- The transaction begins with a savepoint, and so does each job after the one before it: one command for both.
- What the database undid by itself (a deadlock, a conflict that it reports as SQLSTATE class 40) is done once more.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import count
from typing import Any, TypeVar

import msgspec
from psycopg import Error
from psycopg.errors import DuplicateTable, UniqueViolation

from backstay.catalog.fields import DbValue
from backstay.errors import BadRequest, Unavailable
from backstay.plans.dialects.base import Dialect
from backstay.plans.dialects.postgresql import PostgresqlDialect
from backstay.plans.params import Statement
from backstay.stores.base import Job, QueryShape, QueryTimeout, Row, StoreError
from backstay.stores.joined import joined
from backstay.stores.postgresql_errors import is_conflict, translated
from backstay.stores.postgresql_link import Link, WireLink, connect, kept_if_done
from backstay.stores.postgresql_listener import Listener
from backstay.stores.postgresql_reads import PostgresqlReads
from backstay.stores.postgresql_shape import look_at
from backstay.stores.postgresql_single import write_together
from backstay.stores.postgresql_wire import Refused, Wire
from backstay.stores.queue import JobQueue, Waiting
from backstay.stores.single import SingleJob

T = TypeVar("T")

DIALECT = PostgresqlDialect()
TABLE = """CREATE TABLE IF NOT EXISTS _writer (
    id smallint PRIMARY KEY CHECK (id = 1), version bigint NOT NULL, shape bigint DEFAULT 0 NOT NULL)
    WITH (fillfactor = 10)"""
FIRST_ROW = "INSERT INTO _writer VALUES (1, 0) ON CONFLICT DO NOTHING"
BEGIN = """BEGIN; SET LOCAL lock_timeout = {ms};
    UPDATE _writer SET version = version + 1 RETURNING version, shape; SAVEPOINT job"""
NEXT_JOB = ("RELEASE SAVEPOINT job", "SAVEPOINT job")
SHAPED_BY = "_params"
"""The table that has definitions and settings: a statement that doesn't name it can't change them."""
COMMIT = "SELECT shape, pg_notify('{channel}', version || ' ' || shape) FROM _writer; COMMIT"
MAYBE_WRITTEN = "The database went away while this was written: look whether it was before you send it again."
CONFLICTS_MAX = 5
"""How often a group that the database undid is begun again."""
CONFLICT_WAIT_S = 0.02
REFUSED_MAX = 4
"""How often a group of single statements is sent without one that was refused, before all go the long way."""


class PostgresqlOptions(msgspec.Struct, frozen=True):
    """Limits of the store.

    query_timeout_s: how long one read may take
    write_wait_s:    how long a write waits for its turn, and anything for a connection, before it is refused with 503
    job_timeout_s:   how long one job may hold the transaction
    group_max:       jobs in one commit
    readers:         connections for reads
    """

    query_timeout_s: float = 10.0
    write_wait_s: float = 4.0
    job_timeout_s: float = 60.0
    group_max: int = 64
    readers: int = 8


class Begun(msgspec.Struct, frozen=True):
    """A transaction that has the lock.

    version: the number of its commit
    shape:   that of the last commit before it which changed definitions or settings
    epoch:   see `Transaction.epoch`
    """

    link: Link
    version: int
    shape: int
    epoch: int


class Known:
    """What queries over definitions and settings gave, for one shape.

    A transaction that changes them lets all be forgotten: its own shape has its number only when it is committed.
    """

    def __init__(self) -> None:
        self._shape = -1
        self._rows: dict[str, list[Row]] = {}

    def of(self, shape: int) -> dict[str, list[Row]]:
        """Return what is known of a shape, by the text of the query; it may be added to."""
        if shape != self._shape:
            self._shape, self._rows = shape, {}
        return self._rows


class PostgresqlTransaction:
    """The writer's connection, lent to one job.

    known:           what queries over definitions and settings gave; None where that may have changed already
    query_timeout_s: how long one of its reads may take; None for jobs that may take their time
    """

    def __init__(
        self, begun: Begun, known: dict[str, list[Row]] | None, query_timeout_s: float | None = None
    ) -> None:
        self.dialect: Dialect = DIALECT
        self.epoch: int | None = begun.epoch
        self._link = begun.link
        self._known = known
        self._query_timeout_s = query_timeout_s
        self._depth = 0
        self._innermost = "job"
        self._is_over = False
        self.may_reshape = False
        """Something was written that may have changed definitions or settings."""
        self._refused: StoreError | None = None
        self.acts: list[Callable[[], None]] = []

    def end(self) -> None:
        """Let nobody use it any more: the connection goes to the next job."""
        self._is_over = True

    def check(self) -> None:
        """Raise what a statement was refused with whose work was not undone."""
        if self._refused is not None:
            raise self._refused

    def _wrote(self, statement: Statement) -> None:
        self._known = None
        self.may_reshape = self.may_reshape or SHAPED_BY in statement.sql

    def _check_open(self) -> None:
        if self._is_over:
            raise Unavailable(hint="The transaction is over, or was held for too long and was undone.")

    async def fetch_known(self, statement: Statement) -> list[Row]:
        if self._known is None:
            return await self.fetch(statement)
        rows = self._known.get(statement.sql)
        if rows is None:
            rows = self._known[statement.sql] = await self.fetch(statement)
        return rows

    async def fetch(
        self, statement: Statement, values: Sequence[DbValue] = (), *, limit_s: float | None = None
    ) -> list[Row]:
        self._check_open()
        await self._forget_refused()
        limit_s = limit_s if limit_s is not None else self._query_timeout_s
        try:
            async with asyncio.timeout(limit_s):
                return await self._run(statement, values)
        except TimeoutError as exc:
            raise QueryTimeout(limit_s or 0.0) from exc

    async def _run(self, statement: Statement, values: Sequence[DbValue]) -> list[Row]:
        try:
            return await self._link.rows(statement, values)
        except Error as exc:
            raise self._translated(exc) from exc

    def _translated(self, exc: Error) -> BaseException:
        found = translated(exc)
        if isinstance(found, StoreError):
            self._refused = found
        return found

    async def _forget_refused(self) -> None:
        """Go on after a refused statement, for looking: all since the innermost savepoint is undone.

        PostgreSQL does nothing more in a transaction with a fault; the job will fail, but may say why.
        """
        if self._refused is not None:
            await self._link.command(f"ROLLBACK TO SAVEPOINT {self._innermost}")

    async def describe(self, query: str) -> QueryShape:
        self._check_open()
        try:
            async with self.savepoint(), self._link.plain() as link:
                raise _Looked(await look_at(link, DIALECT.owner_sql(query)))
        except _Looked as looked:
            return looked.shape
        except Error as exc:
            raise translated(exc) from exc

    async def run_single(self, statement: Statement, values: Sequence[DbValue]) -> list[Row]:
        """Run a statement that writes, and return its rows."""
        self._check_open()
        self._wrote(statement)
        try:
            async with asyncio.timeout(self._query_timeout_s):
                return await self._link.written(statement, values)
        except TimeoutError as exc:
            raise QueryTimeout(self._query_timeout_s or 0.0) from exc
        except Error as exc:
            raise self._translated(exc) from exc

    async def execute(
        self, statement: Statement, values: Sequence[DbValue] = (), *, long: bool = False
    ) -> int:
        self._check_open()
        self.check()
        self._wrote(statement)
        try:
            return await self._link.changed(statement, values)
        except Error as exc:
            raise self._translated(exc) from exc

    async def execute_many(self, statement: Statement, rows: Sequence[Sequence[DbValue]]) -> None:
        self._check_open()
        self.check()
        self._wrote(statement)
        try:
            await self._link.many(statement, rows)
        except Error as exc:
            raise self._translated(exc) from exc

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        self._check_open()
        self.check()
        self._depth += 1
        outer, name, acts = self._innermost, f"step{self._depth}", len(self.acts)
        self._link.first(f"SAVEPOINT {name}")
        self._innermost = name
        try:
            yield
            self._check_open()
            self.check()
        except BaseException:
            del self.acts[acts:]
            if not self._is_over:
                self._refused = None
                await self._link.undo(name)
                self._link.first(f"RELEASE SAVEPOINT {name}")
            raise
        finally:
            self._depth -= 1
            self._innermost = outer
        self._link.first(f"RELEASE SAVEPOINT {name}")

    def after_commit(self, act: Callable[[], None]) -> None:
        self.acts.append(act)


class _Looked(Exception):
    """Ends the savepoint of a look at a query."""

    def __init__(self, shape: QueryShape) -> None:
        self.shape = shape
        super().__init__()


class PostgresqlStore:
    """A PostgreSQL database, reached by a connection string (https://www.postgresql.org/docs/current/libpq-connect.html)."""

    def __init__(self, url: str, options: PostgresqlOptions | None = None) -> None:
        self.dialect: Dialect = DIALECT
        self.url = url
        self.options = options or PostgresqlOptions()
        self._queue = JobQueue(self._write_group, _answer)
        self._link: Link | None = None
        self._known = Known()
        self._epoch = 0
        self._last = -1  # the number of our last commit
        self._writing: Wire | None = None
        self._odd = count(-2, -1)

    async def open(self) -> None:
        """Connect, make what writing needs, start the writer. Raises psycopg.Error when that can't be done."""
        link = await connect(self.url, timeout_s=self.options.write_wait_s)
        try:
            await _make_table(link)
            (self._channel,) = await link.command("SELECT 'backstay_' || current_schema()")
        finally:
            await link.close()
        self._reads = PostgresqlReads(
            self.url,
            self._new_reading_wire if link.is_direct else None,
            readers=self.options.readers,
            wait_s=self.options.write_wait_s,
            limit_s=lambda: self.options.query_timeout_s,
        )
        await self._reads.open()
        self._listener = Listener(self.url, self._channel, can_listen=link.is_direct)
        await self._listener.start()
        self._queue.start()

    async def close(self) -> None:
        """Finish the jobs that wait, then close every connection."""
        await self._queue.stop()
        await self._listener.stop()
        if self._link is not None:
            await self._link.close()
        await self._reads.close()
        if self._writing is not None:
            await self._writing.close()

    # -- reading --------------------------------------------------------------------------------------------

    def version(self) -> int:
        """Return a number which changes with each commit of anybody, as soon as this process is told.

        While nobody tells it, it is another one each time, so that nothing is kept.
        """
        if joined(self) is not None:
            return next(self._odd)
        heard = self._listener.version
        return heard if heard is not None else next(self._odd)

    def shape(self) -> int:
        """Return a number which changes with each commit that changed definitions or settings; see `version`."""
        if joined(self) is not None:
            return next(self._odd)
        heard = self._listener.shape
        return heard if heard is not None else next(self._odd)

    async def fetch(self, statement: Statement, values: Sequence[DbValue] = ()) -> list[Row]:
        here = joined(self)
        if here is not None:
            return await here.tx.fetch(statement, values)
        return await self._reads.fetch(statement, values)

    # -- writing --------------------------------------------------------------------------------------------

    async def write(self, job: Job[T], *, limited: bool = True) -> T:
        here = joined(self)
        if here is not None:
            return await here.write(job)
        return await self._queue.run(job, limited=limited)

    async def write_single(
        self, statement: Statement, values: Sequence[DbValue], done: Callable[[], None]
    ) -> list[Row]:
        try:
            return await self.write(SingleJob(statement, values, done))
        except StoreError:
            return []

    async def _write_group(self, group: list[Waiting]) -> None:
        self._queue.fill(group, self.options.group_max)
        for tries in range(CONFLICTS_MAX):
            try:
                if await self._write_together(group):
                    return
                begun = await self._begin()
                self._queue.fill(group, self.options.group_max)
                await self._run_group(begun, group)
                return
            except Unavailable:
                await self._drop_transaction()
                raise
            except Error as exc:
                await self._drop_transaction()
                if not is_conflict(exc) or tries == CONFLICTS_MAX - 1:
                    raise translated(exc) from exc
                await asyncio.sleep(CONFLICT_WAIT_S * 2**tries)

    async def _write_together(self, group: list[Waiting]) -> bool:
        """Write a group whose jobs are single statements; tell whether that was all of it.

        What is refused is left for the long way, which finds out why.
        """
        asked = [waiting for waiting in group if not waiting.answer.done()]
        jobs = [waiting.job for waiting in asked if isinstance(waiting.job, SingleJob)]
        if not jobs or len(jobs) < len(asked) or not self._listener.can_listen:
            return False
        for _ in range(REFUSED_MAX):
            refused = await self._try_together(asked, jobs)
            if refused is None:
                return all(waiting.answer.done() for waiting in group)
            del asked[refused], jobs[refused]
            if not jobs:
                break
        return False

    async def _try_together(self, asked: list[Waiting], jobs: list[SingleJob]) -> int | None:
        """Write jobs and answer; where one is refused, write nothing and return its number."""
        limit_ms = int(self.options.query_timeout_s * 1000)
        if self._writing is None or self._writing.is_lost:
            self._writing = await self._new_wire(None)
        try:
            written = await write_together(self._writing, jobs, channel=self._channel, limit_ms=limit_ms)
        except Refused as refused:
            if refused.step < 0 or not isinstance(translated(refused.error), StoreError | BadRequest):
                raise refused.error from refused
            return refused.step
        except Error as exc:
            raise Unavailable(hint=MAYBE_WRITTEN) from exc
        self._notice(written.version)
        self._committed(written.version, written.shape)
        for job, waiting, rows in zip(jobs, asked, written.rows, strict=True):
            if rows:
                job.done()
            waiting.accept(rows)
        return None

    async def _run_group(self, begun: Begun, group: list[Waiting]) -> None:
        """Run the jobs, commit, and answer. Raises psycopg.Error when the transaction is lost."""
        results: list[tuple[Waiting, Any]] = []
        acts: list[Callable[[], None]] = []
        for waiting in group:
            if waiting.answer.done():
                continue
            tx = self._transaction(begun, waiting)
            if await self._try_job(tx, begun.link, waiting, results):
                acts += tx.acts
                begun.link.first(*NEXT_JOB)
                if tx.may_reshape:
                    self._known = Known()
        if not results:
            await begun.link.command("ROLLBACK")
            return
        await self._commit(begun)
        for act in acts:
            act()
        for waiting, result in results:
            waiting.accept(result)

    async def _commit(self, begun: Begun) -> None:
        try:
            shape, _ = await begun.link.command(COMMIT.format(channel=self._channel))
        except Error as exc:
            if is_conflict(exc):
                raise
            raise Unavailable(hint=MAYBE_WRITTEN) from exc
        self._committed(begun.version, shape)

    def _committed(self, version: int, shape: int) -> None:
        self._last = version
        self._listener.hear(version, shape)

    def _notice(self, version: int) -> None:
        """Take note of the number that a transaction has: was another's in between?"""
        if version != self._last + 1:
            self._epoch += 1

    def _transaction(self, begun: Begun, waiting: Waiting) -> PostgresqlTransaction:
        limit_s = self.options.query_timeout_s if waiting.limited else None
        return PostgresqlTransaction(begun, self._known.of(begun.shape), limit_s)

    async def _try_job(
        self, tx: PostgresqlTransaction, link: Link, waiting: Waiting, results: list[tuple[Waiting, Any]]
    ) -> bool:
        """Run one job, and tell whether it is done; what it raises is its own answer, and undoes its own work."""
        limit = asyncio.timeout(self.options.job_timeout_s if waiting.limited else None)
        try:
            async with limit:
                result = await waiting.job(tx)
                tx.check()
        except Exception as exc:
            tx.end()
            lost = exc if isinstance(exc, Error) else exc.__cause__
            if link.is_lost or (isinstance(lost, Error) and is_conflict(lost)):
                raise lost if isinstance(lost, Error) else exc from exc
            await link.undo("job")
            is_late = isinstance(exc, TimeoutError) and limit.expired()
            waiting.refuse(Unavailable(hint="The write took too long and was undone.") if is_late else exc)
            return False
        tx.end()
        results.append((waiting, result))
        return True

    async def _begin(self) -> Begun:
        """Begin a transaction, with the lock that lets nobody else write, and the savepoint of the first job."""
        link = await self._connected()
        version, shape = await link.command(BEGIN.format(ms=int(self.options.write_wait_s * 1000)))
        self._notice(version)
        return Begun(link, version, shape, self._epoch)

    async def _new_reading_wire(self) -> Wire:
        return await self._new_wire(self.options.query_timeout_s)

    async def _new_wire(self, limit_s: float | None) -> Wire:
        """Open a connection for statements that share it. limit_s: how long one of them may take"""
        link = await connect(self.url, timeout_s=self.options.write_wait_s)
        async with kept_if_done(link.connection):
            await link.command(f"SET lock_timeout = {int(self.options.write_wait_s * 1000)}")
            if limit_s is not None:
                await link.command(f"SET statement_timeout = {int(limit_s * 1000)}")
        return Wire(link.connection)

    async def _connected(self) -> Link:
        """Return the connection for writing, a new one where it was lost."""
        if self._link is None or self._link.is_lost:
            link = await connect(self.url, timeout_s=self.options.write_wait_s)
            if link.is_direct:
                await link.command(f"SET lock_timeout = {int(self.options.write_wait_s * 1000)}")
                link = WireLink(link.connection)
            self._link = link
        return self._link

    async def _drop_transaction(self) -> None:
        """End what is open, and forget what was learnt in it; a connection that can't do that is not used again."""
        self._known = Known()
        self._epoch += 1
        if self._link is not None:
            try:
                await self._link.reset()
            except Error:
                await self._link.close()
                self._link = None


async def _make_table(link: Link) -> None:
    """Make the row that writers lock; of two processes that do so at once, one is refused, and finds it made."""
    try:
        await link.command(TABLE)
    except (UniqueViolation, DuplicateTable):
        await link.command(TABLE)
    await link.command(FIRST_ROW)


def _answer(exc: BaseException) -> BaseException:
    return translated(exc) if isinstance(exc, Error) else exc
