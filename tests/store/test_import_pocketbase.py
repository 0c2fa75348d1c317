"""Taking over a PocketBase data folder: what arrives, what is refused, and that it is all or nothing.

The folders here are written by hand, as odd as older servers have left them; `tests/live` takes over real ones.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from backstay import settings
from backstay.errors import SetupError
from backstay.importing.pocketbase import Taken, take_over
from backstay.plans.dialects.sqlite import SqliteDialect
from backstay.stores.catalog import read_catalog, select_collections

ID = {
    "id": "text3208210256",
    "name": "id",
    "type": "text",
    "system": True,
    "primaryKey": True,
    "required": True,
}
AUTH_FIELDS: list[dict[str, Any]] = [
    ID,
    {"id": "p", "name": "password", "type": "password", "hidden": True},
    {"id": "t", "name": "tokenKey", "type": "text", "hidden": True},
    {"id": "e", "name": "email", "type": "email"},
    {"id": "v", "name": "emailVisibility", "type": "bool"},
    {"id": "w", "name": "verified", "type": "bool"},
]
COLLECTIONS = """CREATE TABLE _collections (
    id TEXT PRIMARY KEY, system BOOLEAN DEFAULT FALSE NOT NULL, type TEXT DEFAULT "base" NOT NULL,
    name TEXT UNIQUE NOT NULL, fields JSON DEFAULT "[]" NOT NULL, listRule TEXT DEFAULT NULL,
    viewRule TEXT DEFAULT NULL, createRule TEXT DEFAULT NULL, updateRule TEXT DEFAULT NULL,
    deleteRule TEXT DEFAULT NULL, options JSON DEFAULT "{}" NOT NULL, created TEXT DEFAULT "" NOT NULL,
    updated TEXT DEFAULT "" NOT NULL, indexes JSON DEFAULT "[]" NOT NULL)"""
PARAMS = "CREATE TABLE _params (id TEXT PRIMARY KEY, value JSON, created TEXT, updated TEXT)"


class Quiet:
    """Nobody who wants to know how far it is; remembers the totals."""

    def __init__(self) -> None:
        self.totals: dict[str, int] = {}
        self.done = 0

    def began(self, what: str, total: int) -> None:
        self.totals[what] = total

    def advanced(self, count: int) -> None:
        self.done += count


class Folder:
    """A PocketBase data folder in the making."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self.run(COLLECTIONS)
        self.run(PARAMS)
        self.set_settings('{"meta":{"appName":"Old"}}')

    def run(self, sql: str, *rows: tuple[Any, ...], database: str = "data.db") -> None:
        with closing(sqlite3.connect(self.path / database)) as db, db:
            if rows:
                db.executemany(sql, rows)
            else:
                db.execute(sql)

    def set_settings(self, text: str | bytes) -> None:
        self.run("INSERT OR REPLACE INTO _params (id, value) VALUES ('settings', ?)", (text,))

    def add(self, name: str, *fields: dict[str, Any], type: str = "base", **more: Any) -> None:
        """Define a collection; its table is made with `run`."""
        values = {
            "id": f"id_{name}",
            "name": name,
            "type": type,
            "fields": json.dumps(fields or [ID]),
            "indexes": json.dumps(more.pop("indexes", [])),
            "options": json.dumps(more.pop("options", {})),
            **more,
        }
        names = ", ".join(values)
        self.run(
            f"INSERT INTO _collections ({names}) VALUES ({', '.join('?' * len(values))})",
            tuple(values.values()),
        )


@pytest.fixture
def source(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "pb_data")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "site" / "data"


@pytest.fixture
def taken(source: Folder, out: Path) -> Callable[[], Taken]:
    return lambda: take_over(source.path, out, Quiet())


def rows(out: Path, sql: str, database: str = "site.db") -> list[tuple[Any, ...]]:
    with closing(apsw.Connection(str(out / database))) as db:
        return list(db.execute(sql))


