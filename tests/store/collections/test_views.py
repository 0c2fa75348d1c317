"""Views follow their tables, show nothing that is hidden, and only read."""

from __future__ import annotations

from typing import Any

import pytest
from tests.store.collections.conftest import World, refusal

from backstay.plans.params import Statement
from backstay.plans.request import RequestInfo
from backstay.stores.base import Transaction

pytestmark = pytest.mark.anyio

GUEST = RequestInfo()
TITLE = {"name": "title", "type": "text"}
N = {"name": "n", "type": "number"}
TAG = {"name": "tag", "type": "select", "values": ["a", "b"], "maxSelect": 1}


@pytest.fixture
async def posts(world: World) -> World:
    await world.create("posts", TITLE, N, TAG)
    await world.add("posts", id="post00000000001", title="one", n=1, tag="a")
    await world.add("posts", id="post00000000002", title="two", n=2)
    return world


@pytest.mark.sqlite_only("the words are SQLite's")
async def test_a_view_follows_a_renamed_field(posts: World) -> None:
    await posts.view("titles", "select id, title as t from posts", listRule="t != ''")
    await posts.edit("posts", {"title": {"name": "headline"}})
    assert posts.find("titles").viewQuery == 'select id, "headline" as t from posts'
    assert await posts.records("titles", "t") == ["one", "two"]
    await posts.change("titles", viewRule="t != ''")  # PocketBase keeps the old text, and refuses this


@pytest.mark.sqlite_only("the words are SQLite's")
async def test_the_columns_of_a_view_keep_their_names(posts: World) -> None:
    await posts.view("titles", "select id, title, n+1 as m from posts", listRule="title != ''")
    await posts.view("more", "select id, title from titles")
    await posts.edit("posts", {"title": {"name": "headline"}})
    assert posts.find("titles").viewQuery == 'select id, "headline" AS "title", n+1 as m from posts'
    assert await posts.records("titles", "title", "m") == [("one", 2), ("two", 3)]
    assert await posts.records("more", "title") == ["one", "two"]
    await posts.change("posts", name="articles")
    assert await posts.records("more", "title") == ["one", "two"]
    assert '"articles"' in posts.find("titles").viewQuery
    await posts.change("titles", viewRule="title != ''")


async def test_a_view_follows_swapped_fields(posts: World) -> None:
    await posts.view("titles", "select id, title, n from posts")
    await posts.edit("posts", {"title": {"name": "n"}, "n": {"name": "title"}})
    assert await posts.records("titles", "title", "n") == [("one", 1), ("two", 2)]


async def test_a_view_follows_the_options_of_its_fields(posts: World) -> None:
    await posts.view("tags", "select id, tag, n from posts", listRule="")
    await posts.view("tags2", "select id, tag from tags")
    ids = [field.id for field in posts.find("tags").fields]
    await posts.edit("posts", {"tag": {"maxSelect": 2, "values": ["a", "b", "c"]}})
    assert await posts.records("tags", "tag") == [["a"], []]
    assert await posts.records("tags2", "tag") == [["a"], []]
    assert posts.json("tags2")["fields"][1]["values"] == ["a", "b", "c"]
    assert posts.find("tags").fields[2].id == ids[2], "a field that stays as it is keeps its id"
    await posts.edit("posts", {"n": {"hidden": True}})
    assert posts.find("tags").by_name["n"].hidden
    assert all("n" not in record for record in await posts.records("tags", info=GUEST))


@pytest.mark.sqlite_only("the words are SQLite's")
async def test_a_field_that_a_view_needs_stays(posts: World) -> None:
    await posts.view("titles", "select id, title as t from posts")
    before = await posts.everything()
    error = await refusal(posts.edit("posts", {"title": None}))
    assert error.message == (
        "Failed to update collection. Raw error: \nfailed to drop column title - "
        "SQL logic error: error in view titles after drop column: no such column: title (1)."
    )
    assert await posts.everything() == before
    await posts.edit("posts", {"n": None})
    assert await posts.records("titles", "t") == ["one", "two"]


