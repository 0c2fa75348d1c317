"""The reliability experiments can fail: they find what the real PocketBase is known to do."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
from bench.processes import PocketBase
from bench.reliability.journal import Audit, Journal
from bench.reliability.lost_updates import lost_updates
from bench.reliability.outcome import CannotRun
from bench.reliability.schema import compare_catalog
from bench.reliability.syncs import syncs

TRIES = 6


def test_lost_updates_are_found(tmp_path: Path) -> None:
    """PocketBase loses as many as luck has it: it may take several tries until both kinds are among them."""
    tries = (
        asyncio.run(lost_updates(PocketBase(), tmp_path / str(number), rounds=20)) for number in range(TRIES)
    )
    outcome = next(found for found in tries if len(found.findings) == 2)
    assert outcome.figures["additions kept"] < outcome.figures["additions acknowledged"] == 200
    assert outcome.figures["field updates lost"] > 0


def test_answers_before_the_sync_are_found(tmp_path: Path) -> None:
    try:
        outcome = asyncio.run(syncs(PocketBase(), tmp_path, creates=20, clients=4))
    except CannotRun as exc:
        pytest.skip(f"NOT TESTED: {exc}")
    assert outcome.findings == [
        "clients: 1: 20 of 20 answers came before the sync",
        "clients: 4: 20 of 20 answers came before the sync",
    ]


ROWS = [
    ("kept", 1, 1, "1:x", ""),
    ("torn", 2, 3, "2:x", ""),
    ("twice", 1, 1, "1:x", ""),
    ("twice", 1, 1, "1:x", ""),
    ("stale", 4, 4, "4:x", ""),
    ("back", 1, 1, "1:x", ""),
    ("group/0", 1, 1, "1:x", "group"),
]


def test_the_audit_names_every_kind_of_loss(tmp_path: Path) -> None:
    database = tmp_path / "site.db"
    link = sqlite3.connect(database)
    link.execute('CREATE TABLE entries (key, value, copy, filler, "group")')
    link.executemany("INSERT INTO entries VALUES (?, ?, ?, ?, ?)", ROWS)
    link.commit()
    link.close()
    journal = Journal()
    journal.created = {"kept", "gone", "stale", "back"}
    journal.confirmed = {"stale": 5}
    journal.tried = {"kept": 1, "torn": 2, "stale": 5, "back": 1}
    journal.deleted = {"back"}
    journal.groups = {"group", "lost group"}
    assert Audit(database, journal).findings() == [
        "1 acknowledged records lost",
        "1 acknowledged updates lost",
        "1 deleted records came back",
        "1 records torn",
        "1 records doubled",
        "1 batches by half",
        "1 acknowledged batches lost",
        "2 records nobody asked for",
    ]


def test_a_catalog_which_differs_from_the_tables_is_found(tmp_path: Path) -> None:
    database = tmp_path / "site.db"
    link = sqlite3.connect(database)
    link.executescript(
        "CREATE TABLE one (id, first); INSERT INTO one VALUES (1, 'changed'); CREATE TABLE orphan (id);"
        "CREATE TABLE two (id)"
    )
    link.close()

    def collection(name: str, *fields: str) -> dict[str, object]:
        return {
            "id": name,
            "name": name,
            "type": "base",
            "fields": [{"name": field} for field in ("id", *fields)],
            "indexes": [],
        }

    catalog = [collection("one", "first"), collection("two", "second"), collection("three")]
    found = compare_catalog(
        catalog, database, {"three": {None}, "two": {("two", frozenset({"id", "second"}))}}
    )
    assert found == [
        "table 'orphan' belongs to no collection",
        "collection 'one' lost its data: {'changed'}",
        "collection 'two' has the fields ['id', 'second'] and the columns ['id']",
        "collection 'three' has no table",
        "collection three is ('three', frozenset({'id'})), not one of {None}",
    ]
