"""Collections: creating them with every type and option, and seeing them again."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from tests.conformance.cases import (
    NOTHING,
    Case,
    Json,
    Raw,
    case,
    delete,
    drop,
    field,
    get,
    patch,
    post,
    records,
    send,
)
from tests.conformance.seed import collections

URL = "/api/collections"


TYPES: dict[str, tuple[dict[str, Json], ...]] = {
    "text": (
        {},
        {
            "min": 1,
            "max": 5,
            "pattern": "^a",
            "autogeneratePattern": "a[a-z]{3}",
            "required": True,
            "presentable": True,
        },
    ),
    "editor": ({}, {"maxSize": 10, "convertURLs": True}),
    "number": ({}, {"min": -1.5, "max": 10, "onlyInt": False}, {"min": 0, "max": 0}, {"onlyInt": True}),
    "bool": ({}, {"required": True}),
    "email": ({}, {"onlyDomains": ["a.co"]}, {"exceptDomains": ["a.co", "b.co"]}),
    "url": ({}, {"onlyDomains": ["a.co"]}, {"exceptDomains": ["a.co"]}),
    "date": ({}, {"min": "2024-01-01", "max": "2024-12-31 10:00:00.000Z"}),
    "autodate": ({"onCreate": True}, {"onUpdate": True}, {"onCreate": True, "onUpdate": True}),
    "select": ({"values": ["a"]}, {"values": ["a", "b"], "maxSelect": 2, "required": True}),
    "file": (
        {},
        {
            "maxSelect": 3,
            "maxSize": 100,
            "mimeTypes": ["image/png"],
            "thumbs": ["100x100"],
            "protected": True,
        },
    ),
    "relation": (
        {"collectionId": "teams_col_00001"},
        {"collectionId": "teams_col_00001", "maxSelect": 3, "minSelect": 1, "cascadeDelete": True},
    ),
    "json": ({}, {"maxSize": 100}),
    "password": ({}, {"min": 4, "max": 60, "pattern": "^a", "cost": 6, "required": True}),
    "geoPoint": ({}, {"required": True}),
}


def field_types() -> Iterator[Case]:
    """Yield a collection for every type with each of its options, and the same options sent back."""
    for kind, all_options in TYPES.items():
        for number, options in enumerate(all_options):
            name = f"col_{kind.lower()}_{number}"
            body = {
                "name": name,
                "fields": [
                    field(kind, "f", **options),
                    field(kind, "hid", hidden=True, help="what it is", **options),
                ],
            }
            yield case(
                f"collection: {kind} {number}",
                post(URL, body),
                get(f"{URL}/{name}"),
                patch(f"{URL}/{name}", {"fields": [{"name": "f", "type": kind, **options}]}),
                patch(f"{URL}/{name}", {"fields": []}),
                delete(f"{URL}/{name}"),
                get(f"{URL}/{name}"),
            )


def kinds() -> Iterator[Case]:
    """Yield collections with nothing but a name, and with everything."""
    for kind in ("base", "auth", ""):
        body: dict[str, Json] = {"name": "col_bare", "type": kind} if kind else {"name": "col_bare"}
        yield case(
            f"collection: bare {kind or 'default'}",
            post(URL, body),
            get(f"{URL}/col_bare"),
            *drop("col_bare"),
        )
    view = {"name": "col_view", "type": "view", "viewQuery": "SELECT id, title FROM posts"}
    yield case(
        "collection: bare view",
        post(URL, view),
        get(records("col_view"), sort="id"),
        get(records("col_view"), "guest"),
        *drop("col_view"),
    )
    for number, given in enumerate(
        ("pbc_given0000001", "short", "a_b-c", "with space", "x" * 100, "", None, 5)
    ):
        body = {"name": "col_given", "id": given}
        yield case(f"collection: id {number}", post(URL, body), get(f"{URL}/col_given"), *drop("col_given"))
    taken = post(URL, {"name": "col_taken", "id": "posts_col_00001"})
    yield case("collection: id taken", taken, *drop("col_taken"))
    renamed_id = {
        "name": "col_idfield",
        "fields": [
            {
                "name": "id",
                "type": "text",
                "min": 3,
                "max": 3,
                "pattern": "^[a-z]+$",
                "autogeneratePattern": "[a-z]{3}",
            }
        ],
    }
    yield case(
        "collection: an id of one's own",
        post(URL, renamed_id),
        get(f"{URL}/col_idfield"),
        post(records("col_idfield"), {"id": "abc"}),
        post(records("col_idfield"), {"id": "abcd"}),
        *drop("col_idfield"),
    )
    extra: dict[str, Json] = {
        "created": "2000-01-01",
        "updated": "2000-01-01",
        "system": True,
        "nope": 1,
        "viewQuery": "SELECT 1",
        "authRule": "",
    }
    yield case(
        "collection: unknown and foreign keys",
        post(URL, {"name": "col_extra", **extra}),
        get(f"{URL}/col_extra"),
        patch(f"{URL}/col_extra", extra),
        *drop("col_extra"),
    )
    upper = {"NAME": "col_upper", "TYPE": "base", "LISTRULE": ""}
    yield case("collection: upper case keys", post(URL, upper), *drop("col_upper"))


def seeded() -> Iterator[Case]:
    """Yield the seed's collections as they come back."""
    for collection in collections():
        name = collection["name"]
        yield case(
            f"collection: seen {name}",
            get(f"{URL}/{name}"),
            get(f"{URL}/{collection['id']}"),
            patch(f"{URL}/{name}", {}),
        )
    for name in (
        "users",
        "_superusers",
        "_mfas",
        "_otps",
        "_externalAuths",
        "_authOrigins",
        "POSTS",
        "nope",
        "pbc_3142635823",
        "_pb_users_auth_",
    ):
        yield case(f"collection: seen {name}", get(f"{URL}/{name}"), get(f"{URL}/{name}", "guest"))
    yield case(
        "collection: scaffolds",
        msgspec.structs.replace(get(f"{URL}/meta/scaffolds"), any_order=True),
        get(f"{URL}/meta/scaffolds", "guest"),
        get(f"{URL}/meta/scaffolds", "ann"),
    )


