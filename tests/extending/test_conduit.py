"""examples/conduit against the RealWorld specification: bodies, status codes, bodies of errors."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from backstay import Backstay
from backstay.extending.loading import load_file
from backstay.testing import TestSite, open_test_site

pytestmark = pytest.mark.anyio
SITE = Path(__file__).parents[2] / "examples/conduit/site.py"
ARTICLE = {
    "title": "How to train",
    "description": "Ever wonder?",
    "body": "Very carefully.",
    "tagList": ["b", "a"],
}
USER_KEYS = {"email", "token", "username", "bio", "image"}
ARTICLE_KEYS = {
    *("slug", "title", "description", "body", "tagList", "createdAt", "updatedAt"),
    *("favorited", "favoritesCount", "author"),
}


class Person:
    """Somebody who talks to Conduit; nobody has no token."""

    def __init__(self, site: TestSite, token: str = "") -> None:
        self._site = site
        self._headers = {"authorization": f"Token {token}"} if token else {}

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        reply = await self._site.request(method, f"/api{path}", json=body, headers=self._headers)
        return reply.status_code, reply.json() if reply.content else None

    async def get(self, path: str) -> Any:
        status, body = await self.ask("GET", path)
        assert status == 200, body
        return body


@pytest.fixture
async def conduit(tmp_path: Path, anyio_backend: str) -> AsyncIterator[TestSite]:
    app = load_file(SITE, f"conduit_{tmp_path.name}").app
    assert isinstance(app, Backstay)
    async with open_test_site(app, tmp_path, tmp_path / "data") as site:
        yield site


@pytest.fixture
def nobody(conduit: TestSite) -> Person:
    return Person(conduit)


async def join(conduit: TestSite, name: str) -> Person:
    user = {"username": name, "email": f"{name}@example.com", "password": "password123"}
    status, body = await Person(conduit).ask("POST", "/users", {"user": user})
    assert status == 201, body
    assert set(body["user"]) == USER_KEYS
    return Person(conduit, body["user"]["token"])


def test_it_is_one_short_file() -> None:
    assert len(SITE.read_text().splitlines()) < 300


async def test_joining_and_signing_in(conduit: TestSite, nobody: Person) -> None:
    ann = await join(conduit, "ann")
    user = (await ann.get("/user"))["user"]
    assert (user["username"], user["email"], user["bio"], user["image"]) == (
        "ann",
        "ann@example.com",
        None,
        None,
    )
    for taken in (
        {"username": "ann", "email": "x@example.com"},
        {"username": "x", "email": "ann@example.com"},
    ):
        status, body = await nobody.ask("POST", "/users", {"user": {**taken, "password": "password123"}})
        assert status == 409
        assert list(body["errors"].values()) == [["has already been taken"]]
    status, body = await nobody.ask("POST", "/users", {"user": {"email": "y@example.com"}})
    assert (status, body["errors"]["username"]) == (422, ["can't be blank"])
    assert "password" in body["errors"]
    login = {"email": "ann@example.com", "password": "password123"}
    status, body = await nobody.ask("POST", "/users/login", {"user": login})
    assert (status, set(body["user"])) == (200, USER_KEYS)
    wrong = await nobody.ask("POST", "/users/login", {"user": {**login, "password": "wrong"}})
    assert wrong == (401, {"errors": {"credentials": ["invalid"]}})
    blank = await nobody.ask("POST", "/users/login", {"user": {"email": "ann@example.com"}})
    assert blank == (422, {"errors": {"password": ["can't be blank"]}})
    assert await nobody.ask("GET", "/user") == (401, {"errors": {"token": ["is missing"]}})
    for body in (None, [], {"user": 1}, {"user": {"email": 1}}):
        assert (await nobody.ask("POST", "/users", body))[0] == 422


async def test_changing_oneself(conduit: TestSite) -> None:
    ann = await join(conduit, "ann")
    status, body = await ann.ask(
        "PUT", "/user", {"user": {"bio": "I write.", "image": "https://x.test/a.png"}}
    )
    assert (status, body["user"]["bio"], body["user"]["image"]) == (200, "I write.", "https://x.test/a.png")
    status, body = await ann.ask("PUT", "/user", {"user": {"bio": None, "username": "anne"}})
    assert (status, body["user"]["bio"], body["user"]["username"]) == (200, None, "anne")
    status, body = await ann.ask("PUT", "/user", {"user": {"password": "another one 1"}})
    assert status == 200
    assert (await Person(conduit, body["user"]["token"]).get("/user"))["user"]["username"] == "anne"
    assert (await ann.ask("GET", "/user"))[0] == 401, "the old password's tokens have ended"


async def test_profiles_and_following(conduit: TestSite, nobody: Person) -> None:
    ann = await join(conduit, "ann")
    await join(conduit, "ben")
    assert await nobody.get("/profiles/ben") == {
        "profile": {"username": "ben", "bio": None, "image": None, "following": False}
    }
    assert (await ann.ask("POST", "/profiles/ben/follow"))[1]["profile"]["following"] is True
    assert (await ann.get("/profiles/ben"))["profile"]["following"] is True
    assert (await ann.ask("DELETE", "/profiles/ben/follow"))[1]["profile"]["following"] is False
    assert (await ann.get("/profiles/ben"))["profile"]["following"] is False
    assert await nobody.ask("GET", "/profiles/nobody") == (404, {"errors": {"profile": ["not found"]}})
    assert (await nobody.ask("POST", "/profiles/ben/follow"))[0] == 401


async def test_articles(conduit: TestSite, nobody: Person) -> None:
    ann, ben = await join(conduit, "ann"), await join(conduit, "ben")
    status, body = await ann.ask("POST", "/articles", {"article": ARTICLE})
    article = body["article"]
    assert (status, set(article)) == (201, ARTICLE_KEYS)
    assert (article["slug"], article["tagList"], article["favorited"]) == ("how-to-train", ["b", "a"], False)
    assert article["createdAt"].endswith("Z")
    assert "T" in article["createdAt"]
    path = f"/articles/{article['slug']}"
    assert (await nobody.get(path))["article"]["author"]["username"] == "ann"
    assert (await ben.ask("POST", "/articles", {"article": ARTICLE}))[0] == 409
    status, body = await ann.ask("POST", "/articles", {"article": {"title": "x", "body": "y"}})
    assert (status, body) == (422, {"errors": {"description": ["can't be blank"]}})
    status, body = await ann.ask("PUT", path, {"article": {"body": "With love.", "tagList": ["c"]}})
    assert (status, body["article"]["body"], body["article"]["tagList"]) == (200, "With love.", ["c"])
    assert body["article"]["title"] == "How to train"
    assert await ben.ask("PUT", path, {"article": {"body": "x"}}) == (
        403,
        {"errors": {"article": ["forbidden"]}},
    )
    assert (await ben.ask("DELETE", path))[0] == 403
    assert (await nobody.ask("DELETE", path))[0] == 401
    assert (await ann.ask("DELETE", path))[0] == 204
    assert await nobody.ask("GET", path) == (404, {"errors": {"article": ["not found"]}})
    assert (await nobody.get("/tags"))["tags"] == ["b", "a", "c"]


async def test_lists_and_feeds(conduit: TestSite, nobody: Person) -> None:
    ann, ben = await join(conduit, "ann"), await join(conduit, "ben")
    for number in range(5):
        tags = ["even"] if number % 2 == 0 else ["odd"]
        await ann.ask("POST", "/articles", {"article": {**ARTICLE, "title": f"No {number}", "tagList": tags}})
    await ben.ask("POST", "/articles", {"article": {**ARTICLE, "title": "By Ben"}})

    async def titles(person: Person, query: str) -> tuple[list[str], int]:
        found = await person.get(query)
        assert all(set(item) == ARTICLE_KEYS - {"body"} for item in found["articles"])
        return [item["title"] for item in found["articles"]], found["articlesCount"]

    assert (await titles(nobody, "/articles"))[0][0] == "By Ben", "the newest first"
    assert await titles(nobody, "/articles?limit=2&offset=1") == (["No 4", "No 3"], 6)
    assert await titles(nobody, "/articles?tag=odd") == (["No 3", "No 1"], 2)
    assert (await titles(nobody, "/articles?author=ann&tag=even"))[1] == 3
    assert await titles(nobody, "/articles?author=nobody") == ([], 0)
    assert (await ben.ask("POST", "/articles/no-3/favorite"))[1]["article"]["favoritesCount"] == 1
    assert await titles(nobody, "/articles?favorited=ben") == (["No 3"], 1)
    assert (await ben.get("/articles/no-3"))["article"]["favorited"] is True
    assert (await ann.get("/articles/no-3"))["article"]["favorited"] is False
    assert (await ben.ask("DELETE", "/articles/no-3/favorite"))[1]["article"]["favoritesCount"] == 0
    assert await titles(ben, "/articles/feed") == ([], 0)
    await ben.ask("POST", "/profiles/ann/follow")
    assert await titles(ben, "/articles/feed?limit=1&offset=4") == (["No 0"], 5)
    assert (await nobody.ask("GET", "/articles/feed"))[0] == 401
    assert (await nobody.ask("GET", "/articles?limit=many"))[0] == 422


async def test_comments(conduit: TestSite, nobody: Person) -> None:
    ann, ben = await join(conduit, "ann"), await join(conduit, "ben")
    await ann.ask("POST", "/articles", {"article": ARTICLE})
    path = "/articles/how-to-train/comments"
    ids = []
    for text in ("First!", "Second."):
        status, body = await ben.ask("POST", path, {"comment": {"body": text}})
        assert (status, set(body["comment"])) == (201, {"id", "createdAt", "updatedAt", "body", "author"})
        ids.append(body["comment"]["id"])
    assert [item["body"] for item in (await nobody.get(path))["comments"]] == ["First!", "Second."]
    assert all(isinstance(item, int) for item in ids)
    blank = await ben.ask("POST", path, {"comment": {"body": ""}})
    assert blank == (422, {"errors": {"body": ["can't be blank"]}})
    forbidden = await ann.ask("DELETE", f"{path}/{ids[0]}")
    assert forbidden == (403, {"errors": {"comment": ["forbidden"]}})
    assert (await ben.ask("DELETE", f"{path}/{ids[0]}"))[0] == 204
    assert (await ben.ask("DELETE", f"{path}/{ids[0]}")) == (404, {"errors": {"comment": ["not found"]}})
    assert (await nobody.ask("POST", path, {"comment": {"body": "x"}}))[0] == 401
    assert (await nobody.ask("GET", "/articles/none/comments"))[0] == 404


async def test_nothing_that_is_sent_breaks_it(conduit: TestSite, nobody: Person) -> None:
    ann = await join(conduit, "ann")
    await ann.ask("POST", "/articles", {"article": ARTICLE})
    texts = ["%00", "%ff", "'", "a%22b", "x" * 5000, "9" * 400, "-1", "1e400", "%F0%9F%8C%8A", "{:name}"]
    for text in texts:
        for path in (
            *(f"/profiles/{text}", f"/articles/{text}", f"/articles?tag={text}", f"/articles?author={text}"),
            *(f"/articles?limit={text}", f"/articles?offset={text}", f"/articles/feed?offset={text}"),
        ):
            assert (await ann.ask("GET", path))[0] < 500, path
        deleted = await ann.ask("DELETE", f"/articles/how-to-train/comments/{text}")
        assert deleted[0] in {404, 422}, text
    values: list[Any] = [None, 1, [], {}, True, "\x00", "x" * 300_000, 10**30]
    for value in values:
        for key, path in (("user", "/users"), ("user", "/users/login"), ("article", "/articles")):
            assert (await ann.ask("POST", path, {key: value}))[0] < 500
            for name in ("email", "password", "username", "title", "description", "body", "tagList"):
                assert (await ann.ask("POST", path, {key: {**ARTICLE, name: value}}))[0] < 500, (path, name)
        assert (await ann.ask("PUT", "/user", {"user": {"image": value, "bio": value}}))[0] < 500
