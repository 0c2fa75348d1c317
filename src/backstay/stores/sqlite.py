"""SQLite: reads on the event loop, one writer that commits for all who wait.

- Cheap reads run at once on the loop's own connection. A progress handler counts their steps; a query that overruns
  its budget is interrupted and run again in a thread, and its text is remembered as slow.
- All writes go to one writer task. It takes every job that waits, runs each in a savepoint, commits once, and
  answers them all: with `synchronous=FULL` the price of a sync is shared.
- Nothing here is opened before the process that uses it runs: connections never cross a fork.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import apsw
import msgspec

from backstay.catalog.fields import DbValue
from backstay.errors import Unavailable
from backstay.plans.dialects.base import Dialect
from backstay.plans.dialects.sqlite import SqliteDialect
from backstay.plans.params import Statement
from backstay.stores.base import (
    ConstraintViolation,
    InsufficientStorage,
    Job,
    QueryShape,
    QueryTimeout,
    Row,
    StoreError,
    UniqueViolation,
)
from backstay.stores.joined import joined
from backstay.stores.like import add_like
from backstay.stores.queue import JobQueue, Waiting
from backstay.stores.single import SingleJob
from backstay.stores.sqlite_shape import explain, look_at

T = TypeVar("T")

BUDGET_STEPS = 50_000
"""Steps of SQLite's machine (about 2 ms) after which a read leaves the event loop."""
CHECK_STEPS = 1000
"""Steps between two looks at the budget."""
BUDGET_S = 0.05
"""Seconds after which it leaves too: a step over large JSON takes long."""
SLOW_TEXTS_MAX = 1000
DIALECT = SqliteDialect()
STATEMENTS_CACHED = 500
_UNIQUE = {apsw.SQLITE_CONSTRAINT_UNIQUE, apsw.SQLITE_CONSTRAINT_PRIMARYKEY, apsw.SQLITE_CONSTRAINT_ROWID}
_BUSY: tuple[type[apsw.Error], ...] = (apsw.BusyError, apsw.LockedError)
_NO_ROOM: tuple[type[apsw.Error], ...] = (apsw.FullError, apsw.IOError)


class SqliteOptions(msgspec.Struct, frozen=True):
    """Limits of the store.

    query_timeout_s: how long one read may take
    write_wait_s:    how long a write waits for its turn before it is refused with 503
    job_timeout_s:   how long one job may hold the transaction
    group_max:       jobs in one commit
    readers:         threads for slow reads
    version_kept_s:  how long commits of other processes may go unnoticed; 0 where workers share the site
    """

    query_timeout_s: float = 10.0
    write_wait_s: float = 4.0
    job_timeout_s: float = 60.0
    group_max: int = 256
    readers: int = 2
    version_kept_s: float = 0.001


def connect(path: Path, *, read_only: bool) -> apsw.Connection:
    """Open a connection with the pragmas that Backstay relies on."""
    db = apsw.Connection(str(path), statementcachesize=STATEMENTS_CACHED)
    db.set_busy_timeout(5000 if read_only else 0)
    for pragma in (
        "journal_mode=WAL",  # readers and the writer don't wait for each other
        "synchronous=FULL",  # a commit is on disk before it is answered (https://sqlite.org/pragma.html)
        "foreign_keys=OFF",  # relations are kept by Backstay, which knows about lists and rules
        "temp_store=MEMORY",
        "cache_size=-32000",
        "wal_autocheckpoint=8000",  # 32 MB: random ids dirty a page each; 20 % more writes than with 1000
        "journal_size_limit=200000000",
        "trusted_schema=OFF",  # views and indexes may not call functions with side effects
    ):
        db.execute(f"PRAGMA {pragma}")
    add_like(db)
    if read_only:
        db.execute("PRAGMA query_only=ON")
    return db


class _Budget:
    """What a read may take on the event loop."""

    __slots__ = ("_checks", "_ends")

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        self._checks = 0
        self._ends = time.monotonic() + BUDGET_S

    def is_spent(self) -> bool:
        """Tell whether SQLite is to stop; it asks every CHECK_STEPS."""
        self._checks += 1
        return self._checks * CHECK_STEPS > BUDGET_STEPS or time.monotonic() > self._ends


def _rows(db: apsw.Connection, sql: str, values: Sequence[DbValue]) -> list[Row]:
    """Run a query. Raises StoreError when the values are more than SQLite can work with, as an endless pattern is."""
    try:
        return list(db.execute(sql, values))
    except (apsw.SQLError, apsw.TooBigError) as exc:
        raise StoreError(explain(exc)) from exc


