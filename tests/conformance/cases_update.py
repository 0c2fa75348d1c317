"""Changing records: what is kept, what modifiers do, what is refused."""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance.cases import (
    Case,
    Expected,
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

ID = "updaterecord001"
FIELDS = [
    field("text", "t", max=20),
    field("editor", "e"),
    field("number", "n"),
    field("number", "small", min=-10, max=10),
    field("number", "whole", onlyInt=True),
    field("bool", "b"),
    field("email", "m"),
    field("url", "u"),
    field("date", "d"),
    field("select", "s", values=["a", "b", "c"], maxSelect=3),
    field("select", "one", values=["a", "b", "c"], maxSelect=1),
    field("relation", "r", collectionId="teams_col_00001", maxSelect=3),
    field("relation", "r1", collectionId="teams_col_00001", maxSelect=1),
    field("json", "j"),
    field("geoPoint", "g"),
    field("text", "h", hidden=True),
    field("text", "gen", autogeneratePattern="[a-z]{8}"),
    field("password", "p"),
    field("autodate", "c", onCreate=True),
]
START: dict[str, Json] = {
    "id": ID,
    "t": "text",
    "e": "<p>editor</p>",
    "n": 5,
    "small": 5,
    "whole": 3,
    "b": True,
    "m": "a@b.co",
    "u": "http://b.co",
    "d": "2024-01-01 00:00:00.000Z",
    "s": ["a", "b"],
    "one": "a",
    "r": ["team00000000001", "team00000000002"],
    "r1": "team00000000001",
    "j": {"a": 1, "b": [1, 2]},
    "g": {"lon": 1, "lat": 2},
    "h": "hidden",
    "gen": "fixed",
    "p": "password1",
}

CHANGES: tuple[dict[str, Json], ...] = (
    {},
    {"t": "new"},
    {"t": ""},
    {"t": None},
    {"t": "x" * 21},
    {"n": 7},
    {"n": None},
    {"n": "7"},
    {"n+": 2},
    {"n-": 2},
    {"+n": 2},
    {"n+": -2},
    {"n-": "2"},
    {"n+": "abc"},
    {"n+": None},
    {"n+": ""},
    {"n+": 0.1},
    {"n+": True},
    {"n+": [1]},
    {"n": 1, "n+": 1},
    {"n+": 1, "n": 1},
    {"n+": 1, "n-": 1},
    {"small+": 5},
    {"small+": 6},
    {"small-": 16},
    {"whole+": 1},
    {"whole+": 0.5},
    {"b": False},
    {"b": "false"},
    {"b+": True},
    {"m": "new@b.co"},
    {"m": ""},
    {"m": "bad"},
    {"u": "bad"},
    {"d": ""},
    {"d": "bad"},
    {"d": "2025-05-05"},
    {"s": []},
    {"s": None},
    {"s": "c"},
    {"s": ["c", "a"]},
    {"s": ["x"]},
    {"s+": "c"},
    {"+s": "c"},
    {"s+": ["c", "b"]},
    {"+s": ["c", "b"]},
    {"s+": "a"},
    {"+s": "b"},
    {"s+": "x"},
    {"s+": []},
    {"s+": None},
    {"s+": ""},
    {"s-": "a"},
    {"s-": ["a", "b"]},
    {"s-": "x"},
    {"s-": []},
    {"-s": "a"},
    {"s": ["c"], "s+": "a"},
    {"s+": "c", "s": ["a"]},
    {"s+": "c", "s-": "a"},
    {"one": ""},
    {"one": "b"},
    {"one+": "b"},
    {"+one": "b"},
    {"one-": "a"},
    {"one-": "b"},
    {"r+": "team00000000003"},
    {"+r": "team00000000003"},
    {"r-": "team00000000001"},
    {"r": []},
    {"r": "team00000000003"},
    {"r+": "nope"},
    {"r-": "nope"},
    {"r1": ""},
    {"r1": "nope"},
    {"r1+": "team00000000002"},
    {"r1-": "team00000000001"},
    {"j": None},
    {"j": {"a": 2}},
    {"j": "text"},
    {"j+": 1},
    {"j.a": 2},
    {"g": {"lon": 3}},
    {"g": None},
    {"g.lon": 5},
    {"h": "seen?"},
    {"gen:autogenerate": "x"},
    {"t:autogenerate": "x"},
    {"p": "password2"},
    {"p": ""},
    {"c": "2000-01-01 00:00:00.000Z"},
    {"id": ID},
    {"id": "updaterecord002"},
    {"id": ""},
    {"id": None},
    {"id+": "x"},
    {"collectionId": "x", "collectionName": "y", "expand": {}},
    {"nope": 1},
    {"T": "upper"},
    {"t": "x" * 21, "m": "bad", "u": "bad", "s": ["x"], "small": 99},
)


def changes() -> Iterator[Case]:
    """Yield single changes of one record, each followed by a look at the whole, as superuser and as guest."""
    url = records("update_changes")
    one = records("update_changes", ID)
    reset = patch(one, {k: v for k, v in START.items() if k not in {"id", "p"}}, quiet=True)
    steps: list[Step] = [make("update_changes", FIELDS), post(url, START, quiet=True)]
    for change in CHANGES:
        for who in ("superuser", "guest"):
            mask = ["gen"] if "gen:autogenerate" in change else []
            steps += [patch(one, change, who, mask=mask), get(one, "superuser"), reset]
    for index in range(1, len(steps)):
        if steps[index].method == "GET" and steps[index - 1].mask:
            steps[index] = Step(method="GET", url=one, who="superuser", mask=("gen",))
    yield case("update: changes", *steps, *drop("update_changes"))


def in_a_row() -> Iterator[Case]:
    """Yield changes that build on each other."""
    one = records("update_row", ID)
    steps = [patch(one, {"n+": 0.1}) for _ in range(3)]
    steps += [
        patch(one, {"n": 9007199254740993}),
        patch(one, {"n+": 1}),
        patch(one, {"n": 1e308}),
        patch(one, {"n+": 1e308}),
    ]
    steps += [patch(one, {"s-": "a"}), patch(one, {"s+": "a"}), patch(one, {"+s": "c"}), get(one)]
    yield case(
        "update: in a row",
        make("update_row", FIELDS),
        add("update_row", **START),
        *steps,
        *drop("update_row"),
    )


def bodies() -> Iterator[Case]:
    """Yield forms and broken bodies."""
    one = records("update_bodies", ID)
    sent: tuple[Json, ...] = (
        Form((("t", "form"), ("n+", "3"))),
        Form((("s", "c"), ("s", "a"))),
        Form((("s+", "c"),)),
        Form((("s-", "a"), ("s-", "c"))),
        Form((("s", ""),)),
        Form((("r", ""),)),
        Form((("j", ""),)),
        Form((("j", "null"),)),
        Form((("b", "false"),)),
        Form((("b", ""),)),
        Form((("n", ""),)),
        Form((("d", ""),)),
        Multipart((("t", "multi"), ("n-", "3"))),
        Multipart((("@jsonPayload", '{"t":"payload","n":1}'), ("s", "b"))),
        Raw(b""),
        Raw(b"null"),
        Raw(b"{"),
        Raw(b"[]"),
        Raw(b'{"t":1,"t":2}'),
        Raw(b'{"n+":1,"n+":2}'),
        Raw(b'{"t":"a"}', "text/plain"),
    )
    steps = [step for body in sent for step in (patch(one, body, "guest"), get(one))]
    yield case(
        "update: bodies",
        make("update_bodies", FIELDS),
        add("update_bodies", **START),
        *steps,
        *drop("update_bodies"),
    )


def answers() -> Iterator[Case]:
    """Yield what a change answers, and where it is refused."""
    one = records("update_answers", ID)
    yield case(
        "update: answers",
        make("update_answers", FIELDS),
        add("update_answers", **START),
        patch(one + "?expand=r,r1", {"t": "x"}, "guest"),
        patch(one + "?fields=t,expand.r1.title&expand=r1", {"t": "y"}, "guest"),
        get(one),
        patch(records("update_answers", "nope"), {"t": "x"}),
        patch(records("update_answers", "nope"), {"t": "x"}, "guest"),
        patch(records("nope", ID), {"t": "x"}),
        patch(records("post_stats", "post00000000001"), {"title": "x"}),
        patch(records("post_stats", "post00000000001"), {"title": "x"}, "guest"),
        patch(records("locked", "locked000000001"), {"title": "x"}, "guest"),
        patch(records("locked", "locked000000001"), {"title": "x"}, "ann"),
        patch(records("locked", "nope"), {"title": "x"}, "guest"),
        patch(records("posts", "post00000000002"), {"title": "x"}, "guest"),
        patch(records("posts", "post00000000002"), {"title": "x"}, "ann"),
        patch(records("teams", "team00000000001"), {"title": "x"}, "ann"),
        *drop("update_answers"),
    )


def bad_fields() -> Iterator[Case]:
    """Yield a change whose answer can't be made as it is wished for."""
    one = records("update_unanswered", ID)
    yield case(
        "update: bad fields",
        make("update_unanswered", FIELDS),
        add("update_unanswered", **START),
        patch(one + "?fields=t:x(1)", {"t": "z"}, "guest"),
        get(one, fields="t"),
        *drop("update_unanswered"),
        differs="what can't be answered is not written; PocketBase writes it and answers 400",
        expected=[Expected(step=3, status=200, body={"t": START["t"]})],
    )


def limits() -> Iterator[Case]:
    """Yield changes of the schema that make a stored record faulty: only what is sent counts, or all?"""
    one = records("update_faulty", ID)
    stricter = [
        field("text", "t", id="text_t", max=3),
        field("text", "u", id="text_u"),
        field("text", "v", required=True),
    ]
    yield case(
        "update: a record that no longer fits",
        make("update_faulty", [field("text", "t", id="text_t"), field("text", "u", id="text_u")]),
        add("update_faulty", id=ID, t="longer than three"),
        patch("/api/collections/update_faulty", {"fields": stricter}, quiet=True),
        patch(one, {"u": "x"}, "guest"),
        patch(one, {"u": "x", "v": "v"}, "guest"),
        patch(one, {"u": "x", "v": "v", "t": "abc"}, "guest"),
        get(one),
        *drop("update_faulty"),
    )


def unique() -> Iterator[Case]:
    """Yield changes against unique indexes."""
    index = "CREATE UNIQUE INDEX `idx_update_unique` ON `update_unique` (`t`)"
    one, two = "updaterecord001", "updaterecord002"
    yield case(
        "update: unique",
        make("update_unique", [field("text", "t"), field("number", "n")], indexes=[index]),
        add("update_unique", id=one, t="a"),
        add("update_unique", id=two, t="b"),
        patch(records("update_unique", two), {"t": "a"}, "guest"),
        patch(records("update_unique", two), {"t": "b"}, "guest"),
        patch(records("update_unique", two), {"t": "c"}, "guest"),
        patch(records("update_unique", one), {"t": "b", "n": 1}, "guest"),
        get(records("update_unique"), "guest", sort="id"),
        *drop("update_unique"),
    )


CASES = [*changes(), *in_a_row(), *bodies(), *answers(), *bad_fields(), *limits(), *unique()]
