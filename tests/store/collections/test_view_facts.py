"""Queries of views against what the real server answered (`tests/facts/views.jsonl`)."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from backstay.catalog.model import field_json
from backstay.errors import BadRequest
from backstay.plans.request import RequestInfo, Viewer
from backstay.records.query import RecordCall
from backstay.site import Site, open_site

FACTS = Path(__file__).parents[2] / "facts"
VIEWED = json.loads((FACTS / "viewed.json").read_text())
Fact = dict[str, Any]
LINES = [json.loads(line) for line in (FACTS / "views.jsonl").read_text().splitlines()]
QUERIES = [line["query"] for line in LINES]

BETTER = {
    # A comment may end a query, or hold a semicolon.
    "select id, title from posts -- comment",
    "select id /* ; */ from posts",
    "select id -- ;\n from posts",
    "  select n as id,\n title -- hm\n from posts ; ",
    # Names of tables are alike in any case, as they are to the database; and quoted as text, or in a schema.
    "select id, POSTS.Title as b from posts",
    "select id, 'posts'.title as b from posts",
    "select id, title from main.posts",
    "select posts.id, main.posts.title from posts",
    # What is hidden stays hidden behind brackets and subqueries.
    "select id, (secret) as s, lower(secret) as t, secret as u from posts",
    "select id, s from (select id, secret as s from posts)",
    # NATURAL is a join.
    "select p.id, u.email as e from posts p natural join users as u",
    # 2.5 is true.
    next(query for query in QUERIES if "cast(n as bool) g" in query),
}
"""Where we differ on purpose."""

REWORDED = {
    "select id, title from posts union all select id, txt as title from comments",
    "select id, title as a_via_b from posts",
    "select 'ab' as id union all select 'ab' as id",
    "select id from posts) union select (1",
    "select id from (posts",
    "select id, 'x from posts",
}
"""What we refuse in other words."""


def facts() -> list[Any]:
    return [pytest.param(line, id=line["query"][:100]) for line in LINES if line["query"] not in BETTER]


pytestmark = pytest.mark.sqlite_only("the facts are PocketBase's, whose queries are SQLite's")


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site's data folder with what the queries read from."""
    data = tmp_path_factory.mktemp("viewed") / "data"

    async def fill() -> None:
        async with open_site(data) as site:
            for body in VIEWED["collections"]:
                await site.changes.create(body)
            info = RequestInfo(viewer=Viewer(site.superusers))
            for name, records in VIEWED["records"].items():
                collection = site.catalog.find(name)
                assert collection is not None
                for body in records:
                    await site.writer.create(RecordCall(site.catalog, collection, info, body=body))

    asyncio.run(fill())
    return data


@pytest.mark.parametrize("fact", facts())
def test_query(given: Path, fact: Fact) -> None:
    async def ask() -> Fact:
        async with open_site(given) as site:
            return await answer(site, fact["query"])

    found = asyncio.run(ask())
    if fact["query"] in REWORDED:
        assert "error" in found
        assert "error" in fact
    else:
        assert found == fact


async def answer(site: Site, query: str) -> Fact:
    before = site.store.version()
    try:
        found = await site.changes.dry_run(query)
    except BadRequest as exc:
        return {"query": query, "error": exc.message.partition("\n")[2]}
    finally:
        assert site.store.version() == before, "a dry run changes nothing"
    fields: list[Fact] = json.loads(msgspec.json.encode([field_json(field) for field in found.fields]))
    for field in fields:
        field["id"] = re.sub("^_clone_.*", "_clone_", field["id"])
    sample = [json.loads(text) | {"collectionId": "", "collectionName": ""} for text in found.sample]
    return {"query": query, "fields": fields, "sample": sample}