ODD = [
    ("text", {}, None, ""),
    ("text", {}, 5, "5"),
    ("text", {}, "null", "null"),
    ("email", {}, None, ""),
    ("number", {}, None, 0),
    ("number", {}, 2.0, 2),
    ("number", {}, "1.5", 1.5),
    ("number", {}, "abc", 0),
    ("bool", {}, None, 0),
    ("bool", {}, 1, 1),
    ("bool", {}, "true", 1),
    ("bool", {}, "no", 0),
    ("date", {}, None, ""),
    ("date", {}, "2022-10-01 12:00:00.000Z", "2022-10-01 12:00:00.000Z"),
    ("date", {}, "2022-10-01T12:00:00+02:00", "2022-10-01 10:00:00.000Z"),
    ("date", {}, "yesterday", ""),
    ("autodate", {}, None, ""),
    ("json", {}, None, None),
    ("json", {}, "", None),
    ("json", {}, '{"a": [1, 2]}', '{"a":[1,2]}'),
    ("json", {}, b'{"a":1}', '{"a":1}'),
    ("json", {}, "not json", '"not json"'),
    ("json", {}, 12, 12),
    ("select", {"maxSelect": 1, "values": ["a", "b"]}, None, ""),
    ("select", {"maxSelect": 1, "values": ["a", "b"]}, "a", "a"),
    ("select", {"maxSelect": 1, "values": ["a", "b"]}, '["a","b"]', "b"),
    ("select", {"maxSelect": 1, "values": ["a", "b"]}, "[]", ""),
    ("select", {"maxSelect": 1, "values": ["[a"]}, "[a", "[a"),
    ("select", {"maxSelect": 2, "values": ["a", "b"]}, None, "[]"),
    ("select", {"maxSelect": 2, "values": ["a", "b"]}, "", "[]"),
    ("select", {"maxSelect": 2, "values": ["a", "b"]}, "a", '["a"]'),
    ("select", {"maxSelect": 2, "values": ["a", "b"]}, '["a", "b"]', '["a","b"]'),
    ("select", {"maxSelect": 2, "values": ["5"]}, 5, '["5"]'),
    ("relation", {"maxSelect": 9, "collectionId": "x"}, "null", "[]"),
    ("relation", {"maxSelect": 9, "collectionId": "x"}, b'["r1"]', '["r1"]'),
    ("file", {"maxSelect": 1}, "a.png", "a.png"),
    ("file", {"maxSelect": 3}, "a.png", '["a.png"]'),
    ("geoPoint", {}, None, '{"lon":0,"lat":0}'),
    ("geoPoint", {}, "", '{"lon":0,"lat":0}'),
    ("geoPoint", {}, "[1]", '{"lon":0,"lat":0}'),
    ("geoPoint", {}, '{"lat":1.5,"lon":"x"}', '{"lon":0,"lat":1.5}'),
    ("geoPoint", {}, '{"lat":42.6,"lon":23}', '{"lon":23,"lat":42.6}'),
    ("password", {}, "$2a$10$hash", "$2a$10$hash"),
]


@pytest.mark.parametrize(("kind", "options", "stored", "kept"), ODD)
def test_an_odd_value_becomes_what_its_field_holds(
    source: Folder,
    taken: Callable[[], Taken],
    out: Path,
    kind: str,
    options: dict[str, Any],
    stored: Any,
    kept: Any,
) -> None:
    source.add("odd", ID, {"id": "f", "name": "value", "type": kind, **options})
    source.run("CREATE TABLE odd (id TEXT PRIMARY KEY, value)")  # no type: SQLite keeps what it is given
    source.run("INSERT INTO odd VALUES ('r1', ?)", (stored,))
    taken()
    assert rows(out, "SELECT value FROM odd") == [(kept,)]


def test_a_field_without_a_column_gets_its_zero_value(
    source: Folder, taken: Callable[[], Taken], out: Path
) -> None:
    source.add("posts", ID, {"id": "f", "name": "tags", "type": "select", "maxSelect": 3, "values": ["a"]})
    source.run("CREATE TABLE posts (id TEXT, gone TEXT)")
    source.run("INSERT INTO posts VALUES ('r1', 'x')")
    assert "column 'gone' of 'posts': it belongs to no field" in taken().left
    assert rows(out, "SELECT id, tags FROM posts") == [("r1", "[]")]


