"""Creating records: what each field type makes of each value, and which it refuses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.conformance.cases import (
    Case,
    Json,
    case,
    drop,
    field,
    make,
    post,
    records,
)

NUL = "nul\x00byte"
ODD: tuple[Json, ...] = (
    None,
    "",
    " ",
    "abc",
    " padded ",
    "0",
    "1",
    "-1",
    "1.5",
    "1e3",
    "true",
    "false",
    "TRUE",
    "t",
    "yes",
    "on",
    "null",
    0,
    1,
    -1,
    2,
    1.5,
    1e21,
    0.1,
    -0.0,
    12345678901234567890,
    True,
    False,
    [],
    [""],
    ["a"],
    ["a", "b"],
    ["a", "a"],
    ["zzz"],
    [1],
    [None],
    [["a"]],
    [1, "a", True, None],
    {},
    {"a": 1},
    {"a": {"b": [1, 2]}},
    "[]",
    '["a"]',
    '["a","b"]',
    '[1,"a"]',
    "{}",
    '{"a":1}',
    '{"a":',
    '"quoted"',
    "a,b",
    "äöü 日本 😀",
    "<b>&amp;</b>",
    "line\nbreak",
    NUL,
    "x" * 5001,
)


DATES: tuple[Json, ...] = (
    "2024-02-29 12:30:15.123Z",
    "2024-02-29 12:30:15.123456Z",
    "2024-02-29 12:30:15.1Z",
    "2024-02-29 12:30:15Z",
    "2024-02-29 12:30:15",
    "2024-02-29 12",
    "2024-02-29",
    "2024-02",
    "2024",
    "2024-02-29T12:30:15.123Z",
    "2024-02-29T12:30:15Z",
    "2024-02-29T12:30:15",
    "2024-02-29T12:30:15+02:00",
    "2024-02-29T12:30:15.123+02:00",
    "2024-02-29 12:30:15+02:00",
    "2024-02-29 12:30:15 +0200",
    "2024-02-29 12:30:15.123 +0200",
    "2024-02-29 12:30:15 +0200 CEST",
    "2024-02-29 12:30:15.123456789 +0200 CEST",
    "2024-02-29 12:30:15 +0000 UTC",
    "2024-02-29 12:30:15 UTC",
    "2024-02-30",
    "2023-02-29",
    "2024-13-01",
    "2024-2-9",
    "24-02-09",
    "20240229",
    "29.02.2024",
    "02/29/2024",
    "29/02/2024",
    "29 Feb 2024",
    "Feb 29, 2024",
    "02 Jan 2006",
    "Mon, 02 Jan 2006 15:04:05 MST",
    "Mon, 02 Jan 2006 15:04:05 -0700",
    "Monday, 02-Jan-06 15:04:05 MST",
    "Mon Jan  2 15:04:05 2006",
    "Mon Jan _2 15:04:05 MST 2006",
    "Mon Jan 02 15:04:05 -0700 2006",
    "02 Jan 06 15:04 MST",
    "02 Jan 06 15:04 -0700",
    "15:04:05",
    "Jan _2 15:04:05",
    " 2024-02-29 ",
    "0001-01-01",
    "0001-01-01 00:00:00.000Z",
    "9999-12-31 23:59:59.999Z",
    "10000-01-01",
    "-0001-01-01",
    "1969-12-31 23:59:59.999Z",
    "24:00:00",
    "2024-02-29 24:00:00",
    "2024-02-29 23:59:60",
    "2024-02-29 12:30:15,123Z",
    "now",
    "@now",
    "today",
    "0",
    "1709209815",
    "1709209815123",
    "-1",
    "1.5",
    0,
    1,
    1709209815,
    1709209815123,
    1709209815.5,
    -1,
    1e18,
    True,
    None,
    [],
    {},
    ["2024-02-29"],
    {"date": "2024-02-29"},
    "2024-W09-4",
    "2024-060",
)


ADDRESSES: tuple[Json, ...] = (
    "a@b.co",
    "A@B.CO",
    "a@b",
    "a@localhost",
    "a@@b.co",
    "a b@c.co",
    "a@b.co ",
    "<a@b.co>",
    "Ann <a@b.co>",
    "a+tag@b.co",
    "a.b@c.d.e",
    ".a@b.co",
    "a.@b.co",
    "a..b@c.co",
    '"a b"@c.co',
    "ä@b.co",
    "a@bücher.de",
    "a@xn--bcher-kva.de",
    "a@127.0.0.1",
    "a@[127.0.0.1]",
    "a@-b.co",
    "a@b-.co",
    "a@b.c",
    "a@b.123",
    "@b.co",
    "a@",
    "a",
    "x" * 64 + "@b.co",
    "x" * 65 + "@b.co",
    "a@" + "x" * 63 + ".co",
    "a@" + "x" * 64 + ".co",
    "a@" + "x." * 130 + "co",
)


URLS: tuple[Json, ...] = (
    "https://example.com",
    "http://example.com/a?b=c#d",
    "HTTPS://EXAMPLE.COM",
    "example.com",
    "www.example.com",
    "//example.com",
    "/path",
    "ftp://example.com",
    "mailto:a@b.co",
    "javascript:alert(1)",
    "data:text/html,x",
    "file:///etc/passwd",
    "http://",
    "http://a",
    "http://localhost:8090",
    "http://127.0.0.1",
    "http://[::1]/",
    "http://user:pass@example.com",
    "http://example.com:99999",
    "http://exa mple.com",
    "http://example.com/ space",
    "http://bücher.de",
    "http://example..com",
    "http://-example.com",
    "http://example.com/%zz",
    "https://example.com\n",
    "http://.com",
    "https://" + "x" * 2100 + ".com",
)


POINTS: tuple[Json, ...] = (
    {"lon": 1, "lat": 2},
    {"lat": 2, "lon": 1},
    {"lon": 1},
    {"lat": 2},
    {"lon": "1", "lat": "2"},
    {"lon": "abc", "lat": "x"},
    {"lon": None, "lat": None},
    {"lon": 1, "lat": 2, "alt": 3},
    {"Lon": 1, "Lat": 2},
    {"lon": 180, "lat": 90},
    {"lon": -180, "lat": -90},
    {"lon": 180.0001, "lat": 0},
    {"lon": -180.0001, "lat": 0},
    {"lon": 0, "lat": 90.0001},
    {"lon": 0, "lat": -90.0001},
    {"lon": 1e300, "lat": 1e300},
    {"lon": 0.1234567890123456789, "lat": 1e-7},
    [1, 2],
    '{"lon":1,"lat":2}',
    '{"lon":1}',
    "1,2",
    "abc",
    5,
    {"lon": [1], "lat": {}},
)


def values(name: str, kind: str, given: Sequence[Json], **options: Json) -> Case:
    """Send each value to a field `v` of a collection of its own."""
    collection = "create_" + "".join(c if c.isalnum() else "_" for c in name)
    steps = [make(collection, [field(kind, "v", **options)])]
    steps += [post(records(collection), {"v": value}) for value in given]
    return case(f"create: {name}", *steps, post(records(collection), {}), *drop(collection))


def casts() -> Iterator[Case]:
    """Yield every type with every odd value, plainly and as required."""
    selects: dict[str, Json] = {"values": ["a", "b", "a,b", "1", "true", "[]"]}
    kinds: tuple[tuple[str, dict[str, Json]], ...] = (
        ("text", {}),
        ("editor", {}),
        ("number", {}),
        ("number", {"onlyInt": True}),
        ("bool", {}),
        ("email", {}),
        ("url", {}),
        ("date", {}),
        ("select", {**selects, "maxSelect": 1}),
        ("select", {**selects, "maxSelect": 3}),
        ("json", {}),
        ("geoPoint", {}),
        ("file", {"maxSelect": 1}),
        ("file", {"maxSelect": 3}),
        ("relation", {"collectionId": "teams_col_00001", "maxSelect": 1}),
        ("relation", {"collectionId": "teams_col_00001", "maxSelect": 3}),
        ("autodate", {"onCreate": True}),
        ("autodate", {"onUpdate": True}),
    )
    for kind, options in kinds:
        shown = " ".join(f"{k}={v}" for k, v in options.items() if k not in {"values", "collectionId"})
        odd = [value for value in ODD if kind != "json" or value != NUL]
        yield values(f"{kind} {shown} odd", kind, odd, **options)
        if kind != "autodate":
            yield values(f"{kind} {shown} required odd", kind, odd, required=True, **options)
    yield values("date layouts", "date", DATES)
    yield values("email addresses", "email", ADDRESSES)
    yield values("url addresses", "url", URLS)
    yield values("geoPoint points", "geoPoint", POINTS)
    yield values(
        "geoPoint required points", "geoPoint", [{"lon": 0, "lat": 0}, {"lon": 0, "lat": 1}], required=True
    )


def text_bounds() -> Iterator[Case]:
    """Yield options which limit texts."""
    yield values(
        "text min max", "text", ["", "a", "ab", "abc", "abcd", "äö", "äöüß", "😀😀😀", 12345], min=2, max=3
    )
    yield values("text min required", "text", ["", "a", "ab"], min=2, required=True)
    yield values("text pattern", "text", ["", "abc", "ab1", "ABC", "abc\n"], pattern="^[a-z]+$")
    yield values("text pattern unanchored", "text", ["xaby", "ba"], pattern="ab")
    yield values("text default max", "text", ["x" * 5000, "x" * 5001, "ä" * 5000, "ä" * 5001])
    yield values("text big max", "text", ["x" * 6000, "x" * 6001], max=6000)
    generated = field("text", "v", autogeneratePattern="[a-z]{5}", required=True)
    steps = [post(records("create_generated"), body, mask=["v"]) for body in ({}, {"v": ""}, {"v": None})]
    given = post(records("create_generated"), {"v": "given"})
    yield case(
        "create: text generated",
        make("create_generated", [generated]),
        *steps,
        given,
        *drop("create_generated"),
    )
    yield values("editor maxSize", "editor", ["x" * 10, "x" * 11, "ä" * 5, "ä" * 6], maxSize=10)
    texts = ["", "short", "12345678", "x" * 71, "x" * 72, "ä" * 35, "ä" * 36, 12345678, None, ["12345678"]]
    yield values("password", "password", texts)
    yield values(
        "password min max pattern",
        "password",
        ["", "ab", "abc1", "abc", "abcdef"],
        min=3,
        max=5,
        pattern="^[a-z]+$",
    )
    yield values("password required", "password", ["", "x"], required=True)
    yield values("password cost", "password", ["abcdefgh"], cost=5)


def bounds() -> Iterator[Case]:
    """Yield options which limit numbers, addresses, dates and JSON."""
    yield values("number min max", "number", [0, 1, 2, 3, 3.5, 4, -1, "2", "abc"], min=1, max=3.5)
    yield values("number min zero", "number", [0, -1, 1, ""], min=0)
    yield values("number max zero", "number", [0, -1, 1], max=0)
    yield values("number min required", "number", [0, -1, 5], min=-5, required=True)
    yield values("number onlyInt", "number", [1, 1.0, 1.5, -2, 1e20, "1.5", 9007199254740993], onlyInt=True)
    yield values(
        "email onlyDomains", "email", ["a@b.co", "a@B.CO", "a@x.b.co", "a@c.co"], onlyDomains=["b.co"]
    )
    yield values("email exceptDomains", "email", ["a@b.co", "a@x.b.co", "a@c.co"], exceptDomains=["b.co"])
    yield values(
        "url onlyDomains",
        "url",
        ["http://b.co", "http://www.b.co/a", "http://c.co", "http://b.co:80", "http://B.co"],
        onlyDomains=["b.co"],
    )
    yield values(
        "url exceptDomains", "url", ["http://b.co", "http://www.b.co", "http://c.co"], exceptDomains=["b.co"]
    )
    dates = [
        "2023-12-31",
        "2024-01-01",
        "2024-06-01",
        "2024-12-31 00:00:00.000Z",
        "2024-12-31 00:00:00.001Z",
        "",
    ]
    yield values(
        "date min max", "date", dates, min="2024-01-01 00:00:00.000Z", max="2024-12-31 00:00:00.000Z"
    )
    yield values("date required", "date", ["", "abc", "2024-01-01"], required=True)
    yield values("json maxSize", "json", ["12345678", "123456789", {"a": 1}, [1, 2, 3, 4, 5]], maxSize=10)
    blank: list[Json] = [None, "", [], {}, 0, False, "null", "[]", "{}", '""', "0"]
    yield values("json required", "json", blank, required=True)
    yield values("bool required", "bool", [True, False, "true", 1, 0, None], required=True)


def choice_bounds() -> Iterator[Case]:
    """Yield options which limit relations and selects."""
    three = ["team00000000001", "team00000000002", "team00000000003"]
    many: list[Json] = [
        [],
        three[:1],
        three[:2],
        three,
        three[0],
        [three[0], three[0]],
        [*three[:1], "nope"],
        ["nope"],
    ]
    many += [[*three[:1], ""], [""], [None], three[0] + "," + three[1], "nope", "TEAM00000000001"]
    relation: dict[str, Json] = {"collectionId": "teams_col_00001"}
    yield values("relation single", "relation", many, maxSelect=1, **relation)
    yield values("relation no maxSelect", "relation", many, **relation)
    yield values("relation multi", "relation", many, maxSelect=2, **relation)
    yield values("relation minSelect", "relation", many, minSelect=2, maxSelect=3, **relation)
    yield values(
        "relation minSelect required", "relation", many, minSelect=2, maxSelect=3, required=True, **relation
    )
    chosen: list[Json] = [
        [],
        "a",
        ["a"],
        ["a", "b"],
        ["b", "a"],
        ["a", "b", "c"],
        ["a", "x"],
        ["x"],
        "x",
        "a,b",
        ["a", ""],
    ]
    select: dict[str, Json] = {"values": ["a", "b", "c"]}
    yield values("select single", "select", chosen, maxSelect=1, **select)
    yield values("select no maxSelect", "select", chosen, **select)
    yield values("select multi", "select", chosen, maxSelect=2, **select)
    yield values("select multi required", "select", chosen, maxSelect=2, required=True, **select)


def refused_together() -> Iterator[Case]:
    """Yield bodies with several faults, which come all at once."""
    fields = [
        field("text", "t", required=True, min=3),
        field("number", "n", required=True),
        field("email", "e", required=True),
        field("select", "s", values=["a"], required=True),
        field("relation", "r", collectionId="teams_col_00001", required=True),
        field("bool", "b", required=True),
        field("date", "d", required=True),
        field("json", "j", required=True),
        field("geoPoint", "g", required=True),
        field("url", "u", required=True),
        field("editor", "ed", required=True),
        field("file", "f", required=True),
        field("password", "p", required=True),
        field("text", "h", required=True, hidden=True),
    ]
    bodies: tuple[Json, ...] = (
        {},
        {"t": "a", "e": "x", "s": "x", "r": "x", "u": "x", "p": "x" * 72, "g": {"lon": 999, "lat": 999}},
        {"id": "!", "t": "abc"},
        {"id": "everything00001", "n": 1},
    )
    for who in ("superuser", "guest"):
        collection = f"create_faults_{who}"
        steps = (post(records(collection), body, who) for body in bodies)
        yield case(f"create: many faults as {who}", make(collection, fields), *steps, *drop(collection))


CASES = [*casts(), *text_bounds(), *bounds(), *choice_bounds(), *refused_together()]
