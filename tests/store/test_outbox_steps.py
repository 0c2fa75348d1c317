"""However long the queue is, finding what comes next takes SQLite the same few steps."""

from __future__ import annotations

from collections.abc import Sequence

import apsw
import pytest

from backstay.catalog.fields import DbValue
from backstay.outbox import statements as sql
from backstay.plans.dialects.sqlite import SqliteDialect
from backstay.plans.params import Statement
from backstay.stores.tables import creation

ROWS = 20_000
STEPS_MAX = 500
NOW = 1000.0


@pytest.fixture(scope="module")
def long_queue() -> apsw.Connection:
    """A table with one topic whose effects are due, and one whose effects are not."""
    db = apsw.Connection(":memory:")
    for text in creation(sql.TABLE, SqliteDialect().sql):
        db.execute(text)
    with db:
        for topic, due in (("due", 1.0), ("later", 9000.0)):
            rows = [(topic, f"key{number}", "{}", due, 0.0, 0) for number in range(ROWS)]
            db.executemany(sql.ADD.sql, rows)
    return db


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        (sql.NEXT_TOPIC, [""]),
        (sql.NEXT_TOPIC, ["due"]),
        (sql.NEXT_TOPIC, ["later"]),
        (sql.NEXT_PRIORITY, ["due", -101]),
        (sql.NEXT_PRIORITY, ["due", 0]),
        (sql.LANE_DUE, ["due", 0, NOW, 8]),
        (sql.LANE_DUE, ["later", 0, NOW, 8]),
        (sql.LANE_NEXT, ["later", 0]),
        (sql.RUNNING, ["due", NOW]),
        (sql.UNFINISHED, ["later"]),
        (sql.WAITING, ["later", "key9", NOW]),
        (sql.PUT_ALL_BACK, [NOW, "me"]),
    ],
)
def test_steps(long_queue: apsw.Connection, statement: Statement, values: Sequence[DbValue]) -> None:
    steps = 0

    def count() -> bool:
        nonlocal steps
        steps += 10
        return False

    long_queue.set_progress_handler(count, 10)
    list(long_queue.execute(statement.sql, values))
    long_queue.set_progress_handler(None)
    assert steps < STEPS_MAX