def _written(db: apsw.Connection, statement: Statement, values: Sequence[DbValue]) -> list[Row]:
    """Run a statement that writes, and return its rows. Raises StoreError where it is refused."""
    try:
        return list(db.execute(statement.sql, values))
    except apsw.ConstraintError as exc:
        if getattr(exc, "extendedresult", 0) in _UNIQUE:
            raise UniqueViolation(explain(exc)) from exc
        raise ConstraintViolation(explain(exc)) from exc
    except apsw.SQLError as exc:
        raise StoreError(explain(exc)) from exc


class SqliteTransaction:
    """The writer's connection, lent to one job.

    query_timeout_s: how long one of its reads may take; None for jobs that may take their time
    """

    def __init__(
        self, db: apsw.Connection, threads: ThreadPoolExecutor, query_timeout_s: float | None = None
    ) -> None:
        self.dialect: Dialect = DIALECT
        self.epoch: int | None = None  # asking again is as cheap as knowing
        self._db = db
        self._threads = threads
        self._query_timeout_s = query_timeout_s
        self._depth = 0
        self._is_over = False
        self.acts: list[Callable[[], None]] = []

    def end(self) -> None:
        """Let nobody use it any more: the connection goes to the next job."""
        self._is_over = True

    def _check_open(self) -> None:
        if self._is_over:
            raise Unavailable(hint="The transaction is over, or was held for too long and was undone.")

    async def fetch(
        self, statement: Statement, values: Sequence[DbValue] = (), *, limit_s: float | None = None
    ) -> list[Row]:
        self._check_open()
        if limit_s is None:
            if statement.is_cheap:
                return self._fetch(statement.sql, values)
            try:
                return self._fetch_at_once(statement.sql, values)
            except apsw.InterruptError:
                limit_s = self._query_timeout_s
        return await self._away(self._fetch_within, statement.sql, values, limit_s)

    async def fetch_known(self, statement: Statement) -> list[Row]:
        return await self.fetch(statement)  # looking is as cheap as knowing

    def _fetch(self, sql: str, values: Sequence[DbValue]) -> list[Row]:
        return _rows(self._db, sql, values)

    def _fetch_at_once(self, sql: str, values: Sequence[DbValue]) -> list[Row]:
        """Read on the event loop, which is for what is cheap: a rule may ask for anything."""
        budget = _Budget()
        self._db.set_progress_handler(budget.is_spent, CHECK_STEPS)
        try:
            return self._fetch(sql, values)
        finally:
            self._db.set_progress_handler(None)

    def _fetch_within(self, sql: str, values: Sequence[DbValue], limit_s: float | None) -> list[Row]:
        if limit_s is None:
            return self._fetch(sql, values)
        deadline = time.monotonic() + limit_s
        self._db.set_progress_handler(lambda: time.monotonic() > deadline, CHECK_STEPS)
        try:
            return self._fetch(sql, values)
        except apsw.InterruptError as exc:
            raise QueryTimeout(limit_s) from exc
        finally:
            self._db.set_progress_handler(None)

    async def describe(self, query: str) -> QueryShape:
        try:
            return look_at(self._db, query)
        except (apsw.SQLError, apsw.AuthError) as exc:
            raise StoreError(explain(exc)) from exc

    async def run_single(self, statement: Statement, values: Sequence[DbValue]) -> list[Row]:
        self._check_open()
        return _written(self._db, statement, values)

    async def execute(
        self, statement: Statement, values: Sequence[DbValue] = (), *, long: bool = False
    ) -> int:
        self._check_open()
        if long:
            await self._away(_written, self._db, statement, values)
        else:
            _written(self._db, statement, values)
        return self._db.changes()  # what triggers change does not count

    async def _away(self, work: Callable[..., T], *arguments: Any) -> T:
        """Do `work` in the writer's thread. When the job is given up, wait until SQLite has let go of it."""
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._threads, work, *arguments)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            self._db.interrupt()
            await asyncio.wait([future])
            raise

    async def execute_many(self, statement: Statement, rows: Sequence[Sequence[DbValue]]) -> None:
        """Run one statement for many rows, off the event loop."""
        self._check_open()
        await self._away(self._run_many, statement.sql, rows)

    def _run_many(self, sql: str, rows: Sequence[Sequence[DbValue]]) -> None:
        try:
            self._db.executemany(sql, rows)
        except apsw.ConstraintError as exc:
            raise UniqueViolation from exc

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        self._check_open()
        self._depth += 1
        name, acts = f"step{self._depth}", len(self.acts)
        self._db.execute(f"SAVEPOINT {name}")
        try:
            yield
        except BaseException:
            if not self._is_over and self._db.in_transaction:
                self._db.execute(f"ROLLBACK TO {name}")
                self._db.execute(f"RELEASE {name}")
            del self.acts[acts:]
            raise
        finally:
            self._depth -= 1
        self._check_open()
        self._db.execute(f"RELEASE {name}")

    def after_commit(self, act: Callable[[], None]) -> None:
        self.acts.append(act)


