"""`backstay serve` brings the database to what the site's folder says, before it answers."""

from __future__ import annotations

from pathlib import Path

from tests.live.test_commands import assert_explains, backstay, serving

from backstay.catalog.operations import CreateCollection, DropField
from backstay.migrations.files import render, write
from backstay.options import Address

CLASS = """
from backstay.declared import Collection, Rules, field

class Posts(Collection):
    __rules__ = Rules(list="", create="")
    title: str = field.text()
"""


def test_a_site_with_classes_only(tmp_path: Path, address: Address) -> None:
    write(tmp_path / "collections" / "posts.py", CLASS)
    with serving(address, "serve", cwd=tmp_path) as server:
        assert server.get("collections/posts/records")["totalItems"] == 0
        assert server.stop() == (0, "")


def test_several_workers_apply_migrations_once(tmp_path: Path, address: Address) -> None:
    posts = {"name": "posts", "listRule": "", "fields": [{"name": "title", "type": "text"}]}
    step = '\n\nasync def data(db: migrations.Data) -> None:\n    await db.records("posts").create({"title": "one"})\n'
    write(tmp_path / "migrations" / "0001_posts.py", render([CreateCollection(posts)], shipped=True) + step)
    with serving(address, "serve", "--workers", "3", cwd=tmp_path) as server:
        assert server.get("collections/posts/records")["totalItems"] == 1
    write(tmp_path / "migrations" / "0002_drop.py", render([DropField("posts", "title")], shipped=True))
    refused = backstay("serve", "--http", f"{address.host}:{address.port}", cwd=tmp_path)
    assert refused.returncode == 1
    assert_explains(refused, "the migration '0002_drop' can't be applied")
    assert "snapshots" in backstay("schema", "apply", "--allow-drop", cwd=tmp_path).stdout
    with serving(address, "serve", cwd=tmp_path) as server:
        assert "title" not in server.get("collections/posts/records")["items"][0]


def test_a_broken_class_stops_the_start_with_three_lines(tmp_path: Path, address: Address) -> None:
    write(tmp_path / "collections" / "posts.py", "class Posts(\n")
    refused = backstay("serve", "--http", f"{address.host}:{address.port}", cwd=tmp_path)
    assert refused.returncode == 1
    assert_explains(refused, "cannot load 'collections/posts.py'")
