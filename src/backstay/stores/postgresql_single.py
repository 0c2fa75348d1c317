"""Writes that are one statement each: all that wait travel together, in a transaction of their own, in one round trip.

The server runs them one after the other with the lock held, so that each sees what the one before it wrote.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from backstay.plans.params import Statement
from backstay.stores.base import Row
from backstay.stores.postgresql_link import Link
from backstay.stores.single import SingleJob

LIMIT = "SELECT set_config('statement_timeout', '{limit_ms}', true)"
LOCK = "UPDATE _writer SET version = version + 1 RETURNING version, shape"
TELL = "SELECT shape, pg_notify('{channel}', version || ' ' || shape) FROM _writer"


class Written(msgspec.Struct, frozen=True):
    """What a transaction of single jobs gave.

    version: the number of its commit
    shape:   that of the last commit which changed definitions or settings
    rows:    those of each job
    """

    version: int
    shape: int
    rows: list[list[Row]]


async def write_together(link: Link, jobs: Sequence[SingleJob], *, channel: str, limit_ms: int) -> Written:
    """Run jobs in one transaction, and commit it. Raises psycopg.Error when one is refused; then nothing is written.

    limit_ms: how long each job may take that isn't cheap
    """
    before = [Statement("BEGIN"), Statement(LOCK)]
    if not all(job.statement.is_cheap for job in jobs):
        before.append(Statement(LIMIT.format(limit_ms=limit_ms)))
    after = [Statement(TELL.format(channel=channel)), Statement("COMMIT")]
    rows = await link.together(
        [(statement, ()) for statement in before]
        + [(job.statement, job.values) for job in jobs]
        + [(statement, ()) for statement in after]
    )
    ((version, _),), ((shape, _),) = rows[1], rows[-2]
    return Written(version, shape, rows[len(before) : -2])