def test_records_keep_their_order_and_are_counted(
    source: Folder, taken: Callable[[], Taken], out: Path
) -> None:
    source.add("posts", ID)
    source.run("CREATE TABLE posts (id TEXT PRIMARY KEY)")
    source.run("INSERT INTO posts VALUES (?)", ("zz",), ("aa",), ("mm",))
    summary = taken()
    assert summary.records == 3
    assert rows(out, "SELECT id FROM posts ORDER BY rowid") == [("zz",), ("aa",), ("mm",)]
    assert rows(out, "SELECT total FROM _counts WHERE collection = 'id_posts'") == [(3,)]


def test_collections_keep_ids_rules_and_secrets(
    source: Folder, taken: Callable[[], Taken], out: Path
) -> None:
    options = {
        "authToken": {"secret": "s" * 50, "duration": 99},
        "oauth2": {"providers": None, "enabled": True},
        "authRule": None,
    }
    source.add(
        "people", *AUTH_FIELDS, type="auth", listRule="", viewRule="id = @request.auth.id", options=options
    )
    source.run("CREATE TABLE people (id TEXT PRIMARY KEY, password TEXT, tokenKey TEXT, email TEXT)")
    source.run("INSERT INTO people VALUES ('p1', '$2a$10$x', 'key', 'ann@example.com')")
    taken()
    people = read_catalog(rows(out, select_collections(SqliteDialect()).sql), 1).find("people")
    assert people is not None
    assert people.auth is not None
    assert (people.id, people.listRule, people.viewRule, people.createRule) == (
        "id_people",
        "",
        "id = @request.auth.id",
        None,
    )
    assert (people.auth.authToken.secret, people.auth.authToken.duration) == ("s" * 50, 99)
    assert people.auth.authRule is None
    assert [field.id for field in people.fields] == [field["id"] for field in AUTH_FIELDS]
    assert rows(out, "SELECT password, tokenKey, verified FROM people") == [("$2a$10$x", "key", 0)]


def test_system_collections_of_an_older_server_are_completed(
    source: Folder, taken: Callable[[], Taken], out: Path
) -> None:
    source.add("_otps", ID, system=True)
    source.run("CREATE TABLE _otps (id TEXT PRIMARY KEY)")
    taken()
    catalog = read_catalog(rows(out, select_collections(SqliteDialect()).sql), 1)
    otps = catalog.find("_otps")
    assert otps is not None
    assert otps.id == "id__otps"
    assert "sentTo" in otps.by_name
    assert {"_superusers", "_mfas", "_authOrigins", "_externalAuths"} <= {item.name for item in catalog}
    assert rows(out, "SELECT count(*) FROM _mfas") == [(0,)]


def test_views_are_made_also_of_views_that_come_later(
    source: Folder, taken: Callable[[], Taken], out: Path
) -> None:
    source.add("second", ID, type="view", options={"viewQuery": "SELECT id FROM first;"})
    source.add("first", ID, type="view", options={"viewQuery": "SELECT id FROM posts"})
    source.add("posts", ID)
    source.run("CREATE TABLE posts (id TEXT PRIMARY KEY)")
    source.run("INSERT INTO posts VALUES ('r1')")
    taken()
    assert rows(out, "SELECT * FROM second") == [("r1",)]


def test_indexes_go_to_the_table_of_their_collection(
    source: Folder, taken: Callable[[], Taken], out: Path
) -> None:
    """Older servers renamed collections without changing the texts of their indexes."""
    source.add("posts", ID, indexes=["CREATE UNIQUE INDEX `idx_a` ON `articles` (id)"])
    source.run("CREATE TABLE posts (id TEXT PRIMARY KEY)")
    taken()
    assert rows(out, "SELECT tbl_name FROM sqlite_schema WHERE name = 'idx_a'") == [("posts",)]


