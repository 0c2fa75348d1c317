"""Loading many records in one transaction gives what single creates give, or nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from backstay.catalog.model import collection_json
from backstay.errors import NotFound
from backstay.plans.params import Statement
from backstay.site import Site, open_site

NOT_UNIQUE = "validation_not_unique"
BOOKS = {
    "name": "books",
    "type": "base",
    "fields": [
        {"name": "title", "type": "text", "required": True, "max": 10},
        {"name": "pages", "type": "number", "onlyInt": True},
        {"name": "tags", "type": "select", "maxSelect": 2, "values": ["a", "b", "c"]},
        {"name": "added", "type": "autodate", "onCreate": True},
    ],
    "indexes": ["CREATE UNIQUE INDEX idx_books_title ON books (title)"],
}


def run(tmp_path: Path, work: Callable[[Site], Awaitable[None]]) -> None:
    """Run `work` on a new site."""

    async def inside() -> None:
        async with open_site(tmp_path / "data") as site:
            await work(site)

    asyncio.run(inside())


async def rows_of(site: Site, sql: str) -> list[Any]:
    return await site.store.fetch(Statement(sql))


def codes(refused: list[tuple[int, dict[str, Any]]]) -> list[tuple[int, dict[str, str]]]:
    return [(index, {name: fault["code"] for name, fault in faults.items()}) for index, faults in refused]


def test_good_rows_become_records(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        await site.create_collection(BOOKS)
        async with site.bulk("books") as bulk:
            refused = await bulk.load(
                [
                    {"title": "One", "pages": 10, "tags": ["a", "b"], "added": "2001-01-01"},
                    {"id": "abcdefghijklmno", "title": "Two"},
                ]
            )
        assert refused == []
        one, two = await rows_of(site, "SELECT id, title, pages, tags, added FROM books ORDER BY title")
        assert len(one[0]) == 15
        assert one[1:4] == ("One", 10, '["a","b"]')
        assert not one[4].startswith("2001"), "nobody sets an autodate"
        assert two[:4] == ("abcdefghijklmno", "Two", 0, "[]")
        assert (
            await rows_of(
                site,
                "SELECT total FROM _counts WHERE collection = (SELECT id FROM _collections "
                "WHERE name = 'books')",
            )
        ) in ([(2,)], [])

    run(tmp_path, work)


def test_bad_rows_are_told_and_the_others_stay(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        await site.create_collection(BOOKS)
        async with site.bulk("books") as bulk:
            await bulk.load([{"id": "aaaaaaaaaaaaaaa", "title": "First"}])
            refused = await bulk.load(
                [
                    {"title": ""},
                    {"title": "Second"},
                    {"title": "Second"},
                    {"title": "Much too long a title", "pages": 1.5},
                    {"id": "aaaaaaaaaaaaaaa", "title": "Third"},
                    {"id": "short", "title": "Fourth"},
                    {"title": "First"},
                    {"title": "Fifth"},
                ]
            )
        assert codes(refused) == [
            (0, {"title": "validation_required"}),
            (2, {"title": NOT_UNIQUE}),
            (3, {"title": "validation_max_text_constraint", "pages": "validation_only_int_constraint"}),
            (4, {"id": NOT_UNIQUE}),
            (5, {"id": "validation_min_text_constraint"}),
            (6, {"title": NOT_UNIQUE}),
        ]
        assert await rows_of(site, "SELECT title FROM books ORDER BY title") == [
            ("Fifth",),
            ("First",),
            ("Second",),
        ]

    run(tmp_path, work)


def test_leaving_with_an_exception_undoes_all(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        await site.create_collection(BOOKS)

        async def load_and_fail() -> None:
            async with site.bulk("books") as bulk:
                await bulk.load([{"title": "One"}])
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await load_and_fail()
        assert await rows_of(site, "SELECT count(*) FROM books") == [(0,)]
        async with site.bulk("books") as bulk:
            assert await bulk.load([{"title": "One"}]) == [], "the site goes on"

    run(tmp_path, work)


def test_relations_must_lead_somewhere(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        people = await site.create_collection(
            {"name": "people", "type": "base", "fields": [{"name": "n", "type": "text"}]}
        )
        await site.create_collection(
            {
                "name": "posts",
                "type": "base",
                "fields": [{"name": "by", "type": "relation", "collectionId": people.id, "maxSelect": 3}],
            }
        )
        async with site.bulk("people") as bulk:
            await bulk.load([{"id": letter * 15} for letter in "ab"])
        async with site.bulk("posts") as bulk:
            refused = await bulk.load(
                [
                    {"by": ["a" * 15, "b" * 15]},
                    {"by": ["a" * 15, "z" * 15]},
                    {},
                    {"by": "b" * 15},
                ]
            )
        assert codes(refused) == [(1, {"by": "validation_missing_rel_records"})]

    run(tmp_path, work)


def test_rows_may_lead_to_each_other_unless_one_is_refused(tmp_path: Path) -> None:
    """`e` is refused by its unique name, which only the database knows, so `d` and then `c` go with it."""

    async def work(site: Site) -> None:
        tree = await site.create_collection(
            {
                "name": "tree",
                "type": "base",
                "fields": [{"name": "name", "type": "text", "max": 5}],
                "indexes": ["CREATE UNIQUE INDEX idx_tree_name ON tree (name)"],
            }
        )
        parent = {"name": "parent", "type": "relation", "collectionId": tree.id, "maxSelect": 1}
        await site.changes.update(tree.id, {"fields": [*collection_json(tree)["fields"], parent]})
        rows = [
            ("a", "b", "a"),
            ("b", "", "b"),
            ("c", "d", "c"),
            ("d", "e", "d"),
            ("e", "", "b"),
            ("f", "g", "f"),
        ]
        rows.append(("g", "", "much too long"))
        async with site.bulk("tree") as bulk:
            refused = await bulk.load(
                [{"id": key * 15, "parent": to * 15, "name": name} for key, to, name in rows]
            )
        missing = {"parent": "validation_missing_rel_records"}
        assert [index for index, _ in refused] == [2, 3, 4, 5, 6]
        assert codes(refused)[:4] == [(2, missing), (3, missing), (4, {"name": NOT_UNIQUE}), (5, missing)]
        assert await rows_of(site, "SELECT name, substr(parent, 1, 1) FROM tree") == [("a", "b"), ("b", "")]

    run(tmp_path, work)


def test_accounts_get_their_passwords_hashed(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        await site.create_collection({"name": "members", "type": "auth"})
        async with site.bulk("members") as bulk:
            refused = await bulk.load(
                [
                    {"email": "ann@example.com", "password": "long enough"},
                    {"email": "ann@example.com", "password": "long enough"},
                    {"email": "ben@example.com", "password": "short"},
                ]
            )
        assert [index for index, _ in refused] == [1, 2]
        ((hashed,),) = await rows_of(site, "SELECT password FROM members")
        assert hashed.startswith("$argon2id$")

    run(tmp_path, work)


def test_there_must_be_a_collection(tmp_path: Path) -> None:
    async def work(site: Site) -> None:
        with pytest.raises(NotFound):
            site.bulk("nothing")

    run(tmp_path, work)
