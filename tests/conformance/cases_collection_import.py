"""Importing collections: what that makes, changes and drops."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from tests.conformance.cases import (
    NOTHING,
    Case,
    Json,
    Raw,
    Step,
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


def imports() -> Iterator[Case]:
    """Yield imports: what they make, change and drop."""

    def importing(*given: Json, **more: Json) -> Step:
        return send("PUT", f"{URL}/import", {"collections": list(given), **more})

    one: dict[str, Json] = {
        "id": "import_one_0001",
        "name": "import_one",
        "type": "base",
        "fields": [field("text", "t", id="f_t")],
    }
    two: dict[str, Json] = {
        "id": "import_two_0001",
        "name": "import_two",
        "type": "base",
        "fields": [field("relation", "r", collectionId="import_one_0001", id="f_r")],
    }
    changed = {
        **one,
        "name": "import_uno",
        "fields": [field("text", "renamed", id="f_t"), field("number", "n", id="f_n")],
    }
    seen = get(URL, "superuser", filter="name ~ 'import_'", sort="name")
    row = add("import_one", id="colrecord000001", t="kept")
    clean = drop("import_two", "import_one", "import_uno", "import_auth", "import_view")
    yield case("collection: import one", importing(one), seen, *clean)
    yield case("collection: import two that refer", importing(two, one), seen, *clean)
    yield case(
        "collection: import twice", importing(one), row, importing(one), get(records("import_one")), *clean
    )
    yield case(
        "collection: import a change",
        importing(one),
        row,
        importing(changed),
        seen,
        get(records("import_uno")),
        *clean,
    )
    fewer = {**one, "fields": [field("number", "n", id="f_n")]}
    yield case(
        "collection: import without a field",
        importing(one),
        row,
        importing(fewer),
        seen,
        get(records("import_one")),
        *clean,
    )
    yield case(
        "collection: import by name",
        importing(one),
        row,
        importing({"name": "import_one", "fields": [field("text", "u")]}),
        seen,
        *clean,
    )
    auth = {
        "name": "import_auth",
        "type": "auth",
        "listRule": "",
        "passwordAuth": {"enabled": False},
        "fields": [],
    }
    view = {"name": "import_view", "type": "view", "viewQuery": "SELECT id, t FROM import_one"}
    yield case(
        "collection: import of each type", importing(view, auth, one), seen, *drop("import_view"), *clean
    )
    yield case(
        "collection: import, one of two wrong",
        importing(one, {"name": "import two", "fields": []}),
        seen,
        *clean,
    )
    yield case(
        "collection: import, wrong type", importing(one), importing({**one, "type": "auth"}), seen, *clean
    )
    yield case("collection: import, missing relation", importing(two), seen, *clean)
    yield case(
        "collection: import, same name twice", importing(one, {**one, "id": "import_one_0002"}), seen, *clean
    )
    yield case(
        "collection: import, same id twice", importing(one, {**one, "name": "import_uno"}), seen, *clean
    )
    yield case(
        "collection: import, system collection",
        importing({"name": "_superusers", "listRule": "", "fields": []}),
        get(f"{URL}/_superusers", fields="listRule,name"),
        *clean,
    )
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
    yield case(
        "collection: import the seed again", again, get(URL, "superuser", filter="name ~ 'post'", sort="name")
    )


CASES = [*imports()]
