"""What a site's folder makes of its database when it starts, and what it refuses."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.store.migrations.conftest import written

from backstay.catalog import Catalog, collection_json
from backstay.catalog.compare import same
from backstay.catalog.operations import AddField, CreateCollection, DropField, RenameField
from backstay.declared import Collection, declarations, field
from backstay.errors import SetupError
from backstay.migrations.files import load_migrations, rewritten, ship, write
from backstay.migrations.modules import load_classes
from backstay.migrations.start import bring_up, load_schema, prepared, standing, unwritten
from backstay.plans.params import Statement
from backstay.site import Site, open_site
from backstay.stores.base import Transaction

pytestmark = pytest.mark.anyio

POSTS = CreateCollection({"name": "posts", "fields": [{"name": "title", "type": "text"}]})
VIEWS = AddField("posts", {"name": "views", "type": "number"})

CLASS = """
from backstay.declared import Collection, Rules, field

class Posts(Collection):
    __rules__ = Rules(list="")
    title: str = field.text(max=50)
    views: float = field.number(system_only=True)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def declare(folder: Path, text: str) -> None:
    write(folder / "collections" / "posts.py", text)


async def up(folder: Path, *, dev: bool = False, allow_drop: bool = False) -> tuple[list[str], Catalog]:
    async with open_site(folder / "data") as site:
        told = await bring_up(site, folder, dev=dev, allow_drop=allow_drop)
        return told.done + told.warnings, site.catalog


async def refused(folder: Path) -> SetupError:
    with pytest.raises(SetupError) as caught:
        await up(folder)
    return caught.value


async def sql(folder: Path, text: str, *values: Any) -> list[Any]:
    async with open_site(folder / "data") as site:

        async def job(tx: Transaction) -> list[Any]:
            return await tx.fetch(Statement(text), values)

        return await site.store.write(job)


async def insert(folder: Path, **values: Any) -> None:
    names = ", ".join(values)
    marks = ", ".join("?" * len(values))
    await sql(folder, f"INSERT INTO posts ({names}) VALUES ({marks})", *values.values())


async def test_a_site_without_either_is_left_alone(folder: Path) -> None:
    told, catalog = await up(folder)
    assert told == []
    assert catalog.find("users") is not None
    assert not (folder / "data" / ".schema.lock").exists()


async def test_migrations_are_applied_once_in_their_order(folder: Path) -> None:
    written(folder / "migrations", [POSTS])
    written(folder / "migrations", [VIEWS])
    told, catalog = await up(folder)
    assert told == ["Applied the migration '0001_test'.", "Applied the migration '0002_test'."]
    assert (await up(folder))[0] == []
    found = catalog.find("posts")
    assert found is not None
    assert [field.name for field in found.fields] == ["id", "title", "views"]


async def test_several_processes_apply_each_migration_once(folder: Path) -> None:
    written(
        folder / "migrations",
        [POSTS],
        more='\n\nasync def data(db):\n    await db.records("posts").create({})\n',
    )
    (folder / "data").mkdir()
    await asyncio.gather(*(up(folder) for _ in range(4)))
    assert await sql(folder, "SELECT count(*) FROM posts") == [(1,)]


async def test_a_changed_file_that_was_applied_is_reported(folder: Path) -> None:
    migration = written(folder / "migrations", [POSTS])
    await up(folder)
    write(migration.path, rewritten(migration.path.read_text(), [POSTS, VIEWS]))
    assert "0001_test" in (await refused(folder)).what
    async with open_site(folder / "data") as site:
        assert (await standing(site, load_schema(folder))).changed == ("0001_test",)


async def test_a_migration_that_comes_too_late_is_refused(folder: Path) -> None:
    written(folder / "migrations", [POSTS])
    second = written(folder / "migrations", [VIEWS])
    second.path.rename(second.path.with_name("0003_test.py"))
    await up(folder)
    write(folder / "migrations" / "0002_late.py", "operations = []\n")
    assert "comes too late" in (await refused(folder)).what


async def test_a_migration_without_a_file_is_told(folder: Path) -> None:
    written(folder / "migrations", [POSTS])
    second = written(folder / "migrations", [VIEWS])
    await up(folder)
    second.path.unlink()
    assert (await up(folder))[0] == ["The applied migration '0002_test' has no file any more."]