def listed() -> Iterator[Case]:
    """Yield lists of collections."""
    asks: tuple[dict[str, object], ...] = (
        {"filter": "name = 'posts'"},
        {"filter": "name ~ 'post'", "sort": "name"},
        {"filter": "type = 'view'", "sort": "-name", "fields": "name,type"},
        {"filter": "system = true", "sort": "name", "fields": "name"},
        {"filter": "id = 'posts_col_00001'", "fields": "id,name"},
        {"filter": "created > '2020-01-01' && name = 'posts'", "fields": "name"},
        {"filter": "updated < '2020-01-01'", "fields": "name"},
        {"filter": "nope = 1"},
        {"filter": "fields ~ 'x'"},
        {"filter": "listRule = ''"},
        {"filter": "name ="},
        {"sort": "nope"},
        {"sort": "listRule"},
        {"filter": "name = 'posts'", "skipTotal": 1, "fields": "name"},
        {"filter": "name = 'posts'", "perPage": 5000, "fields": "name"},
        {"filter": "name = 'posts'", "page": "abc"},
        {
            "filter": "name ~ 'post' && system = false",
            "page": 2,
            "perPage": 1,
            "sort": "name",
            "fields": "name",
        },
        {"filter": "@request.auth.id != ''"},
        {"filter": "@collection.posts.id != ''"},
        {"filter": "name:lower = 'posts'", "fields": "name"},
    )
    for ask in asks:
        yield case(f"collection: list {ask}", get(URL, "superuser", **ask))
    yield case("collection: list as others", *(get(URL, who) for who in ("guest", "ann", "member")))


def doors() -> Iterator[Case]:
    """Yield who may do what, and other methods."""
    for who in ("guest", "ann", "member"):
        yield case(
            f"collection: as {who}",
            get(f"{URL}/posts", who),
            post(URL, {"name": "col_x"}, who),
            post(URL, Raw(b"{"), who),
            patch(f"{URL}/posts", {"listRule": ""}, who),
            delete(f"{URL}/posts", who),
            send("PUT", f"{URL}/import", {"collections": []}, who),
            post(f"{URL}/meta/dry-run-view", {"query": "SELECT 1"}, who),
            delete(f"{URL}/posts/truncate", who),
        )
    yield case(
        "collection: other methods",
        send("PUT", f"{URL}/posts", {}),
        send("POST", f"{URL}/posts", {}),
        send("DELETE", URL, NOTHING),
        send("GET", f"{URL}/import", NOTHING),
        send("GET", f"{URL}/meta/nope", NOTHING),
        patch(f"{URL}/nope", {"name": "x"}),
        delete(f"{URL}/nope"),
    )


CASES = [*field_types(), *kinds(), *seeded(), *listed(), *doors()]
