"""Malformed input of any kind never gives a 5xx, at any route of the application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tests.api.bytes_of import CHARSETS, FORM, JSON, MALFORMED, PARTS, VALUES, Header, bodies, multipart
from tests.api.shape import ANN, field, relation
from tests.api.site import Served
from tests.api.victim import EVERYTHING, RECORD, Findings, routes, serve_victim

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def victim(template: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    async with serve_victim(template, tmp_path_factory.mktemp("victim") / "data") as site:
        yield site


@pytest.fixture
def findings() -> Findings:
    return Findings()


CHANGEABLE = ("number", "integer", "select", "selects", "one", "many", "file", "files")


@pytest.mark.parametrize("part", range(4))
async def test_any_value_in_any_field(victim: Served, findings: Findings, part: int) -> None:
    for value in VALUES[part::4]:
        await _send_everywhere(victim, findings, value)
    for params in (
        {"fields": "*,json.a.b,text:excerpt(5)"},
        {"expand": "one,many", "sort": "-json,number,date"},
    ):
        reply = await victim.list("everything", perPage=1000, **params)
        assert reply.status == 200
        assert reply.json()["items"]
    findings.assert_none()


async def _send_everywhere(victim: Served, findings: Findings, value: bytes) -> None:
    many = "/api/collections/everything/records"
    one = f"{many}/{RECORD}"
    for kind, body in bodies(EVERYTHING, value):
        for method, path, who in (("POST", many, "guest"), ("PATCH", one, "boss")):
            reply = await victim.raw(method, path, headers=[kind], chunks=[body], who=who)
            findings.look(reply, (method, kind, body[:200]))
    singles = [b'{"%s":%s}' % (name.encode(), value) for name in EVERYTHING]
    singles += [b'{"%s+":%s,"%s-":%s}' % (name.encode(), value, name.encode(), value) for name in CHANGEABLE]
    for body in singles:
        reply = await victim.raw("PATCH", one, headers=[JSON], chunks=[body])
        findings.look(reply, body[:200])


ROUTES = [
    ("/api/collections/everything/records", "POST"),
    (f"/api/collections/everything/records/{RECORD}", "PATCH"),
    ("/api/collections/people/records", "POST"),
    (f"/api/collections/people/records/{ANN}", "PATCH"),
    ("/api/collections/people/auth-with-password", "POST"),
    ("/api/collections/people/auth-refresh", "POST"),
    (f"/api/collections/people/impersonate/{ANN}", "POST"),
    ("/api/collections/people/auth-with-otp", "POST"),
    ("/api/collections/people/request-otp", "POST"),
    ("/api/collections/people/request-verification", "POST"),
    ("/api/collections/people/confirm-verification", "POST"),
    ("/api/collections/people/request-password-reset", "POST"),
    ("/api/collections/people/confirm-password-reset", "POST"),
    ("/api/collections/people/request-email-change", "POST"),
    ("/api/collections/people/confirm-email-change", "POST"),
    ("/api/files/token", "POST"),
    ("/api/realtime", "POST"),
    ("/api/collections/people/auth-with-oauth2", "POST"),
    ("/api/settings/test/s3", "POST"),
    ("/api/settings/apple/generate-client-secret", "POST"),
    ("/api/batch", "POST"),
    ("/api/settings", "PATCH"),
    ("/api/settings/test/email", "POST"),
    ("/api/collections", "POST"),
    ("/api/collections/import", "PUT"),
    ("/api/collections/meta/dry-run-view", "POST"),
    (f"/api/crons/{RECORD}", "POST"),
    (f"/api/jobs/{RECORD}/retry", "POST"),
    ("/api/jobs/retry", "POST"),
]


PAGES = {"/account/verify", "/account/password", "/account/email", "/api/oauth2-redirect"}
"""They answer people and not programs; they are attacked in `test_account_pages` and `test_realtime`."""


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route[1]} {route[0]}")
async def test_any_body_at_any_door(victim: Served, findings: Findings, route: tuple[str, str]) -> None:
    path, method = route
    for kind, body in MALFORMED:
        reply = await victim.raw(method, path, headers=[kind], chunks=[body], who="boss")
        findings.look(reply, (kind, body[:200]))
        halves = [body[: len(body) // 2], body[len(body) // 2 :]]
        reply = await victim.raw(method, path, headers=[kind], chunks=halves, who="guest")
        findings.look(reply, (kind, body[:200]))
    for charset in CHARSETS:
        headers = [(b"content-type", PARTS[1] + b"; charset=" + charset)]
        for value in (b"\\ud800", b"+2AA-", b"\xff" * 3, b"x" * 40_000 + b"-" + b"a" * 40_000):
            body = multipart((b"text", value), (b"identity", value), (b"password", value))
            reply = await victim.raw(method, path, headers=headers, chunks=[body], who="guest")
            findings.look(reply, (charset, value[:20]))
    findings.assert_none()


async def test_any_body_that_breaks_off(victim: Served, findings: Findings) -> None:
    before = (await victim.list("everything")).total
    for path, method in ROUTES:
        for kind, body in (
            (JSON, b'{"text":'),
            (JSON, b"{}"),
            (FORM, b"text="),
            (PARTS, multipart((b"a", b"b"))),
        ):
            for chunks in ([b""], [body], [body, body]):
                reply = await victim.raw(method, path, headers=[kind], chunks=chunks, cut=True, who="boss")
                findings.look(reply, (method, path, kind, chunks))
    findings.assert_none()
    assert (await victim.list("everything")).total == before, "half a body must not become a record"


LENGTHS = (
    b"0",
    b"-1",
    b"1",
    b"999999999999",
    b"9" * 5000,
    b"\xb2",
    b"1.5",
    b"0x10",
    b" 2",
    b"+2",
    b"",
    b"2, 2",
)


async def test_any_content_length(victim: Served, findings: Findings) -> None:
    """The server in front checks it; the application does not trust that."""
    for length in LENGTHS:
        for kind, body in ((JSON, b'{"text":"x"}'), (PARTS, multipart((b"text", b"x")))):
            headers = [kind, (b"content-length", length)]
            path = "/api/collections/everything/records"
            findings.look(await victim.raw("POST", path, headers=headers, chunks=[body]), length)
    findings.assert_none()


QUERIES = (
    b"%",
    b"%zz",
    b"%ff%fe",
    b"\xff\xfe",
    b"filter=%ff",
    b"filter=%00",
    b"filter=\xed\xa0\x80",
    b"filter=%ed%a0%80",
    b"&" * 5000,
    b"=" * 5000,
    b"a=1&" * 300,
    b"filter=" + b"(" * 5000,
    b"filter=" + b"(" * 3499,
    b"filter=" + b"x" * 70_000,
    b"filter=a&filter[]=b&filter[a]=c",
    b"filter=id%20=%201e999",
    b"filter=number%20%3D%20" + b"9" * 400,
    b"filter=number%20%3E%20-" + b"9" * 300 + b"." + b"9" * 300,
    b"filter=1=1=1",
    b"filter=id%20~%20%27" + b"%25" * 1000 + b"%27",
    b"filter=json.a.b.c.99999999999999999999=1",
    b"filter=json." + b"a." * 800 + b"a=1",
    b"filter=strftime()=1",
    b"filter=strftime(1,2,3,4,5,6,7,8,9,10,11)=1",
    b"filter=strftime(%27%25J%25s%25f%25%27,%27now%27,%27%2B1e999%20days%27)=1",
    b"filter=strftime(strftime(strftime(1)))=1",
    b"filter=geoDistance(null,null,null,null)>1",
    b"filter=geoDistance(1e9,id,@now,geo.lat)>1",
    b"filter=geo.lon.x.y=1%26%26geo:each=1",
    b"sort=" + b"-" * 200,
    b"sort=" + b"," * 200,
    b"sort=-,%2B,--id",
    b"sort=@random,@rowid,@random",
    b"sort=id%00",
    b"sort=%f0%9f%aa%a2",
    "sort=json.٣".encode(),
    b"sort=json.%d9%a3",
    b"sort=json.%c2%b2",
    b"sort=json.%d9%a3.%d9%a3",
    b"fields=" + b"a." * 2400 + b"a",
    b"fields=" + b"a," * 20_000,
    b"fields=" + b"(" * 2000,
    b"fields=text:excerpt()",
    b"fields=text:excerpt(1e9)",
    b"fields=text:excerpt(999999999,maybe)",
    b"fields=text:excerpt(-1)",
    b"fields=*:excerpt(1),*,*.*,:,.,..",
    b"fields=%00,%ff",
    b"expand=" + b"one." * 200,
    b"expand=" + b"one," * 10_000,
    b"expand=everything_via_one,everything_via_one.everything_via_one",
    b"expand=_via_,a_via_,_via_b,one_via_one_via_one",
    b"expand=%00",
    b"page=0",
    b"page=-1",
    b"page=1.5",
    b"page=1e3",
    b"page=9223372036854775807",
    b"page=9223372036854775808",
    b"page=" + b"9" * 5000,
    "page=²".encode("latin-1"),
    b"page=%d9%a3",
    b"perPage=0",
    b"perPage=-99999999999",
    b"perPage=999999999999999999",
    b"page=999999999999999999&perPage=1000",
    b"perPage=null",
    b"skipTotal=maybe",
    b"skipTotal=%00",
    b"mfaId=%00",
)


async def test_any_query_at_any_door(victim: Served, findings: Findings) -> None:
    for path in (
        "/api/collections/everything/records",
        f"/api/collections/everything/records/{RECORD}",
        "/api/collections/people/records",
        "/api/collections",
        "/api/collections/people",
        "/api/collections/meta/scaffolds",
        "/api/collections/people/auth-methods",
        "/api/health",
        "/api/settings",
        "/",
    ):
        for query, who in product(QUERIES, ("guest", "boss")):
            findings.look(await victim.raw("GET", path, query=query, who=who), (path, query[:100]))
    for query in QUERIES:
        for method, target in (("POST", ""), ("PATCH", f"/{RECORD}")):
            path = f"/api/collections/everything/records{target}"
            reply = await victim.raw(method, path, query=query, headers=[JSON], chunks=[b"{}"])
            findings.look(reply, (path, query[:100]))
    findings.assert_none()


SEGMENTS = (
    "",
    ".",
    "..",
    "\0",
    "\udcff",
    "\ud800",
    "a\udc80b",
    "%2e%2e",
    "é",
    "🪢",
    "x" * 20_000,
    "a b",
    "*",
    "@me",
)
HEADERS: tuple[Header, ...] = (
    (b"authorization", b"\xff\xfe"),
    (b"authorization", b"Bearer"),
    (b"authorization", b"a.b.c"),
    (b"authorization", b"." * 5000),
    (b"authorization", b"eyJhbGciOiJIUzI1NiJ9." + b"W" * 4000 + b"." + b"A" * 43),
    (b"x-" + b"a" * 5000, b"b" * 5000),
    (b"\xff", b"\xff"),
    (b"origin", b"\xff\xfe\x00"),
    (b"access-control-request-headers", b"\xff\r\nX: y"),
    (b"range", b"bytes=0-0," * 500),
    (b"accept-encoding", b"\x00"),
    (b"transfer-encoding", b"chunked, identity"),
    (b"expect", b"200-maybe"),
)


async def test_any_path_and_header(victim: Served, findings: Findings) -> None:
    for segment in SEGMENTS:
        for path in (
            f"/{segment}",
            f"/api/{segment}",
            f"/api/collections/{segment}",
            f"/api/collections/{segment}/records",
            f"/api/collections/everything/records/{segment}",
            f"/api/collections/{segment}/records/{segment}",
            f"/api/collections/{segment}/auth-with-password",
            f"/api/collections/people/impersonate/{segment}",
            f"/api/files/{segment}/{segment}/{segment}",
        ):
            for method in ("GET", "POST", "PATCH", "DELETE", "PUT", "HEAD", "OPTIONS", "TRACE", "\udcff"):
                reply = await victim.raw(method, path, headers=[JSON], chunks=[b"{}"], who="boss")
                findings.look(reply, (method, path))
    for header in HEADERS:
        for path in ("/api/collections/everything/records", "/api/health", "/", "/nowhere"):
            for method in ("GET", "OPTIONS", "POST"):
                reply = await victim.raw(method, path, headers=[header])
                findings.look(reply, header)
    findings.assert_none()


ODD: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    10**30,
    "",
    "x",
    "\0",
    [],
    {},
    [None],
    {"a": {}},
    [[]],
    "x" * 300,
)


def with_odd_values(document: Any, path: tuple[Any, ...] = ()) -> Iterable[tuple[tuple[Any, ...], Any]]:
    """Yield copies of a document, each with one place of it taken by one odd value."""
    for odd in ODD:
        yield path, odd
    if isinstance(document, dict):
        for key, value in document.items():
            for where, changed in with_odd_values(value, (*path, key)):
                yield where, {**document, key: changed}
    elif isinstance(document, list) and document:
        for where, changed in with_odd_values(document[0], (*path, 0)):
            yield where, [changed, *document[1:]]


BATCH = {
    "requests": [{"method": "POST", "url": "/api/collections/everything/records", "body": {"text": "x"}}]
}


async def test_odd_values_anywhere_in_a_batch(victim: Served, findings: Findings) -> None:
    document = {"requests": [{**BATCH["requests"][0], "headers": {"x": "y"}}]}
    for where, body in with_odd_values(document):
        findings.look(await victim.send("POST", "/api/batch", who="boss", body=body), (where, body))
    for url in (
        "",
        "/",
        "//",
        "?",
        "#",
        "http://x/api/collections/everything/records",
        "/api/batch",
        "x" * 9000,
    ):
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "", "post"):
            for suffix in (
                "",
                "?filter=%ff",
                "?fields=" + "a." * 600,
                "?expand=\ud7ff\u0000",
                "/a/b/c",
                "/%ff",
                "/\0",
            ):
                request: dict[str, Any] = {"method": method, "url": url + suffix, "body": {}}
                reply = await victim.send("POST", "/api/batch", body={"requests": [request]})
                findings.look(reply, request)
    findings.assert_none()


async def test_odd_values_anywhere_in_the_settings(victim: Served, findings: Findings) -> None:
    document = (await victim.get("/api/settings", "boss")).json()
    try:
        for where, body in with_odd_values(document):
            if where[:1] in {("rateLimits",), ("batch",)}:
                continue
            findings.look(await victim.send("PATCH", "/api/settings", who="boss", body=body), (where, body))
    finally:
        await victim.send("PATCH", "/api/settings", who="boss", body=document)
    findings.assert_none()


@pytest.mark.parametrize("kind", ["base", "auth", "view"])
async def test_odd_values_anywhere_in_a_collection(victim: Served, findings: Findings, kind: str) -> None:
    scaffolds = (await victim.get("/api/collections/meta/scaffolds", "boss")).json()
    document = {**scaffolds[kind], "name": "odd", "id": ""}
    if kind == "view":
        document["viewQuery"] = "SELECT id FROM everything"
    else:
        document["fields"] = [*document["fields"], field("text", "title"), relation("one", "people")]
        document["indexes"] = ["CREATE INDEX `odd_title` ON `odd` (`title`)"]
    for number, (where, body) in enumerate(with_odd_values(document)):
        if number % 3:
            continue
        reply = await victim.send("POST", "/api/collections", who="boss", body=body)
        findings.look(reply, (where, body))
        if reply.status == 200:
            made = reply.json()["id"]
            gone = await victim.send("DELETE", f"/api/collections/{made}", who="boss")
            assert gone.status == 204, (where, gone)
    findings.assert_none()


async def test_every_route_is_attacked(victim: Served) -> None:
    """A new door with a body must stand in the list above."""
    bodied = {path for method, path in routes(victim) if method in {"POST", "PATCH", "PUT"}}
    patterns = {
        path.replace("everything", "{collection}").replace("people", "{collection}") for path, _ in ROUTES
    }
    known = {path.replace(RECORD, "{id}").replace(ANN, "{id}") for path in patterns}
    assert bodied <= known | {"/api/collections/{collection}"} | PAGES
