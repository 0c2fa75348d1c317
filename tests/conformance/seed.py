"""The data that both servers hold before the first case: every field type, relations both ways, unlikely values.

Cases only read it. What they change they make themselves.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx

from tests.conformance.cases import Json, field
from tests.conformance.servers import EMAIL, PASSWORD
from tests.conformance.talk import Talker

PEOPLE = {
    "ann": "annannannannann",
    "ben": "benbenbenbenben",
    "cat": "catcatcatcatcat",
    "dan": "dandandandandan",
}
PEOPLE_PASSWORD = "people-1234"
MEMBER = "guestmember0001"
OWN = "@request.auth.id = id"
SIGNED_IN = "@request.auth.id != ''"


def collections() -> Iterator[dict[str, Json]]:
    """Yield the collections, those referred to first."""
    yield from accounts()
    yield everything()
    yield from posting()
    yield from linking()


def accounts() -> Iterator[dict[str, Json]]:
    """Describe teams, the people in them, and members whom nobody else sees."""
    yield {
        "id": "teams_col_00001",
        "name": "teams",
        "type": "base",
        "listRule": "",
        "viewRule": "",
        "fields": [
            field("text", "title"),
            field("number", "rank"),
            field("text", "secret", hidden=True),
            field("select", "colors", values=["red", "green", "blue"], maxSelect=3),
        ],
    }
    yield {
        "id": "people_col_0001",
        "name": "people",
        "type": "auth",
        "listRule": "",
        "viewRule": "",
        "createRule": "",
        "updateRule": OWN,
        "deleteRule": OWN,
        "manageRule": "@request.auth.role = 'chief'",
        "fields": [
            field("text", "name"),
            field("number", "age"),
            field("select", "role", values=["chief", "member", "guest"], maxSelect=1),
            field("select", "skills", values=["go", "sail", "cook", "knot"], maxSelect=4),
            field("relation", "team", collectionId="teams_col_00001", maxSelect=1),
            field("text", "diary", hidden=True),
            field("text", "nick"),
        ],
        "indexes": ["CREATE UNIQUE INDEX `idx_people_nick` ON `people` (`nick`) WHERE `nick` != ''"],
    }
    yield {
        "id": "members_col_001",
        "name": "members",
        "type": "auth",
        "listRule": OWN,
        "viewRule": OWN,
        "createRule": None,
        "updateRule": None,
        "deleteRule": None,
        "fields": [field("text", "name")],
    }


def posting() -> Iterator[dict[str, Json]]:
    """Describe posts, and what refers to them: many comments, one detail."""
    yield {
        "id": "posts_col_00001",
        "name": "posts",
        "type": "base",
        "listRule": "status = 'open' || author = @request.auth.id",
        "viewRule": "status = 'open' || author = @request.auth.id",
        "createRule": SIGNED_IN,
        "updateRule": "author = @request.auth.id",
        "deleteRule": "author = @request.auth.id",
        "fields": [
            field("text", "title"),
            field("editor", "body"),
            field("select", "status", values=["open", "draft"], maxSelect=1),
            field("select", "labels", values=["a", "b", "c", "d"], maxSelect=4),
            field("number", "score"),
            field("json", "meta"),
            field("date", "published"),
            field("relation", "author", collectionId="people_col_0001", maxSelect=1),
            field("relation", "editors", collectionId="people_col_0001", maxSelect=5),
            field("relation", "team", collectionId="teams_col_00001", maxSelect=1),
            field("text", "notes", hidden=True),
        ],
    }
    yield {
        "id": "comments_col_01",
        "name": "comments",
        "type": "base",
        "listRule": "",
        "viewRule": "",
        "fields": [
            field("relation", "post", collectionId="posts_col_00001", maxSelect=1),
            field("relation", "author", collectionId="people_col_0001", maxSelect=1),
            field("text", "text"),
            field("number", "likes"),
            field("select", "flags", values=["spam", "nice", "long"], maxSelect=3),
        ],
    }
    yield {
        "id": "details_col_001",
        "name": "details",
        "type": "base",
        "listRule": "",
        "viewRule": "",
        "fields": [
            field("relation", "post", collectionId="posts_col_00001", maxSelect=1),
            field("text", "note"),
        ],
        "indexes": ["CREATE UNIQUE INDEX `idx_details_post` ON `details` (`post`)"],
    }


def linking() -> Iterator[dict[str, Json]]:
    """Describe collections that not everybody may see, others that point to them, and a view."""
    yield {
        "id": "locked_col_0001",
        "name": "locked",
        "type": "base",
        "fields": [
            field("text", "title"),
            field("relation", "post", collectionId="posts_col_00001", maxSelect=1),
        ],
    }
    yield {
        "id": "inner_col_00001",
        "name": "inner",
        "type": "base",
        "listRule": SIGNED_IN,
        "viewRule": SIGNED_IN,
        "fields": [
            field("text", "title"),
            field("relation", "post", collectionId="posts_col_00001", maxSelect=1),
            field("relation", "locked", collectionId="locked_col_0001", maxSelect=1),
        ],
    }
    yield {
        "id": "links_col_00001",
        "name": "links",
        "type": "base",
        "listRule": "",
        "viewRule": "",
        "fields": [
            field("text", "title"),
            field("relation", "locked", collectionId="locked_col_0001", maxSelect=1),
            field("relation", "lockeds", collectionId="locked_col_0001", maxSelect=5),
            field("relation", "inner", collectionId="inner_col_00001", maxSelect=1),
            field("relation", "post", collectionId="posts_col_00001", maxSelect=1),
            field("relation", "posts", collectionId="posts_col_00001", maxSelect=5),
            field("relation", "member", collectionId="members_col_001", maxSelect=1),
        ],
    }
    yield {
        "id": "view_col_000001",
        "name": "post_stats",
        "type": "view",
        "listRule": "",
        "viewRule": "",
        "viewQuery": "SELECT posts.id, posts.title, posts.author, posts.labels, posts.score, posts.published, "
        "(SELECT COUNT(*) FROM comments WHERE comments.post = posts.id) AS comments, "
        "(posts.score * 2) AS double, CAST(posts.score AS INTEGER) AS whole, CAST(posts.title AS TEXT) AS heading "
        "FROM posts",
    }


def everything() -> dict[str, Json]:
    """Describe a collection with a field of every type."""
    return {
        "id": "everything_col1",
        "name": "everything",
        "type": "base",
        "listRule": "",
        "viewRule": "",
        "fields": [
            field("text", "text"),
            field("text", "text2"),
            field("editor", "editor"),
            field("number", "number"),
            field("number", "number2"),
            field("number", "whole", onlyInt=True),
            field("bool", "bool"),
            field("email", "email"),
            field("url", "url"),
            field("date", "date"),
            field("autodate", "created", onCreate=True),
            field("autodate", "updated", onCreate=True, onUpdate=True),
            field("select", "select", values=["red", "green", "blue", "a,b", "it's"], maxSelect=1),
            field("select", "selects", values=["red", "green", "blue", "a,b", "it's"], maxSelect=5),
            field("file", "file", maxSelect=1),
            field("file", "files", maxSelect=5),
            field("relation", "team", collectionId="teams_col_00001", maxSelect=1),
            field("relation", "teams", collectionId="teams_col_00001", maxSelect=5),
            field("json", "json"),
            field("password", "secret"),
            field("geoPoint", "geo"),
            field("text", "hid", hidden=True),
        ],
    }


def row(number: int, /, **values: Json) -> dict[str, Json]:
    """Give a record of `everything` its id."""
    return {"id": f"everything{number:05}", **values}


def everything_rows() -> Iterator[dict[str, Json]]:
    """Yield records which together hold every usual and unusual value."""
    yield row(1)
    yield row(
        2,
        text="Hello World",
        text2="hello world",
        editor="<p>Hello <b>World</b> &amp; all</p>",
        number=1,
        number2=1,
        whole=7,
        bool=True,
        email="ann@example.com",
        url="https://example.com/a?b=c",
        date="2024-02-29 12:30:15.123Z",
        select="red",
        selects=["red", "green"],
        team="team00000000001",
        teams=["team00000000001", "team00000000002"],
        json={"a": {"b": 1, "c": [1, 2, 3]}, "t": "x", "n": None, "yes": True},
        secret="secret-1234",
        geo={"lon": 23.32, "lat": 42.69},
        hid="hidden one",
    )
    yield row(
        3,
        text="ÄÖÜ straße 日本 😀",
        text2="äöü STRASSE",
        editor="plain",
        number=-1.5,
        number2=2.25,
        whole=-7,
        email="BEN@EXAMPLE.COM",
        url="http://localhost",
        date="1969-12-31 23:59:59.999Z",
        select="green",
        selects=["blue"],
        team="team00000000002",
        teams=["team00000000003"],
        self="everything00002",
        json=[1, "two", None, {"k": "v"}, [True]],
        geo={"lon": -180, "lat": -90},
        hid="Hidden Two",
    )
    yield row(
        4,
        text='100%_\\done\'s "quoted"',
        text2="100",
        number=100,
        number2=0.1,
        bool=True,
        date="2024-12-31 23:59:59.999Z",
        select="blue",
        selects=["red", "green", "blue", "a,b", "it's"],
        team="team00000000003",
        teams=["team00000000001", "team00000000002", "team00000000003"],
        self="everything00003",
        json="just text",
        geo={"lon": 180, "lat": 90},
    )
    yield from odd_rows()


def odd_rows() -> Iterator[dict[str, Json]]:
    """Yield records with values that look like something else."""
    yield row(
        5,
        text="123",
        text2="abc",
        number=1e21,
        number2=-0.0,
        whole=9007199254740991,
        date="2024-03-01 00:00:00.000Z",
        select="a,b",
        selects=["a,b", "it's"],
        teams=["team00000000002"],
        self="everything00003",
        json=12.5,
        geo={"lon": 0, "lat": 0.000001},
    )
    yield row(
        6,
        text="true",
        text2="TRUE",
        number=0.30000000000000004,
        number2=0.3,
        bool=False,
        date="9999-12-31 23:59:59.999Z",
        select="it's",
        selects=["it's"],
        json=True,
    )
    yield row(
        7,
        text=" padded ",
        text2="line\nbreak\ttab",
        number=5e-324,
        number2=1.7e308,
        json=[],
        date="2024-02-29",
    )
    yield row(8, text="null", text2="", number=1234567890123456789, json="", selects=["green", "blue"])
    yield row(9, text="a/*b*/c // d", text2="--", number=42, json={}, teams=["team00000000001"], bool=True)
    yield row(10, text="2024-02-29 12:30:15.123Z", text2="2024", number=2024, json=[1, 1, 2], whole=2024)
    yield row(
        11, text="a" * 300, text2="A" * 300, number=7, json={"a": [{"b": 1}, {"b": 2}], "0": "zero"}, whole=7
    )
    yield row(12, text="Zoë", text2="zoë", number=7, json="false", email="dup@example.com", whole=7)


def records() -> Iterator[tuple[str, dict[str, Json]]]:
    """Yield (collection, record), those referred to first."""
    yield "teams", {"id": "team00000000001", "title": "Red", "rank": 1, "secret": "s1", "colors": ["red"]}
    yield "teams", {"id": "team00000000002", "title": "green", "rank": 2, "colors": ["green", "blue"]}
    yield "teams", {"id": "team00000000003", "title": "Blue", "rank": 0}
    for name, more in people():
        login = {"password": PEOPLE_PASSWORD, "passwordConfirm": PEOPLE_PASSWORD}
        yield (
            "people",
            {"id": PEOPLE[name], "email": f"{name}@example.com", "name": name.title(), **login, **more},
        )
    login = {"password": PEOPLE_PASSWORD, "passwordConfirm": PEOPLE_PASSWORD}
    yield "members", {"id": MEMBER, "email": "member@example.com", "name": "Mia", **login}
    for record in everything_rows():
        yield "everything", record
    for record in posts():
        yield "posts", record
    for record in comments():
        yield "comments", record
    yield "details", {"id": "detail000000001", "post": "post00000000001", "note": "first"}
    yield "details", {"id": "detail000000002", "post": "post00000000003", "note": "third"}
    yield "locked", {"id": "locked000000001", "title": "one", "post": "post00000000001"}
    yield "locked", {"id": "locked000000002", "title": "two", "post": "post00000000002"}
    yield (
        "inner",
        {"id": "inner0000000001", "title": "in", "post": "post00000000001", "locked": "locked000000001"},
    )
    yield (
        "inner",
        {"id": "inner0000000002", "title": "out", "post": "post00000000002", "locked": "locked000000002"},
    )
    yield from links()


def people() -> Iterator[tuple[str, dict[str, Json]]]:
    """Yield the people who sign in."""
    yield (
        "ann",
        {
            "role": "chief",
            "age": 40,
            "skills": ["go", "sail"],
            "team": "team00000000001",
            "diary": "d1",
            "emailVisibility": True,
            "verified": True,
            "nick": "annie",
        },
    )
    yield "ben", {"role": "member", "age": 30, "skills": ["sail"], "team": "team00000000002", "nick": "benny"}
    yield "cat", {"role": "member", "age": 0, "team": "team00000000001", "diary": "d3", "verified": True}
    yield "dan", {"role": "guest", "age": 20, "skills": ["cook", "knot"], "emailVisibility": True}


def posts() -> Iterator[dict[str, Json]]:
    """Yield the posts."""
    ann, ben, cat, dan = PEOPLE.values()
    yield {
        "id": "post00000000001",
        "title": "First post",
        "body": "<p>The <em>first</em> body, long enough to be cut by an excerpt.</p>",
        "status": "open",
        "labels": ["a", "b"],
        "score": 10,
        "meta": {"lang": "en", "parts": [1, 2]},
        "published": "2024-01-01 10:00:00.000Z",
        "author": ann,
        "editors": [ben, cat],
        "team": "team00000000001",
        "notes": "n1",
    }
    yield {
        "id": "post00000000002",
        "title": "Draft post",
        "status": "draft",
        "labels": ["b"],
        "score": 20,
        "published": "2024-02-01 10:00:00.000Z",
        "author": ben,
        "editors": [ann],
        "team": "team00000000002",
    }
    yield {
        "id": "post00000000003",
        "title": "third post",
        "status": "open",
        "score": 10,
        "author": ben,
        "editors": [dan],
    }
    yield {
        "id": "post00000000004",
        "title": "Ownerless",
        "status": "draft",
        "labels": ["c", "d"],
        "meta": {"lang": "de"},
    }
    yield {
        "id": "post00000000005",
        "title": "fifth",
        "status": "open",
        "labels": ["a"],
        "score": -5,
        "author": cat,
    }


def comments() -> Iterator[dict[str, Json]]:
    """Yield the comments."""
    ann, ben, cat, _ = PEOPLE.values()
    texts: list[tuple[int, str, str, int, list[str]]] = [
        (1, ann, "nice one", 3, ["nice"]),
        (1, ben, "Not so nice", 0, ["nice", "long"]),
        (1, "", "anonymous", 1, []),
        (2, cat, "secret talk", 5, ["spam"]),
        (3, ann, "third", 3, ["long"]),
        (0, ben, "lost", 2, []),
    ]
    for number, (post, author, text, likes, flags) in enumerate(texts, 1):
        yield {
            "id": f"comment{number:08}",
            "post": f"post{post:011}" if post else "",
            "author": author,
            "text": text,
            "likes": likes,
            "flags": flags,
        }


def links() -> Iterator[tuple[str, dict[str, Json]]]:
    """Yield records which point to what not everybody may see."""
    yield (
        "links",
        {
            "id": "link00000000001",
            "title": "to first",
            "locked": "locked000000001",
            "lockeds": ["locked000000001", "locked000000002"],
            "inner": "inner0000000001",
            "post": "post00000000001",
            "posts": ["post00000000001", "post00000000002"],
            "member": MEMBER,
        },
    )
    yield (
        "links",
        {
            "id": "link00000000002",
            "title": "to second",
            "locked": "locked000000002",
            "inner": "inner0000000002",
            "post": "post00000000002",
            "posts": ["post00000000002", "post00000000004"],
        },
    )
    yield "links", {"id": "link00000000003", "title": "to nothing"}


def said() -> str:
    """Return all text of the seed: an id that stands in it was not made up by a server."""
    return json.dumps([list(collections()), list(records()), PEOPLE])


def load(client: httpx.Client) -> Talker:
    """Fill a server through its API and sign everybody in."""
    talker = Talker(client)
    talker.tokens["superuser"] = sign_in(client, "_superusers", EMAIL, PASSWORD)
    headers = {"Authorization": talker.tokens["superuser"]}
    for collection in collections():
        created = must(client.post("/api/collections", json=collection, headers=headers)).json()
        if collection["name"] == "everything":  # a collection can refer to itself only once it exists
            fields = [*created["fields"], field("relation", "self", collectionId=created["id"], maxSelect=1)]
            must(client.patch("/api/collections/everything", json={"fields": fields}, headers=headers))
    for name, record in records():
        must(client.post(f"/api/collections/{name}/records", json=record, headers=headers))
    for name in PEOPLE:
        talker.tokens[name] = sign_in(client, "people", f"{name}@example.com", PEOPLE_PASSWORD)
    talker.tokens["member"] = sign_in(client, "members", "member@example.com", PEOPLE_PASSWORD)
    return talker


def sign_in(client: httpx.Client, collection: str, email: str, password: str) -> str:
    """Return a token."""
    body = {"identity": email, "password": password}
    reply = must(client.post(f"/api/collections/{collection}/auth-with-password", json=body))
    return str(reply.json()["token"])


def must(reply: httpx.Response) -> httpx.Response:
    """Fail with the answer when the seed is refused."""
    if reply.is_error:
        raise RuntimeError(f"{reply.request.method} {reply.request.url}: {reply.status_code} {reply.text}")
    return reply
