"""Importing collections: what that makes, changes and drops."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.conformance.cases import (
    NOTHING,
    Case,
    Json,
    Raw,
    Step,
    Template,
    add,
    case,
    drop,
    field,
    get,
    records,
    send,
)
from tests.conformance.seed import collections

URL = "/api/collections"


def importing(*given: Json, **more: Json) -> Step:
    """Import collections."""
    return send("PUT", f"{URL}/import", {"collections": list(given), **more})


ONE: dict[str, Json] = {
    "id": "import_one_0001",
    "name": "import_one",
    "type": "base",
    "fields": [field("text", "t", id="f_t")],
}
TWO: dict[str, Json] = {
    "id": "import_two_0001",
    "name": "import_two",
    "type": "base",
    "fields": [field("relation", "r", collectionId="import_one_0001", id="f_r")],
}
CHANGED: dict[str, Json] = {
    **ONE,
    "name": "import_uno",
    "fields": [field("text", "renamed", id="f_t"), field("number", "n", id="f_n")],
}
FEWER: dict[str, Json] = {**ONE, "fields": [field("number", "n", id="f_n")]}
AUTH: dict[str, Json] = {
    "name": "import_auth",
    "type": "auth",
    "listRule": "",
    "passwordAuth": {"enabled": False},
    "fields": [],
}
VIEW: dict[str, Json] = {"name": "import_view", "type": "view", "viewQuery": "SELECT id, t FROM import_one"}
SEEN = get(URL, "superuser", filter="name ~ 'import_'", sort="name")
ROW = add("import_one", id="colrecord000001", t="kept")
CLEAN = drop("import_view", "import_two", "import_one", "import_uno", "import_auth")


def made() -> Iterator[Case]:
    """Yield imports that make and change."""
    rows = get(records("import_one"))
    named: Json = {"name": "import_one", "fields": [field("text", "u")]}
    steps: dict[str, tuple[Step, ...]] = {
        "one": (importing(ONE), SEEN),
        "two that refer": (importing(TWO, ONE), SEEN),
        "twice": (importing(ONE), ROW, importing(ONE), rows),
        "a change": (importing(ONE), ROW, importing(CHANGED), SEEN, get(records("import_uno"))),
        "without a field": (importing(ONE), ROW, importing(FEWER), SEEN, rows),
        "by name": (importing(ONE), ROW, importing(named), SEEN),
        "of each type": (importing(VIEW, AUTH, ONE), SEEN),
        "one of two wrong": (importing(ONE, {"name": "import two", "fields": []}), SEEN),
        "wrong type": (importing(ONE), importing({**ONE, "type": "auth"}), SEEN),
        "missing relation": (importing(TWO), SEEN),
        "same name twice": (importing(ONE, {**ONE, "id": "import_one_0002"}), SEEN),
        "same id twice": (importing(ONE, {**ONE, "name": "import_uno"}), SEEN),
        "system collection": (
            importing({"name": "_superusers", "listRule": "", "fields": []}),
            get(f"{URL}/_superusers", fields="listRule,name"),
        ),
    }
    for name, asked in steps.items():
        yield case(f"collection: import {name}", *asked, *CLEAN)


def missing() -> Iterator[Case]:
    """Yield imports which drop what they do not name; all that is there is named, but for the case's own."""
    everything = send("GET", URL + "?perPage=500&sort=name", keep={"all": "items"}, quiet=True)
    keep = importing_all()
    yield case("collection: import all again", everything, keep, SEEN)
    yield case("collection: import, deleting others", everything, importing(ONE, TWO), keep, SEEN, *CLEAN)
    with_one = send("GET", URL + "?perPage=500&sort=name", keep={"all": "items"}, quiet=True)
    yield case(
        "collection: import, keeping one", importing(ONE), ROW, with_one, importing(TWO), keep, SEEN, *CLEAN
    )
    broken = importing_all({"name": "import bad", "fields": []})
    yield case("collection: import, deleting nothing", everything, importing(ONE), broken, SEEN, *CLEAN)
    fewer = importing_all(FEWER)
    rows = get(records("import_one"))
    yield case(
        "collection: import, deleting fields", everything, importing(ONE), ROW, fewer, SEEN, rows, *CLEAN
    )


def importing_all(*more: Json) -> Step:
    """Import all kept collections and `more`, and drop others."""
    joined = ",".join(["{{all}}", *(json.dumps(collection) for collection in more)])
    return send("PUT", f"{URL}/import", Template(f'{{"collections": [{joined}], "deleteMissing": true}}'))


BODIES: tuple[Json, ...] = (
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
    {"collections": [ONE], "deleteMissing": "x"},
    Raw(b"{"),
    Raw(b"[]"),
)


def bodies() -> Iterator[Case]:
    """Yield bodies, and the seed as if it came from a file."""
    for number, body in enumerate(BODIES):
        yield case(f"collection: import body {number}", send("PUT", f"{URL}/import", body), SEEN, *CLEAN)
    seeded = [collection for collection in collections() if collection["name"] != "everything"]
    shown = get(URL, "superuser", filter="name ~ 'post'", sort="name")
    yield case("collection: import the seed again", importing(*seeded), shown)


CASES = [*made(), *missing(), *bodies()]
