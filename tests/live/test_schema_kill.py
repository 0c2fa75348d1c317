"""kill -9 in the middle of a migration leaves the database as it was, or as it shall be."""

from __future__ import annotations

import asyncio
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from backstay.catalog import Catalog
from backstay.catalog.compare import same
from backstay.catalog.operations import (
    AddField,
    ChangeField,
    CreateCollection,
    DropCollection,
    DropField,
    Operation,
    RenameField,
)
from backstay.migrations.files import load_migrations, render, write
from backstay.migrations.runner import applied
from backstay.migrations.start import bring_up
from backstay.plans.params import Statement
from backstay.site import open_site
from backstay.stores.base import Transaction

ROUNDS = 8
RECORDS = 1000
CHILD = """
import asyncio, sys
from pathlib import Path
from backstay.migrations.start import bring_up
from backstay.site import open_site

async def main(folder):
    async with open_site(folder / "data") as site:
        print("begin", flush=True)
        await bring_up(site, folder, allow_drop=True)
    print("end", flush=True)

asyncio.run(main(Path(sys.argv[1])))
"""
A: list[Operation] = [
    CreateCollection(
        {
            "name": "posts",
            "fields": [
                {"name": "title", "type": "text"},
                {"name": "gone", "type": "text"},
                {"name": "tags", "type": "select", "values": ["a", "b"], "maxSelect": 2},
            ],
        }
    ),
    CreateCollection({"name": "old", "fields": [{"name": "x", "type": "number"}]}),
]
B: list[Operation] = [
    DropCollection("old"),
    RenameField("posts", "title", "label"),
    AddField("posts", {"name": "words", "type": "number"}),
    ChangeField("posts", "tags", {"maxSelect": 1}),
    DropField("posts", "gone"),
    CreateCollection({"name": "notes", "fields": [{"name": "text", "type": "text"}]}),
]
STEP = """

async def data(db: migrations.Data) -> None:
    posts = db.records("posts")
    async for post in posts.all():
        await posts.update(post["id"], {"words": len(post["label"])})
        await db.records("notes").create({"text": post["gone"]})
"""


async def prepare(folder: Path) -> Catalog:
    """Make a site at catalog A with records, and the migration to B; return A."""
    write(folder / "migrations" / "0001_a.py", render(A, shipped=True))
    async with open_site(folder / "data") as site:
        await bring_up(site, folder)

        async def job(tx: Transaction) -> None:
            row = Statement('INSERT INTO posts (title, gone, tags) VALUES (?, ?, \'["a","b"]\')')
            await tx.execute_many(row, [(f"title {at}", f"gone {at}") for at in range(RECORDS)])
            await tx.execute(Statement("INSERT INTO old (x) VALUES (1)"))

        await site.store.write(job)
        catalog = site.catalog
    write(folder / "migrations" / "0002_b.py", render(B, shipped=True) + STEP)
    return catalog


def run_child(folder: Path, kill_after_s: float | None) -> float:
    """Apply the migration in a process of its own; kill it some time after it began. Return how long it took."""
    command = [sys.executable, "-c", CHILD, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "begin\n"
        began = time.monotonic()
        if kill_after_s is not None:
            time.sleep(kill_after_s)
            child.send_signal(signal.SIGKILL)
        child.wait(60)
        return time.monotonic() - began


async def look(folder: Path) -> tuple[Catalog, list[str]]:
    async with open_site(folder / "data") as site:
        return site.catalog, sorted(await applied(site))


def contents(folder: Path, columns: str) -> list[tuple[object, ...]]:
    link = sqlite3.connect(folder / "data" / "site.db")
    assert link.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    rows = link.execute(f"SELECT {columns} FROM posts ORDER BY 1").fetchall()
    link.close()
    return rows


def check_before(folder: Path) -> None:
    rows = contents(folder, "title, gone, tags")
    assert rows == sorted((f"title {at}", f"gone {at}", '["a","b"]') for at in range(RECORDS))


def check_after(folder: Path) -> None:
    rows = contents(folder, "label, words, tags")
    assert rows == sorted((f"title {at}", len(f"title {at}"), "b") for at in range(RECORDS))
    snapshot = max((folder / "data" / "snapshots").glob("*.db"))
    link = sqlite3.connect(snapshot)
    assert link.execute("SELECT count(gone) FROM posts").fetchone() == (RECORDS,)
    link.close()
    assert list(snapshot.parent.glob(".*")) == []


@pytest.mark.slow
def test_a_killed_migration_is_done_wholly_or_not_at_all(tmp_path: Path) -> None:
    template = tmp_path / "template"
    before = asyncio.run(prepare(template))
    whole = tmp_path / "whole"
    shutil.copytree(template, whole)
    took_s = run_child(whole, None)
    after, names = asyncio.run(look(whole))
    assert names == ["0001_a", "0002_b"]
    check_after(whole)
    seen: set[bool] = set()
    chance = random.Random()
    for number in range(ROUNDS):
        folder = tmp_path / f"round{number}"
        shutil.copytree(template, folder)
        run_child(folder, chance.uniform(0, took_s * 1.1))
        catalog, names = asyncio.run(look(folder))
        is_done = "0002_b" in names
        seen.add(is_done)
        assert same(catalog, after if is_done else before)
        (check_after if is_done else check_before)(folder)
        run_child(folder, None)
        assert same(asyncio.run(look(folder))[0], after), "the next start brings it to its end"
        check_after(folder)
        shutil.rmtree(folder)
    assert False in seen, "no kill came early enough: nothing was tested"
    assert len(load_migrations(template / "migrations")) == 2