async def test_losing_data_needs_permission_and_makes_a_snapshot(folder: Path) -> None:
    written(folder / "migrations", [POSTS])
    await up(folder)
    await insert(folder, title="kept")
    written(folder / "migrations", [DropField("posts", "title")])
    error = await refused(folder)
    assert "drop field 'posts.title'" in error.why
    assert "--allow-drop" in error.do
    assert await sql(folder, "SELECT title FROM posts") == [("kept",)]
    told, catalog = await up(folder, allow_drop=True)
    posts = catalog.find("posts")
    assert posts is not None
    assert "title" not in posts.by_name
    [snapshot] = (folder / "data" / "snapshots").iterdir()
    assert str(snapshot) in told[-1]
    link = sqlite3.connect(snapshot)
    assert link.execute("SELECT title FROM posts").fetchall() == [("kept",)]
    assert link.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    link.close()
    assert snapshot.stat().st_mode & 0o077 == 0, "it holds password hashes"


async def test_where_there_are_no_records_nothing_is_lost(folder: Path) -> None:
    written(folder / "migrations", [POSTS])
    await up(folder)
    written(folder / "migrations", [DropField("posts", "title")])
    assert (await up(folder))[0] == ["Applied the migration '0002_test'."]
    assert not (folder / "data" / "snapshots").exists()


DATA_STEP = """

async def data(db: migrations.Data) -> None:
    async for post in db.records("posts").all():
        await db.records("posts").update(post["id"], {"words": [post["title"], post["headline"]]})
    await db.execute("UPDATE posts SET headline = headline || ?", "!")
    assert await db.fetch("SELECT count(*) FROM posts") == [(2,)]
"""


async def test_a_data_step_sees_old_and_new(folder: Path) -> None:
    """Expand, then contract: what goes is still there while data moves."""
    first = [POSTS, AddField("posts", {"name": "subtitle", "type": "text"})]
    written(folder / "migrations", first)
    await up(folder)
    await insert(folder, title="a", subtitle="x")
    await insert(folder, title="b", subtitle="y")
    operations = [
        RenameField("posts", "subtitle", "headline"),
        DropField("posts", "title"),
        AddField("posts", {"name": "words", "type": "json"}),
    ]
    written(folder / "migrations", operations, more=DATA_STEP)
    await up(folder, allow_drop=True)
    rows = await sql(folder, "SELECT headline, words FROM posts ORDER BY headline")
    assert rows == [("x!", '["a","x"]'), ("y!", '["b","y"]')]


async def test_a_data_step_that_fails_undoes_everything(folder: Path) -> None:
    written(
        folder / "migrations", [POSTS], more="\n\nasync def data(db):\n    await db.execute('nonsense')\n"
    )
    error = await refused(folder)
    assert "line " in error.why
    assert "nonsense" in error.why
    async with open_site(folder / "data") as site:
        assert site.catalog.find("posts") is None
        assert (await standing(site, load_schema(folder))).pending == ("0001_test",)


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [
        ("0001_a.py", "operations = [1]", "no migration"),
        ("0001_a.py", "operations = [", "cannot load"),
        ("0001_a.py", "import nothing_like_it", "cannot load"),
        ("first.py", "operations = []", "no name"),
        (
            "0001_a.py",
            "from backstay.migrations import *\noperations = [DropField('posts', 'x')]",
            "can't follow",
        ),
        (
            "0001_a.py",
            "from backstay.migrations import *\noperations = [CreateCollection({'name': 5})]",
            "can't follow",
        ),
        (
            "0001_a.py",
            "from backstay.migrations import *\noperations = [CreateCollection({'name': 'a b'})]",
            "applied",
        ),
    ],
)
async def test_what_is_wrong_with_a_file_is_told_in_three_lines(
    folder: Path, name: str, text: str, what: str
) -> None:
    write(folder / "migrations" / name, text)
    error = await refused(folder)
    assert what in error.what
    assert len(str(error).splitlines()) == 3


async def test_two_migrations_of_one_number_are_refused(folder: Path) -> None:
    write(folder / "migrations" / "0001_a.py", "operations = []")
    write(folder / "migrations" / "0001_b.py", "operations = []")
    assert "number" in (await refused(folder)).what


# -- classes ------------------------------------------------------------------------------------------------


async def test_classes_alone_make_the_schema(folder: Path) -> None:
    declare(folder, CLASS)
    told, catalog = await up(folder)
    assert told == ["Done: create base collection 'posts'."]
    posts = catalog.find("posts")
    assert posts is not None
    assert posts.by_name["views"].systemOnly
    assert (await up(folder))[0] == []


