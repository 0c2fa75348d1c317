"""Collections: creating, changing, renaming, emptying, importing and dropping them, with what that does to records."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from tests.conformance.cases import NOTHING, Case, Json, Raw, Step, add, case, delete, drop, field, get, make, patch, post, records, send
from tests.conformance.seed import collections

URL = "/api/collections"
TYPES: dict[str, tuple[dict[str, Json], ...]] = {
    "text": ({}, {"min": 1, "max": 5, "pattern": "^a", "autogeneratePattern": "a[a-z]{3}", "required": True, "presentable": True}),
    "editor": ({}, {"maxSize": 10, "convertURLs": True}),
    "number": ({}, {"min": -1.5, "max": 10, "onlyInt": False}, {"min": 0, "max": 0}, {"onlyInt": True}),
    "bool": ({}, {"required": True}),
    "email": ({}, {"onlyDomains": ["a.co"]}, {"exceptDomains": ["a.co", "b.co"]}),
    "url": ({}, {"onlyDomains": ["a.co"]}, {"exceptDomains": ["a.co"]}),
    "date": ({}, {"min": "2024-01-01", "max": "2024-12-31 10:00:00.000Z"}),
    "autodate": ({"onCreate": True}, {"onUpdate": True}, {"onCreate": True, "onUpdate": True}),
    "select": ({"values": ["a"]}, {"values": ["a", "b"], "maxSelect": 2, "required": True}),
    "file": ({}, {"maxSelect": 3, "maxSize": 100, "mimeTypes": ["image/png"], "thumbs": ["100x100"], "protected": True}),
    "relation": ({"collectionId": "teams_col_00001"}, {"collectionId": "teams_col_00001", "maxSelect": 3, "minSelect": 1, "cascadeDelete": True}),
    "json": ({}, {"maxSize": 100}),
    "password": ({}, {"min": 4, "max": 60, "pattern": "^a", "cost": 6, "required": True}),
    "geoPoint": ({}, {"required": True}),
}


def field_types() -> Iterator[Case]:
    """Yield a collection for every type with each of its options, and the same options sent back."""
    for kind, all_options in TYPES.items():
        for number, options in enumerate(all_options):
            name = f"col_{kind.lower()}_{number}"
            body = {"name": name, "fields": [field(kind, "f", **options), field(kind, "hid", hidden=True, help="what it is", **options)]}
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
        yield case(f"collection: bare {kind or 'default'}", post(URL, body), get(f"{URL}/col_bare"), *drop("col_bare"))
    view = {"name": "col_view", "type": "view", "viewQuery": "SELECT id, title FROM posts"}
    yield case("collection: bare view", post(URL, view), get(records("col_view"), sort="id"), get(records("col_view"), "guest"), *drop("col_view"))
    for number, given in enumerate(("pbc_given0000001", "short", "a_b-c", "with space", "x" * 100, "", None, 5)):
        body = {"name": "col_given", "id": given}
        yield case(f"collection: id {number}", post(URL, body), get(f"{URL}/col_given"), *drop("col_given"))
    taken = post(URL, {"name": "col_taken", "id": "posts_col_00001"})
    yield case("collection: id taken", taken, *drop("col_taken"))
    renamed_id = {"name": "col_idfield", "fields": [{"name": "id", "type": "text", "min": 3, "max": 3, "pattern": "^[a-z]+$", "autogeneratePattern": "[a-z]{3}"}]}
    yield case("collection: an id of one's own", post(URL, renamed_id), get(f"{URL}/col_idfield"), post(records("col_idfield"), {"id": "abc"}), post(records("col_idfield"), {"id": "abcd"}), *drop("col_idfield"))
    extra: dict[str, Json] = {"created": "2000-01-01", "updated": "2000-01-01", "system": True, "nope": 1, "viewQuery": "SELECT 1", "authRule": ""}
    yield case("collection: unknown and foreign keys", post(URL, {"name": "col_extra", **extra}), get(f"{URL}/col_extra"), patch(f"{URL}/col_extra", extra), *drop("col_extra"))
    upper = {"NAME": "col_upper", "TYPE": "base", "LISTRULE": ""}
    yield case("collection: upper case keys", post(URL, upper), *drop("col_upper"))


def seeded() -> Iterator[Case]:
    """Yield the seed's collections as they come back."""
    for collection in collections():
        name = collection["name"]
        yield case(f"collection: seen {name}", get(f"{URL}/{name}"), get(f"{URL}/{collection['id']}"), patch(f"{URL}/{name}", {}))
    for name in ("users", "_superusers", "_mfas", "_otps", "_externalAuths", "_authOrigins", "POSTS", "nope", "pbc_3142635823", "_pb_users_auth_"):
        yield case(f"collection: seen {name}", get(f"{URL}/{name}"), get(f"{URL}/{name}", "guest"))
    yield case("collection: scaffolds", get(f"{URL}/meta/scaffolds"), get(f"{URL}/meta/scaffolds", "guest"), get(f"{URL}/meta/scaffolds", "ann"))


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
        {"filter": "name ~ 'post' && system = false", "page": 2, "perPage": 1, "sort": "name", "fields": "name"},
        {"filter": "@request.auth.id != ''"},
        {"filter": "@collection.posts.id != ''"},
        {"filter": "name:lower = 'posts'", "fields": "name"},
    )
    for ask in asks:
        yield case(f"collection: list {ask}", get(URL, "superuser", **ask))
    yield case("collection: list as others", *(get(URL, who) for who in ("guest", "ann", "member")))