def test_settings_are_kept_with_defaults_for_what_is_new(
    source: Folder, taken: Callable[[], Taken], out: Path
) -> None:
    source.set_settings(b'{"meta":{"appName":"Mine"},"smtp":{"password":"secret"}}')
    taken()
    kept = settings.decode(rows(out, "SELECT value FROM _params WHERE id = 'settings'")[0][0])
    assert (kept.meta.app_name, kept.smtp.password) == ("Mine", "secret")
    assert kept.batch == settings.Settings().batch


def test_logs_are_taken(source: Folder, taken: Callable[[], Taken], out: Path) -> None:
    entry = ("l1", 8, "GET /", '{"status":500}', "2026-01-01 00:00:00.000Z")
    source.run("CREATE TABLE _logs (id, level, message, data, created, updated)", database="auxiliary.db")
    source.run("INSERT INTO _logs VALUES (?, ?, ?, ?, ?, '')", entry, database="auxiliary.db")
    assert taken().logs == 1
    assert rows(out, "SELECT * FROM _logs", "logs.db") == [entry]


def test_files_are_taken_with_their_thumbnails(source: Folder, taken: Callable[[], Taken], out: Path) -> None:
    folder = source.path / "storage" / "id_posts" / "r1"
    (folder / "thumbs_a.png").mkdir(parents=True)
    (folder / "a.png").write_bytes(b"picture")
    (folder / "a.png.attrs").write_bytes(b"{}")
    (folder / "thumbs_a.png" / "100x100_a.png").write_bytes(b"thumb")
    summary = taken()
    assert (summary.files, summary.files_bytes) == (3, 14)
    assert (out / "storage/id_posts/r1/a.png").read_bytes() == b"picture"
    assert (out / "storage/id_posts/r1/thumbs_a.png/100x100_a.png").read_bytes() == b"thumb"


def test_what_stays_behind_is_said(source: Folder, taken: Callable[[], Taken]) -> None:
    source.add("posts", ID, listRule="id ==== 1")
    source.run("CREATE TABLE posts (id TEXT PRIMARY KEY, title TEXT)")
    source.run("CREATE INDEX by_hand ON posts (title)")
    source.run("CREATE TABLE private (x)")
    (source.path / "backups").mkdir()
    (source.path / "backups" / "b.zip").touch()
    (source.path.parent / "pb_hooks").mkdir()
    summary = taken()
    left = "\n".join(summary.left)
    for part in ("backups/ (1 files)", "pb_hooks", "table 'private'", "index 'by_hand'"):
        assert part in left
    assert "listRule of 'posts' can't be read" in summary.notes[0]


def test_the_source_stays_as_it_is(source: Folder, taken: Callable[[], Taken]) -> None:
    before = _snapshot(source.path)
    taken()
    assert _snapshot(source.path) == before


def test_what_stands_in_the_wal_is_taken_and_stays_there(
    source: Folder, taken: Callable[[], Taken], out: Path
) -> None:
    source.add("posts", ID)
    source.run("CREATE TABLE posts (id TEXT PRIMARY KEY)")
    with closing(sqlite3.connect(source.path / "data.db")) as server:  # as a running PocketBase has it open
        server.execute("PRAGMA journal_mode=WAL")
        server.execute("PRAGMA wal_autocheckpoint=0")
        server.execute("INSERT INTO posts VALUES ('in_the_wal')")
        server.commit()
        before = _snapshot(source.path)
        assert "data.db-wal" in before
        taken()
        assert _snapshot(source.path) == before
    assert rows(out, "SELECT id FROM posts") == [("in_the_wal",)]
    assert sorted(os.listdir(out)) == ["site.db", "storage"]


def test_the_new_database_is_ready_to_serve(taken: Callable[[], Taken], out: Path) -> None:
    taken()
    assert rows(out, "PRAGMA journal_mode") == [("wal",)]
    assert rows(out, "PRAGMA integrity_check") == [("ok",)]
    assert out.stat().st_mode & 0o077 == 0
    assert os.listdir(out.parent) == ["data"]