async def test_classes_of_plugins_are_declared_as_well(folder: Path) -> None:
    class Carts(Collection):
        total: float = field.number()

    async with prepared(open_site(folder / "data"), folder, dev=True, more=[Carts]) as site:
        assert found(site, "carts").by_name["total"].type == "number"
    assert not (folder / "migrations").exists()


async def test_classes_alone_never_lose_data(folder: Path) -> None:
    declare(folder, CLASS)
    await up(folder)
    await insert(folder, title="kept")
    declare(folder, CLASS.replace("title: str = field.text(max=50)", "body: str = field.text()"))
    told, catalog = await up(folder)
    posts = catalog.find("posts")
    assert posts is not None
    assert {"title", "body"} <= set(posts.by_name)
    assert any("drop field 'posts.title'" in line for line in told)
    _, catalog = await up(folder, allow_drop=True)
    posts = catalog.find("posts")
    assert posts is not None
    assert "title" not in posts.by_name
    assert len(list((folder / "data" / "snapshots").iterdir())) == 1


async def test_another_type_of_a_field_with_data_stops_the_start(folder: Path) -> None:
    declare(folder, CLASS)
    await up(folder)
    await insert(folder, title="kept")
    declare(folder, CLASS.replace("title: str = field.text(max=50)", "title: float = field.number()"))
    assert "--allow-drop" in (await refused(folder)).do
    assert await sql(folder, "SELECT title FROM posts") == [("kept",)]


async def test_a_class_which_no_migration_knows_stops_production(folder: Path) -> None:
    written(folder / "migrations", [POSTS])
    declare(folder, CLASS)
    error = await refused(folder)
    assert "backstay schema make" in error.do
    told, _ = await up(folder, dev=True)
    assert any(line.startswith("Done: add number field 'posts.views'") for line in told)


async def test_what_is_changed_over_the_api_does_not_stop_production(folder: Path) -> None:
    declare(folder, CLASS)
    written(folder / "migrations", unwritten(load_schema(folder)))
    async with open_site(folder / "data") as site:
        assert (await bring_up(site, folder)).done == ["Applied the migration '0001_test'."]
        posts = site.catalog.find("posts")
        assert posts is not None
        await site.changes.update(posts.id, {"listRule": "id != ''"})
    told, catalog = await up(folder)
    assert told == ["The database is not as the classes say; it would need to change listRule of 'posts'."]
    posts = catalog.find("posts")
    assert posts is not None
    assert posts.listRule == "id != ''"


async def test_a_class_that_can_not_be_loaded_is_told_with_its_line(folder: Path) -> None:
    declare(folder, "from backstay.declared import Collection\n\nboom\n")
    error = await refused(folder)
    assert str(folder / "collections" / "posts.py") in error.what
    assert "line 3" in error.why
    assert "NameError" in error.why


async def test_a_class_that_validation_refuses_is_told(folder: Path) -> None:
    declare(folder, CLASS.replace('list=""', 'list="nothing = 1"'))
    error = await refused(folder)
    assert "nothing" in error.why
    assert len(str(error).splitlines()) == 3


# -- what is recorded ---------------------------------------------------------------------------------------


async def edit(site: Site) -> None:
    """Change a schema over the API, click by click."""
    title = {"name": "title", "type": "text"}
    made = await site.changes.create({"name": "posts", "fields": [title]})
    plain: Callable[[], Any] = lambda: json.loads(  # noqa: E731
        msgspec.json.encode(collection_json(found(site, "posts"))["fields"])
    )
    await site.changes.update(made.id, {"fields": [*plain(), {"name": "n", "type": "number"}]})
    renamed = [field | ({"name": "label"} if field["name"] == "title" else {}) for field in plain()]
    await site.changes.update(made.id, {"fields": renamed, "listRule": ""})
    await site.changes.create({"name": "labels", "type": "view", "viewQuery": "SELECT id, label FROM posts"})
    await site.changes.update(found(site, "users").id, {"otp": {"enabled": True}})


def found(site: Site, name: str) -> Any:
    collection = site.catalog.find(name)
    assert collection is not None
    return collection


