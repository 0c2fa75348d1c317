"""What a database wants to be done now and then."""

from __future__ import annotations

from backstay.plans.params import Statement
from backstay.stores.base import Store, Transaction

_OPTIMIZE = Statement("PRAGMA optimize")


async def optimize(store: Store) -> None:
    """Let SQLite look at the tables whose statistics would help its plans; it limits itself to some rows of each.

    https://sqlite.org/pragma.html#pragma_optimize. Other databases do this by themselves.
    """

    async def job(tx: Transaction) -> None:
        await tx.execute(_OPTIMIZE, long=True)

    if store.dialect.name == "sqlite":
        await store.write(job)
