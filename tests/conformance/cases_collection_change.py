"""Changes of collections that must keep, move or drop data."""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance.cases import (
    Case,
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


def changes() -> Iterator[Case]:
    """Yield changes that must keep, move or drop data."""
    a, b = "colrecord000001", "colrecord000002"
    url, rows = f"{URL}/col_change", records("col_change")
    start = (
        make(
            "col_change",
            [
                field("text", "one", id="f_one"),
                field("number", "two", id="f_two"),
                field("select", "three", id="f_three", values=["a", "b"], maxSelect=2),
            ],
        ),
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
        "add a field": [
            one,
            two,
            three,
            field("text", "four"),
            field("number", "five"),
            field("bool", "six"),
            field("json", "seven"),
            field("select", "eight", values=["x"], maxSelect=2),
            field("geoPoint", "nine"),
            field("date", "ten"),
        ],
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
        yield case(
            f"collection: fields, {name}",
            *start,
            patch(url, {"fields": value}),
            get(rows, sort="id"),
            get(url),
            *drop("col_change"),
        )
    back = (
        patch(url, {"fields": [one, two, {**three, "maxSelect": 1}]}, quiet=True),
        patch(url, {"fields": [one, two, three]}),
    )
    yield case(
        "collection: multi to single to multi", *start, *back, get(rows, sort="id"), *drop("col_change")
    )
    others: dict[str, dict[str, Json]] = {
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
        "rule of a dropped field": {"fields": [two], "listRule": "one = '1'"},
        "rule of a new field": {"fields": [one, field("text", "four")], "listRule": "four = '1'"},
    }
    for name, body in others.items():
        found = get(records("col_renamed"), sort="id") if name == "name" else get(rows, sort="id")
        gone = "col_renamed" if name == "name" else "col_change"
        yield case(
            f"collection: change {name}", *start, patch(url, body), found, get(rows, "guest"), *drop(gone)
        )
    clash = patch(
        url,
        {
            "fields": [field("text", "one", id="f_one"), field("number", "two", id="f_two")],
            "listRule": "three:length = 1",
        },
    )
    yield case(
        "collection: all or nothing", *start, clash, get(url), get(rows, sort="id"), *drop("col_change")
    )


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
