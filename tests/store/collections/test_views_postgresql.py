"""Views on PostgreSQL: what they may read, and how they follow their tables."""

from __future__ import annotations

import pytest
from tests.store.collections.conftest import World

from backstay.errors import BadRequest

pytestmark = [pytest.mark.anyio, pytest.mark.postgresql_only]


@pytest.fixture
async def posts(world: World) -> World:
    await world.create("posts", {"name": "title", "type": "text"}, {"name": "n", "type": "number"})
    await world.add("posts", id="post00000000001", title="one", n=1)
    await world.add("posts", id="post00000000002", title="two", n=2)
    return world


async def test_a_view_follows_renamed_fields_and_tables(posts: World) -> None:
    await posts.view("heads", "SELECT id, title AS t, (n + 1) AS more FROM posts")
    await posts.edit("posts", {"title": {"name": "headline"}, "n": {"name": "title2"}})
    await posts.change("posts", name="articles")
    assert "headline AS t" in posts.find("heads").viewQuery
    assert await posts.records("heads", "t") == ["one", "two"]


async def test_a_swap_of_names_is_followed(posts: World) -> None:
    await posts.edit("posts", {"other": {"type": "text"}})
    await posts.view("heads", "SELECT id, title FROM posts")
    await posts.edit("posts", {"title": {"name": "other"}, "other": {"name": "title"}})
    assert await posts.records("heads", "title") == ["one", "two"]


async def test_views_on_views_outlive_changes(posts: World) -> None:
    await posts.view("heads", "SELECT id, title FROM posts")
    await posts.view("more", "SELECT id, (title || '!') AS loud FROM heads")
    await posts.change("heads", viewQuery="SELECT id, title, n FROM posts")
    assert await posts.records("more", "loud") == ["one!", "two!"]
    await posts.edit("posts", {"title": {"name": "headline"}})
    assert await posts.records("more", "loud") == ["one!", "two!"]


async def test_what_a_view_needs_stays(posts: World) -> None:
    await posts.view("heads", "SELECT id, title FROM posts")
    before = await posts.everything()
    with pytest.raises(BadRequest):
        await posts.edit("posts", {"title": None})
    with pytest.raises(BadRequest):
        await posts.delete("posts")
    assert await posts.everything() == before


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 'a' AS id, rolpassword FROM pg_authid",
        "SELECT 'a' AS id, passwd FROM pg_shadow",
        "SELECT 'a' AS id, pg_read_file('/etc/hostname') AS t",
        "SELECT 'a' AS id, \"pg_sleep\"(60) AS t",
        "SELECT 'a' AS id, U&\"\\0070g_sleep\"(60) AS t",
        "SELECT 'a' AS id, table_to_xml('_superusers', true, true, '')::text AS t",
        "SELECT 'a' AS id, current_setting('data_directory') AS t",
        "SELECT 'a' AS id, set_config('search_path', 'x', false) AS t",
        "SELECT table_name AS id FROM information_schema.tables",
        "WITH gone AS (DELETE FROM posts RETURNING id) SELECT id FROM gone",
        "DELETE FROM posts RETURNING id",
        "SELECT id FROM posts FOR UPDATE",
        "SELECT id INTO other FROM posts",
        "SELECT id FROM posts) AS q; DROP TABLE posts; SELECT * FROM (SELECT 1",
    ],
)
async def test_a_view_only_reads_the_site(posts: World, query: str) -> None:
    before = await posts.everything()
    with pytest.raises(BadRequest):
        await posts.view("evil", query)
    with pytest.raises(BadRequest):
        await posts.site.changes.dry_run(query)
    assert await posts.everything() == before


@pytest.mark.parametrize(
    "query",
    [
        "SELECT id, password AS p FROM users",
        "SELECT u.id, lower(u.p) AS p FROM (SELECT id, password AS p FROM users) AS u",
        'SELECT id, md5("tokenKey") AS p FROM users',
    ],
)
async def test_secrets_are_hidden(posts: World, query: str) -> None:
    view = await posts.view("secrets", query)
    assert view.by_name["p"].hidden


async def test_mixed_case_names_are_those_of_the_collection(posts: World) -> None:
    await posts.edit("posts", {"subTitle": {"type": "text"}})
    view = await posts.view("subs", "SELECT id, subTitle, n AS numberOf FROM posts")
    assert [field.name for field in view.fields] == ["id", "subTitle", "numberOf"]
    assert await posts.records("subs", "numberOf") == [1, 2]