def test_progress_reaches_the_total(source: Folder, out: Path) -> None:
    source.add("posts", ID)
    source.run("CREATE TABLE posts (id TEXT PRIMARY KEY)")
    source.run("INSERT INTO posts VALUES (?)", *((f"r{number}",) for number in range(50_000)))
    steps = Quiet()
    take_over(source.path, out, steps)
    assert steps.totals["records"] == steps.done == 50_000


def _snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith("-shm")
    }


# -- refusals -------------------------------------------------------------------------------------------------


def _no_database(source: Folder) -> None:
    (source.path / "data.db").unlink()


def _no_sqlite(source: Folder) -> None:
    (source.path / "data.db").write_bytes(b"something else" * 1000)


def _damaged(source: Folder) -> None:
    source.run("CREATE TABLE filler (x)")
    source.run("INSERT INTO filler VALUES (?)", *(("x" * 3000,) for _ in range(50)))
    path = source.path / "data.db"
    data = bytearray(path.read_bytes())
    data[40_000:60_000] = b"\x55" * 20_000
    path.write_bytes(data)


def _cut_off(source: Folder) -> None:
    _damaged(source)
    path = source.path / "data.db"
    path.write_bytes(path.read_bytes()[:50_000])


def _another_database(source: Folder) -> None:
    source.run("DROP TABLE _collections")


def _too_old(source: Folder) -> None:
    source.run("ALTER TABLE _collections RENAME COLUMN fields TO schema")


def _encrypted_settings(source: Folder) -> None:
    source.set_settings("sw9KI346nCPdhHjo7fJejGLdVNPMEMQk0usv013FwU167DQorUukAt0ZRKo4EvRFqHQ5TiPL9B7S7r==")


def _unknown_field_type(source: Folder) -> None:
    source.add("posts", ID, {"id": "f", "name": "x", "type": "hologram"})
    source.run("CREATE TABLE posts (id TEXT PRIMARY KEY)")


def _broken_options(source: Folder) -> None:
    source.add("posts", ID)
    source.run("UPDATE _collections SET fields = '[5}'")
    source.run("CREATE TABLE posts (id TEXT PRIMARY KEY)")


def _no_table(source: Folder) -> None:
    source.add("posts", ID)


def _duplicates(source: Folder) -> None:
    source.add(
        "posts",
        ID,
        {"id": "t", "name": "t", "type": "text"},
        indexes=["CREATE UNIQUE INDEX one_t ON posts (t)"],
    )
    source.run("CREATE TABLE posts (id TEXT PRIMARY KEY, t TEXT)")
    source.run("INSERT INTO posts VALUES ('r1', 'same'), ('r2', 'same')")


def _index_of_nothing(source: Folder) -> None:
    source.add("posts", ID, indexes=["CREATE INDEX idx_gone ON posts (gone)"])
    source.run("CREATE TABLE posts (id TEXT PRIMARY KEY)")


def _index_and_more(source: Folder) -> None:
    source.add("posts", ID, indexes=["CREATE INDEX i ON posts (id); DROP TABLE posts"])
    source.run("CREATE TABLE posts (id TEXT PRIMARY KEY)")


def _no_id(source: Folder) -> None:
    source.add("posts", ID)
    source.run("CREATE TABLE posts (id TEXT)")
    source.run("INSERT INTO posts VALUES ('same'), ('same')")


def _view_of_nothing(source: Folder) -> None:
    source.add("broken", ID, type="view", options={"viewQuery": "SELECT id FROM gone"})


def _view_lacks_field(source: Folder) -> None:
    source.add(
        "broken",
        ID,
        {"id": "n", "name": "n", "type": "number"},
        type="view",
        options={"viewQuery": "SELECT 1 AS id"},
    )


def _view_and_more(source: Folder) -> None:
    query = "SELECT 1 AS id); DELETE FROM _params WHERE ('1' = '1'"
    source.add("evil", ID, type="view", options={"viewQuery": query})


