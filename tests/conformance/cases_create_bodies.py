"""Creating records from bodies of every kind: JSON as bytes, forms, multipart; whole and broken."""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance.cases import (
    NOTHING,
    Case,
    Expected,
    File,
    Form,
    Json,
    Multipart,
    Raw,
    case,
    drop,
    field,
    make,
    post,
    records,
)

BODIES: tuple[Json, ...] = (
    NOTHING,
    Raw(b""),
    Raw(b"", ""),
    Raw(b"{}"),
    Raw(b"null"),
    Raw(b"[]"),
    Raw(b'"text"'),
    Raw(b"1"),
    Raw(b"true"),
    Raw(b"{"),
    Raw(b"}"),
    Raw(b'{"t"}'),
    Raw(b"{'t':1}"),
    Raw(b'{"t":1,}'),
    Raw(b'{"t":1,"t":2}'),
    Raw(b'{"t":1,"T":2}'),
    Raw(b'{"j":{"a":1,"a":2}}'),
    Raw(b'{"t":NaN}'),
    Raw(b'{"n":Infinity}'),
    Raw(b'{"n":1e400}'),
    Raw(b'{"n":-0}'),
    Raw(b'{"n":01}'),
    Raw(b'{"n":1.}'),
    Raw(b'{"n":12345678901234567890123}'),
    Raw(b'{"j":12345678901234567890123}'),
    Raw(b'{"j":{"b":1,"a":[1.0,1e2,-0.0,1E-7,100000000000000000000000]}}'),
    Raw(b'{"j":"\\u00e4\\ud83d\\ude00\\/<>&"}'),
    Raw(b'{"t":"\\ud800"}'),
    Raw(b'{"t":"\xff"}'),
    Raw(b"\xff\xfe"),
    Raw(b'\xef\xbb\xbf{"t":"bom"}'),
    Raw(b'{"t":"\\u0000"}'),
    Raw(b'{"t":"tab\there"}'),
    Raw(b' \n\t{"t":"space"}\n '),
    Raw(b'{"t":"/* */ // "}'),
    Raw(b'{"t":1 /* comment */}'),
    Raw(b'{"":1,"t":"empty key"}'),
    Raw(b'{"collectionId":"x","collectionName":"y","expand":{"a":1},"created":"2000","t":"known"}'),
    Raw(b'{"t":"x","nope":1,"@x":2,"a.b":3,"t.x":4}'),
    Raw(b"[" * 20000 + b"]" * 20000),
    Raw(b'{"j":' + b"[" * 60 + b"]" * 60 + b"}"),
    Raw(b'{"t":"a"}', "text/plain"),
    Raw(b'{"t":"a"}', "text/html"),
    Raw(b'{"t":"a"}', "application/xml"),
    Raw(b"<a><t>x</t></a>", "text/xml"),
    Raw(b'{"t":"a"}', "application/vnd.api+json"),
    Raw(b'{"t":"a"}', "APPLICATION/JSON"),
    Raw(b'{"t":"a"}', "application/json;"),
    Raw(b'{"t":"a"}', "application/json; charset=utf-8"),
    Raw(b'{"t":"a"}', "application/json; charset=latin1"),
    Raw(b'{"t":"a"}', "application/jsonx"),
    Raw(b'{"t":"a"}', "garbage"),
    Raw(b"t=form&n=5", "application/x-www-form-urlencoded"),
    Raw(b"t=form&n=5", "application/x-www-form-urlencoded; charset=utf-8"),
    Raw(b"t=%zz", "application/x-www-form-urlencoded"),
    Raw(b"t=a;n=5", "application/x-www-form-urlencoded"),
    Raw(b"t=%ff", "application/x-www-form-urlencoded"),
    Raw(b"t", "application/x-www-form-urlencoded"),
    Raw(b"=x&t=a", "application/x-www-form-urlencoded"),
    Raw(b"&&t=a&&", "application/x-www-form-urlencoded"),
    Raw(b"x", "multipart/form-data"),
    Raw(b"x", "multipart/form-data; boundary=b"),
    Raw(b"", "multipart/form-data; boundary=b"),
    Raw(b"--b--\r\n", "multipart/form-data; boundary=b"),
    Raw(
        b'--b\r\nContent-Disposition: form-data; name="t"\r\n\r\nx\r\n--b--\r\n',
        "multipart/form-data; boundary=b",
    ),
    Raw(b'--b\r\nContent-Disposition: form-data; name="t"\r\n\r\nx', "multipart/form-data; boundary=b"),
    Raw(b"--b\r\n\r\nx\r\n--b--\r\n", "multipart/form-data; boundary=b"),
    Raw(b'--b\nContent-Disposition: form-data; name="t"\n\nx\n--b--\n', "multipart/form-data; boundary=b"),
    Raw(
        b'--b\r\nContent-Disposition: form-data; name="t"\r\n\r\nx\r\n--b--\r\n',
        'multipart/form-data; boundary="b"',
    ),
)