async def test_edits_over_the_api_go_to_one_unshipped_migration(folder: Path) -> None:
    async with prepared(open_site(folder / "data"), folder, dev=True) as site:
        await edit(site)
    [migration] = load_migrations(folder / "migrations")
    assert not migration.is_shipped
    assert [str(operation) for operation in migration.operations] == [
        "create base collection 'posts'",
        "create view collection 'labels'",
        "change otp of 'users'",
    ]
    async with prepared(open_site(folder / "data"), folder, dev=True) as site:
        await site.changes.update(found(site, "posts").id, {"viewRule": ""})
    async with open_site(folder / "data") as site:
        assert (await standing(site, load_schema(folder))).changed == ()
    assert len(load_migrations(folder / "migrations")) == 1
    (folder / "data").rename(folder / "developed")
    assert "not shipped" in (await refused(folder)).what
    ship(load_migrations(folder / "migrations")[0])
    assert (await up(folder))[0] == ["Applied the migration '0001_changes'."]
    (folder / "data").rename(folder / "production")
    (folder / "developed").rename(folder / "data")
    assert (await up(folder))[0] == [], "shipping is no change for those who have it"
    async with prepared(open_site(folder / "data"), folder, dev=True) as site:
        await site.changes.delete(found(site, "labels").id)
    assert [item.name for item in load_migrations(folder / "migrations")] == ["0001_changes", "0002_changes"]


async def test_a_recorded_file_that_a_colleague_has_changed_is_followed(folder: Path) -> None:
    """Their change must not be undone by recording what this database has."""
    path = folder / "migrations" / "0001_changes.py"
    async with prepared(open_site(folder / "data"), folder, dev=True) as site:
        await site.changes.create({"name": "posts", "fields": [{"name": "title", "type": "text"}]})
    await insert(folder, title="kept")
    theirs = [
        *load_migrations(folder / "migrations")[0].operations,
        RenameField("posts", "title", "label"),
        VIEWS,
    ]
    write(path, rewritten(path.read_text(), theirs))
    async with prepared(open_site(folder / "data"), folder, dev=True) as site:
        assert set(found(site, "posts").by_name) == {"id", "label", "views"}
    assert await sql(folder, "SELECT label FROM posts") == [("kept",)]
    assert "views" in path.read_text()
    write(path, rewritten(path.read_text(), []))
    told, catalog = await up(folder, dev=True)
    assert catalog.find("posts") is None
    assert "snapshots" in told[-1]


async def test_what_people_write_into_a_recorded_file_stays(folder: Path) -> None:
    step = "\n\nasync def data(db: migrations.Data) -> None:\n    pass  # mine\n"
    async with prepared(open_site(folder / "data"), folder, dev=True) as site:
        await site.changes.create({"name": "posts", "fields": []})
        path = folder / "migrations" / "0001_changes.py"
        write(path, path.read_text() + step)
        await site.changes.create({"name": "tags", "fields": []})
    assert path.read_text().endswith(step)
    assert len(load_migrations(folder / "migrations")[0].operations) == 2


async def test_a_fault_in_a_file_does_not_harm_a_change(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with prepared(open_site(folder / "data"), folder, dev=True) as site:
        write(folder / "migrations" / "0001_changes.py", "not Python")
        await site.changes.create({"name": "posts", "fields": []})
        assert site.catalog.find("posts") is not None
    assert "could not be recorded" in caplog.text


async def test_a_site_with_classes_only_records_nothing(folder: Path) -> None:
    declare(folder, CLASS)
    async with prepared(open_site(folder / "data"), folder, dev=True) as site:
        await site.changes.create({"name": "tags", "fields": []})
    assert not (folder / "migrations").exists()


async def test_all_ways_end_in_the_same_catalog(tmp_path: Path) -> None:
    """Classes only, migrations made from them, and the same definitions sent to the API while it is recorded."""
    by_class, by_file, by_api, by_record = (tmp_path / name for name in ("class", "file", "api", "record"))
    text = CLASS.replace(", field", ", ViewCollection, field")
    text += '\nclass Titles(ViewCollection):\n    __query__ = "SELECT id, title FROM posts"\n'
    declare(by_class, text)
    catalogs = [(await up(by_class))[1]]
    written(by_file / "migrations", unwritten(load_schema(by_class)))
    catalogs.append((await up(by_file))[1])
    plain = text.replace("system_only=True", "")
    declare(tmp_path / "plain", plain)
    async with prepared(open_site(by_api / "data"), by_api, dev=True) as site:
        for definition in declarations(load_classes(tmp_path / "plain")):
            await site.changes.create(definition)
        catalogs.append(site.catalog)
    write(
        by_record / "migrations" / "0001_changes.py", (by_api / "migrations" / "0001_changes.py").read_text()
    )
    catalogs.append((await up(by_record, dev=True))[1])
    first, second, third, fourth = catalogs
    assert same(first, second)
    assert same(third, fourth)
    unguarded = (await up(tmp_path / "plain"))[1]
    assert same(third, unguarded), "without what the API can't set, all are the same"
