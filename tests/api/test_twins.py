"""What a viewer may not see does not show in any answer: two sites that differ in it alone answer alike.

The twins have the same records with the same ids. Hidden fields, hashes, private e-mail addresses and the contents
of records that a rule hides are different in each. Whatever a guest or a member asks, byte for byte the same must
come back; a superuser sees the difference, so the test can fail.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.api.shape import ANN, CHIEF
from tests.api.site import Answer, Served, serve
from tests.databases import DATABASES

pytestmark = pytest.mark.anyio

Twins = tuple[Served, Served]
OPERATORS = ("=", "?=", "!=", "?!=", ">", "?<=", "~", "?!~")
MODIFIERS = ("lower", "length", "each", "isset", "changed")

SECRET_PATHS = {
    "posts": (
        "secret",
        "vault",
        "vault.code",
        "pin",
        "lock",
        "author.diary",
        "author.email",
        "author.pin",
        "author.password",
        "author.tokenKey",
        "editors.email",
        "editors.diary",
        "editors.password",
        "safe.code",
        "safes.code",
        "peers.title",
        "peers.secret",
        "peers.author.email",
        "posts_via_peers.title",
        "posts_via_peers.vault.code",
        "notes_via_post.text",
        "notes_via_post.safe.code",
        "notes_via_post.owner.email",
        "comments_via_post.reporter",
        "comments_via_post.reporter.name",
        "author.posts_via_author.title",
        "@collection.safes.code",
        "@collection.posts.secret",
        "@request.auth.tokenKey",
        "@request.body.secret",
    ),
    "people": (
        "email",
        "password",
        "tokenKey",
        "pin",
        "diary",
        "posts_via_author.title",
        "posts_via_author.secret",
        "posts_via_editors.title",
        "notes_via_owner.text",
        "comments_via_reporter.text",
    ),
    "comments": ("reporter", "reporter.name", "reporter.id", "post.title", "post.secret", "posts.title"),
    "notes": ("text", "safe.code", "owner.email"),
}
"""Paths which end in something that differs between the twins, by the collection they start from."""


async def _secrets(site: Served, tell: str) -> None:
    """Fill a site; `tell` is what only superusers and owners may learn."""
    for name, record_id in (("ann", ANN), ("chief", CHIEF)):
        body = {
            "email": f"{tell}.{name}@example.com",
            "diary": f"{tell} {name}",
            "pin": f"{tell}{tell}{tell}",
        }
        reply = await site.update("people", record_id, body, "boss")
        assert reply.status == 200, reply
    await site.sign()
    safe = await site.add("safes", id="safe00000000001", code=tell)
    hidden = {"secret": tell, "vault": {"code": tell}, "pin": f"{tell}-pin", "lock": f"{tell}-lock"}
    relations = {"safe": safe["id"], "safes": [safe["id"]], "author": ANN, "editors": [ANN, CHIEF]}
    draft = await site.add(
        "posts", id="draft0000000001", title=tell, status="draft", **{**relations, "author": CHIEF}
    )
    for number in (1, 2, 3):
        peers = [draft["id"]] if number != 2 else []
        await site.add("posts", id=f"open0000000000{number}", title="t", peers=peers, **relations, **hidden)
        hidden = {"secret": f"b {tell}", "vault": {"code": f"b {tell}"}}
    await site.add(
        "notes", id="note00000000001", text=tell, owner=CHIEF, post="open00000000001", safe=safe["id"]
    )
    reporter = ANN if tell == "apple" else CHIEF
    await site.add(
        "comments", id="comment00000001", post="open00000000001", posts=["open00000000002"], reporter=reporter
    )
    await site.add("comments", id="comment00000002", post=draft["id"], posts=[draft["id"]], reporter=reporter)


@pytest.fixture(scope="module")
async def twins(template: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Twins]:
    first, second = (tmp_path_factory.mktemp("twins") / name for name in ("first", "second"))
    for folder in (first, second):
        DATABASES.copy(template, folder)
    async with serve(first) as a, serve(second) as b:
        await _secrets(a, "apple")
        await _secrets(b, "zebra")
        yield a, b


def filters(path: str) -> Iterator[str]:
    """Yield filters that ask for a path in every way."""
    for operator in OPERATORS:
        yield f"{path} {operator} 'm'"
    yield f"'apple' = {path}"
    yield f"'apple' ?~ {path}"
    yield f"{path} = null || id != ''"
    yield f"id != '' && ({path} ~ 'app' || {path} ~ 'zeb')"
    yield f"strftime('%Y', {path}) != 'x'"
    yield f"geoDistance({path}, 0, 0, 0) > 1"
    for modifier in MODIFIERS:
        yield f"{path}:{modifier} ?> 5"


async def _both(twins: Twins, collection: str, who: str, **params: object) -> tuple[Answer, Answer]:
    first, second = twins
    return await first.list(collection, who, **params), await second.list(collection, who, **params)


def assert_alike(answers: tuple[Answer, Answer], asked: str) -> None:
    first, second = answers
    assert (first.status, first.body) == (second.status, second.body), asked
    assert first.status < 500, (asked, first)


ALL_PATHS = [(collection, path) for collection, paths in SECRET_PATHS.items() for path in paths]


@pytest.mark.parametrize(("collection", "path"), ALL_PATHS)
async def test_filters_do_not_tell(twins: Twins, collection: str, path: str) -> None:
    for number, text in enumerate(filters(path)):
        who = ("guest", "ben")[number % 2]
        assert_alike(await _both(twins, collection, who, filter=text), text)


@pytest.mark.parametrize(("collection", "path"), ALL_PATHS)
async def test_nor_do_sort_fields_and_expand(twins: Twins, collection: str, path: str) -> None:
    for text in (path, f"-{path}:lower", f"{path}:length"):
        assert_alike(await _both(twins, collection, "ben", sort=text), f"sort={text}")
    for name, text in (("expand", path), ("fields", f"{path},expand.{path}")):
        assert_alike(await _both(twins, collection, "guest", **{name: text}), f"{name}={text}")


@pytest.mark.parametrize("collection", sorted(SECRET_PATHS))
async def test_nor_do_expanded_records(twins: Twins, collection: str) -> None:
    expands = (
        "author,editors,safe,safes,peers,peers.author,posts_via_peers,notes_via_post,comments_via_post.reporter",
        "posts_via_author,posts_via_editors.peers,comments_via_reporter,notes_via_owner.post.peers",
        "post,posts,reporter,post.peers.peers.peers.peers.peers,post.notes_via_post.safe",
    )
    for expand in expands:
        for fields in ("", "*", "expand", "expand.*", "expand.peers.title", "*,expand.author.email"):
            assert_alike(await _both(twins, collection, "ben", expand=expand, fields=fields), expand)


@pytest.mark.parametrize(
    ("collection", "path"), [pair for pair in ALL_PATHS if not pair[1].startswith("@request")]
)
async def test_but_superusers_can_tell(twins: Twins, collection: str, path: str) -> None:
    seen = [
        await _both(twins, collection, "boss", filter=text)
        for text in (f"{path} ?> 'm'", f"{path} ?~ 'apple'", f"{path} ?~ 'ann'")
    ]
    is_hash = path.rpartition(".")[2] in {"pin", "lock", "password", "tokenKey"}
    assert is_hash or any(first.body != second.body for first, second in seen)


async def test_writes_answer_alike(twins: Twins) -> None:
    """Errors of writes do not tell either: unique indexes and relations are asked about what is hidden."""
    bodies = (
        {"text": "x", "post": "draft0000000001"},
        {"text": "x", "reporter": ANN},
        {"text": "x", "reporter": "nobody"},
        {"id": "note00000000001"},
    )
    for who in ("guest", "ben"):
        for method, path in (
            ("PATCH", "posts/records/draft0000000001"),
            ("DELETE", "posts/records/draft0000000001"),
            ("GET", "posts/records/draft0000000001"),
            ("GET", "notes/records/note00000000001"),
            ("PATCH", "safes/records/safe00000000001"),
        ):
            for body in bodies:
                first, second = [
                    await twin.send(method, f"/api/collections/{path}", who=who, body=body) for twin in twins
                ]
                assert_alike((first, second), f"{method} {path}")
                assert first.status in {403, 404}
