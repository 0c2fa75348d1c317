"""Mails about accounts, one-time passwords, OAuth2 and subscriptions: what each door answers to every body without a mail read.

What follows from a mail's link is tried in `tests/api` and `tests/live`: the real server gives its tokens to nobody else.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance.cases import (
    NOTHING,
    Case,
    Form,
    Json,
    Multipart,
    Raw,
    add,
    case,
    drop,
    field,
    get,
    make,
    patch,
    post,
    send,
)
from tests.conformance.seed import PEOPLE_PASSWORD

COLLECTIONS = ("people", "members", "_superusers", "posts", "post_stats", "nope")
FORGED = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9."
    "eyJjb2xsZWN0aW9uSWQiOiJwZW9wbGVfY29sXzAwMDEiLCJlbWFpbCI6ImFubkBleGFtcGxlLmNvbSIsImV4cCI6NDEwMjQ0NDgwMCwiaWQiOiJhbm5hbm5hbm5"
    "hbm5hbm4iLCJ0eXBlIjoidmVyaWZpY2F0aW9uIn0."
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)
"""A token of the right shape for Ann, to be confirmed, valid until 2100, signed by nobody."""

ADDRESSES: tuple[Json, ...] = (
    {"email": "nobody@example.com"},
    {"email": ""},
    {"email": "not an address"},
    {"email": "x" * 250 + "@b.co"},
    {"email": 5},
    {"email": None},
    {"email": ["nobody@example.com"]},
    {"EMAIL": "nobody@example.com"},
    {},
    NOTHING,
    Raw(b""),
    Raw(b"[]"),
    Raw(b"{"),
    Form((("email", "nobody@example.com"),)),
    Multipart((("email", "nobody@example.com"),)),
)
TOKENS: tuple[Json, ...] = (
    {"token": ""},
    {"token": "nope"},
    {"token": FORGED},
    {"token": "a.b.c"},
    {"token": 5},
    {},
    NOTHING,
    Raw(b"{"),
)


def door(collection: str, name: str) -> str:
    """Return the address of one of a collection's doors."""
    return f"/api/collections/{collection}/{name}"


def requests() -> Iterator[Case]:
    """Yield what asks for a mail: known and unknown addresses are answered alike."""
    for name in ("request-verification", "request-password-reset", "request-otp"):
        for number, body in enumerate(ADDRESSES):
            yield case(f"recovery: {name} {number}", post(door("members", name), body, "guest"))
        for collection in COLLECTIONS:
            url = door(collection, name)
            yield case(
                f"recovery: {name} of {collection}",
                post(url, {"email": "nobody@example.com"}, "guest"),
                post(url, {}, "guest"),
                send("GET", url, who="guest"),
            )


def confirmations() -> Iterator[Case]:
    """Yield what a mail's link sends: tokens that are none."""
    good: dict[str, str] = {"password": "recovery-1234", "passwordConfirm": "recovery-1234"}
    more: dict[str, dict[str, str]] = {
        "confirm-verification": {},
        "confirm-password-reset": good,
        "confirm-email-change": {"password": PEOPLE_PASSWORD},
    }
    for name, values in more.items():
        for number, body in enumerate(TOKENS):
            sent = {**values, **body} if isinstance(body, dict) else body
            yield case(f"recovery: {name} {number}", post(door("people", name), sent, "guest"))
        for collection in COLLECTIONS:
            yield case(
                f"recovery: {name} of {collection}",
                post(door(collection, name), {"token": FORGED, **values}, "guest"),
            )
    url = door("people", "confirm-password-reset")
    for number, passwords in enumerate(
        (
            {},
            {"password": "short", "passwordConfirm": "short"},
            {"password": "recovery-1234"},
            {"password": "recovery-1234", "passwordConfirm": "other"},
            {"password": "x" * 256, "passwordConfirm": "x" * 256},
        )
    ):
        yield case(f"recovery: new password {number}", post(url, {"token": FORGED, **passwords}, "guest"))


def address_changes() -> Iterator[Case]:
    """Yield requests for another address: who may, and which."""
    url = door("people", "request-email-change")
    for number, address in enumerate(("", "not an address", "ann@example.com", "ben@example.com", 5, None)):
        yield case(
            f"recovery: another address {number}",
            post(url, {"newEmail": address}, "ann"),
            post(url, {"newEmail": address}, "guest"),
        )
    for who in ("guest", "superuser", "member"):
        yield case(f"recovery: another address as {who}", post(url, {"newEmail": "new@example.com"}, who))
    yield case(
        "recovery: another address, no body",
        post(url, {}, "ann"),
        post(url, NOTHING, "ann"),
        post(url, Raw(b"{"), "ann"),
    )


