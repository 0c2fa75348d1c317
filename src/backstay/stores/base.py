"""What a database must offer, whichever it is.

Reads see what is committed. Writes are jobs: a coroutine function which gets a `Transaction`; all it reads and
writes happens in one transaction, and its result is given back when that is on disk. What a job raises undoes its
own work and nobody else's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

from backstay.catalog.fields import DbValue
from backstay.errors import BadRequest, RequestError
from backstay.plans.dialects.base import Dialect
from backstay.plans.params import Statement

T = TypeVar("T")
Row: TypeAlias = tuple[Any, ...]
"""One row; the statement tells what its columns are."""


class Transaction(Protocol):
    """One job's view of the database."""

    async def fetch(self, statement: Statement, values: Sequence[DbValue] = ()) -> list[Row]:
        """Return the rows of a query."""
        ...

    async def execute(
        self, statement: Statement, values: Sequence[DbValue] = (), *, long: bool = False
    ) -> int:
        """Run a statement and return how many rows it changed. `long` ones leave the event loop free."""
        ...

    async def execute_many(self, statement: Statement, rows: Sequence[Sequence[DbValue]]) -> None:
        """Run one statement for many rows. The first that breaks a unique index ends it; earlier ones stay."""
        ...

    def after_commit(self, act: Callable[[], None]) -> None:
        """Call `act` once the transaction is on disk, before its job's result is given back; it must be quick."""
        ...


Job: TypeAlias = Callable[[Transaction], Awaitable[T]]


class Store(Protocol):
    """A database with its transactions."""

    dialect: Dialect

    async def fetch(self, statement: Statement, values: Sequence[DbValue] = ()) -> list[Row]:
        """Return the rows of a query, as of now."""
        ...

    async def write(self, job: Job[T], *, limited: bool = True) -> T:
        """Run `job` in a transaction and return its result once it is durable.

        limited: stop it when it holds the transaction too long; an import by an operator may take its time
        """
        ...

    def version(self) -> int:
        """Return a number which changes whenever anybody has committed a change."""
        ...


class StoreError(Exception):
    """The database refused a statement; the text is the database's own."""


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