def changes() -> Iterator[Case]:
    """Yield changes that must keep, move or drop data."""
    a, b = "colrecord000001", "colrecord000002"
    url, rows = f"{URL}/col_change", records("col_change")
    start = (
        make("col_change", [field("text", "one", id="f_one"), field("number", "two", id="f_two"), field("select", "three", id="f_three", values=["a", "b"], maxSelect=2)]),
        add("col_change", id=a, one="1", two=2, three=["a", "b"]),
        add("col_change", id=b),
    )
    one, two = field("text", "one", id="f_one"), field("number", "two", id="f_two")
    three = field("select", "three", id="f_three", values=["a", "b"], maxSelect=2)
    fields: dict[str, Json] = {
        "rename a field": [{**one, "name": "uno"}, two, three],
        "swap two names": [{**one, "name": "two"}, {**two, "name": "one"}, three],
        "drop a field": [one, three],
        "drop all": [],
        "add a field": [one, two, three, field("text", "four"), field("number", "five"), field("bool", "six"), field("json", "seven"), field("select", "eight", values=["x"], maxSelect=2), field("geoPoint", "nine"), field("date", "ten")],
        "add a required field": [one, two, three, field("text", "four", required=True)],
        "without ids": [field("text", "one"), field("number", "two")],
        "another id, the same name": [{**one, "id": "f_other"}, two, three],
        "another type": [{**one, "type": "number"}, two, three],
        "another type under another id": [field("number", "one", id="f_new"), two, three],
        "another order": [three, two, one],
        "options": [{**one, "max": 3, "hidden": True}, two, three],
        "single to multi and back": [one, two, {**three, "maxSelect": 1}],
        "fewer values": [one, two, {**three, "values": ["a"]}],
        "more select": [one, two, {**three, "maxSelect": 5, "values": ["a", "b", "c", "d", "e"]}],
        "null": None,
        "text": "x",
        "twice": [one, one],
        "only changed": [{"id": "f_one", "name": "uno"}],
        "bad type": [{"id": "f_one", "name": "one", "type": "nope"}],
    }
    for name, value in fields.items():
        yield case(f"collection: fields, {name}", *start, patch(url, {"fields": value}), get(rows, sort="id"), get(url), *drop("col_change"))
    back = (patch(url, {"fields": [one, two, {**three, "maxSelect": 1}]}, quiet=True), patch(url, {"fields": [one, two, three]}))
    yield case("collection: multi to single to multi", *start, *back, get(rows, sort="id"), *drop("col_change"))
    others: dict[str, dict[str, Json]] = {
        "nothing": {},
        "name": {"name": "col_renamed"},
        "same name": {"name": "col_change"},
        "name in other case": {"name": "COL_CHANGE"},
        "rules": {"listRule": "one = '1'", "viewRule": None, "createRule": "", "updateRule": "@request.auth.id != ''", "deleteRule": "1 = 2"},
        "type": {"type": "auth"},
        "id": {"id": "other_id_000001"},
        "system": {"system": True},
        "created": {"created": "2000-01-01 00:00:00.000Z"},
        "indexes": {"indexes": ["CREATE INDEX `idx_col_change` ON `col_change` (`one`)"]},
        "unique index": {"indexes": ["CREATE UNIQUE INDEX `idx_col_change` ON `col_change` (`one`)"]},
        "unique index that does not fit": {"indexes": ["CREATE UNIQUE INDEX `idx_col_change` ON `col_change` (`two`)"]},
        "rule of a dropped field": {"fields": [two], "listRule": "one = '1'"},
        "rule of a new field": {"fields": [one, field("text", "four")], "listRule": "four = '1'"},
    }
    for name, body in others.items():
        found = get(records("col_renamed"), sort="id") if name == "name" else get(rows, sort="id")
        gone = "col_renamed" if name == "name" else "col_change"
        yield case(f"collection: change {name}", *start, patch(url, body), found, get(rows, "guest"), *drop(gone))
    clash = patch(url, {"fields": [field("text", "one", id="f_one"), field("number", "two", id="f_two")], "listRule": "three:length = 1"})
    yield case("collection: all or nothing", *start, clash, get(url), get(rows, sort="id"), *drop("col_change"))


