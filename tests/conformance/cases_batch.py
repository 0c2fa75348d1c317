"""Several requests in one: what is allowed, what is rolled back, what multipart bodies mean."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.conformance.cases import (
    NOTHING,
    Case,
    File,
    Form,
    Json,
    Multipart,
    Raw,
    Step,
    add,
    case,
    drop,
    field,
    get,
    make,
    patch,
    post,
    records,
)

URL = "/api/batch"
ON = patch(
    "/api/settings",
    {"batch": {"enabled": True, "maxRequests": 50, "timeout": 3, "maxBodySize": 0}},
    quiet=True,
)
OFF = patch(
    "/api/settings",
    {"batch": {"enabled": False, "maxRequests": 50, "timeout": 3, "maxBodySize": 0}},
    quiet=True,
)
A, B, C = "batchrecord0001", "batchrecord0002", "batchrecord0003"
FIELDS = [
    field("text", "t", max=10),
    field("number", "n"),
    field("select", "s", values=["a", "b"], maxSelect=2),
    field("relation", "p", collectionId="people_col_0001", maxSelect=1),
    field("file", "f", maxSelect=1),
    field("text", "h", hidden=True),
]
INDEX = "CREATE UNIQUE INDEX `idx_batch` ON `batch` (`t`) WHERE `t` != ''"


def within(name: str, *steps: Step, **options: Json) -> Case:
    """Run steps with batches allowed, on a collection with two records."""
    return case(
        f"batch: {name}",
        ON,
        make("batch", FIELDS, indexes=[INDEX], **options),
        add("batch", id=A, t="first", n=1, p="annannannannann"),
        add("batch", id=B, t="second", n=2, p="benbenbenbenben"),
        *steps,
        get(records("batch"), sort="n,id"),
        *drop("batch"),
        OFF,
    )


def asking(method: str, record_id: str = "", body: Json = None, **more: Json) -> dict[str, Json]:
    """Write one inner request."""
    asked: dict[str, Json] = {"method": method, "url": records("batch", record_id), **more}
    return asked if body is None else {**asked, "body": body}


def together(*asked: Json, who: str = "superuser") -> Step:
    """Send inner requests together."""
    return post(URL, {"requests": list(asked)}, who)


def usual() -> Iterator[Case]:
    """Yield batches of each method, and their answers."""
    for who in ("superuser", "guest", "ann"):
        yield within(
            f"each method as {who}",
            together(
                asking("POST", "", {"id": C, "t": "third", "n": 3, "h": "hidden"}),
                asking("PATCH", A, {"n+": 10}),
                asking("DELETE", B),
                asking("PUT", "", {"id": C, "t": "changed"}),
                asking("PUT", "", {"id": "batchrecord0004", "t": "fourth", "n": 4}),
                who=who,
            ),
        )
    yield within("empty", together())
    yield within("one", together(asking("PATCH", A, {"t": "changed"})))
    yield within("the same twice", together(asking("PATCH", A, {"n+": 1}), asking("PATCH", A, {"n+": 1})))
    yield within(
        "create then change",
        together(asking("POST", "", {"id": C}), asking("PATCH", C, {"t": "c"}), asking("DELETE", C)),
    )
    yield within(
        "expand and fields",
        together(
            {**asking("PATCH", A, {"n": 5}), "url": records("batch", A) + "?expand=p&fields=n,expand.p.name"}
        ),
    )
    yield within(
        "filter of a query", together({**asking("POST", "", {"n": 5}), "url": records("batch") + "?fields=n"})
    )
    yield within(
        "collection by id", together({"method": "PATCH", "url": records("{{id}}", A), "body": {"n": 5}})
    )
    yield within(
        "sign-in's own record",
        together(asking("PATCH", A, {"n": 9}), who="ann"),
        updateRule="p = @request.auth.id",
    )


def upserts() -> Iterator[Case]:
    """Yield PUT, which creates or changes."""
    bodies: tuple[Json, ...] = (
        {"id": A, "t": "up"},
        {"id": "batchrecord0009", "t": "new"},
        {"t": "no id", "n": 7},
        {"id": "", "n": 7},
        {"id": None, "n": 7},
        {"id": "short"},
        {"id": 5},
        {"id": A, "n+": 5},
        {"id": A, "t": "way too long for it"},
    )
    for number, body in enumerate(bodies):
        for who in ("superuser", "ann"):
            yield within(f"upsert {number} as {who}", together(asking("PUT", "", body), who=who))
    yield within(
        "upsert where creating is closed",
        together(asking("PUT", "", {"id": A, "n": 9}), who="ann"),
        createRule=None,
    )
    yield within(
        "upsert new where creating is closed",
        together(asking("PUT", "", {"id": C, "n": 9}), who="ann"),
        createRule=None,
    )
    yield within(
        "upsert where changing is closed",
        together(asking("PUT", "", {"id": A, "n": 9}), who="ann"),
        updateRule=None,
    )
    yield within(
        "upsert new where changing is closed",
        together(asking("PUT", "", {"id": C, "n": 9}), who="ann"),
        updateRule=None,
    )
    yield within(
        "upsert of what one may not see",
        together(asking("PUT", "", {"id": A, "n": 9}), who="ann"),
        viewRule=None,
    )
    yield within("upsert by path", together(asking("PUT", A, {"n": 9})))


def rolled_back() -> Iterator[Case]:
    """Yield batches one of which fails."""
    good = asking("PATCH", A, {"n": 100})
    failures: dict[str, Json] = {
        "invalid": asking("POST", "", {"t": "way too long for it"}),
        "not unique": asking("POST", "", {"t": "second"}),
        "missing": asking("PATCH", "nope", {"t": "x"}),
        "missing to delete": asking("DELETE", "nope"),
        "duplicate id": asking("POST", "", {"id": B}),
        "unknown collection": {"method": "POST", "url": records("nope"), "body": {}},
        "closed": {"method": "POST", "url": records("locked"), "body": {}},
        "another's": {"method": "PATCH", "url": records("posts", "post00000000002"), "body": {"title": "x"}},
        "view": {"method": "POST", "url": records("post_stats"), "body": {}},
        "missing relation": asking("POST", "", {"p": "nope"}),
        "bad fields": {"method": "POST", "url": records("batch") + "?fields=t:x(1)", "body": {}},
    }
    for name, bad in failures.items():
        for who in ("superuser", "ann"):
            if name in {"closed", "another's"} and who == "superuser":  # both would succeed
                continue
            yield within(f"rolled back, {name} as {who}", together(good, bad, asking("DELETE", B), who=who))
    yield within("rolled back, first of three", together(asking("PATCH", "nope", {}), good))
    yield within(
        "rolled back, two wrong",
        together(good, asking("PATCH", "nope", {}), asking("POST", "", {"t": "way too long for it"})),
    )
    rule = "@collection.batch.t ?= 'third'"
    yield within(
        "a rule sees what came before",
        together(asking("POST", "", {"t": "third"}), asking("PATCH", A, {"n": 5}), who="ann"),
        together(asking("PATCH", A, {"n": 5}), who="ann"),
        updateRule=rule,
    )
    yield within(
        "context", together(asking("PATCH", A, {"n": 5}), who="ann"), updateRule="@request.context = 'batch'"
    )
    headers = {"X-Key": "inner"}
    rule = "@request.headers.x_key = 'inner'"
    yield within(
        "inner headers",
        together({**asking("PATCH", A, {"n": 5}), "headers": headers}, who="ann"),
        updateRule=rule,
    )
    rule = "@request.headers.x_key = 'outer'"
    outer = post(URL, {"requests": [asking("PATCH", A, {"n": 5})]}, "ann", headers={"X-Key": "outer"})
    yield within("outer headers", outer, updateRule=rule)
    inner = {**asking("PATCH", A, {"n": 5}), "headers": {"Authorization": "x"}}
    yield within("inner authorization", together(inner, who="ann"), updateRule="@request.auth.id != ''")
    yield within(
        "inner method",
        together(asking("PATCH", A, {"n": 5}), who="ann"),
        updateRule="@request.method = 'PATCH'",
    )
    query = {**asking("PATCH", A, {"n": 5}), "url": records("batch", A) + "?key=k"}
    yield within("inner query", together(query, who="ann"), updateRule="@request.query.key = 'k'")
    upsert = asking("PUT", "", {"id": A, "n": 5})
    yield within("upsert's method", together(upsert, who="ann"), updateRule="@request.method = 'PATCH'")


REFUSED: tuple[Json, ...] = (
    {"method": "GET", "url": records("batch")},
    {"method": "GET", "url": records("batch", A)},
    {"method": "HEAD", "url": records("batch")},
    {"method": "POST", "url": "/api/batch", "body": {"requests": []}},
    {"method": "POST", "url": "/api/collections", "body": {"name": "x"}},
    {"method": "POST", "url": "/api/collections/people/auth-with-password", "body": {}},
    {"method": "PATCH", "url": "/api/settings", "body": {}},
    {"method": "DELETE", "url": "/api/collections/batch"},
    {"method": "DELETE", "url": "/api/collections/batch/truncate"},
    {"method": "PUT", "url": "/api/collections/import", "body": {}},
    {"method": "post", "url": records("batch"), "body": {"n": 6}},
    {"method": " POST", "url": records("batch"), "body": {"n": 6}},
    {"method": "", "url": records("batch")},
    {"method": "NOPE", "url": records("batch")},
    {"method": "POST", "url": ""},
    {"method": "POST", "url": "nope"},
    {"method": "POST", "url": records("batch") + "/", "body": {"n": 6}},
    {"method": "POST", "url": records("batch").lstrip("/"), "body": {"n": 6}},
    {"method": "POST", "url": "http://127.0.0.1" + records("batch"), "body": {"n": 6}},
    {"method": "POST", "url": "//evil" + records("batch"), "body": {"n": 6}},
    {"method": "POST", "url": "/api/../api/collections/batch/records", "body": {"n": 6}},
    {"method": "POST", "url": records("BATCH"), "body": {"n": 6}},
    {"method": "POST", "url": records("batch") + "?a=b#c", "body": {"n": 6}},
    {"method": "DELETE", "url": records("batch")},
    {"method": "POST", "url": records("batch", A), "body": {}},
    {"url": records("batch")},
    {"method": "POST"},
    {"method": "POST", "url": records("batch"), "body": []},
    {"method": "POST", "url": records("batch"), "body": "x"},
    {"method": "POST", "url": records("batch"), "body": None},
    {"method": "POST", "url": records("batch"), "headers": []},
    {"method": "POST", "url": records("batch"), "headers": {"X": 5}},
    {"method": "POST", "url": records("batch"), "nope": 1},
    {"METHOD": "POST", "URL": records("batch"), "BODY": {"n": 6}},
    {"method": 5, "url": 5},
    "text",
    5,
    [],
)
BODIES: tuple[Json, ...] = (
    NOTHING,
    Raw(b""),
    Raw(b"null"),
    Raw(b"[]"),
    Raw(b"{"),
    {},
    {"requests": None},
    {"requests": {}},
    {"requests": "x"},
    {"requests": []},
    {"requests": [], "more": 1},
    {"Requests": []},
    Raw(b'{"requests":[],"requests":[]}'),
    Raw(b'{"requests":[]}', "text/plain"),
    Form((("requests", "[]"),)),
    Multipart((("requests", "[]"),)),
    Multipart((("nothing", "x"),)),
)


def refused() -> Iterator[Case]:
    """Yield inner requests that no batch may hold, bodies that are none, and limits."""
    for number, inner in enumerate(REFUSED):
        yield within(f"refused {number}", together(asking("PATCH", A, {"n": 50}), inner))
    yield case(
        "batch: refused null",
        ON,
        post(URL, {"requests": [None]}),
        OFF,
        differs="PocketBase answers with 500",
    )
    yield within("bodies", *(post(URL, body, who) for body in BODIES for who in ("superuser", "guest")))
    closed = [OFF, *(post(URL, body, who) for body in BODIES[:6] for who in ("superuser", "guest"))]
    yield case("batch: not enabled", *closed)
    for count in (49, 50, 51):
        yield within(f"of {count}", together(*(asking("PATCH", A, {"n+": 1}) for _ in range(count))))
    few = patch("/api/settings", {"batch": {"maxRequests": 2}}, quiet=True)
    yield within(
        "fewer allowed",
        few,
        together(*(asking("PATCH", A, {"n+": 1}) for _ in range(2))),
        together(*(asking("PATCH", A, {"n+": 1}) for _ in range(3))),
    )
    small = patch("/api/settings", {"batch": {"maxBodySize": 200}}, quiet=True)
    yield within(
        "body too large",
        small,
        together(asking("PATCH", A, {"n": 1})),
        together(asking("PATCH", A, {"n": 1, "x": "x" * 200})),
    )
    yield within("get", get(URL), type(ON)(method="PUT", url=URL, who="superuser"))


def multipart() -> Iterator[Case]:
    """Yield multipart bodies as the JavaScript client sends them."""
    asked = json.dumps(
        {"requests": [asking("PATCH", A, {"n": 5}), asking("POST", "", {"id": C, "t": "third"})]}
    )
    text = File("note.txt", b"content", "text/plain")
    bodies: dict[str, tuple[tuple[str, str | File], ...]] = {
        "plain": (("@jsonPayload", asked),),
        "file to nobody": (("@jsonPayload", asked), ("requests.7.f", text)),
        "field by text": (("@jsonPayload", asked), ("requests.0.t", "text")),
        "broken": (("@jsonPayload", asked[:-3]),),
        "no payload": (("requests.0.method", "POST"), ("requests.0.url", records("batch"))),
    }
    for name, parts in bodies.items():
        yield within(f"multipart {name}", post(URL, Multipart(parts)))
    yield within("form", post(URL, Form((("@jsonPayload", asked),))))


CASES = [*usual(), *upserts(), *rolled_back(), *refused(), *multipart()]
