"""The table of effects and its statements. `due`, `began` and `created` are Unix times in seconds.

due:    when the next try may begin; of what is being done, when its lease ends
began:  when the try began that is under way; 0 for what waits, and for what has failed
holder: which process works on it
"""

from __future__ import annotations

import sqlalchemy as sa

from backstay.plans.params import Statement
from backstay.stores.tables import counter, flag, number, seconds, system_table, text

TABLE = system_table(
    "_outbox",
    counter("id"),
    text("topic"),
    text("key", default=""),
    text("payload"),
    seconds("due"),
    number("attempts", default=0),
    flag("failed"),
    text("error", default=""),
    text("holder", default=""),
    seconds("created"),
    number("priority", default=0),
    seconds("began", default=0),
    is_counted=True,
)
_WAITS, _BEGAN = sa.text("failed = FALSE"), sa.text("began > 0")
sa.Index(
    "_outbox_lane",
    *(TABLE.c.topic, TABLE.c.priority, TABLE.c.due, TABLE.c.id),
    sqlite_where=_WAITS,
    postgresql_where=_WAITS,
)
sa.Index("_outbox_began", TABLE.c.topic, TABLE.c.due, sqlite_where=_BEGAN, postgresql_where=_BEGAN)
sa.Index("_outbox_key", TABLE.c.topic, TABLE.c.key)


def _cheap(sql: str) -> Statement:
    """Return a statement that finds its few rows by an index."""
    return Statement(sql, is_cheap=True)


# -- recording
ADD = _cheap(
    "INSERT INTO _outbox (topic, key, payload, due, created, priority) VALUES (?, ?, ?, ?, ?, ?) RETURNING id"
)
WAITING = _cheap(
    "SELECT id FROM _outbox WHERE topic = ? AND key = ? AND failed = FALSE AND (began = 0 OR due <= ?) "
    "ORDER BY id LIMIT 1"
)
CANCEL = Statement("DELETE FROM _outbox WHERE topic = ? AND key = ? AND failed = FALSE")
HASTEN = Statement(
    "UPDATE _outbox SET due = ? WHERE topic = ? AND key >= ? AND key < ? AND failed = FALSE AND attempts = 0"
)

# -- doing
NEXT_PRIORITY = _cheap(
    "SELECT priority FROM _outbox WHERE failed = FALSE AND topic = ? AND priority > ? ORDER BY priority LIMIT 1"
)
NEXT_TOPIC = _cheap("SELECT topic FROM _outbox WHERE failed = FALSE AND topic > ? ORDER BY topic LIMIT 1")
LANE_DUE = _cheap(
    "SELECT id, topic, payload, attempts, priority, due FROM _outbox "
    "WHERE failed = FALSE AND topic = ? AND priority = ? AND due <= ? ORDER BY due, id LIMIT ?"
)
LANE_NEXT = _cheap(
    "SELECT due FROM _outbox WHERE failed = FALSE AND topic = ? AND priority = ? ORDER BY due LIMIT 1"
)
RUNNING = _cheap("SELECT count(*) FROM _outbox WHERE began > 0 AND topic = ? AND due > ?")
UNFINISHED = _cheap("SELECT 1 FROM _outbox WHERE failed = FALSE AND topic = ? LIMIT 1")
LEASE = Statement("UPDATE _outbox SET due = ?, began = ?, holder = ?, attempts = attempts + 1 WHERE id = ?")
EXTEND = Statement("UPDATE _outbox SET due = ? WHERE id = ? AND attempts = ? AND began > 0")
HELD = _cheap("SELECT id, attempts FROM _outbox WHERE began > 0 AND holder = ?")
DONE = Statement("DELETE FROM _outbox WHERE id = ? AND attempts = ?")
RETRY = Statement(
    "UPDATE _outbox SET due = ?, error = ?, began = 0, holder = '' WHERE id = ? AND attempts = ?"
)
PUT_BACK = Statement(
    "UPDATE _outbox SET due = ?, began = 0, holder = '', attempts = attempts - 1 WHERE id = ? AND attempts = ?"
)
PUT_ALL_BACK = Statement(
    "UPDATE _outbox SET due = ?, began = 0, holder = '', attempts = attempts - 1 "
    "WHERE began > 0 AND holder = ?"
)
RELEASE = Statement("UPDATE _outbox SET due = ?, began = 0, holder = '' WHERE holder = ? AND failed = FALSE")
FAIL = Statement(
    "UPDATE _outbox SET failed = TRUE, error = ?, began = 0, holder = '' WHERE id = ? AND attempts = ?"
)