async def test_what_a_view_needs_is_not_deleted(posts: World) -> None:
    await posts.view("titles", "select id, title from posts")
    await posts.view("more", "select id from titles")
    before = await posts.everything()
    for name in ("posts", "titles"):
        error = await refusal(posts.delete(name))
        assert error.message == "Failed to delete collection."
        assert (
            error.hint
            == "These views read from it: " + {"posts": "more, titles", "titles": "more"}[name] + "."
        )
    assert await posts.everything() == before
    for name in ("more", "titles", "posts"):
        await posts.delete(name)


@pytest.mark.parametrize("patch", [{"name": "others"}, {"viewQuery": "select id, n from posts"}], ids=str)
@pytest.mark.sqlite_only("the words are SQLite's")
async def test_a_view_that_another_reads_keeps_what_it_gives(posts: World, patch: dict[str, Any]) -> None:
    await posts.view("titles", "select id, title from posts")
    await posts.view("more", "select id, title from titles")
    before = await posts.everything()
    error = await refusal(posts.change("titles", **patch))
    assert error.message.startswith(
        "Failed to update collection. Raw error: \nerror in view more - SQL logic error"
    )
    assert await posts.everything() == before


@pytest.mark.sqlite_only("the words are SQLite's")
async def test_a_view_is_changed(posts: World) -> None:
    await posts.view("titles", "select id, title from posts")
    await posts.change("titles", name="heads", viewQuery="select id, title as head from posts")
    assert await posts.records("heads", "head") == ["one", "two"]
    assert posts.site.catalog.find("titles") is None
    error = await refusal(posts.change("heads", viewQuery="select id from heads"))
    assert "no such table: main.heads" in error.body()["data"]["viewQuery"].message
    assert await posts.records("heads", "head") == ["one", "two"]


async def test_numeric_ids_become_texts(posts: World) -> None:
    await posts.view("numbers", "select n as id, title from posts")
    assert await posts.records("numbers", "id") == ["1", "2"]
    await posts.edit("posts", {"n": {"name": "number"}, "title": {"name": "t"}})
    assert await posts.records("numbers", "id", "title") == [("1", "one"), ("2", "two")]


async def test_a_broken_view_does_not_stop_other_changes(posts: World) -> None:
    """Such views come from elsewhere; nothing here leaves one behind."""
    await posts.view("titles", "select id, title from posts")
    await posts.view("more", "select id, title from posts")
    await posts.site.store.write(_drop_views)
    await posts.edit("posts", {"title": {"name": "headline"}, "n": None})
    await posts.create("new", TITLE)
    await posts.site.changes.replace([{"name": "newer"}], delete_missing=False)
    await posts.delete("titles")
    await posts.delete("more")


async def _drop_views(tx: Transaction) -> None:
    for name in ("titles", "more"):
        await tx.execute(Statement(f"DROP VIEW {name}"))


EVIL = [
    pytest.param("insert into posts default values", id="insert"),
    pytest.param("delete from posts", id="delete"),
    pytest.param("select id from posts; delete from posts", id="a second statement"),
    pytest.param("select id from posts); delete from posts; select (1", id="out of the brackets"),
    pytest.param("select id from posts) union select id from (select id from users", id="another query"),
    pytest.param("select 1 as id /* ) */); drop table posts --", id="comment"),
    pytest.param("select 1 as id) -- ;\n; drop table posts", id="comment and semicolon"),
    pytest.param("select load_extension('evil.so') as id", id="load_extension"),
    pytest.param("select readfile('/etc/passwd') as id", id="readfile"),
    pytest.param("select writefile('/tmp/x', 'x') as id", id="writefile"),
    pytest.param("pragma writable_schema = 1", id="pragma"),
    pytest.param("attach 'x.db' as x", id="attach"),
    pytest.param("vacuum into 'x.db'", id="vacuum"),
    pytest.param("select 'a\0b' as id", id="nul"),
    pytest.param("select password as id from users", id="hashes as ids"),
]


