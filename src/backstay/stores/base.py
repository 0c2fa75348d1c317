"""What a database must offer, whichever it is.

Reads see what is committed. Writes are jobs: a coroutine function which gets a `Transaction`; all it reads and
writes happens in one transaction, and its result is given back when that is on disk. What a job raises undoes its
own work and nobody else's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeAlias, TypeVar

import msgspec

from backstay.catalog.fields import DbValue
from backstay.errors import BadRequest, RequestError
from backstay.plans.dialects.base import Dialect
from backstay.plans.params import Statement

T = TypeVar("T")
Row: TypeAlias = tuple[Any, ...]
"""One row; the statement tells what its columns are."""


class QueryColumn(msgspec.Struct, frozen=True):
    """A column of a query.

    type:          as the database tells it, '' for most expressions
    table, column: what it refers to, wherever that stands in the query; '' when it is computed
    """

    name: str
    type: str = ""
    table: str = ""
    column: str = ""


class QueryShape(msgspec.Struct, frozen=True):
    """What a query gives, and the (table, column) pairs that it reads."""

    columns: tuple[QueryColumn, ...] = ()
    reads: frozenset[tuple[str, str]] = frozenset()


class Transaction(Protocol):
    """One job's view of the database. Raises Unavailable when the job is over, or was given up."""

    dialect: Dialect
    epoch: int | None
    """Stays what it is for as long as no other process has committed anything; None where that is not known."""

    async def fetch_known(self, statement: Statement) -> list[Row]:
        """Return the rows of a query over definitions and settings, which are kept until those change."""
        ...

    async def fetch(
        self, statement: Statement, values: Sequence[DbValue] = (), *, limit_s: float | None = None
    ) -> list[Row]:
        """Return the rows of a query. With `limit_s` it leaves the event loop free, and may take that long.

        Raises StoreError, and QueryTimeout when there is a limit.
        """
        ...

    async def describe(self, query: str) -> QueryShape:
        """Tell what a query gives that an owner wrote, without running it.

        query: one statement, its brackets closed

        Raises StoreError when it can't be prepared, or is anything else than a query that only reads.
        """
        ...

    async def execute(
        self, statement: Statement, values: Sequence[DbValue] = (), *, long: bool = False
    ) -> int:
        """Run a statement and return how many rows it changed. `long` ones leave the event loop free."""
        ...

    async def execute_many(self, statement: Statement, rows: Sequence[Sequence[DbValue]]) -> None:
        """Run one statement for many rows. The first that breaks a unique index ends it; earlier ones stay."""
        ...

    def savepoint(self) -> AbstractAsyncContextManager[None]:
        """Return a block whose work is undone, and nobody else's, when it raises."""
        ...

    def after_commit(self, act: Callable[[], None]) -> None:
        """Call `act` once the transaction is on disk, before its job's result is given back; it must be quick."""
        ...


Job: TypeAlias = Callable[[Transaction], Awaitable[T]]


class Store(Protocol):
    """A database with its transactions. Code that has joined one (see `joined`) reads and writes in it."""

    dialect: Dialect

    async def close(self) -> None:
        """Finish the jobs that wait, then close every connection."""
        ...

    async def fetch(self, statement: Statement, values: Sequence[DbValue] = ()) -> list[Row]:
        """Return the rows of a query, as of now."""
        ...

    async def write(self, job: Job[T], *, limited: bool = True) -> T:
        """Run `job` in a transaction and return its result once it is durable.

        limited: stop it when it holds the transaction too long; an import by an operator may take its time
        """
        ...

    async def write_single(
        self, statement: Statement, values: Sequence[DbValue], done: Callable[[], None]
    ) -> list[Row]:
        """Run one statement as a write of its own, and return its rows once it is durable: quicker than a job.

        None come back as well where the database refused it: then nothing is written.

        done: is called when it is on disk, if there are any rows; it must be quick
        """
        ...

    def version(self) -> int:
        """Return a number which changes whenever anybody has committed a change."""
        ...

    def shape(self) -> int:
        """Return a number which changes whenever anybody has committed a change of definitions or settings."""
        ...


class StoreError(Exception):
    """The database refused a statement; the text is the database's own, without a full stop."""


class UniqueViolation(StoreError):
    """A write broke a unique index; which one, the writer finds out."""


class ConstraintViolation(StoreError):
    """A write broke another constraint of the database."""


class QueryTimeout(BadRequest):
    """A query took longer than its limit."""

    def __init__(self, limit_s: float) -> None:
        super().__init__(
            hint=f"The query took over {limit_s:g} s and was stopped; use a more selective filter."
        )


class InsufficientStorage(RequestError):
    """The disk is full: nothing was changed, reads go on."""

    status = 507
    default = "There is no room left to store this; nothing was changed."

    def headers(self) -> dict[str, str]:
        return {"Retry-After": "10"}