FORM_VALUES = (
    "",
    "a",
    "true",
    "false",
    "TRUE",
    "null",
    "0",
    "1",
    "-1",
    "007",
    "+1",
    "1.5",
    "1.50",
    "-1.5",
    ".5",
    "1.",
    "1e3",
    "0x10",
    "12345678901234567890",
    "9007199254740993",
    "-0",
    "NaN",
    "Infinity",
    " 1 ",
    "[]",
    "[1,2]",
    '["a","b"]',
    "{}",
    '{"a":1}',
    '{"a":1,"a":2}',
    '{"a":',
    "[broken",
    '"quoted"',
    "a,b",
    "2024-01-01",
    '{"lon":1,"lat":2}',
)


FORM_FIELDS = [
    field("text", "t"),
    field("number", "n"),
    field("bool", "b"),
    field("json", "j"),
    field("date", "d"),
    field("select", "s", values=["a", "b", "true", "1"], maxSelect=3),
    field("select", "one", values=["a", "b", "true", "1"], maxSelect=1),
    field("editor", "e"),
    field("geoPoint", "g"),
    field("relation", "r", collectionId="teams_col_00001", maxSelect=3),
]


def bodies() -> Iterator[Case]:
    """Yield bodies as bytes, whole and broken; and what forms mean."""
    for number, body in enumerate(BODIES):
        steps = [post(records("create_body"), body, who) for who in ("superuser", "guest")]
        yield case(f"create: body {number}", make("create_body", FORM_FIELDS), *steps, *drop("create_body"))
    for number, trailing in enumerate((b'{"t":1} x', b'{"t":1}{"t":2}')):
        yield case(
            f"create: body with more behind it {number}",
            make("create_body", FORM_FIELDS),
            post(records("create_body"), Raw(trailing), "guest"),
            *drop("create_body"),
            differs="PocketBase reads the first value and ignores the rest",
            expected=[Expected(step=1, status=400)],
        )
    locked = [post(records("locked"), body, "guest") for body in BODIES[:14]]
    yield case("create: bodies where creating is locked", *locked)
    for name in ("t", "n", "b", "j", "d", "one", "s", "e", "g"):
        collection = f"create_form_{name}"
        values = [value for value in FORM_VALUES if name != "j" or value != '{"a":1,"a":2}']
        steps = [post(records(collection), Form(((name, value),))) for value in values]
        steps += [post(records(collection), Multipart(((name, value),))) for value in values]
        yield case(f"create: form values of {name}", make(collection, FORM_FIELDS), *steps, *drop(collection))
    pairs: tuple[tuple[tuple[str, str], ...], ...] = (
        (("s", "a"), ("s", "b")),
        (("t", "a"), ("t", "b")),
        (("n", "1"), ("n", "2")),
        (("one", "a"), ("one", "b")),
        (("j", "1"), ("j", "2")),
        (("j", '{"a":1}'), ("j", "x")),
        (("s[]", "a"), ("s[]", "b")),
        (("s+", "a"), ("s+", "b")),
        (("s", "a"), ("s+", "b")),
        (("n+", "5"),),
        (("r", "team00000000001"), ("r", "team00000000002")),
        (("r", '["team00000000001","team00000000002"]'),),
        (("@jsonPayload", '{"t":"json","n":3,"s":["a"]}'), ("t", "form")),
        (("t", "form"), ("@jsonPayload", '{"t":"json","n":3}')),
        (("@jsonPayload", '{"n":1,"t":"one"}'), ("@jsonPayload", '{"n":2}')),
        (("@jsonPayload", "broken"), ("t", "form")),
        (("@jsonPayload", "[]"), ("t", "form")),
        (("@jsonPayload", ""), ("t", "form")),
        (("@jsonPayload", '{"t":1,"t":2}'),),
        (("@jsonPayload", '{"s+":"a"}'), ("s", "b")),
        (("g.lon", "1"), ("g.lat", "2")),
        (("t", "ä 日本 😀 & = %"),),
    )
    null = (("@jsonPayload", "null"), ("t", "form"))
    yield case(
        "create: form with a null payload",
        make("create_forms", FORM_FIELDS),
        *(post(records("create_forms") + "?fields=t", kind(null)) for kind in (Form, Multipart)),
        *drop("create_forms"),
        differs="null holds nothing; in PocketBase it takes the form's other values away",
        expected=[Expected(step=step, status=200, body={"t": "form"}) for step in (1, 2)],
    )
    twice = (("j", '{"a":1,"a":2}'),)
    yield case(
        "create: form with a key that is there twice",
        make("create_forms", FORM_FIELDS),
        *(post(records("create_forms") + "?fields=j", kind(twice)) for kind in (Form, Multipart)),
        *drop("create_forms"),
        differs="a text that is no JSON is kept as a text; PocketBase refuses some of them",
        expected=[Expected(step=step, status=200, body={"j": twice[0][1]}) for step in (1, 2)],
    )
    steps = [post(records("create_forms"), kind(sent)) for sent in pairs for kind in (Form, Multipart)]
    yield case("create: forms", make("create_forms", FORM_FIELDS), *steps, *drop("create_forms"))
    stray = Multipart((("t", File("a.txt", b"content", "text/plain")), ("n", "1")))
    unknown = Multipart((("nope", File("a.txt", b"content", "text/plain")), ("n", "2")))
    steps = [post(records("create_strays"), stray), post(records("create_strays"), unknown)]
    yield case(
        "create: files where no file belongs",
        make("create_strays", FORM_FIELDS),
        *steps,
        *drop("create_strays"),
    )


CASES = [*bodies()]