class SqliteStore:
    """A SQLite database in one file."""

    def __init__(self, path: Path, options: SqliteOptions | None = None) -> None:
        self.dialect: Dialect = DIALECT
        self.path = path
        self.options = options or SqliteOptions()
        self._slow: OrderedDict[str, None] = OrderedDict()
        self._queue = JobQueue(self._write_group, _translate)
        self._budget = _Budget()
        self._job_ends: float | None = None  # when the job that runs is overdue
        self._is_overdue = False
        self._version = -1
        self._version_until = 0.0
        self._odd = count(-2, -1)

    async def open(self) -> None:
        """Open the connections and start the writer. Raises apsw.Error when the file can't be used."""
        self._writer = connect(self.path, read_only=False)
        self._reader = connect(self.path, read_only=True)
        self._reader.set_progress_handler(self._budget.is_spent, CHECK_STEPS)
        self._commits = ThreadPoolExecutor(1, thread_name_prefix="commit")
        self._threads = ThreadPoolExecutor(self.options.readers, thread_name_prefix="read")
        self._spare: list[apsw.Connection] = []
        self._task = self._queue.start()

    async def close(self) -> None:
        """Finish the jobs that wait, then close every connection."""
        await self._queue.stop()
        self._threads.shutdown(wait=True)
        self._commits.shutdown(wait=True)
        for db in (*self._spare, self._reader, self._writer):
            db.close()

    # -- reading --------------------------------------------------------------------------------------------

    def version(self) -> int:
        """Return a number which changes with each commit of anybody.

        Looking costs as much as a cheap read, so the answer is kept for `version_kept_s`, and until a commit of ours.
        """
        if joined(self) is not None:
            return next(self._odd)  # what the transaction has written so far has no version
        now = time.monotonic()
        if now >= self._version_until:
            self._version = self._look_at_version()
            self._version_until = now + self.options.version_kept_s
        return self._version

    def shape(self) -> int:
        return self.version()

    def _look_at_version(self) -> int:
        self._budget.begin()  # a read that has just used up its own must not stop this
        return int(self._reader.execute("PRAGMA data_version").get)

    async def fetch(self, statement: Statement, values: Sequence[DbValue] = ()) -> list[Row]:
        here = joined(self)
        if here is not None:
            return await here.tx.fetch(statement, values)
        sql = statement.sql
        if sql not in self._slow:
            self._budget.begin()
            try:
                return _rows(self._reader, sql, values)
            except apsw.InterruptError:
                self._remember_slow(sql)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._fetch_slowly, sql, values)

    def _remember_slow(self, sql: str) -> None:
        self._slow[sql] = None
        if len(self._slow) > SLOW_TEXTS_MAX:
            self._slow.popitem(last=False)

    def _fetch_slowly(self, sql: str, values: Sequence[DbValue]) -> list[Row]:
        db = self._spare.pop() if self._spare else connect(self.path, read_only=True)
        deadline = time.monotonic() + self.options.query_timeout_s
        db.set_progress_handler(lambda: time.monotonic() > deadline, CHECK_STEPS)
        try:
            return _rows(db, sql, values)
        except apsw.InterruptError as exc:
            raise QueryTimeout(self.options.query_timeout_s) from exc
        finally:
            self._spare.append(db)

    async def snapshot(self, path: Path) -> None:
        """Write all that is committed into a new database at `path`; it appears whole or not at all.

        Raises OSError when it can't be written.
        """
        await asyncio.to_thread(self._snapshot, path)

    def _snapshot(self, path: Path) -> None:
        """Copy the database under another name, sync it, and give it its own; a write transaction may be open."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.part")
        part.unlink(missing_ok=True)
        part.touch(mode=0o600)  # it holds password hashes; SQLite fills what is empty
        db = connect(self.path, read_only=False)
        try:
            db.execute("VACUUM INTO ?", (str(part),))
        except (apsw.FullError, apsw.IOError, apsw.CantOpenError) as exc:
            part.unlink(missing_ok=True)
            raise OSError(f"{path}: {exc}") from exc
        finally:
            db.close()
        for written in (part, path.parent):
            handle = os.open(written, os.O_RDONLY)
            os.fsync(handle)
            os.close(handle)
        part.rename(path)

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
        if not await self._begin(group):
            return
        self._queue.fill(group, self.options.group_max)
        results: list[tuple[Waiting, Any]] = []
        acts: list[Callable[[], None]] = []
        self._watch_jobs(self.options.job_timeout_s)
        try:
            for waiting in group:
                await self._try_job(waiting, results, acts)
        except _LostTransaction as exc:
            self._give_up(group, exc.cause)
            return
        finally:
            self._watch.cancel()
        await self._commit(group, bool(results))
        for act in acts:
            act()
        for waiting, result in results:
            waiting.accept(result)

    async def _try_job(
        self, waiting: Waiting, results: list[tuple[Waiting, Any]], acts: list[Callable[[], None]]
    ) -> None:
        """Run one job; what it raises is its own answer, and undoes its own work."""
        if waiting.answer.cancelled():
            return
        if isinstance(waiting.job, SingleJob):
            self._run_single(waiting, waiting.job, results, acts)
            return
        timeout_s = self.options.query_timeout_s if waiting.limited else None
        tx = SqliteTransaction(self._writer, self._commits, timeout_s)
        try:
            results.append((waiting, await self._run_job(waiting, tx)))
            acts += tx.acts
        except _LostTransaction:
            raise
        except Exception as exc:
            waiting.refuse(_translate(exc))
        finally:
            tx.end()

    def _run_single(
        self,
        waiting: Waiting,
        job: SingleJob,
        results: list[tuple[Waiting, Any]],
        acts: list[Callable[[], None]],
    ) -> None:
        """Run a statement, which is done wholly or not at all."""
        try:
            rows = _written(self._writer, job.statement, job.values)
        except Exception as exc:
            if not self._writer.in_transaction:
                raise _LostTransaction(exc) from exc
            waiting.refuse(_translate(exc))
            return
        results.append((waiting, rows))
        if rows:
            acts.append(job.done)

    async def _run_job(self, waiting: Waiting, tx: SqliteTransaction) -> Any:
        db = self._writer
        db.execute("SAVEPOINT job")
        self._job_ends = time.monotonic() + self.options.job_timeout_s if waiting.limited else None
        try:
            result = await waiting.job(tx)
        except BaseException as exc:
            if not db.in_transaction:
                raise _LostTransaction(exc) from exc
            db.execute("ROLLBACK TO job")
            db.execute("RELEASE job")
            if isinstance(exc, asyncio.CancelledError) and self._is_overdue:
                self._is_overdue = False
                self._task.uncancel()
                raise Unavailable(hint="The write took too long and was undone.") from exc
            raise
        db.execute("RELEASE job")
        return result

    def _stop_overdue(self) -> None:
        """Stop the job which holds the transaction too long; look again later when this one is still in time.

        One timer for a whole group: a timeout around each job would cost a tenth of a cheap write.
        """
        now = time.monotonic()
        if self._job_ends is not None and now >= self._job_ends:
            self._is_overdue = True
            self._task.cancel()
            return
        self._watch_jobs(self._job_ends - now if self._job_ends is not None else self.options.job_timeout_s)

    def _watch_jobs(self, delay_s: float) -> None:
        self._watch = asyncio.get_running_loop().call_later(delay_s, self._stop_overdue)

    async def _begin(self, group: list[Waiting]) -> bool:
        """Take the write lock. While another process holds it, jobs which waited too long are refused."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                self._writer.execute("BEGIN IMMEDIATE")
            except _BUSY:
                self._queue.fill(group, self.options.group_max)
                self._refuse_late(group)
                if not group:
                    return False
                await loop.run_in_executor(self._commits, time.sleep, 0.002)
            except apsw.Error as exc:
                self._give_up(group, exc)
                return False
            else:
                return True

    def _refuse_late(self, group: list[Waiting]) -> None:
        limit = time.monotonic() - self.options.write_wait_s
        for waiting in [item for item in group if item.since < limit]:
            group.remove(waiting)
            waiting.refuse(
                Unavailable(
                    hint="Another process keeps the database locked; the same request may pass later."
                )
            )

    async def _commit(self, group: list[Waiting], changed: bool) -> None:
        if not changed:
            self._writer.execute("ROLLBACK")
            return
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._commits, self._writer.execute, "COMMIT")
        self._version_until = 0.0

    def _give_up(self, group: list[Waiting], exc: BaseException) -> None:
        if self._writer.in_transaction:
            self._writer.execute("ROLLBACK")
        self._queue.refuse_all(group, exc)


class _LostTransaction(Exception):
    """SQLite undid the whole transaction by itself, as it does when the disk is full."""

    def __init__(self, cause: BaseException) -> None:
        self.cause = cause


def _translate(exc: BaseException) -> BaseException:
    """Turn what SQLite says into an answer."""
    if isinstance(exc, _NO_ROOM):
        return InsufficientStorage()
    if isinstance(exc, _BUSY):
        return Unavailable()
    return exc
