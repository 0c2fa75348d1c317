"""Makes the table of effects, and brings that of an older site up to date."""

from __future__ import annotations

from backstay.outbox import statements as sql
from backstay.plans.params import Statement
from backstay.stores.base import Transaction


async def prepare(tx: Transaction) -> None:
    """Make the table, or add the columns that it lacks; what waits in it stays."""
    await tx.execute(Statement(sql.TABLE))
    known = {row[0] for row in await tx.fetch(sql.COLUMNS)}
    for name, text in sql.LATER_COLUMNS.items():
        if name not in known:
            await tx.execute(Statement(text))
    for text in sql.INDEXES:
        await tx.execute(Statement(text))
