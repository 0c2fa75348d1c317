"""Text that wants to be more than a value: in filters, names, paths, parameters and definitions."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from tests.api.shape import ANN, ODD
from tests.api.site import Served

pytestmark = pytest.mark.anyio

BREAKOUTS = [
    "' OR 1=1 --",
    "'; DROP TABLE posts; --",
    "\\' || 1=1 //",
    '" || id != "',
    "x' || '1' = '1",
    "ʼ OR 1=1 --",
    "’ OR ’1’=’1",
    "＇ OR 1=1 --",
    "\\",
    "\\\\",
    "\\\\'",
    "%' OR '1'='1",
    "?1 || 1=1",
    ":p0",
    "$p0",
    "@p0",
    "{:p0}",
    "%(p0)s",
    "]]>--",
    "/* */ 1=1",
    "`id`",
    "x'00'",
    "\x1a",
    "ﬀ\u202e",
]


def quoted(text: str) -> str:
    """Write a text as a literal of the filter language."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


@pytest.mark.parametrize("text", BREAKOUTS, ids=ascii)
async def test_a_literal_is_a_value(site: Served, text: str) -> None:
    """It finds the one record that holds it, and nothing else."""
    await site.add("posts", title="other")
    post = await site.add("posts", title=text)
    assert (await site.list("posts", filter=f"title = {quoted(text)}")).ids == [post["id"]]
    assert (await site.list("posts", filter=f"title != {quoted(text)} && title != 'other'")).total == 0
    for sign in ("~", "?=", ">", "<="):
        assert (await site.list("posts", filter=f"title {sign} {quoted(text)}")).status == 200


@pytest.mark.parametrize("text", BREAKOUTS, ids=ascii)
async def test_bare_text_is_refused_or_harmless(site: Served, text: str) -> None:
    """Put into a filter by a careless developer, without quotes or with them, it never shows drafts."""
    await site.add("posts", status="draft", author=ANN)
    for shape in ("{}", "title = {}", "title = '{}'", 'title = "{}"', "(title = '{}')", "title = 'a' && {}"):
        reply = await site.list("posts", filter=shape.format(text))
        assert reply.status in {200, 400, 403}
        assert reply.status != 200 or reply.total == 0


async def test_values_come_back_as_they_were_sent(site: Served) -> None:
    for text in [*BREAKOUTS, ODD, "\x01\x02", "line\nline\r\n\t", '{"a":"b"}', "</script>"]:
        post = await site.add("posts", title=text, meta={text: [text, {text: text}]})
        assert (post["title"], post["meta"]) == (text, {text: [text, {text: text}]})


NAMES = [
    "title; DROP TABLE posts",
    'title" OR "1"="1',
    "title) --",
    "meta.a'b",
    'meta.a"b',
    'meta.a")||(select',
    "meta.$",
    "meta.[0]",
    "meta.#-1",
    "meta.*",
    "meta.",
    "meta..a",
    "meta.٣",
    "meta.²",
    "meta.99999999999999999999999",
    "meta.a.b.0",
    "meta.ünl'ikely",
    "meta." + "a." * 200 + "a",
    "meta." + "9." * 40 + "9",
    "rowid",
    "oid",
    "_rowid_",
    "posts.title",
    "sqlite_master.name",
    "t1.title",
    "candidate.title",
    "json_each.value",
    "count(*)",
    "title COLLATE nocase",
    "(select 1)",
    "1",
    "''",
    "?",
    "@rowid;",
    "@random()",
    "٣",
    "title:lower:lower",
    "title:",
    ":lower",
    "title:nope",
    "@request",
    "@collection",
    "@auth",
    "@body.title",
]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
async def test_names_are_resolved_not_pasted(site: Served, name: str) -> None:
    await site.add("posts")
    for who in ("guest", "boss"):
        for params in (
            {"sort": name},
            {"sort": f"-{name},{name}"},
            {"fields": name},
            {"fields": f"{name}:excerpt(3)"},
            {"expand": name},
            {"filter": f"{name} = 1"},
            {"filter": f"1 = {name}"},
        ):
            reply = await site.list("posts", who, **params)
            assert reply.status in {200, 400, 403}, (params, reply)


