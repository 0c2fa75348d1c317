"""Each limit: what is at it passes, what is one over it is refused with 400 or 413, before any SQL runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product

import pytest

from backstay.accounts.forms import TEXT_MAX_BYTES
from backstay.filters.parser import CALL_ARGS_MAX, CALL_DEPTH_MAX, COMPARES_MAX, DEPTH_MAX, FILTER_MAX_CHARS
from backstay.http.bodies import BODY_MAX_BYTES, FORM_FIELDS_MAX, FORM_FILES_MAX, FORM_PART_MAX_BYTES
from backstay.http.context import QUERY_MAX_BYTES, QUERY_MAX_PARAMETERS
from backstay.plans.fields import FIELDS_MAX_CHARS, FIELDS_MAX_KEYS
from backstay.plans.limits import (
    BACK_EXPAND_MAX,
    EXPAND_RECORDS_MAX,
    EXPAND_RELATIONS_MAX,
    PATH_MAX_RELATIONS,
    PER_PAGE_DEFAULT,
    PER_PAGE_MAX,
    SORT_MAX_TERMS,
    SORT_TERM_MAX_CHARS,
)
from backstay.plans.operands import STRFTIME_ARGUMENTS_MAX
from backstay.stores.sqlite import SqliteStore
from backstay.strict_json import MAX_DEPTH
from tests.api.bytes_of import FORM, JSON, PARTS, multipart
from tests.api.shape import ANN
from tests.api.site import Answer, Served
from tests.api.test_slow import fill

pytestmark = pytest.mark.anyio

RECORDS = "/api/collections/posts/records"


@contextmanager
def no_sql(site: Served) -> Iterator[None]:
    """Fail when a statement over records runs meanwhile."""
    store = site.site.store
    if not isinstance(store, SqliteStore):
        yield  # what is refused before any statement is seen on SQLite
        return
    seen: list[str] = []

    def note(_: object, sql: str, __: object) -> bool:
        seen.append(sql)
        return True

    store._reader.set_exec_trace(note)
    try:
        yield
    finally:
        store._reader.set_exec_trace(None)
    assert not [sql for sql in seen if "PRAGMA" not in sql and "_params" not in sql]


def literal(size: int, char: str = "x") -> str:
    """Return a filter of `size` bytes."""
    room = size - len("title != ''")
    count, rest = divmod(room, len(char.encode()))
    return f"title != '{char * count}{'x' * rest}'"


def groups(depth: int) -> str:
    return "(" * depth + "score = 1" + ")" * depth


def arguments(count: int) -> str:
    days = ", '+1 days'" * (count - 2)
    return f"strftime('%Y', published{days}) != 'x'"


FILTER_LIMITS: dict[str, tuple[int, Callable[[int], str]]] = {
    "bytes": (FILTER_MAX_CHARS, literal),
    "bytes beyond ascii": (FILTER_MAX_CHARS, lambda size: literal(size, "é")),
    "comparisons": (COMPARES_MAX, lambda count: " || ".join(["score=1"] * count)),
    "joined comparisons": (
        COMPARES_MAX,
        lambda count: "||".join(["score=1&&score=2"] * (count // 2)) + "||score=1" * (count % 2),
    ),
    "parentheses": (DEPTH_MAX, groups),
    "arguments": (STRFTIME_ARGUMENTS_MAX, arguments),
    "relations": (PATH_MAX_RELATIONS, lambda count: "peers." * count + "title != 'x'"),
}


@pytest.mark.parametrize("name", FILTER_LIMITS)
async def test_filters(site: Served, name: str) -> None:
    limit, make = FILTER_LIMITS[name]
    if name == "arguments" and site.site.store.dialect.name != "sqlite":
        pytest.skip("SQLite only: other databases take two modifiers of strftime")
    await site.add("posts", score=1)
    assert (await site.list("posts", filter=make(limit))).status == 200, make(limit)
    with no_sql(site):
        reply = await site.list("posts", filter=make(limit + 1))
    assert reply.status == 400
    assert reply.json()["data"] == {}
    assert reply.json()["hint"]


async def test_functions_do_not_nest(site: Served) -> None:
    assert CALL_ARGS_MAX >= STRFTIME_ARGUMENTS_MAX
    for depth in (2, CALL_DEPTH_MAX + 1, 200):
        with no_sql(site):
            reply = await site.list("posts", filter="geoDistance(" * depth + "1" + ",0,0,0)" * depth + " > 1")
        assert reply.status == 400


async def test_all_comparisons_may_be_the_dearest_kind(site: Served) -> None:
    """At the limit of terms the statement still compiles, whatever the terms are."""
    await site.add("posts")
    for term in (
        "labels?='a'",
        "labels:length>1",
        "author.name~'a'",
        "author.email='a'",
        "meta.a.b='a'",
        "'a'~title",
    ):
        count = min(COMPARES_MAX, FILTER_MAX_CHARS // (len(term) + 2))
        for join in ("||", "&&"):
            reply = await site.list("posts", filter=join.join([term] * count))
            assert reply.status == 200, (term, reply)


async def test_joins(site: Served) -> None:
    """Paths are added until they are refused: what comes before runs on the database, what is over never does."""
    await site.add("posts")
    steps = ("peers", "editors", "comments_via_post", "comments_via_posts", "posts_via_peers")
    ends = {"editors": "name", "comments_via_post": "text", "comments_via_posts": "text"}
    paths = [
        f"{a}.{b}.{ends.get(b, 'title')}"
        for a, b in product(("peers", "posts_via_peers", "peers.peers"), steps)
    ]
    statuses = []
    for count in range(1, len(paths) + 1):
        text = " || ".join(f"{path} = 'x'" for path in paths[:count])
        statuses.append((await site.list("posts", filter=text)).status)
    passed = statuses.count(200)
    assert 5 <= passed < len(paths)
    assert statuses == [200] * passed + [400] * (len(paths) - passed)
    with no_sql(site):
        await site.list("posts", filter=" && ".join(f"{path} = 'y'" for path in paths))


async def test_sorts(site: Served) -> None:
    await site.add("posts")
    assert (await site.list("posts", sort=",".join(["title"] * SORT_MAX_TERMS))).status == 200
    with no_sql(site):
        many = await site.list("posts", sort=",".join(["title"] * (SORT_MAX_TERMS + 1)))
        long = await site.list("posts", sort="meta." + "a" * (SORT_TERM_MAX_CHARS - 4))
        deep = await site.list("posts", sort="peers." * (PATH_MAX_RELATIONS + 1) + "title")
    assert {many.status, long.status, deep.status} == {400}
    assert (await site.list("posts", sort="meta." + "a" * (SORT_TERM_MAX_CHARS - 5))).status == 200
    assert (await site.list("posts", sort="peers." * PATH_MAX_RELATIONS + "title")).status == 200


async def test_pages(site: Served) -> None:
    """A page is cut to its limit, as the protocol has it."""
    await fill(site, "posts", PER_PAGE_MAX + 1, status="'open'")
    for asked, given in (
        (PER_PAGE_MAX, PER_PAGE_MAX),
        (PER_PAGE_MAX + 1, PER_PAGE_MAX),
        (10**9, PER_PAGE_MAX),
    ):
        reply = await site.list("posts", perPage=asked, fields="id")
        assert (reply.json()["perPage"], len(reply.ids)) == (given, given)
    for asked in (0, -1, -(10**9)):
        assert (await site.list("posts", perPage=asked)).json()["perPage"] == PER_PAGE_DEFAULT
    far = await site.list("posts", page=10**9, perPage=PER_PAGE_MAX)
    assert (far.ids, far.total) == ([], PER_PAGE_MAX + 1)


async def test_expands(site: Served) -> None:
    post = (await site.add("posts"))["id"]
    await fill(site, "comments", BACK_EXPAND_MAX + 1, post=f"'{post}'")
    item = (await site.view("posts", post, expand="comments_via_post")).json()
    assert len(item["expand"]["comments_via_post"]) == BACK_EXPAND_MAX
    await site.update("posts", post, {"peers": [post]}, "boss")
    at_limit = (await site.view("posts", post, expand="peers" + ".peers" * (PATH_MAX_RELATIONS - 1))).json()
    assert str(at_limit).count("'peers': [{") == PATH_MAX_RELATIONS
    over = await site.view("posts", post, expand="peers" + ".peers" * PATH_MAX_RELATIONS)
    assert str(over.json()).count("'peers': [{") == PATH_MAX_RELATIONS


async def test_expanded_relations(site: Served) -> None:
    """Each relation in an expand costs a statement."""
    post = (await site.add("posts"))["id"]
    steps = ("peers", "posts_via_peers")
    paths = [".".join(path) for depth in range(1, 7) for path in product(steps, repeat=depth)]
    assert (await site.view("posts", post, expand=",".join(paths[:EXPAND_RELATIONS_MAX]))).status == 200
    with no_sql(site):
        reply = await site.view("posts", post, expand=",".join(paths[: EXPAND_RELATIONS_MAX + 1]))
    assert reply.status == 400


async def test_expanded_records(site: Served) -> None:
    posts = 60
    each = EXPAND_RECORDS_MAX // posts + 1
    await fill(site, "posts", posts, status="'open'")
    await fill(site, "comments", posts * each, post=f"substr(CAST({10**15} + n % {posts} + 1 AS TEXT), 2)")
    assert (
        await site.list("posts", expand="comments_via_post", perPage=posts - 1, skipTotal=1)
    ).status == 200
    reply = await site.list("posts", expand="comments_via_post", perPage=posts, skipTotal=1)
    assert reply.status == 400
    assert "expand" in reply.json()["hint"]


async def test_fields(site: Served) -> None:
    await site.add("posts")
    for at_limit in ("a" * FIELDS_MAX_CHARS, ".".join(["a"] * FIELDS_MAX_KEYS)):
        assert (await site.list("posts", fields=at_limit)).status == 200
    for over in ("a" * (FIELDS_MAX_CHARS + 1), ".".join(["a"] * (FIELDS_MAX_KEYS + 1))):
        assert (await site.list("posts", fields=over)).status == 400
        assert (await site.get("/api/health", fields=over)).status == 400


async def test_queries(site: Served) -> None:
    for path in (RECORDS, f"/api/collections/people/records/{ANN}"):
        query = b"x=" + b"y" * (QUERY_MAX_BYTES - 2)
        assert (await site.raw("GET", path, query=query)).status == 200
        assert (await site.raw("GET", path, query=query + b"y")).status == 400
        many = b"&".join(b"a%d=1" % number for number in range(QUERY_MAX_PARAMETERS + 1))
        assert (await site.raw("GET", path, query=many.rpartition(b"&")[0])).status == 200
        assert (await site.raw("GET", path, query=many)).status == 400


async def _settings(site: Served, size: int, *, chunk: int) -> Answer:
    body = b'{"zz":"' + b"x" * (size - 9) + b'"}'
    chunks = [body[start : start + chunk] for start in range(0, size, chunk)]
    return await site.raw("PATCH", "/api/settings", headers=[JSON], chunks=chunks, who="boss")


async def test_bodies(site: Served) -> None:
    """Also without a Content-Length: the reading stops when it is too much."""
    assert (await _settings(site, BODY_MAX_BYTES, chunk=1 << 20)).status == 200
    reply = await _settings(site, BODY_MAX_BYTES + 1, chunk=1 << 20)
    assert (reply.status, reply.json()["message"]) == (413, "Request entity too large.")
    declared = [JSON, (b"content-length", str(BODY_MAX_BYTES + 1).encode())]
    early = await site.raw("PATCH", "/api/settings", headers=declared, chunks=[b"{}"], who="boss")
    assert early.status == 413


async def test_multipart_bodies_without_a_length(site: Served) -> None:
    """What never ends is cut off: not a part of it may reach the disk for long."""
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        yield b'--cut\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n'
        for _ in range(10 * (BODY_MAX_BYTES >> 20)):
            taken += 1
            yield b"x" * (1 << 20)

    reply = await site.raw("PATCH", "/api/settings", headers=[PARTS], chunks=endless(), who="boss")
    assert reply.status == 413
    assert taken <= (BODY_MAX_BYTES >> 20) + 2


async def test_forms(site: Served) -> None:
    path = "/api/collections/counters/records"

    async def status(kind: tuple[bytes, bytes], body: bytes) -> int:
        return (await site.raw("POST", path, headers=[kind], chunks=[body])).status

    pairs = [b"a%d=1" % number for number in range(FORM_FIELDS_MAX + 1)]
    assert await status(FORM, b"&".join(pairs[:-1])) == 200
    assert await status(FORM, b"&".join(pairs)) == 400
    parts = [(b"a%d" % number, b"1") for number in range(FORM_FIELDS_MAX + 1)]
    assert await status(PARTS, multipart(*parts[:-1])) == 200
    assert await status(PARTS, multipart(*parts)) == 400
    large = b"x" * FORM_PART_MAX_BYTES
    assert await status(PARTS, multipart((b"zz", large))) == 200
    assert await status(PARTS, multipart((b"zz", large + b"x"))) in {400, 413}
    files = [(b'f"; filename="', b"x")] * (FORM_FILES_MAX + 1)
    assert await status(PARTS, multipart(*files)) == 400


async def test_nesting(site: Served) -> None:
    for depth, status in ((MAX_DEPTH - 1, 200), (MAX_DEPTH, 400)):
        body = b'{"data":' + b"[" * depth + b"]" * depth + b"}"
        reply = await site.raw("POST", "/api/collections/counters/records", headers=[JSON], chunks=[body])
        assert reply.status == status
    listed = await site.list("counters", fields="data", filter="data.0.0.0.0 != 1")
    assert json.loads(listed.body)["items"]


async def test_credentials(site: Served) -> None:
    path = "/api/collections/people/auth-with-password"
    for size, faults in ((TEXT_MAX_BYTES, set()), (TEXT_MAX_BYTES + 1, {"identity", "password"})):
        reply = await site.send("POST", path, body={"identity": "x" * size, "password": "x" * size})
        assert set(reply.faults) == faults


async def test_batches(site: Served) -> None:
    settings = {"batch": {"enabled": True, "maxRequests": 3, "maxBodySize": 1000}}
    await site.send("PATCH", "/api/settings", who="boss", body=settings)
    creation = {"method": "POST", "url": "/api/collections/counters/records", "body": {}}
    assert (await site.batch("guest", *[creation] * 3)).status == 200
    assert (await site.batch("guest", *[creation] * 4)).status == 400
    assert (await site.batch("guest", {**creation, "body": {"text0": "x" * 1000}})).status == 413
    assert (await site.list("counters")).total == 3
