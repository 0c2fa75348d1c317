"""The table of effects and its statements. `due` and `created` are Unix times in seconds, `holder` is who works on it."""

from __future__ import annotations

from backstay.plans.params import Statement

TABLES = (
    """CREATE TABLE IF NOT EXISTS _outbox (
        id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, topic TEXT NOT NULL, key TEXT DEFAULT '' NOT NULL,
        payload TEXT NOT NULL, due REAL NOT NULL, attempts INTEGER DEFAULT 0 NOT NULL,
        failed BOOLEAN DEFAULT FALSE NOT NULL, error TEXT DEFAULT '' NOT NULL, holder TEXT DEFAULT '' NOT NULL,
        created REAL NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS _outbox_due ON _outbox (due) WHERE failed = FALSE",
    "CREATE INDEX IF NOT EXISTS _outbox_key ON _outbox (topic, key)",
)

ADD = Statement("INSERT INTO _outbox (topic, key, payload, due, created) VALUES (?, ?, ?, ?, ?)")
CANCEL = Statement("DELETE FROM _outbox WHERE topic = ? AND key = ? AND failed = FALSE")
HASTEN = Statement(
    "UPDATE _outbox SET due = ? WHERE topic = ? AND key >= ? AND key < ? AND failed = FALSE AND attempts = 0"
)
DUE = Statement(
    "SELECT id, topic, payload, attempts FROM _outbox WHERE failed = FALSE AND due <= ? ORDER BY due, id LIMIT ?"
)
NEXT_DUE = Statement("SELECT min(due) FROM _outbox WHERE failed = FALSE")
LEASE = Statement("UPDATE _outbox SET due = ?, holder = ?, attempts = attempts + 1 WHERE id = ?")
DONE = Statement("DELETE FROM _outbox WHERE id = ? AND attempts = ?")
RETRY = Statement("UPDATE _outbox SET due = ?, holder = '', error = ? WHERE id = ? AND attempts = ?")
PUT_BACK = Statement(
    "UPDATE _outbox SET due = ?, holder = '', attempts = attempts - 1 WHERE id = ? AND attempts = ?"
)
RELEASE = Statement("UPDATE _outbox SET due = ?, holder = '' WHERE holder = ? AND failed = FALSE")
FAIL = Statement("UPDATE _outbox SET failed = TRUE, error = ? WHERE id = ? AND attempts = ?")