def followed() -> Iterator[Case]:
    """Yield renames, which indexes and rules of the collection itself, relations and views must survive."""
    index = ["CREATE INDEX `idx_follow` ON `col_follow` (`t`)", "CREATE UNIQUE INDEX `idx_follow2` ON `col_follow` (`t`, `n`) WHERE `n` > 0"]
    made = make("col_follow", [field("text", "t", id="f_t"), field("number", "n")], indexes=index, id="follow_col_0001")
    relation = make("col_follower", [field("relation", "r", collectionId="follow_col_0001")])
    yield case(
        "collection: rename with indexes and relations",
        made,
        relation,
        add("col_follow", id="colrecord000001", t="x"),
        add("col_follower", id="colrecord000002", r="colrecord000001"),
        patch(f"{URL}/col_follow", {"name": "col_followed"}),
        get(records("col_follower"), expand="r"),
        get(records("col_followed"), expand="col_follower_via_r"),
        patch(f"{URL}/col_followed", {"fields": [field("text", "renamed", id="f_t"), field("number", "n")]}),
        get(records("col_followed")),
        patch(f"{URL}/col_followed", {"fields": [field("text", "renamed", id="f_t")]}),
        *drop("col_follower", "col_followed"),
    )
    yield case(
        "collection: delete what others refer to",
        made,
        relation,
        delete(f"{URL}/col_follow"),
        delete(f"{URL}/follow_col_0001"),
        delete(f"{URL}/col_follower"),
        delete(f"{URL}/col_follow"),
    )
    rule = {"listRule": "@collection.col_follow.t ?= 'x'"}
    yield case(
        "collection: delete what a rule refers to",
        made,
        make("col_ruled", [field("text", "t")]),
        patch(f"{URL}/col_ruled", rule),
        delete(f"{URL}/col_follow"),
        get(records("col_ruled"), "guest"),
        *drop("col_ruled", "col_follow"),
    )
    view = {"name": "col_viewer", "type": "view", "viewQuery": "SELECT id, t FROM col_follow"}
    yield case(
        "collection: change what a view shows",
        made,
        post(URL, view),
        delete(f"{URL}/col_follow"),
        patch(f"{URL}/col_follow", {"fields": [field("number", "n")]}),
        patch(f"{URL}/col_follow", {"fields": [field("text", "renamed", id="f_t")]}),
        patch(f"{URL}/col_follow", {"name": "col_followed"}),
        get(f"{URL}/col_viewer"),
        get(records("col_viewer")),
        *drop("col_viewer", "col_follow", "col_followed"),
    )


def emptied() -> Iterator[Case]:
    """Yield truncation."""
    made = make("col_full", [field("text", "t")], id="full_col_00001")
    yield case(
        "collection: truncate",
        made,
        *(add("col_full", t=str(n)) for n in range(3)),
        *(delete(f"{URL}/col_full/truncate", who) for who in ("guest", "ann", "superuser")),
        get(records("col_full")),
        delete(f"{URL}/col_full/truncate"),
        delete(f"{URL}/nope/truncate"),
        delete(f"{URL}/post_stats/truncate"),
        *drop("col_full"),
    )
    for name, options in (("cascading", {"cascadeDelete": True}), ("emptied", {}), ("refusing", {"required": True})):
        collection = f"col_full_{name}"
        yield case(
            f"collection: truncate, {name}",
            made,
            make(collection, [field("relation", "r", collectionId="full_col_00001", **options)]),
            add("col_full", id="colrecord000001"),
            add(collection, id="colrecord000002", r="colrecord000001"),
            delete(f"{URL}/col_full/truncate"),
            get(records("col_full")),
            get(records(collection)),
            *drop(collection, "col_full"),
        )


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


