"""A small site with unlikely values, for tests which ask several databases the same."""

from __future__ import annotations

import random
from typing import Any

import msgspec

from backstay.catalog import Catalog, Collection
from backstay.catalog.fields import Value
from backstay.catalog.model import AuthOptions, decode_fields
from backstay.plans.request import GUEST, Viewer

TEXTS = (
    "", "a", "A", "a ", " b", "Ä", "ä", "Zoë", "ZOË", "zoe", "é", "日本", "😀", "7", "7.0", " 7 ", "-1", "1e3", "0.5",
    "true", "null", "%", "50% off", "a_b", "axb", "back\\slash", "ends\\", 'quo"te', "it's", "two\nlines", "\t", "\x01\x7f",
    '["a"]', '["a","b"]', "Abc", "abC", "the quick brown fox", "2024-02-29",
)  # fmt: skip
NUMBERS = (0, 1, -1, 7, 7.5, 0.5, 0.1, 0.30000000000000004, 1000, 1e15, 2**53, -2.25, 1e18, 3, 2)
JSON_VALUES: tuple[Any, ...] = (
    None, {}, [], "", "x", "X", "7", "7.0", 5, 7, 7.5, True, False, {"a": 1}, {"a": "1"}, {"a": None}, {"a": True},
    {"a": [1, 2, {"b": "x"}]}, {"a": {"b": "Ä"}}, {"a": {"b": 3}, "c": [1, "two", None]}, [1, "2", None], {"0": "zero"},
    [["deep"]], {"a": 'quo"te', "b": "two\nlines"}, {"a": ["x", "y"]}, {"a": "abc"}, {"a": 7}, {"a": 0.5}, {"a": "\\"},
)  # fmt: skip
DATES = (
    "", "2024-02-29 12:30:15.123Z", "2024-12-31 23:59:59.999Z", "2023-01-01 00:00:00.000Z", "1999-06-15 06:05:04.003Z",
    "2024-01-31 10:00:00.000Z",
)  # fmt: skip
LABELS = ("a", "b", "c", "d")
MISSING_ID = "goneXXXXXXXXXXX"
RECORD = dict[str, Value]


def _field(kind: str, name: str, **options: Any) -> dict[str, Any]:
    return {"type": kind, "name": name, "id": f"{kind}_{name}", **options}


def _relation(name: str, target: str, limit: int = 1) -> dict[str, Any]:
    return _field("relation", name, collectionId=target, maxSelect=limit)


_ID = _field("text", "id", primaryKey=True, system=True)
_TEAMS = [
    _ID,
    _field("text", "title"),
    _field("number", "rank"),
    _field("select", "colors", values=["red", "green", "blue"], maxSelect=3),
    _field("text", "secret", hidden=True),
]
_PEOPLE = [
    _ID,
    _field("password", "password", hidden=True, system=True),
    _field("text", "tokenKey", hidden=True, system=True),
    _field("email", "email", system=True),
    _field("bool", "emailVisibility", system=True),
    _field("bool", "verified", system=True),
    _field("text", "name"),
    _field("number", "age"),
    _field("select", "skills", values=["go", "sail", "cook"], maxSelect=3),
    _relation("team", "teams"),
]
_POSTS = [
    _ID,
    _field("text", "title"),
    _field("text", "other"),
    _field("select", "status", values=["open", "draft"], maxSelect=1),
    _field("select", "labels", values=list(LABELS), maxSelect=4),
    _field("number", "score"),
    _field("number", "views"),
    _field("bool", "active"),
    _field("json", "meta"),
    _field("geoPoint", "geo"),
    _field("date", "published"),
    _relation("author", "people"),
    _relation("editors", "people", 5),
    _relation("next", "posts"),
]
_COMMENTS = [
    _ID,
    _relation("post", "posts"),
    _relation("author", "people"),
    _field("text", "text"),
    _field("number", "likes"),
    _field("select", "flags", values=["spam", "nice", "long"], maxSelect=3),
]
_DETAILS = [_ID, _relation("post", "posts"), _field("text", "note"), _relation("readers", "people", 3)]
_LOCKED = [_ID, _field("text", "title"), _relation("post", "posts")]
_BOARD = [
    _ID,
    _field("text", "title"),
    _field("number", "score"),
    _field("json", "points"),
    _relation("author", "people"),
]
POSTS_RULE = "status = 'open' || author = @request.auth.id"


def _collection(name: str, fields: list[dict[str, Any]], **options: Any) -> Collection:
    options = {"listRule": "", "viewRule": "", **options}
    return Collection(id=name, name=name, fields=decode_fields(msgspec.json.encode(fields)), **options)


