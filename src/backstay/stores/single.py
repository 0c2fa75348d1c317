"""Writes that are one statement: whole by itself, so that no savepoint needs to stand around it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import msgspec

from backstay.catalog.fields import DbValue
from backstay.plans.params import Statement
from backstay.stores.base import Row, Transaction


@runtime_checkable
class RunsSingle(Protocol):
    """A transaction that runs a statement which writes and gives rows."""

    async def run_single(self, statement: Statement, values: Sequence[DbValue]) -> list[Row]: ...


class SingleJob(msgspec.Struct, frozen=True, eq=False):
    """A job that is one statement, which writes, and whose rows are its result.

    done: is called when it is on disk, if there are any rows
    """

    statement: Statement
    values: Sequence[DbValue]
    done: Callable[[], None]

    async def __call__(self, tx: Transaction) -> list[Row]:
        assert isinstance(tx, RunsSingle)
        rows = await tx.run_single(self.statement, self.values)
        if rows:
            tx.after_commit(self.done)
        return rows
