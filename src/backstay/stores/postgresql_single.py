"""Writes that are one statement each: all that wait travel together, in a transaction of their own, in one round trip.

The server runs them one after the other with the lock held, so that each sees what the one before it wrote.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from backstay.plans.params import Statement
from backstay.stores.base import Row
from backstay.stores.postgresql_wire import Refused, Step, Wire
from backstay.stores.single import SingleJob

LOCK = """WITH locked AS (UPDATE _writer SET version = version + 1 RETURNING version, shape)
    SELECT version, shape, pg_notify('{channel}', version || ' ' || shape) FROM locked"""
"""Locks, and tells the others as soon as all is committed; statements of this kind change no definitions."""
LIMIT = "SELECT set_config('statement_timeout', '{limit_ms}', true)"


class Written(msgspec.Struct, frozen=True):
    """What a transaction of single jobs gave.

    version: the number of its commit
    shape:   that of the last commit which changed definitions or settings
    rows:    those of each job
    """

    version: int
    shape: int
    rows: list[list[Row]]


async def write_together(wire: Wire, jobs: Sequence[SingleJob], *, channel: str, limit_ms: int) -> Written:
    """Run jobs in one transaction, and commit it.

    Raises Refused when one is refused, with its number, or the lock with a negative one; then nothing is written.

    What is sent at once, up to one Sync, is a transaction by itself
    (https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-PIPELINING).

    limit_ms: how long each job may take that isn't cheap
    """
    before = [Statement(LOCK.format(channel=channel))]
    if not all(job.statement.is_cheap for job in jobs):
        before.append(Statement(LIMIT.format(limit_ms=limit_ms)))
    steps: list[Step] = [(statement, ()) for statement in before] + [
        (job.statement, job.values) for job in jobs
    ]
    try:
        results = await wire.send(steps)
    except Refused as refused:
        raise Refused(refused.error, refused.step - len(before)) from refused
    ((version, shape, _),) = results[0].rows
    return Written(version, shape, [result.rows for result in results[len(before) :]])
