"""Each change of a schema is wholly done or not at all, and data stays where it belongs."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from tests.store.collections.conftest import World, refusal

from backstay.errors import BadRequest
from backstay.plans.params import Statement
from backstay.plans.request import RequestInfo
from backstay.records.query import RecordCall
from backstay.stores.base import Transaction

pytestmark = pytest.mark.anyio

TITLE = {"name": "title", "type": "text"}
N = {"name": "n", "type": "number"}
TAG = {"name": "tag", "type": "select", "values": ["a", "b", "c"], "maxSelect": 1}
TAGS = {"name": "tags", "type": "select", "values": ["a", "b", "c"], "maxSelect": 3}


@pytest.fixture
async def posts(world: World) -> World:
    await world.create("posts", TITLE, N, TAG, TAGS, indexes=["CREATE INDEX by_n ON posts (n)"])
    await world.add("posts", id="post00000000001", title="one", n=1, tag="a", tags=["a", "b"])
    await world.add("posts", id="post00000000002", title="two", n=2)
    return world


async def test_renaming_keeps_data_and_indexes(posts: World) -> None:
    await posts.change("posts", name="articles")
    await posts.edit("articles", {"title": {"name": "headline"}})
    assert await posts.records("articles", "headline", "n") == [("one", 1), ("two", 2)]
    assert posts.find("articles").indexes == ("CREATE INDEX `by_n` ON `articles` (`n`)",)
    assert await posts.indexed("by_n") == "articles"
    await posts.add("articles", headline="three")
    assert (
        await posts.rows(f"SELECT total FROM _counts WHERE collection = '{posts.find('articles').id}'")
    ) == [(3,)]


async def test_names_may_change_in_case_alone(posts: World) -> None:
    await posts.change("posts", name="Posts")
    await posts.edit("Posts", {"title": {"name": "Title"}})
    assert await posts.records("Posts", "Title") == ["one", "two"]


async def test_fields_swap_names(posts: World) -> None:
    await posts.edit("posts", {"title": {"name": "n"}, "n": {"name": "title"}})
    assert await posts.records("posts", "title", "n") == [(1, "one"), (2, "two")]


async def test_collections_swap_names_in_an_import(posts: World) -> None:
    other = await posts.create("other", TITLE)
    await posts.add("other", title="else")
    names = [{"id": posts.find("posts").id, "name": "other"}, {"id": other.id, "name": "posts"}]
    await posts.site.changes.replace(names, delete_missing=False)
    assert await posts.records("posts", "title") == ["else"]
    assert await posts.records("other", "title") == ["one", "two"]


async def test_one_value_becomes_a_list_and_back(posts: World) -> None:
    await posts.edit("posts", {"tag": {"maxSelect": 2}, "tags": {"maxSelect": 1}})
    assert await posts.records("posts", "tag", "tags") == [(["a"], "b"), ([], "")]
    await posts.edit("posts", {"tag": {"maxSelect": 1}, "tags": {"maxSelect": 3}})
    assert await posts.records("posts", "tag", "tags") == [("a", ["b"]), ("", [])]


async def test_a_field_is_replaced_by_another_of_its_name(posts: World) -> None:
    fields = [field for field in posts.json("posts")["fields"] if field["name"] != "title"]
    await posts.change("posts", fields=[*fields, {"id": "fresh", "name": "title", "type": "number"}])
    assert await posts.records("posts", "title", "n") == [(0, 1), (0, 2)]


@pytest.mark.sqlite_only("the words are SQLite's")
async def test_a_field_that_an_index_needs_stays(posts: World) -> None:
    before = await posts.everything()
    error = await refusal(posts.edit("posts", {"n": None}))
    assert error.body()["data"]["indexes"]["0"].message == (
        "Failed to create index by_n - SQL logic error: no such column: n (1)."
    )
    assert await posts.everything() == before


@pytest.mark.sqlite_only("the words are SQLite's")
async def test_an_index_over_duplicates_is_refused(posts: World) -> None:
    await posts.add("posts", title="one")
    before = await posts.everything()
    error = await refusal(posts.change("posts", indexes=["CREATE UNIQUE INDEX u ON posts (title)"]))
    fault = error.body()["data"]["indexes"]["0"]
    assert fault.code == "validation_invalid_index_expression"
    assert fault.message == (
        "Failed to create index u - constraint failed: UNIQUE constraint failed: posts.title (2067)."
    )
    assert await posts.everything() == before


async def test_all_bad_indexes_are_told_at_once(posts: World) -> None:
    texts = [
        "CREATE INDEX x ON posts (nope)",
        "CREATE INDEX y ON posts (n)",
        "CREATE INDEX z ON posts (none)",
    ]
    error = await refusal(posts.change("posts", indexes=texts))
    assert list(error.body()["data"]["indexes"]) == ["0", "2"]


async def test_an_error_in_the_last_step_leaves_everything(posts: World) -> None:
    """All else of this change is possible: only its last index is not."""
    before = await posts.everything()
    fields = posts.json("posts")["fields"]
    fields = [field | {"maxSelect": 2} if field["name"] == "tag" else field for field in fields]
    fields = [field for field in fields if field["name"] != "title"] + [{"name": "extra", "type": "json"}]
    await refusal(
        posts.change(
            "posts", name="moved", fields=fields, indexes=["CREATE UNIQUE INDEX u ON moved (tags, nope)"]
        )
    )
    assert await posts.everything() == before
    assert await posts.records("posts", "title", "tag") == [("one", "a"), ("two", "")]
    assert posts.site.catalog.find("moved") is None


async def test_a_collection_that_others_refer_to_stays(posts: World) -> None:
    relation = {"name": "post", "type": "relation", "collectionId": posts.find("posts").id, "maxSelect": 1}
    await posts.create("comments", relation)
    error = await refusal(posts.delete("posts"))
    assert error.message == ("Failed to delete collection probably due to existing reference in comments.")
    await posts.delete("comments")
    await posts.delete("posts")
    assert ("posts",) not in await posts.tables()


async def test_an_auth_collection_goes_with_its_sign_in_data(world: World) -> None:
    members = await world.create("members", type="auth")
    user = await world.add("members", email="a@b.co", password="1234567890", passwordConfirm="1234567890")
    refs = {"collectionRef": members.id, "recordRef": user}
    await world.add("_externalAuths", provider="google", providerId="1", **refs)
    await world.add("_authOrigins", fingerprint="f", **refs)
    await world.delete("members")
    assert await world.records("_externalAuths") == []
    assert await world.records("_authOrigins") == []


async def test_a_changed_auth_rule_ends_all_sessions(world: World) -> None:
    members = await world.create("members", type="auth")
    assert members.auth is not None
    same = await world.change("members", authRule="", authToken={"duration": 1000})
    assert same.auth is not None
    assert same.auth.authToken.secret == members.auth.authToken.secret
    other = await world.change("members", authRule="verified = true")
    assert other.auth is not None
    assert other.auth.authToken.secret != members.auth.authToken.secret


async def test_rules_are_not_rewritten(posts: World) -> None:
    await posts.change("posts", listRule="title != ''")
    error = await refusal(posts.edit("posts", {"title": {"name": "headline"}}))
    assert error.body()["data"]["listRule"].message == (
        'Invalid rule. Raw error: invalid left operand "title" - unknown field "title".'
    )


async def test_truncating_cascades(posts: World) -> None:
    target = posts.find("posts").id
    relation = {"name": "post", "type": "relation", "collectionId": target, "maxSelect": 1}
    await posts.create("loose", relation)
    await posts.create("bound", relation | {"cascadeDelete": True})
    for name in ("loose", "bound"):
        await posts.add(name, post="post00000000001")
        await posts.add(name)
    await posts.site.changes.truncate(posts.find("posts"))
    assert await posts.records("posts") == []
    assert await posts.records("loose", "post") == ["", ""]
    assert await posts.records("bound", "post") == [""]


async def test_truncating_stops_at_a_required_relation(posts: World) -> None:
    relation = {"name": "post", "type": "relation", "collectionId": posts.find("posts").id, "required": True}
    await posts.create("needs", relation | {"maxSelect": 1})
    await posts.add("needs", post="post00000000002")
    error = await refusal(posts.site.changes.truncate(posts.find("posts")))
    assert error.message == (
        "Failed to truncate collection (most likely due to required cascade delete record references)."
    )
    assert len(await posts.records("posts")) == 2


@pytest.mark.parametrize("name", ["_superusers", "titles"])
async def test_what_cannot_be_truncated(posts: World, name: str) -> None:
    await posts.view("titles", "select id, title from posts")
    await refusal(posts.site.changes.truncate(posts.find(name)))
    assert len(await posts.records("titles")) == 2


async def test_truncating_needs_no_relations(posts: World) -> None:
    await posts.site.changes.truncate(posts.find("posts"))
    assert await posts.records("posts") == []
    await posts.add("posts", title="new")
    assert await posts.records("posts", "title") == ["new"]


async def test_two_changes_at_once_both_happen(posts: World) -> None:
    await asyncio.gather(
        posts.change("posts", listRule=""),
        posts.create("a"),
        posts.create("b"),
        posts.change("posts", viewRule=""),
    )
    found = posts.find("posts")
    assert (found.listRule, found.viewRule) == ("", "")
    assert {posts.find("a").name, posts.find("b").name} == {"a", "b"}


async def test_of_two_that_take_a_name_one_gets_it(world: World) -> None:
    results = await asyncio.gather(world.create("a"), world.create("A"), return_exceptions=True)
    assert [isinstance(result, BadRequest) for result in results] == [False, True]


async def test_the_catalog_grows_with_what_is_on_disk(posts: World) -> None:
    version = posts.site.catalog.version
    await refusal(posts.create("posts"))
    assert posts.site.catalog.version == version
    await posts.create("more")
    assert posts.site.catalog.version > version
    [(stored,)] = await posts.rows("SELECT value FROM _params WHERE id = 'catalogVersion'")
    assert int(stored) == posts.site.catalog.version


async def test_a_change_and_a_failing_write_share_a_commit(posts: World) -> None:
    async def failing(tx: Transaction) -> None:
        await tx.execute(Statement("DELETE FROM posts"))
        raise ZeroDivisionError

    results = await asyncio.gather(
        posts.site.store.write(failing),
        posts.edit("posts", {"more": {"type": "text"}}),
        posts.site.store.write(failing),
        return_exceptions=True,
    )
    assert [type(result).__name__ for result in results] == [
        "ZeroDivisionError",
        "Collection",
        "ZeroDivisionError",
    ]
    assert await posts.records("posts", "more") == ["", ""]


async def test_import_deletes_what_is_missing_only_when_asked(posts: World) -> None:
    await posts.create("other")
    body: dict[str, Any] = {"id": posts.find("posts").id, "name": "posts", "fields": [TITLE], "indexes": []}
    await posts.site.changes.replace([body], delete_missing=False)
    assert {"title", "n", "tag"} <= set(posts.find("posts").by_name)
    assert posts.find("other")
    await posts.site.changes.replace([body], delete_missing=True)
    assert set(posts.find("posts").by_name) == {"id", "title"}
    assert posts.site.catalog.find("other") is None
    assert posts.site.catalog.find("users") is None
    assert posts.find("_superusers")
    assert await posts.records("posts", "title") == ["one", "two"]


@pytest.mark.sqlite_only("the words are SQLite's")
async def test_import_happens_wholly_or_not(posts: World) -> None:
    before = await posts.everything()
    bodies: list[dict[str, Any]] = [
        {"name": "fine", "fields": [TITLE]},
        {"id": posts.find("posts").id, "name": "renamed", "fields": [], "indexes": []},
        {"name": "broken", "type": "view", "viewQuery": "select id from nope"},
    ]
    error = await refusal(posts.site.changes.replace(bodies, delete_missing=True))
    assert error.body()["data"]["collections"].message == (
        "Failed to import the collections configuration. Raw error:\n"
        'failed to save collection "broken": SQL logic error: no such table: main.nope (1).'
    )
    assert await posts.everything() == before
    assert await posts.records("posts", "title") == ["one", "two"]


async def test_import_runs_no_text_that_was_not_judged(posts: World) -> None:
    before = await posts.everything()
    evil = {"name": "evil", "indexes": ["CREATE INDEX x ON evil (id); DROP TABLE posts"]}
    await refusal(posts.site.changes.replace([evil], delete_missing=False))
    assert await posts.everything() == before


async def test_import_refers_to_what_it_brings(world: World) -> None:
    relation = {"type": "relation", "maxSelect": 1}
    bodies: list[dict[str, Any]] = [
        {"name": "last", "type": "view", "viewQuery": "select id, t from middle"},
        {"name": "middle", "type": "view", "viewQuery": "select id, t from first", "listRule": "t != ''"},
        {
            "id": "first_id",
            "name": "first",
            "listRule": "@collection.last.t ?= t",
            "fields": [
                {"name": "t", "type": "text"},
                {"name": "self", "collectionId": "first_id", **relation},
                {"name": "other", "collectionId": "second_id", **relation},
            ],
        },
        {"id": "second_id", "name": "second"},
    ]
    await world.site.changes.replace(bodies, delete_missing=False)
    await world.add("first", t="x")
    assert await world.records("last", "t") == ["x"]


async def test_an_export_can_be_imported(posts: World) -> None:
    await posts.view("titles", "select id, title as t from posts", listRule="t != ''")
    export = json.loads(json.dumps([posts.json(item.name) for item in posts.site.catalog]))
    before = [posts.json(item.name) | {"updated": ""} for item in posts.site.catalog]
    await posts.site.changes.replace(export, delete_missing=True)
    after = [posts.json(item.name) | {"updated": ""} for item in posts.site.catalog]
    assert sorted(after, key=str) == sorted(before, key=str)
    assert await posts.records("titles", "t") == ["one", "two"]


async def test_records_written_meanwhile_see_the_new_catalog(posts: World) -> None:
    """A write that was planned for the old columns means the fields that have these names now."""
    call = RecordCall(posts.site.catalog, posts.find("posts"), posts.info, body={"title": "x", "n": 7})
    change = posts.edit("posts", {"title": {"name": "n"}, "n": {"name": "title"}})
    await asyncio.gather(change, posts.site.writer.create(call))
    assert sorted(await posts.records("posts", "title", "n")) == [(0, "7"), (1, "one"), (2, "two")]


async def test_a_rule_counts_from_its_commit_on(posts: World) -> None:
    """A guest's write that was let in by the old rule is refused when the new one comes first."""
    await posts.change("posts", deleteRule="")
    call = RecordCall(posts.site.catalog, posts.find("posts"), RequestInfo(), "post00000000001")
    change = posts.change("posts", deleteRule=None)
    results = await asyncio.gather(change, posts.site.writer.delete(call), return_exceptions=True)
    assert type(results[1]).__name__ == "Forbidden"
    assert len(await posts.records("posts")) == 2


async def test_a_write_to_a_collection_that_goes_finds_nothing(posts: World) -> None:
    call = RecordCall(posts.site.catalog, posts.find("posts"), posts.info, body={"title": "x"})
    results = await asyncio.gather(
        posts.delete("posts"), posts.site.writer.create(call), return_exceptions=True
    )
    assert type(results[1]).__name__ == "NotFound"
