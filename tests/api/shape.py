"""The collections of the site under attack: something to hide in every way that rules and fields offer.

- `people`: an auth collection that everybody may list, with a hidden `diary`, e-mails that are mostly private, a
  second password field, and `manageRule` for chiefs
- `clients`: another auth collection, closed except to oneself
- `posts`: drafts are their author's alone; hidden text and JSON, a password field that is not hidden, relations
- `comments`: open; refer to posts (cascade) and, in a hidden field, to people
- `notes`: only their owner may list them
- `safes`: for superusers only
- `counters`: everybody may do everything
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

PEOPLE: dict[str, tuple[str, str]] = {
    "ann": ("people", "annannannannann"),
    "ben": ("people", "benbenbenbenben"),
    "chief": ("people", "chiefchiefchief"),
    "cleo": ("clients", "cleocleocleocle"),
}
ANN, BEN, CHIEF, CLEO = (record_id for _, record_id in PEOPLE.values())
ODD = "Ünlikely 'quotes\" -- /* ; % _ \\ 🪢\u2028 {:x} ?1 $p0 :p0"
"""Text with all that has a meaning to some part on the way to the database."""

DEFAULTS: dict[str, dict[str, Any]] = {
    "people": {"name": ODD, "emailVisibility": False},
    "clients": {"name": ODD},
    "posts": {
        "title": ODD,
        "body": "<p>Hello <b>world</b></p>",
        "status": "open",
        "labels": ["a", "b"],
        "score": 1.5,
        "meta": {"a": {"b": [1, "two", None]}, "ünl'ikely": True},
        "secret": "sesame",
        "vault": {"code": "1234"},
        "pin": "hunter2hunter2",
    },
    "comments": {"text": ODD},
    "notes": {"text": ODD},
    "safes": {"code": "0000"},
    "counters": {"views": 0},
}


def field(type: str, name: str, **options: Any) -> dict[str, Any]:
    """Return a field's definition."""
    return {"type": type, "name": name, **options}


def relation(name: str, target: str, **options: Any) -> dict[str, Any]:
    return field("relation", name, collectionId=IDS[target], maxSelect=options.pop("most", 1), **options)


IDS = {
    name: f"{name}_col".ljust(15, "0")
    for name in ("people", "clients", "posts", "comments", "notes", "safes", "counters")
}
OWN = "id = @request.auth.id"
SIGNED_IN = "@request.auth.id != ''"
OPEN = dict.fromkeys(("listRule", "viewRule", "createRule", "updateRule", "deleteRule"), "")


def collections() -> Iterator[dict[str, Any]]:
    """Yield the collections, those referred to first."""
    for make in (_people, _clients, _safes, _posts, _comments, _notes, _counters):
        definition = make()
        yield {"id": IDS[definition["name"]], **definition}


def _people() -> dict[str, Any]:
    return {
        "name": "people",
        "type": "auth",
        **OPEN,
        "updateRule": f"{OWN} || @request.auth.role = 'chief'",
        "deleteRule": OWN,
        "manageRule": "@request.auth.role = 'chief'",
        "fields": [
            field("text", "name"),
            field("select", "role", values=["chief", "member"], maxSelect=1),
            field("text", "diary", hidden=True),
            field("text", "nick"),
            field("password", "pin"),
        ],
        "indexes": ["CREATE UNIQUE INDEX `idx_nick` ON `people` (`nick`) WHERE `nick` != ''"],
    }


def _clients() -> dict[str, Any]:
    rules = dict.fromkeys(OPEN, OWN)
    return {"name": "clients", "type": "auth", **rules, "createRule": "", "fields": [field("text", "name")]}


def _safes() -> dict[str, Any]:
    return {"name": "safes", "type": "base", "fields": [field("text", "code")]}


def _posts() -> dict[str, Any]:
    own = "author = @request.auth.id"
    visible = f"status = 'open' || {own}"
    return {
        "name": "posts",
        "type": "base",
        "listRule": visible,
        "viewRule": visible,
        "createRule": SIGNED_IN,
        "updateRule": own,
        "deleteRule": own,
        "fields": [
            field("text", "title"),
            field("editor", "body"),
            field("select", "status", values=["open", "draft"], maxSelect=1),
            field("select", "labels", values=["a", "b", "c", "d"], maxSelect=4),
            field("number", "score"),
            field("json", "meta"),
            field("geoPoint", "place"),
            field("date", "published"),
            field("text", "secret", hidden=True),
            field("json", "vault", hidden=True),
            field("password", "pin"),
            field("password", "lock", hidden=True),
            relation("author", "people"),
            relation("editors", "people", most=9),
            relation("safe", "safes"),
            relation("safes", "safes", most=9),
        ],
    }


def _comments() -> dict[str, Any]:
    return {
        "name": "comments",
        "type": "base",
        **OPEN,
        "fields": [
            field("text", "text"),
            relation("post", "posts", cascadeDelete=True),
            relation("posts", "posts", most=9),
            relation("reporter", "people", hidden=True),
        ],
    }


def _notes() -> dict[str, Any]:
    own = "owner = @request.auth.id"
    rules = dict.fromkeys(OPEN, f"{own} && {SIGNED_IN}")
    return {
        "name": "notes",
        "type": "base",
        **rules,
        "fields": [
            field("text", "text"),
            relation("owner", "people"),
            relation("post", "posts", required=True),
            relation("safe", "safes"),
        ],
    }


def _counters() -> dict[str, Any]:
    return {
        "name": "counters",
        "type": "base",
        **OPEN,
        "fields": [
            field("text", "slug"),
            field("number", "views"),
            *(field("text", f"text{number}") for number in range(8)),
            field("json", "data"),
            field("select", "tags", values=[f"t{number}" for number in range(20)], maxSelect=20),
        ],
        "indexes": ["CREATE UNIQUE INDEX `idx_slug` ON `counters` (`slug`) WHERE `slug` != ''"],
    }


SELF_RELATIONS = {"posts": relation("peers", "posts", most=99)}
"""Relations to the collection itself can't be there from its start."""
