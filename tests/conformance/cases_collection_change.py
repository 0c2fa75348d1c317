"""Changes of collections that must keep, move or drop data."""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance.cases import (
    Case,
    Expected,
    Json,
    add,
    case,
    delete,
    drop,
    field,
    get,
    make,
    patch,
    post,
    records,
)

URL = "/api/collections"


ONE, TWO = field("text", "one", id="f_one"), field("number", "two", id="f_two")
THREE = field("select", "three", id="f_three", values=["a", "b"], maxSelect=2)
START = (
    make("col_change", [ONE, TWO, THREE]),
    add("col_change", id="colrecord000001", one="1", two=2, three=["a", "b"]),
    add("col_change", id="colrecord000002"),
)
FIELDS: dict[str, Json] = {
    "rename a field": [{**ONE, "name": "uno"}, TWO, THREE],
    "swap two names": [{**ONE, "name": "two"}, {**TWO, "name": "one"}, THREE],
    "drop a field": [ONE, THREE],
    "drop all": [],
    "add a field": [
        ONE,
        TWO,
        THREE,
        field("text", "four"),
        field("number", "five"),
        field("bool", "six"),
        field("json", "seven"),
        field("select", "eight", values=["x"], maxSelect=2),
        field("geoPoint", "nine"),
        field("date", "ten"),
    ],
    "add a required field": [ONE, TWO, THREE, field("text", "four", required=True)],
    "without ids": [field("text", "one"), field("number", "two")],
    "another id, the same name": [{**ONE, "id": "f_other"}, TWO, THREE],
    "another type": [{**ONE, "type": "number"}, TWO, THREE],
    "another type under another id": [field("number", "one", id="f_new"), TWO, THREE],
    "another order": [THREE, TWO, ONE],
    "options": [{**ONE, "max": 3, "hidden": True}, TWO, THREE],
    "single to multi and back": [ONE, TWO, {**THREE, "maxSelect": 1}],
    "fewer values": [ONE, TWO, {**THREE, "values": ["a"]}],
    "more select": [ONE, TWO, {**THREE, "maxSelect": 5, "values": ["a", "b", "c", "d", "e"]}],
    "null": None,
    "text": "x",
    "twice": [ONE, ONE],
    "only changed": [{"id": "f_one", "name": "uno"}],
    "bad type": [{"id": "f_one", "name": "one", "type": "nope"}],
}
OTHERS: dict[str, dict[str, Json]] = {
    "nothing": {},
    "name": {"name": "col_renamed"},
    "same name": {"name": "col_change"},
    "name in other case": {"name": "COL_CHANGE"},
    "rules": {
        "listRule": "one = '1'",
        "viewRule": None,
        "createRule": "",
        "updateRule": "@request.auth.id != ''",
        "deleteRule": "1 = 2",
    },
    "type": {"type": "auth"},
    "id": {"id": "other_id_000001"},
    "system": {"system": True},
    "created": {"created": "2000-01-01 00:00:00.000Z"},
    "indexes": {"indexes": ["CREATE INDEX `idx_col_change` ON `col_change` (`one`)"]},
    "unique index": {"indexes": ["CREATE UNIQUE INDEX `idx_col_change` ON `col_change` (`one`)"]},
    "unique index that does not fit": {
        "indexes": ["CREATE UNIQUE INDEX `idx_col_change` ON `col_change` (`two`)"]
    },
    "rule of a dropped field": {"fields": [TWO], "listRule": "one = '1'"},
    "rule of a new field": {"fields": [ONE, field("text", "four")], "listRule": "four = '1'"},
}


def changes() -> Iterator[Case]:
    """Yield changes that must keep, move or drop data."""
    url, rows = f"{URL}/col_change", records("col_change")
    seen, clean = get(rows, sort="id"), drop("col_change")
    for name, value in FIELDS.items():
        yield case(
            f"collection: fields, {name}", *START, patch(url, {"fields": value}), seen, get(url), *clean
        )
    narrow = patch(url, {"fields": [ONE, TWO, {**THREE, "maxSelect": 1}]}, quiet=True)
    wide = patch(url, {"fields": [ONE, TWO, THREE]})
    yield case("collection: multi to single to multi", *START, narrow, wide, seen, *clean)
    for name, body in OTHERS.items():
        gone = "col_renamed" if name == "name" else "col_change"
        found = get(records(gone), sort="id")
        yield case(
            f"collection: change {name}", *START, patch(url, body), found, get(rows, "guest"), *drop(gone)
        )
    clash = patch(url, {"fields": [ONE, TWO], "listRule": "three:length = 1"})
    yield case("collection: all or nothing", *START, clash, get(url), seen, *clean)


def followed() -> Iterator[Case]:
    """Yield renames, which indexes and rules of the collection itself, relations and views must survive."""
    index = [
        "CREATE INDEX `idx_follow` ON `col_follow` (`t`)",
        "CREATE UNIQUE INDEX `idx_follow2` ON `col_follow` (`t`, `n`) WHERE `n` > 0",
    ]
    made = make(
        "col_follow",
        [field("text", "t", id="f_t"), field("number", "n")],
        indexes=index,
        id="follow_col_0001",
    )
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
        differs="PocketBase leaves the old name in the view's query",
        expected=[Expected(step=6, status=200)],
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
    for name, options in (
        ("cascading", {"cascadeDelete": True}),
        ("emptied", {}),
        ("refusing", {"required": True}),
    ):
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


CASES = [*changes(), *followed(), *emptied()]