def imports() -> Iterator[Case]:
    """Yield imports: what they make, change and drop."""

    def importing(*given: Json, **more: Json) -> Step:
        return send("PUT", f"{URL}/import", {"collections": list(given), **more})

    one: dict[str, Json] = {"id": "import_one_0001", "name": "import_one", "type": "base", "fields": [field("text", "t", id="f_t")]}
    two: dict[str, Json] = {"id": "import_two_0001", "name": "import_two", "type": "base", "fields": [field("relation", "r", collectionId="import_one_0001", id="f_r")]}
    changed = {**one, "name": "import_uno", "fields": [field("text", "renamed", id="f_t"), field("number", "n", id="f_n")]}
    seen = get(URL, "superuser", filter="name ~ 'import_'", sort="name")
    row = add("import_one", id="colrecord000001", t="kept")
    clean = drop("import_two", "import_one", "import_uno", "import_auth", "import_view")
    yield case("collection: import one", importing(one), seen, *clean)
    yield case("collection: import two that refer", importing(two, one), seen, *clean)
    yield case("collection: import twice", importing(one), row, importing(one), get(records("import_one")), *clean)
    yield case("collection: import a change", importing(one), row, importing(changed), seen, get(records("import_uno")), *clean)
    fewer = {**one, "fields": [field("number", "n", id="f_n")]}
    yield case("collection: import without a field", importing(one), row, importing(fewer), seen, get(records("import_one")), *clean)
    yield case("collection: import by name", importing(one), row, importing({"name": "import_one", "fields": [field("text", "u")]}), seen, *clean)
    auth = {"name": "import_auth", "type": "auth", "listRule": "", "passwordAuth": {"enabled": False}, "fields": []}
    view = {"name": "import_view", "type": "view", "viewQuery": "SELECT id, t FROM import_one"}
    yield case("collection: import of each type", importing(view, auth, one), seen, *drop("import_view"), *clean)
    yield case("collection: import, one of two wrong", importing(one, {"name": "import two", "fields": []}), seen, *clean)
    yield case("collection: import, wrong type", importing(one), importing({**one, "type": "auth"}), seen, *clean)
    yield case("collection: import, missing relation", importing(two), seen, *clean)
    yield case("collection: import, same name twice", importing(one, {**one, "id": "import_one_0002"}), seen, *clean)
    yield case("collection: import, same id twice", importing(one, {**one, "name": "import_uno"}), seen, *clean)
    yield case("collection: import, system collection", importing({"name": "_superusers", "listRule": "", "fields": []}), get(f"{URL}/_superusers", fields="listRule,name"), *clean)
    bodies: tuple[Json, ...] = (
        NOTHING,
        {},
        {"collections": None},
        {"collections": []},
        {"collections": {}},
        {"collections": "x"},
        {"collections": [1]},
        {"collections": [None]},
        {"collections": [{}]},
        {"collections": [{"name": ""}]},
        {"collections": [{"name": "import_one", "type": "nope"}]},
        {"collections": [{"name": "import_one", "fields": [{"type": "nope", "name": "a"}]}]},
        {"collections": [{"name": "import_one", "fields": "x"}]},
        {"collections": [one], "deleteMissing": "x"},
        Raw(b"{"),
        Raw(b"[]"),
    )
    for number, body in enumerate(bodies):
        yield case(f"collection: import body {number}", send("PUT", f"{URL}/import", body), seen, *clean)
    everything = [c for c in collections() if c["name"] not in {"everything"}]
    again = msgspec.structs.replace(importing(*everything), quiet=False)
    yield case("collection: import the seed again", again, get(URL, "superuser", filter="name ~ 'post'", sort="name"))


CASES = [
    *field_types(),
    *kinds(),
    *seeded(),
    *listed(),
    *changes(),
    *followed(),
    *emptied(),
    *doors(),
    *imports(),
]