@pytest.mark.parametrize(
    ("spoil", "what", "why"),
    [
        (_no_database, "no PocketBase data folder", "no 'data.db'"),
        (_no_sqlite, "cannot read", "no SQLite database"),
        (_damaged, "is damaged", "SQLite says"),
        (_cut_off, "is damaged", "SQLite says"),
        (_another_database, "not of a PocketBase", "_collections"),
        (_too_old, "before 0.23", "another way"),
        (_encrypted_settings, "the settings", "encrypted"),
        (_unknown_field_type, "collection 'posts'", "hologram"),
        (_broken_options, "collection 'posts'", "Expected `object`"),
        (_no_table, "collection 'posts'", "no table"),
        (_duplicates, "index 'one_t' of collection 'posts'", "same values"),
        (_index_of_nothing, "index 'idx_gone' of collection 'posts'", "gone"),
        (_index_and_more, "collection 'posts'", "no CREATE INDEX"),
        (_no_id, "collection 'posts'", "same id"),
        (_view_of_nothing, "view 'broken'", "gone"),
        (_view_lacks_field, "view 'broken'", "gives no n"),
        (_view_and_more, "view 'evil'", "not authorized"),
    ],
)
def test_a_source_that_cannot_be_taken_leaves_nothing(
    source: Folder, out: Path, spoil: Callable[[Folder], None], what: str, why: str
) -> None:
    spoil(source)
    with pytest.raises(SetupError) as caught:
        take_over(source.path, out, Quiet())
    assert what in caught.value.what
    assert why in caught.value.why
    assert not out.exists()
    assert not out.parent.exists() or os.listdir(out.parent) == []


def test_encrypted_settings_can_be_left_behind(source: Folder, out: Path) -> None:
    _encrypted_settings(source)
    summary = take_over(source.path, out, Quiet(), default_settings=True)
    assert "settings are the defaults" in summary.notes[0]
    kept = rows(out, "SELECT value FROM _params WHERE id = 'settings'")[0][0]
    assert settings.decode(kept) == settings.Settings()


def test_a_site_is_not_written_over(source: Folder, taken: Callable[[], Taken], out: Path) -> None:
    taken()
    before = _snapshot(out)
    with pytest.raises(SetupError, match="data of a site"):
        take_over(source.path, out, Quiet())
    assert _snapshot(out) == before


def test_the_target_may_be_an_empty_folder_only(
    source: Folder, taken: Callable[[], Taken], out: Path
) -> None:
    out.mkdir(parents=True)
    taken()
    assert (out / "site.db").exists()
    other = out.parent / "other"
    other.mkdir()
    (other / "notes.txt").touch()
    for target in (other, other / "notes.txt", source.path, source.path / "inner"):
        with pytest.raises(SetupError, match="cannot import into"):
            take_over(source.path, target, Quiet())
    assert not (source.path / "inner").exists()


def test_a_killed_import_leaves_no_site_and_the_next_one_succeeds(
    source: Folder, out: Path, tmp_path: Path
) -> None:
    source.add("posts", ID, {"id": "t", "name": "t", "type": "text"})
    source.run("CREATE TABLE posts (id TEXT PRIMARY KEY, t TEXT)")
    source.run("INSERT INTO posts VALUES (?, ?)", *((f"r{number}", "x" * 200) for number in range(100_000)))
    script = (
        "import sys; from pathlib import Path; from backstay.importing.pocketbase import take_over\n"
        "class Tell:\n"
        "    def began(self, what, total): print(what, flush=True)\n"
        "    def advanced(self, count): pass\n"
        "take_over(Path(sys.argv[1]), Path(sys.argv[2]), Tell())"
    )
    command = [sys.executable, "-c", script, str(source.path), str(out)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "records\n"
        deadline = time.monotonic() + 20
        while not list(out.parent.glob(".data.importing-*/site.db")) and time.monotonic() < deadline:
            pass
        process.send_signal(signal.SIGKILL)
        process.wait(20)
    assert process.returncode == -signal.SIGKILL
    assert not out.exists()
    assert len(os.listdir(out.parent)) == 1, "what it left is hidden beside the target"
    assert take_over(source.path, out, Quiet()).records == 100_000
    assert os.listdir(out.parent) == ["data"]