CATALOG = Catalog(
    [
        _collection("teams", _TEAMS),
        _collection("people", _PEOPLE, type="auth", auth=AuthOptions(manageRule="@request.auth.age > 30")),
        _collection("posts", _POSTS, listRule=POSTS_RULE, viewRule=POSTS_RULE),
        _collection("comments", _COMMENTS, viewRule="likes >= 0"),
        _collection("details", _DETAILS, indexes=("CREATE UNIQUE INDEX details_post ON details (post)",)),
        _collection("locked", _LOCKED, listRule=None, viewRule=None),
        _collection(
            "board",
            _BOARD,
            type="view",
            viewQuery="SELECT id, title, score, (CASE WHEN active THEN 14 ELSE 1 END) AS points, author FROM posts",
        ),
        _collection("_superusers", [_ID, _field("email", "email")], type="auth", auth=AuthOptions()),
    ]
)


def collection(name: str) -> Collection:
    found = CATALOG.find(name)
    assert found is not None, name
    return found


class Rows:
    """Random records, the same for the same seed."""

    def __init__(self, seed: int = 7) -> None:
        self._random = random.Random(seed)

    def _some(self, values: tuple[Any, ...] | list[Any], most: int) -> list[Any]:
        return self._random.sample(list(values), self._random.randint(0, min(most, len(values))))

    def _maybe(self, ids: list[str], missing: float = 0.25) -> str:
        return "" if self._random.random() < missing else self._random.choice(ids)

    def all(self, posts: int = 40) -> dict[str, list[RECORD]]:
        """Return the records of each collection; of posts every text, number and JSON value stands in one at least."""
        pick = self._random.choice
        teams = [f"team{number:011}" for number in range(4)]
        people = [f"person{number:09}" for number in range(6)]
        post_ids = [f"post{number:011}" for number in range(posts)]
        self._random.shuffle(post_ids)
        return {
            "teams": [self._team(key) for key in teams],
            "people": [self._person(key, number, teams) for number, key in enumerate(people)],
            "posts": [self._post(key, number, post_ids, people) for number, key in enumerate(post_ids)],
            "comments": [self._comment(f"comment{number:08}", post_ids, people) for number in range(30)],
            "details": [
                {
                    "id": f"detail{number:09}",
                    "post": key,
                    "note": pick(TEXTS),
                    "readers": self._some(people, 3),
                }
                for number, key in enumerate(post_ids[:6])
            ],
            "locked": [{"id": "locked000000001", "title": "hidden", "post": post_ids[0]}],
            "_superusers": [],
        }

    def _team(self, key: str) -> RECORD:
        return {
            "id": key,
            "title": self._random.choice(TEXTS),
            "rank": self._random.choice(NUMBERS),
            "colors": self._some(["red", "green", "blue"], 3),
            "secret": "s3cret",
        }

    def _person(self, key: str, number: int, teams: list[str]) -> RECORD:
        return {
            "id": key,
            "password": "$hash$",
            "tokenKey": key.ljust(50, "t"),
            "email": f"{key}@example.com",
            "emailVisibility": number % 2 == 0,
            "verified": number % 3 == 0,
            "name": ("Ann", "ben", "Zoë", "", "ann", "日本")[number % 6],
            "age": (40, 30, 7, 0, 7.5, -1)[number % 6],
            "skills": self._some(["go", "sail", "cook"], 3),
            "team": self._maybe(teams),
        }

    def _post(self, key: str, number: int, ids: list[str], people: list[str]) -> RECORD:
        pick = self._random.choice
        return {
            "id": key,
            "title": TEXTS[number % len(TEXTS)],
            "other": pick(TEXTS),
            "status": pick(["open", "open", "draft", ""]),
            "labels": self._some(LABELS, 3),
            "score": NUMBERS[number % len(NUMBERS)],
            "views": pick(NUMBERS),
            "active": pick([True, False]),
            "meta": JSON_VALUES[number % len(JSON_VALUES)],
            "geo": pick([{"lon": 0, "lat": 0}, {"lon": 8.54, "lat": 47.37}, {"lon": -73.9, "lat": 40.7}]),
            "published": pick(DATES),
            "author": self._maybe(people),
            "editors": [*self._some(people, 3), *([MISSING_ID] if self._random.random() < 0.1 else [])],
            "next": self._maybe(ids, 0.4),
        }

    def _comment(self, key: str, ids: list[str], people: list[str]) -> RECORD:
        return {
            "id": key,
            "post": self._maybe(ids[:15], 0.1),
            "author": self._maybe(people),
            "text": self._random.choice(TEXTS),
            "likes": self._random.choice(NUMBERS),
            "flags": self._some(["spam", "nice", "long"], 3),
        }


def viewers(rows: dict[str, list[RECORD]]) -> dict[str, Viewer]:
    """Return who asks: a guest, a manager, a member, a superuser."""
    people = collection("people")
    return {
        "guest": GUEST,
        "ann": Viewer(people, rows["people"][0]),
        "cat": Viewer(people, rows["people"][2]),
        "root": Viewer(collection("_superusers"), {"id": "root00000000001", "email": "root@example.com"}),
    }