ODD = [
    pytest.param("select 1 as id where ')' = \");drop table posts;(\"", id="quotes"),
    pytest.param("select " + "(" * 2000 + "1" + ")" * 2000 + " as id", id="deep"),
    pytest.param("select " + ",".join(["1 as id"] + [f"1 c{n}" for n in range(250)]), id="wide"),
]


@pytest.mark.parametrize("query", EVIL)
async def test_a_view_only_reads(posts: World, query: str) -> None:
    before = await posts.everything()
    await refusal(posts.view("evil", query))
    await refusal(posts.site.changes.dry_run(query))
    assert await posts.everything() == before
    assert len(await posts.records("posts")) == 2


@pytest.mark.parametrize("query", ODD)
@pytest.mark.sqlite_only("the words are SQLite's")
async def test_an_odd_query_does_no_harm(posts: World, query: str) -> None:
    tables = await posts.tables()
    await posts.site.changes.dry_run(query)
    await posts.view("odd", query)
    assert await posts.tables() == tables
    assert len(await posts.records("posts")) == 2


async def test_an_endless_query_is_stopped(posts: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backstay.collections.views.SCAN_MAX_S", 0.2)
    endless = "with recursive c(x) as (select 1 union all select x+1 from c) select x as id from c"
    error = await refusal(posts.view("endless", endless))
    assert error.body()["data"]["viewQuery"].message == "Invalid query - the query took over 0.2 s."
    await posts.create("more")


SECRETS = [
    "select id, password as p from users",
    "select id, (password) as p from users",
    "select id, lower(password) as p from users",
    "select id, cast(tokenKey as text) as p from users",
    "select id, (select tokenKey from users) as p from users",
    "select id, p from (select id, password as p from users)",
    "select id, lower(p) as p from (select id, password as p from users)",
    "with x as (select id, password as p from users) select id, p from x",
    "with titles as (select id, password as title from users) select id, title as p from titles",
    "select id, 'x'||password as p from users",
    "select u.id, [u].`Password` as p from users u",
    "select id, count(password) as p from users group by password",
    "select posts.id, (select password from users where users.id = users.id) p from users posts",
]


@pytest.mark.parametrize("query", SECRETS)
@pytest.mark.sqlite_only("the queries are SQLite's")
async def test_a_view_shows_no_secrets(posts: World, query: str) -> None:
    """Not even when it is for everybody: its owner may not know what is in there."""
    await posts.add("users", email="a@b.co", password="1234567890", passwordConfirm="1234567890")
    await posts.view("titles", "select id, title from posts")
    await posts.view("secrets", query, listRule="")
    assert posts.find("secrets").by_name["p"].hidden
    assert all("p" not in record for record in await posts.records("secrets", info=GUEST))


@pytest.mark.parametrize(
    ("query", "shows"),
    [
        ("select id, secret as s from things", False),
        ("select id, (secret) as s from things", False),
        ("select id, s from (select id, secret as s from things)", False),
        ("select id, (secret != '') as s from things", True),
    ],
)
@pytest.mark.sqlite_only("the queries are SQLite's")
async def test_hidden_fields_stay_hidden(world: World, query: str, shows: bool) -> None:
    """But an owner may show what is made out of them."""
    await world.create("things", {"name": "secret", "type": "text", "hidden": True})
    await world.add("things", secret="x")
    await world.view("shown", query, listRule="")
    assert ["s" in record for record in await world.records("shown", info=GUEST)] == [shows]


async def test_relations_and_files_are_kept(posts: World) -> None:
    relation = {"name": "post", "type": "relation", "collectionId": posts.find("posts").id, "maxSelect": 1}
    await posts.create("notes", relation, {"name": "file", "type": "file", "maxSelect": 1})
    await posts.view(
        "v", "select n.id, n.post, n.file as f, p.id as of from notes n join posts p on p.id = n.post"
    )
    fields = posts.find("v").by_name
    assert [fields[name].type for name in ("post", "f", "of")] == ["relation", "file", "relation"]
    assert posts.json("v")["fields"][3]["collectionId"] == posts.find("posts").id
