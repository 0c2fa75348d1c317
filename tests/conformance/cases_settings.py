"""Settings and health."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from tests.conformance.cases import NOTHING, Case, Form, Json, Raw, case, get, patch, post, send

URL = "/api/settings"
BACK: dict[str, Json] = {
    "superuserIPs": [],
    "smtp": {
        "enabled": False,
        "port": 587,
        "host": "smtp.example.com",
        "username": "",
        "password": "",
        "authMethod": "",
        "tls": False,
        "localName": "",
    },
    "backups": {
        "cron": "",
        "cronMaxKeep": 3,
        "s3": {"enabled": False, "bucket": "", "endpoint": "", "region": ""},
    },
    "s3": {
        "enabled": False,
        "bucket": "",
        "region": "",
        "endpoint": "",
        "accessKey": "",
        "secret": "",
        "forcePathStyle": False,
    },
    "meta": {
        "appName": "Acme",
        "appURL": "http://localhost:8090",
        "senderName": "Support",
        "senderAddress": "support@example.com",
        "accentColor": "#1055c9",
        "hideControls": False,
    },
    "rateLimits": {
        "enabled": False,
        "excludedIPs": [],
        "rules": [
            {"label": "*:auth", "audience": "", "duration": 3, "maxRequests": 2},
            {"label": "*:create", "audience": "", "duration": 5, "maxRequests": 20},
            {"label": "/api/batch", "audience": "", "duration": 1, "maxRequests": 3},
            {"label": "/api/", "audience": "", "duration": 10, "maxRequests": 300},
        ],
    },
    "trustedProxy": {"headers": [], "useLeftmostIP": False},
    "batch": {"enabled": False, "maxRequests": 50, "timeout": 3, "maxBodySize": 0},
    "logs": {"maxDays": 5, "minLevel": 0, "logIP": True, "logAuthId": False, "maxDataSize": 0},
}


def limit(label: Json, **more: Json) -> dict[str, Json]:
    """Return settings with one rate limit, not enforced."""
    rule: dict[str, Json] = {"label": label, "duration": 1, "maxRequests": 1, **more}
    return {"rateLimits": {"enabled": False, "rules": [rule]}}


CHANGES: tuple[Json, ...] = (
    {},
    NOTHING,
    {"nope": 1},
    {"meta": {"appName": "Site"}},
    {"meta": {"appName": ""}},
    {"meta": {"appName": "x" * 255}},
    {"meta": {"appName": "x" * 256}},
    {"meta": {"appName": 5}},
    {"meta": {"appName": None}},
    {"meta": {"appURL": "https://example.com"}},
    {"meta": {"appURL": "https://example.com/"}},
    {"meta": {"appURL": "bad"}},
    {"meta": {"appURL": ""}},
    {"meta": {"appUrl": "https://old.example.com"}},
    {"meta": {"senderName": ""}},
    {"meta": {"senderAddress": "bad"}},
    {"meta": {"senderAddress": ""}},
    {"meta": {"accentColor": "#fff"}},
    {"meta": {"accentColor": "red"}},
    {"meta": {"accentColor": ""}},
    {"meta": {"accentColor": "#12345"}},
    {"meta": {"hideControls": True}},
    {"meta": {"hideControls": "true"}},
    {"meta": 1},
    {"meta": []},
    {"meta": {}},
    {"META": {"APPNAME": "upper"}},
    {"smtp": {"enabled": True}},
    {"smtp": {"enabled": True, "host": ""}},
    {"smtp": {"enabled": True, "host": "127.0.0.1", "port": 25}},
    {"smtp": {"host": "not a host"}},
    {"smtp": {"enabled": True, "host": "not a host"}},
    {"smtp": {"port": 0}},
    {"smtp": {"enabled": True, "port": 0}},
    {"smtp": {"port": 70000}},
    {"smtp": {"port": -1}},
    {"smtp": {"port": "587"}},
    {"smtp": {"port": 1.5}},
    {"smtp": {"authMethod": "PLAIN"}},
    {"smtp": {"authMethod": "LOGIN"}},
    {"smtp": {"authMethod": "nope"}},
    {"smtp": {"localName": "not a host"}},
    {"smtp": {"localName": "localhost"}},
    {"smtp": {"username": "u", "password": "secret"}},
    {"s3": {"enabled": True}},
    {"s3": {"bucket": "b", "region": "r", "endpoint": "e", "accessKey": "a", "secret": "s"}},
    {"s3": {"endpoint": "http://127.0.0.1:9", "enabled": False}},
    {"s3": {"endpoint": "not an url"}},
    {"backups": {"cron": "0 0 * * *"}},
    {"backups": {"cron": "bad"}},
    {"backups": {"cron": "* * * *"}},
    {"backups": {"cron": "60 * * * *"}},
    {"backups": {"cron": "@daily"}},
    {"backups": {"cronMaxKeep": 0}},
    {"backups": {"cron": "0 0 * * *", "cronMaxKeep": 0}},
    {"backups": {"cronMaxKeep": -1}},
    {"backups": {"s3": {"enabled": True}}},
    {"batch": {"enabled": True}},
    {"batch": {"enabled": True, "maxRequests": 0}},
    {"batch": {"enabled": False, "maxRequests": 0}},
    {"batch": {"maxRequests": -1}},
    {"batch": {"enabled": True, "timeout": 0}},
    {"batch": {"timeout": -1}},
    {"batch": {"maxBodySize": -1}},
    {"batch": {"maxBodySize": 5}},
    {"logs": {"maxDays": 0}},
    {"logs": {"maxDays": -1}},
    {"logs": {"maxDays": 7, "minLevel": 4, "logIP": False, "logAuthId": True}},
    {"logs": {"minLevel": -4}},
    {"logs": {"minLevel": 99}},
    {"logs": {"maxDataSize": -1}},
    {"logs": {"maxDataSize": 1000}},
    {"trustedProxy": {"headers": ["X-Real-IP"], "useLeftmostIP": True}},
    {"trustedProxy": {"headers": []}},
    {"trustedProxy": {"headers": "X"}},
    {"trustedProxy": {"headers": [""]}},
    {"superuserIPs": ["127.0.0.1"]},
    {"superuserIPs": ["127.0.0.0/8", "::1"]},
    {"superuserIPs": ["bad"]},
    {"superuserIPs": ["127.0.0.1", "300.0.0.1"]},
    {"superuserIPs": "127.0.0.1"},
    {"rateLimits": {"rules": []}},
    {"rateLimits": {"enabled": True, "rules": []}},
    {"rateLimits": {"rules": None}},
    {"rateLimits": {"excludedIPs": ["127.0.0.1", "10.0.0.0/8"]}},
    {"rateLimits": {"excludedIPs": ["bad"]}},
    limit("*:list"),
    limit(""),
    limit("POST /api/x"),
    limit("/api/x"),
    limit("/api/x/"),
    limit("posts:list"),
    limit("posts:nope"),
    limit("nope"),
    limit("not valid"),
    limit("x:auth"),
    limit("*:list", audience="@guest"),
    limit("*:list", audience="@auth"),
    limit("*:list", audience="nope"),
    limit("*:list", duration=0),
    limit("*:list", duration=-1),
    limit("*:list", maxRequests=0),
    limit("*:list", maxRequests=-5),
    {"rateLimits": {"rules": [{"label": "/a", "duration": 1, "maxRequests": 1}] * 2}},
    {
        "rateLimits": {
            "rules": [
                {"label": "/a", "audience": "@guest", "duration": 1, "maxRequests": 1},
                {"label": "/a", "audience": "@auth", "duration": 1, "maxRequests": 1},
            ]
        }
    },
    {
        "rateLimits": {
            "rules": [
                {"label": "/a", "duration": 1, "maxRequests": 1},
                {"label": "/a", "audience": "@auth", "duration": 1, "maxRequests": 1},
            ]
        }
    },
    {"meta": {"appName": ""}, "smtp": {"port": -1}, "batch": {"maxRequests": -1}, "logs": {"maxDays": -1}},
    Raw(b"{"),
    Raw(b"[]"),
    Raw(b'"x"'),
    Raw(b'{"meta":{"appName":"a","appName":"b"}}'),
    Raw(b'{"meta":{"appName":"a"}}', "text/plain"),
    Form((("meta.appName", "form"),)),
    Form((("meta", '{"appName":"form"}'),)),
    Form((("@jsonPayload", '{"meta":{"appName":"form"}}'),)),
)


def changes() -> Iterator[Case]:
    """Yield changes one by one, each followed by a look and undone."""
    back = patch(URL, BACK, quiet=True)
    for number, change in enumerate(CHANGES):
        name = str(change)[:60] if isinstance(change, dict) else f"body {number}"
        yield case(f"settings: {number} {name}", patch(URL, change), get(URL), back, get(URL))
    null = patch(URL, {"meta": None, "smtp": None, "batch": None, "logs": None})
    yield case("settings: nulls", null, get(URL), back)
    differs = "PocketBase answers with 500"
    yield case("settings: null", patch(URL, Raw(b"null")), get(URL), back, differs=differs)
    twice = (patch(URL, {"smtp": {"host": "a.example.com"}}), patch(URL, {"smtp": {"port": 26}}))
    yield case("settings: in two steps", *twice, get(URL), back)
    picked = patch(URL + "?fields=meta.appName", {"meta": {"appName": "Picked"}})
    yield case("settings: picked", picked, back)


def doors() -> Iterator[Case]:
    """Yield who may see and change them."""
    for who in ("guest", "ann", "member"):
        steps = (get(URL, who), patch(URL, {"meta": {"appName": "x"}}, who), patch(URL, Raw(b"{"), who))
        yield case(f"settings: as {who}", *steps)
    yield case(
        "settings: other methods", *(send(method, URL, NOTHING) for method in ("POST", "PUT", "DELETE"))
    )
    storage: tuple[dict[str, Json], ...] = (
        {},
        {"filesystem": ""},
        {"filesystem": "nope"},
        {"filesystem": "storage"},
        {"filesystem": "backups"},
    )
    yield case(
        "settings: test of storage that is not set up",
        *(post(URL + "/test/s3", body) for body in storage),
        *(post(URL + "/test/s3", {"filesystem": "storage"}, who) for who in ("guest", "ann")),
    )
    checked = (
        "Content-Type",
        "X-Content-Type-Options",
        "X-Frame-Options",
        "X-XSS-Protection",
        "Cross-Origin-Opener-Policy",
    )
    seen = (
        "/api/health",
        "/api/settings",
        "/api/nope",
        "/api/collections/posts/records",
        "/api/collections/nope/records",
    )
    for url in seen:
        step = msgspec.structs.replace(get(url, "guest"), headers_compared=checked)
        yield case(f"settings: headers of {url}", step)
    origin = {"Origin": "https://app.example.com"}
    asked = {
        **origin,
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": "authorization",
    }
    cors = (
        "Access-Control-Allow-Origin",
        "Access-Control-Allow-Credentials",
        "Access-Control-Expose-Headers",
    )
    allowed = ("Access-Control-Allow-Methods", "Access-Control-Allow-Headers", "Access-Control-Max-Age")
    for url in seen[:4]:
        simple = msgspec.structs.replace(get(url, "guest"), headers=origin, headers_compared=cors)
        before = send("OPTIONS", url, who="guest", headers=asked)
        before = msgspec.structs.replace(before, headers_compared=(*cors, *allowed))
        yield case(f"settings: other origins at {url}", simple, before)


def health() -> Iterator[Case]:
    """Yield the health of the server."""
    url = "/api/health"
    told = msgspec.structs.replace(get(url), any_order=True)
    yield case("settings: health", *(get(url, who) for who in ("guest", "ann")), told)
    head, wrong = send("HEAD", url, who="guest"), send("POST", url, NOTHING, "guest")
    yield case("settings: health by other methods", head, wrong)


CASES = [*changes(), *doors(), *health()]
