"""Makes the table of effects, and brings that of an older site up to date."""

from __future__ import annotations

from backstay.outbox import statements as sql
from backstay.plans.dialects.base import Dialect
from backstay.plans.params import Statement
from backstay.stores import tables
from backstay.stores.base import Transaction

_OLD_INDEX = Statement("DROP INDEX IF EXISTS _outbox_due")


async def prepare(tx: Transaction, dialect: Dialect) -> None:
    """Make the table, or add the columns that it lacks; what waits in it stays."""
    await tables.prepare(tx, dialect, sql.TABLE)
    await tx.execute(_OLD_INDEX)