def one_time() -> Iterator[Case]:
    """Yield one-time passwords that are none."""
    name = "recovery_otp"
    yield case(
        "recovery: one-time passwords",
        make(name, [field("text", "nick")], type="auth", otp={"enabled": True, "duration": 180, "length": 8}),
        add(name, email="a@b.co", password="otp-12345", passwordConfirm="otp-12345"),
        get(door(name, "auth-methods"), "guest"),
        *(
            post(door(name, "request-otp"), {"email": one}, "guest", mask=["otpId"])
            for one in ("a@b.co", "b@b.co", "bad", "")
        ),
        *(
            post(door(name, "auth-with-otp"), body, "guest")
            for body in (
                {},
                {"otpId": "nope", "password": "12345678"},
                {"otpId": "", "password": "12345678"},
                {"otpId": "nope"},
                {"otpId": "x" * 256, "password": "x" * 72},
                {"otpId": 5, "password": 5},
                {"otpId": "nope", "password": "1", "mfaId": "nope"},
                NOTHING,
                Raw(b"{"),
            )
        ),
        patch(f"/api/collections/{name}", {"otp": {"enabled": False}}),
        post(door(name, "request-otp"), {"email": "a@b.co"}, "guest"),
        post(door(name, "auth-with-otp"), {"otpId": "nope", "password": "1"}, "guest"),
        *drop(name),
    )


def oauth2() -> Iterator[Case]:
    """Yield OAuth2 sign-ins that reach no provider."""
    name = "recovery_oauth2"
    provider = {"name": "github", "clientId": "id", "clientSecret": "secret"}
    body = {"provider": "github", "code": "", "codeVerifier": "v", "redirectURL": "https://example.com/back"}
    yield case(
        "recovery: oauth2 without a provider",
        make(name, [field("text", "nick")], type="auth", oauth2={"enabled": True, "providers": [provider]}),
        *(
            post(door(name, "auth-with-oauth2"), sent, "guest")
            for sent in (
                {},
                body,
                {**body, "provider": "nope", "code": "c"},
                {**body, "provider": "", "code": "c"},
                {**body, "provider": "google", "code": "c"},
                {"provider": "github", "code": "c", "createData": "no object"},
                NOTHING,
                Raw(b"{"),
            )
        ),
        patch(f"/api/collections/{name}", {"oauth2": {"enabled": False}}),
        post(door(name, "auth-with-oauth2"), {**body, "code": "c"}, "guest"),
        *drop(name),
    )
    for collection in COLLECTIONS:
        yield case(
            f"recovery: oauth2 of {collection}",
            post(door(collection, "auth-with-oauth2"), {**body, "code": "c"}, "guest"),
        )


SUBSCRIPTIONS: tuple[Json, ...] = (
    {},
    {"clientId": ""},
    {"clientId": "nope"},
    {"clientId": "nope", "subscriptions": ["people/*"]},
    {"clientId": "nope", "subscriptions": "people"},
    {"clientId": "nope", "subscriptions": ["x"] * 1001},
    {"clientId": "nope", "subscriptions": ["x" * 2501]},
    {"clientId": "x" * 256},
    {"clientId": 5},
    NOTHING,
    Raw(b"{"),
    Raw(b"[]"),
)


def subscriptions() -> Iterator[Case]:
    """Yield subscriptions of clients that are not connected."""
    for number, body in enumerate(SUBSCRIPTIONS):
        yield case(
            f"recovery: subscribe {number}",
            post("/api/realtime", body, "guest"),
            post("/api/realtime", body, "ann"),
        )


def trials() -> Iterator[Case]:
    """Yield the settings' trials: a mail and a bucket."""
    mail, bucket = "/api/settings/test/email", "/api/settings/test/s3"
    for number, body in enumerate(
        (
            {},
            {"email": "", "template": "otp"},
            {"email": "bad", "template": "otp"},
            {"email": "a@b.co", "template": ""},
            {"email": "a@b.co", "template": "nope"},
            {"email": "a@b.co", "template": "otp", "collection": "nope"},
            NOTHING,
            Raw(b"{"),
        )
    ):
        yield case(
            f"recovery: trial of mail {number}",
            *(post(mail, body, who) for who in ("superuser", "ann", "guest")),
        )
    for number, body in enumerate(
        ({}, {"filesystem": ""}, {"filesystem": "nope"}, {"filesystem": "storage"}, NOTHING, Raw(b"{"))
    ):
        yield case(
            f"recovery: trial of a bucket {number}",
            *(post(bucket, body, who) for who in ("superuser", "ann", "guest")),
        )


CASES = [
    *requests(),
    *confirmations(),
    *address_changes(),
    *one_time(),
    *oauth2(),
    *subscriptions(),
    *trials(),
]
