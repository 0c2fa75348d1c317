"""The order of a list, and which rows an order may cost."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from tests.conformance.cases import Case, Expected, case, get, records

EVERYTHING = (
    "text",
    "text2",
    "editor",
    "number",
    "number2",
    "whole",
    "bool",
    "email",
    "url",
    "date",
    "select",
    "selects",
    "selects:each",
    "selects:length",
    "file",
    "files",
    "files:length",
    "team",
    "team.title",
    "team.rank",
    "team.id",
    "team.colors:length",
    "teams:length",
    "self.text",
    "self.self.number",
    "json",
    "json.a",
    "json.a.b",
    "json.0",
    "json:length",
    "geo",
    "geo.lon",
    "geo.lat",
    "geo.nope",
    "hid",
    "text:lower",
    "text2:lower",
    "team.title:lower",
    "collectionId",
    "collectionName",
    "id",
    "@rowid",
    "text:nope",
    "text:isset",
    "nope",
    "text.nope",
    "team.nope",
    "everything_via_self.text",
    "TEXT",
    "rowid",
    "_rowid_",
    "@now",
    "@nope",
    "'text'",
    "1",
    "geoDistance(geo.lon,geo.lat,0,0)",
    "number + 1",
    "number; DROP TABLE x",
    "number desc",
    "`number`",
)

WHOLE = (
    "",
    " ",
    ",",
    "-",
    "+",
    "--number",
    "+-number",
    "-+number",
    "+number,-text",
    "number,text",
    "-number,-text",
    "number,,text",
    "number,text,",
    ",number,text",
    " number , text ",
    "- number",
    "number,number",
    "number,-number",
    "@rowid,number",
    "-@rowid",
    "+@rowid",
    "bool,select,@rowid",
    "bool,bool,bool,bool,bool,bool,bool,@rowid",
    "bool,bool,bool,bool,bool,bool,bool,bool,@rowid",
    "a" * 255,
    "a" * 256,
)

PATHS = {
    "links": (
        "title",
        "locked",
        "locked.id",
        "locked.title",
        "lockeds",
        "lockeds.title",
        "lockeds:length",
        "inner",
        "inner.id",
        "inner.title",
        "inner.locked.title",
        "post.title",
        "-post.title",
        "posts.id",
        "post.author.name",
        "post.notes",
        "post.team.secret",
        "member.name",
        "member.email",
        "@collection.posts.title",
        "@request.auth.id",
        "@request.auth.name",
        "@request.method",
    ),
    "people": (
        "name",
        "age",
        "role",
        "skills:length",
        "team.title",
        "verified",
        "emailVisibility",
        "diary",
        "nick",
        "posts_via_author.title",
    ),
    "posts": (
        "author.name",
        "author.email",
        "author.team.title",
        "team.rank",
        "meta.lang",
        "published",
        "notes",
    ),
    "post_stats": ("comments", "double", "whole", "heading", "author.name", "labels", "@rowid"),
    "members": ("name", "email"),
}


def everything() -> Iterator[Case]:
    """Yield both directions of every operand; rowid breaks ties."""
    for operand in EVERYTHING:
        steps = [
            get(records("everything"), who, sort=f"{sign}{operand},@rowid", fields="id")
            for sign in ("", "-")
            for who in ("superuser", "guest")
        ]
        yield case(f"sort: {operand}", *steps)
    for sort in WHOLE:
        yield case(f"sort: whole [{sort}]", get(records("everything"), "guest", sort=sort, fields="id"))


def paths() -> Iterator[Case]:
    """Yield paths as people who may see more or less of what they lead to."""
    for collection, sorts in PATHS.items():
        for sort in sorts:
            tie = "id" if collection == "post_stats" else "@rowid"
            steps = (
                get(records(collection), who, sort=f"{sort},{tie}", fields="id")
                for who in ("superuser", "guest", "ann", "ben", "member")
            )
            yield case(f"sort: {collection} by {sort}", *steps)


def secret() -> Iterator[Case]:
    """Yield the order of secrets: random for a superuser, refused to others."""
    for sort in ("password", "tokenKey"):
        steps = [get(records("people"), who, sort=sort, fields="id") for who in ("superuser", "guest", "ann")]
        steps[0] = msgspec.structs.replace(steps[0], unordered="items")
        yield case(f"sort: people by {sort}", *steps)


def random() -> Iterator[Case]:
    """Yield random order: the same records, in whatever order."""
    for sort in ("@random", "-@random", "@random,id"):
        step = get(records("everything"), "guest", sort=sort, fields="id")
        yield case(f"sort: [{sort}]", msgspec.structs.replace(step, unordered="items"))


def private() -> Iterator[Case]:
    """Yield the order of addresses, which PocketBase tells to everybody.

    As in a filter, an address counts only where `emailVisibility` is set, or for its owner; the others sort as if they
    were empty.
    """
    url = records("people")
    yield case(
        "sort: people by email",
        get(url, "superuser", sort="email", fields="id"),
        get(url, "superuser", sort="-email", fields="id"),
    )
    for who in ("guest", "ann", "ben", "dan"):
        order = ("cat", "ann", "ben", "dan") if who == "ben" else ("ben", "cat", "ann", "dan")
        ids = [{"id": name * 5} for name in order]
        body = {"items": ids, "page": 1, "perPage": 30, "totalItems": 4, "totalPages": 1}
        yield case(
            f"sort: people by email as {who}",
            get(url, who, sort="email,id", fields="id"),
            differs="PocketBase sorts by addresses that it hides",
            expected=[Expected(step=0, status=200, body=body)],
        )


CASES = [*everything(), *paths(), *secret(), *random(), *private()]
