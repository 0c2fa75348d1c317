"""Signing in with a password, refreshing, impersonating; what a token is worth and when it dies."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

from tests.conformance.cases import (
    NOTHING,
    Case,
    Form,
    Json,
    Multipart,
    Raw,
    Step,
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
    send,
)
from tests.conformance.seed import MEMBER, PEOPLE, PEOPLE_PASSWORD
from tests.conformance.servers import EMAIL, PASSWORD

LOGIN = "/api/collections/people/auth-with-password"
REFRESH = "/api/collections/people/auth-refresh"
NEW = "authrecord00001"
OTHER = "authrecord00002"
SECRET = "auth-1234"
CHEAP = {
    "name": "password",
    "type": "password",
    "system": True,
    "hidden": True,
    "required": True,
    "min": 8,
    "cost": 4,
}
TWICE: dict[str, Json] = {"password": SECRET, "passwordConfirm": SECRET}


def identity(who: str, password: str = PEOPLE_PASSWORD, **more: Json) -> dict[str, Json]:
    """Return a sign-in body."""
    return {"identity": who, "password": password, **more}


def bearer(token: str) -> dict[str, str]:
    """Return the header of a kept token."""
    return {"Authorization": token}


BODIES: tuple[Json, ...] = (
    identity("ann@example.com"),
    identity("ANN@EXAMPLE.COM"),
    identity(" ann@example.com "),
    identity("annie"),
    identity(PEOPLE["ann"]),
    identity("ann@example.com", "wrong"),
    identity("ann@example.com", ""),
    identity("ann@example.com", PEOPLE_PASSWORD + " "),
    identity("ann@example.com", "x" * 72),
    identity("ann@example.com", "x" * 256),
    identity("nobody@example.com"),
    identity("x" * 256),
    identity(""),
    identity("ann@example.com", identityField="email"),
    identity("ann@example.com", identityField="nick"),
    identity("ann@example.com", identityField="id"),
    identity("ann@example.com", identityField=""),
    identity("annie", identityField="nick"),
    identity("ann@example.com", mfaId="nope"),
    identity("' OR 1=1 --", "x"),
    identity("ben@example.com"),
    {"identity": "ann@example.com"},
    {"password": PEOPLE_PASSWORD},
    {},
    {"identity": 5, "password": 5},
    {"identity": None, "password": None},
    {"identity": ["ann@example.com"], "password": PEOPLE_PASSWORD},
    {"IDENTITY": "ann@example.com", "Password": PEOPLE_PASSWORD},
    {"email": "ann@example.com", "password": PEOPLE_PASSWORD},
    NOTHING,
    Raw(b""),
    Raw(b"null"),
    Raw(b"[]"),
    Raw(b"{"),
    Raw(b'{"identity":"a","identity":"b"}'),
    Raw(b'{"identity":"a"}', "text/plain"),
    Form((("identity", "ann@example.com"), ("password", PEOPLE_PASSWORD))),
    Multipart((("identity", "ann@example.com"), ("password", PEOPLE_PASSWORD))),
)


def sign_in() -> Iterator[Case]:
    """Yield sign-ins with every body; wrong ones all answer alike."""
    for number, body in enumerate(BODIES):
        yield case(f"auth: sign in {number}", post(LOGIN, body, "guest"))
    yield case(
        "auth: sign in, what is answered",
        post(LOGIN + "?expand=team,posts_via_author", identity("ann@example.com"), "guest"),
        post(LOGIN + "?fields=record.name,token", identity("ann@example.com"), "guest"),
        post(LOGIN, identity("ben@example.com"), "ann"),
        post(LOGIN, identity("ben@example.com"), "superuser"),
        send("GET", LOGIN, who="guest"),
        send("PUT", LOGIN, identity("ben@example.com"), "guest"),
    )
    for collection in ("nope", "posts", "post_stats", "members", "_superusers", "people_col_0001", "PEOPLE"):
        url = f"/api/collections/{collection}/auth-with-password"
        yield case(
            f"auth: sign in to {collection}",
            post(url, identity("ann@example.com"), "guest"),
            post(url, identity("member@example.com"), "guest"),
            post(url, identity(EMAIL, PASSWORD), "guest"),
            post(url, {}, "guest"),
        )


def methods() -> Iterator[Case]:
    """Yield the list of ways to sign in."""
    for collection in ("people", "members", "users", "_superusers", "posts", "post_stats", "nope"):
        url = f"/api/collections/{collection}/auth-methods"
        yield case(f"auth: methods of {collection}", get(url, "guest"), get(url, "ann"))
    collection = "auth_methods"
    index = "CREATE UNIQUE INDEX `idx_auth_methods` ON `auth_methods` (`nick`)"
    options: dict[str, Json] = {"passwordAuth": {"enabled": True, "identityFields": ["email", "nick"]}}
    yield case(
        "auth: methods by identity fields",
        make(collection, [field("text", "nick"), CHEAP], type="auth", indexes=[index], **options),
        get("/api/collections/auth_methods/auth-methods", "guest"),
        add(collection, id=NEW, email="a@b.co", nick="nick@b.co", **TWICE),
        add(collection, id=OTHER, email="nick@b.co", nick="second", **TWICE),
        *(
            post("/api/collections/auth_methods/auth-with-password", identity(who, SECRET, **more), "guest")
            for who in ("a@b.co", "A@B.CO", "nick@b.co", "NICK@B.CO", "second", "SECOND", "third")
            for more in ({}, {"identityField": "email"}, {"identityField": "nick"})
        ),
        patch("/api/collections/auth_methods", {"passwordAuth": {"enabled": False}}),
        get("/api/collections/auth_methods/auth-methods", "guest"),
        post("/api/collections/auth_methods/auth-with-password", identity("a@b.co", SECRET), "guest"),
        post("/api/collections/auth_methods/auth-with-password", {}, "guest"),
        *drop(collection),
    )
    nocase = "CREATE UNIQUE INDEX `idx_auth_nocase` ON `auth_nocase` (`nick` COLLATE NOCASE)"
    yield case(
        "auth: identity regardless of case",
        make("auth_nocase", [field("text", "nick"), CHEAP], type="auth", indexes=[nocase], **options),
        add("auth_nocase", email="a@b.co", nick="Nick", **TWICE),
        *(
            post("/api/collections/auth_nocase/auth-with-password", identity(who, SECRET), "guest")
            for who in ("Nick", "nick", "NICK", "a@b.co", "A@b.co")
        ),
        *drop("auth_nocase"),
    )


AUTH_RULES = (
    None,
    "",
    "verified = true",
    "name = 'in'",
    "@request.context = 'password'",
    "@request.body.identity != ''",
)


def auth_rules() -> Iterator[Case]:
    """Yield the rule that guards every sign-in."""
    url = "/api/collections/auth_rules/auth-with-password"
    refresh = "/api/collections/auth_rules/auth-refresh"
    for rule in (
        *AUTH_RULES,
        "@request.query.key = 'k'",
        "@request.headers.x_key = ''",
        "@request.auth.id = ''",
        "1 = 2",
    ):
        yield case(
            f"auth: rule [{rule}]",
            make("auth_rules", [field("text", "name"), CHEAP], type="auth", authRule=rule),
            add("auth_rules", id=NEW, email="in@b.co", name="in", verified=True, **TWICE),
            add("auth_rules", id=OTHER, email="out@b.co", name="out", **TWICE),
            post(url, identity("in@b.co", SECRET), "guest", keep={"in": "token"}),
            post(url, identity("out@b.co", SECRET), "guest", keep={"out": "token"}),
            post(url, identity("in@b.co", "wrong"), "guest"),
            post(url, identity("out@b.co", "wrong"), "guest"),
            post(url + "?key=k", identity("in@b.co", SECRET), "guest"),
            post(refresh, NOTHING, "guest", headers=bearer("{{in}}")),
            post(refresh, NOTHING, "guest", headers=bearer("{{out}}")),
            post(f"/api/collections/auth_rules/impersonate/{OTHER}", {}),
            get("/api/collections/auth_rules/auth-methods", "guest"),
            *drop("auth_rules"),
        )
    yield case(
        "auth: a rule that changes",
        make("auth_rules", [field("text", "name"), CHEAP], type="auth", listRule="@request.auth.id != ''"),
        add("auth_rules", id=NEW, email="in@b.co", name="in", **TWICE),
        post(url, identity("in@b.co", SECRET), "guest", keep={"in": "token"}),
        get(records("auth_rules"), "guest"),
        send("GET", records("auth_rules"), who="guest", headers=bearer("{{in}}")),
        patch("/api/collections/auth_rules", {"authRule": "name = 'in'"}),
        send("GET", records("auth_rules"), who="guest", headers=bearer("{{in}}")),
        post(refresh, NOTHING, "guest", headers=bearer("{{in}}")),
        post(url, identity("in@b.co", SECRET), "guest", keep={"in": "token"}),
        patch("/api/collections/auth_rules", {"authToken": {"secret": "s" * 40}}),
        post(refresh, NOTHING, "guest", headers=bearer("{{in}}")),
        *drop("auth_rules"),
    )
    yield case(
        "auth: bad rules",
        make("auth_rules", [field("text", "name"), CHEAP], type="auth"),
        patch("/api/collections/auth_rules", {"authRule": "nope = 1"}),
        patch("/api/collections/auth_rules", {"manageRule": "nope = 1"}),
        patch("/api/collections/auth_rules", {"manageRule": ""}),
        patch("/api/collections/auth_rules", {"authRule": "name = 'x'", "manageRule": "name = 'y'"}),
        *drop("auth_rules"),
    )


def forged(**claims: Json) -> str:
    """Return a token with a wrong signature."""
    parts = [json.dumps(part).encode() for part in ({"alg": "HS256", "typ": "JWT"}, claims)]
    return ".".join([*(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts), "A" * 43])


def tokens() -> Iterator[Case]:
    """Yield what an Authorization header may hold, at doors that need one and doors that do not."""
    claims: dict[str, Json] = {
        "id": PEOPLE["ann"],
        "type": "auth",
        "collectionId": "people_col_0001",
        "exp": 9999999999,
    }
    unsigned = forged(**claims).rsplit(".", 1)[0] + "."
    headers = {
        "plain": "{{ann}}",
        "bearer": "Bearer {{ann}}",
        "lower bearer": "bearer {{ann}}",
        "upper bearer": "BEARER {{ann}}",
        "two spaces": "Bearer  {{ann}}",
        "basic": "Basic {{ann}}",
        "empty": "",
        "garbage": "garbage",
        "dots": "a.b.c",
        "cut": "{{ann}}x",
        "forged": forged(**claims),
        "forged superuser": forged(**{**claims, "collectionId": "pbc_3142635823"}),
        "unsigned": unsigned,
        "no claims": forged(),
    }
    for name, header in headers.items():
        login = post(LOGIN, identity("ann@example.com"), "guest", keep={"ann": "token"}, quiet=True)
        yield case(
            f"auth: header {name}",
            login,
            send("GET", records("inner") + "?sort=id", who="guest", headers=bearer(header)),
            send("POST", REFRESH, NOTHING, who="guest", headers=bearer(header)),
            send("GET", "/api/settings", who="guest", headers=bearer(header)),
            send("GET", records("people", PEOPLE["ben"]), who="guest", headers=bearer(header)),
        )


def refresh() -> Iterator[Case]:
    """Yield refreshing as everybody, at every collection."""
    for collection in ("people", "members", "_superusers", "posts", "nope"):
        url = f"/api/collections/{collection}/auth-refresh"
        steps = (post(url, NOTHING, who) for who in ("guest", "ann", "member", "superuser"))
        yield case(f"auth: refresh {collection}", *steps)
    yield case(
        "auth: refresh, what is answered",
        post(REFRESH + "?expand=team&fields=record.name,record.expand.team.title", NOTHING, "ann"),
        post(REFRESH + "?expand=team", NOTHING, "ben"),
        post(REFRESH, {"anything": 1}, "ann"),
        post(REFRESH, Raw(b"{"), "ann"),
        send("GET", REFRESH, who="ann"),
    )
    yield case(
        "auth: refresh with a refreshed token",
        post(REFRESH, NOTHING, "ann", keep={"one": "token"}),
        post(REFRESH, NOTHING, "guest", headers=bearer("{{one}}"), keep={"two": "token"}),
        post(REFRESH, NOTHING, "guest", headers=bearer("{{two}}")),
    )


def impersonate() -> Iterator[Case]:
    """Yield tokens that a superuser takes for somebody."""
    url = f"/api/collections/people/impersonate/{PEOPLE['ben']}"
    bodies: tuple[Json, ...] = (
        NOTHING,
        {},
        {"duration": 60},
        {"duration": 0},
        {"duration": -5},
        {"duration": 1.5},
        {"duration": "60"},
        {"duration": "abc"},
        {"duration": 10**10},
        {"duration": None},
        {"nope": 1},
        Raw(b"{"),
        Raw(b"[]"),
    )
    for number, body in enumerate(bodies):
        yield case(f"auth: impersonate {number}", post(url, body))
    yield case(
        "auth: impersonate, who and whom",
        *(post(url, {}, who) for who in ("guest", "ann", "ben", "member")),
        post("/api/collections/people/impersonate/nope", {}),
        post("/api/collections/posts/impersonate/post00000000001", {}),
        post("/api/collections/nope/impersonate/x", {}),
        post(f"/api/collections/members/impersonate/{MEMBER}?expand=x&fields=record.id", {}),
        post(url + "?expand=team", {}),
    )
    yield case(
        "auth: impersonate, then act",
        post(url, {"duration": 600}, keep={"ben": "token"}),
        send("GET", records("posts") + "?sort=id", who="guest", headers=bearer("{{ben}}")),
        post(REFRESH, NOTHING, "guest", headers=bearer("{{ben}}")),
        send("GET", "/api/settings", who="guest", headers=bearer("{{ben}}")),
    )


RIVALS = [field("text", "name"), field("text", "role"), CHEAP]


def make_accounts(collection: str, **options: Json) -> tuple[Step, ...]:
    """Make an auth collection with two accounts, and sign in the first."""
    login = f"/api/collections/{collection}/auth-with-password"
    return (
        make(collection, RIVALS, type="auth", **options),
        add(collection, id=NEW, email="new@b.co", name="new", **TWICE),
        add(collection, id=OTHER, email="other@b.co", name="other", **TWICE),
        post(login, identity("new@b.co", SECRET), "guest", keep={"new": "token"}),
        post(login, identity("other@b.co", SECRET), "guest", keep={"other": "token"}),
    )


def deaths() -> Iterator[Case]:
    """Yield what ends a token: a new password, a new address, a new secret, the end of the record."""
    one, login = records("auth_deaths", NEW), "/api/collections/auth_deaths/auth-with-password"
    again = post("/api/collections/auth_deaths/auth-refresh", NOTHING, "guest", headers=bearer("{{new}}"))
    new_password: dict[str, Json] = {"password": "fresh-1234", "passwordConfirm": "fresh-1234"}
    changes: dict[str, tuple[Step, ...]] = {
        "name": (patch(one, {"name": "x"}),),
        "password": (patch(one, new_password), post(login, identity("new@b.co", "fresh-1234"), "guest")),
        "same password": (patch(one, TWICE),),
        "email": (patch(one, {"email": "x@b.co"}), post(login, identity("x@b.co", SECRET), "guest")),
        "verified": (patch(one, {"verified": True}),),
        "tokenKey": (patch(one, {"tokenKey": "k" * 40}),),
        "tokenKey short": (patch(one, {"tokenKey": "k"}),),
        "tokenKey empty": (patch(one, {"tokenKey": ""}),),
        "tokenKey generated": (patch(one, {"tokenKey:autogenerate": ""}),),
        "secret": (patch("/api/collections/auth_deaths", {"authToken": {"secret": "s" * 50}}),),
        "duration": (patch("/api/collections/auth_deaths", {"authToken": {"duration": 1000}}),),
        "other secret": (patch("/api/collections/auth_deaths", {"fileToken": {"secret": "s" * 50}}),),
        "delete": (delete(one),),
        "truncate": (delete("/api/collections/auth_deaths/truncate"),),
    }
    for name, steps in changes.items():
        yield case(
            f"auth: a token after {name}", *make_accounts("auth_deaths"), *steps, again, *drop("auth_deaths")
        )
    yield case(
        "auth: a token after a change by oneself",
        *make_accounts("auth_deaths"),
        patch(one, {**new_password, "oldPassword": SECRET}, "guest", headers=bearer("{{new}}")),
        again,
        post(login, identity("new@b.co", SECRET), "guest"),
        post(login, identity("new@b.co", "fresh-1234"), "guest"),
        *drop("auth_deaths"),
    )


CASES = [
    *sign_in(),
    *methods(),
    *auth_rules(),
    *tokens(),
    *refresh(),
    *impersonate(),
    *deaths(),
]
