"""Bodies of great size, and requests cut or oddly written."""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance.cases import Case, Json, Padded, case, drop, field, get, make, patch, post, records

MB = 1024 * 1024
URL = records("limits")


def large() -> Iterator[Case]:
    """Yield bodies around 32 MB, and values around the limits of their fields."""
    made = make("limits", [field("text", "t", max=5), field("json", "j"), field("editor", "e")])
    texts: dict[str, Json] = {
        "editor of 5 MB": Padded('{"e":"', 5 * MB),
        "editor over 5 MB": Padded('{"e":"', 5 * MB + 1),
        "json of 1 MB": Padded('{"j":"', MB - 2),
        "json over 1 MB": Padded('{"j":"', MB - 1),
    }
    for name, body in texts.items():
        step = post(URL + "?fields=t", body, "guest")
        yield case(f"limits: {name}", made, step, *drop("limits"))
    for collection, spare in (("limits", 6 * MB), ("teams", 0)):
        for name, size in (("under", -100), ("over", 100)):
            padding = Padded('{"nope":"', 32 * MB + spare + size - 11)
            step = post(records(collection) + "?fields=t", padding, "guest")
            yield case(f"limits: {collection}, body {name} the limit", made, step, *drop("limits"))
    big = Padded('{"identity":"', 33 * MB)
    yield case(
        "limits: sign-in body over the limit",
        post("/api/collections/people/auth-with-password", big, "guest"),
    )
    yield case("limits: collection body over the limit", post("/api/collections", big))


def many() -> Iterator[Case]:
    """Yield many keys, values and fields."""
    keys = {f"key{n}": n for n in range(5000)}
    values: Json = ["a"] * 5000
    made = make("limits", [field("select", "s", values=["a", "b"], maxSelect=2), field("json", "j")])
    yield case(
        "limits: many keys", made, post(URL, keys, "guest"), post(URL, {"j": keys}, "guest"), *drop("limits")
    )
    yield case("limits: many values", made, post(URL, {"s": values}, "guest"), *drop("limits"))
    fields = [field("text", f"f{n}") for n in range(200)]
    yield case(
        "limits: many fields", make("limits", fields), post(URL, {"f199": "x"}, "guest"), *drop("limits")
    )
    long_expand = ",".join(f"nope{n}" for n in range(500))
    long_fields = ",".join(f"nope{n}" for n in range(500))
    one = records("posts", "post00000000001")
    yield case(
        "limits: many expands", get(one, "guest", expand=long_expand), get(one, "guest", fields=long_fields)
    )
    ids: Json = [f"team{n:011}" for n in range(1, 600)]
    relation = field("relation", "r", collectionId="teams_col_00001", maxSelect=1000)
    yield case(
        "limits: many relations", make("limits", [relation]), post(URL, {"r": ids}, "guest"), *drop("limits")
    )


def back_relations() -> Iterator[Case]:
    """Yield an expand of a back-relation of many records."""
    made = make("limits", id="limits_col_0001")
    child = make(
        "limits_child", [field("relation", "r", collectionId="limits_col_0001"), field("number", "n")]
    )
    one = "limitrecord0001"
    on = patch("/api/settings", {"batch": {"enabled": True, "maxRequests": 2000}}, quiet=True)
    off = patch("/api/settings", {"batch": {"enabled": False, "maxRequests": 50}}, quiet=True)
    asked = [
        {"method": "POST", "url": records("limits_child"), "body": {"id": f"child{n:010}", "r": one, "n": n}}
        for n in range(1005)
    ]
    yield case(
        "limits: back-relation of many",
        made,
        child,
        on,
        post(URL, {"id": one}, quiet=True),
        post("/api/batch", {"requests": asked}, quiet=True),
        off,
        get(
            records("limits", one),
            "superuser",
            expand="limits_child_via_r",
            fields="expand.limits_child_via_r.id",
        ),
        get(records("limits_child"), "superuser", perPage=1000, page=2, fields="id", sort="id"),
        get(URL, "superuser", filter="limits_child_via_r.n = 5", fields="id"),
        get(URL, "superuser", filter="limits_child_via_r.n ?= 1004", fields="id"),
        *drop("limits_child", "limits"),
    )


CASES = [*large(), *many(), *back_relations()]