async def test_record_ids_are_values(site: Served) -> None:
    await site.add("posts")
    for text in ("' OR 1=1 --", "%27%20OR%201=1", "..%2f..", "%00", "a%ff", "*", "%", "_" * 15, "x" * 5000):
        for method in ("GET", "PATCH", "DELETE"):
            reply = await site.send(method, f"/api/collections/posts/records/{text}", who="boss", body={})
            assert reply.status == 404, (method, text)
        assert (await site.get(f"/api/collections/{text}/records", "boss")).status == 404
    assert (await site.list("posts", "boss")).total == 1


@pytest.mark.parametrize(
    "definition",
    [
        {"indexes": ["CREATE INDEX `i` ON `posts` (`title`); DROP TABLE people"]},
        {"indexes": ["CREATE INDEX `i` ON `posts` (`title`) WHERE 1=1; DELETE FROM people"]},
        {"indexes": ["DROP TABLE people"]},
        {"indexes": ["CREATE INDEX `i` ON `people` (`password`) -- posts"]},
        {"indexes": ["CREATE INDEX `i` ON `posts` (`title`) WHERE load_extension('x')"]},
        {"indexes": ["CREATE TRIGGER i AFTER INSERT ON posts BEGIN DELETE FROM people; END"]},
        {"name": "a; DROP TABLE people"},
        {"name": 'a"b'},
        {"name": "_superusers"},
        {"name": "sqlite_master"},
        {"name": "_collections"},
        {"fields": [{"type": "text", "name": 'a"; DROP TABLE people; --'}]},
        {"fields": [{"type": "text", "name": "a b"}]},
        {"listRule": "1=1; DROP TABLE people"},
        {"listRule": "id = '' UNION SELECT"},
    ],
    ids=lambda value: str(value)[:60],
)
async def test_definitions_are_checked(site: Served, definition: dict[str, object]) -> None:
    """Not even a superuser can smuggle a statement into a schema."""
    before = tables(site.site.data)
    reply = await site.send("PATCH", "/api/collections/posts", who="boss", body=definition)
    fresh = {"name": "fresh", "type": "base", **definition}
    second = await site.send("POST", "/api/collections", who="boss", body=fresh)
    for answer in (reply, second):
        assert answer.status in {200, 400}, answer
    after = tables(site.site.data)
    assert before <= after
    assert len(after) <= len(before) + 1
    assert (await site.list("people", "boss")).total == 3


def tables(data: Path) -> set[str]:
    """Return the names of the tables in the site's database."""
    db = sqlite3.connect(data / "site.db")
    try:
        return {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    finally:
        db.close()


async def test_the_first_of_repeated_parameters_counts(site: Served) -> None:
    """In lists, in rules, and for tokens: no part sees another value than the one that was checked."""
    post = (await site.add("posts", title="one"))["id"]
    await site.change("posts", viewRule="@request.query.key = 'open'")
    for query, status in (
        (b"key=open&key=shut", 200),
        (b"key=shut&key=open", 404),
        (b"KEY=open", 404),
        (b"key[]=open", 404),
        (b"key=open%00", 404),
        (b"key=shut;key=open", 404),
    ):
        path = f"/api/collections/posts/records/{post}"
        assert (await site.raw("GET", path, query=query)).status == status, query
    reply = await site.raw(
        "GET", "/api/collections/posts/records", query=b"perPage=1&perPage=500&page=1&page=9"
    )
    assert (reply.json()["perPage"], reply.json()["page"]) == (1, 1)


async def test_the_first_authorization_header_counts(site: Served) -> None:
    both = [(b"authorization", b"nonsense"), (b"authorization", site.tokens["boss"].encode())]
    assert (await site.raw("GET", "/api/settings", headers=both)).status == 401
    folded = [(b"authorization", b"nonsense, " + site.tokens["boss"].encode())]
    assert (await site.raw("GET", "/api/settings", headers=folded)).status == 401
    for name in (b"x-forwarded-for", b"x-real-ip", b"x-http-method-override", b"x-original-url"):
        reply = await site.raw("GET", "/api/settings", headers=[(name, b"127.0.0.1")])
        assert reply.status == 401


async def test_headers_reach_rules_as_values(site: Served) -> None:
    post = (await site.add("posts", title="one"))["id"]
    await site.change("posts", viewRule="@request.headers.x_key = title")
    path = f"/api/collections/posts/records/{post}"
    for value, status in ((b"one", 200), (b"two' || '1'='1", 404), (b"\xff\xfe", 404), (b"", 404)):
        assert (await site.raw("GET", path, headers=[(b"X-Key", value)])).status == status
