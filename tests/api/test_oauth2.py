"""Attacks on signing in with other services: a hostile provider, a hostile client, a hostile owner of an account.

The provider here says whatever a test wants it to: an honest one (tests/live/test_oauth2_provider.py) would not.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from backstay import Backstay, MomentEvent, ProviderSignIn, Reject
from backstay.accounts.delays import PAIR
from backstay.oauth2.flow import nonce_of
from tests.api.shape import ANN
from tests.api.site import PASSWORD, Answer, Served

pytestmark = pytest.mark.anyio

ANN_EMAIL = "ann@example.com"
OIDC2 = {"name": "oidc2", "clientId": "client", "clientSecret": "sesame"}
VERIFIER = "v" * 43


class Provider:
    """A provider on loopback that says what it is told to."""

    def __init__(self) -> None:
        self.user: Any = {"sub": "u1"}
        self.token: Any = {"access_token": "at", "refresh_token": "rt", "expires_in": 3600}
        self.keys: Any = {"keys": []}
        self.status = 200
        self.seen: list[tuple[str, dict[str, list[str]]]] = []

    async def visited(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        length = next(
            (int(line[15:]) for line in head.lower().split("\r\n") if line.startswith("content-length:")), 0
        )
        body = (await reader.readexactly(length)).decode()
        path = head.split()[1]
        self.seen.append((path, parse_qs(body)))
        answer = {"/token": self.token, "/user": self.user, "/keys": self.keys}[path]
        raw = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        start = f"HTTP/1.1 {self.status} X\r\nContent-Type: application/json\r\nContent-Length: {len(raw)}\r\n\r\n"
        writer.write(start.encode() + raw)
        await writer.drain()
        writer.close()


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    provider = Provider()
    server = await asyncio.start_server(provider.visited, "127.0.0.1", 0)
    async with server:
        provider.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"  # type: ignore[attr-defined]
        yield provider


@pytest.fixture
async def joined(site: Served, provider: Provider) -> Served:
    """A site whose people and clients may sign in with the provider."""
    url: str = provider.url  # type: ignore[attr-defined]
    configured = {
        "name": "oidc",
        "clientId": "client",
        "clientSecret": "sesame",
        "authURL": f"{url}/auth",
        "tokenURL": f"{url}/token",
        "userInfoURL": f"{url}/user",
    }
    for name in ("people", "clients"):
        fields = (await site.get(f"/api/collections/{name}", "boss")).json()["fields"]
        optional = [{**field, "required": False} if field["name"] == "email" else field for field in fields]
        await site.change(
            name,
            fields=optional,
            oauth2={"enabled": True, "providers": [configured], "mappedFields": {"name": "name"}},
        )
    return site


_codes = iter(range(10**9))


async def sign_in(site: Served, who: str = "guest", collection: str = "people", **more: Any) -> Answer:
    body = {
        "provider": "oidc",
        "code": f"code{next(_codes)}",
        "codeVerifier": VERIFIER,
        "redirectURL": "https://app.example",
        **more,
    }
    return await site.send("POST", f"/api/collections/{collection}/auth-with-oauth2", who=who, body=body)


async def works(site: Served, token: str) -> bool:
    return (await site.send("POST", "/api/collections/people/auth-refresh", who=token)).status == 200


async def test_a_new_account_and_the_same_again(joined: Served, provider: Provider) -> None:
    provider.user = {"sub": "u1", "email": "new@example.com", "email_verified": True, "name": "New One"}
    first = (await sign_in(joined)).json()
    assert first["meta"]["isNew"] is True
    assert first["record"]["email"] == "new@example.com"
    assert first["record"]["name"] == "New One"
    assert first["record"]["verified"] is True
    assert await works(joined, first["token"])
    again = (await sign_in(joined)).json()
    assert (again["meta"]["isNew"], again["record"]["id"]) == (False, first["record"]["id"])
    form = dict(provider.seen[0][1])
    assert form["code_verifier"] == [VERIFIER]
    assert form["redirect_uri"] == ["https://app.example"]
    other = (await sign_in(joined, collection="clients")).json()
    assert other["record"]["id"] != first["record"]["id"], "an account belongs to its collection"


async def test_an_address_that_nobody_vouches_for_joins_nothing(joined: Served, provider: Provider) -> None:
    for claim in (
        {"email": ANN_EMAIL},
        {"email": ANN_EMAIL, "email_verified": False},
        {"email": ANN_EMAIL, "email_verified": "false"},
    ):
        provider.user = {"sub": "thief", **claim}
        reply = await sign_in(joined)
        assert reply.faults == {"email": "validation_not_unique"}
    assert await works(joined, "ann")


async def test_whoever_signed_up_with_anothers_address_is_thrown_out(
    joined: Served, provider: Provider
) -> None:
    """Ann's account is not verified: it may be a squatter's, who knows the password and has linked himself."""
    provider.user = {"sub": "squatter"}
    assert (await sign_in(joined, "ann")).status == 200
    squatter = joined.tokens["ann"]
    provider.user = {"sub": "ann at home", "email": ANN_EMAIL, "email_verified": True}
    owner = await sign_in(joined)
    assert owner.status == 200
    assert owner.json()["record"]["id"] == ANN
    assert owner.json()["record"]["verified"] is True
    assert not await works(joined, squatter)
    body = {"identity": ANN_EMAIL, "password": PASSWORD}
    assert (await joined.send("POST", "/api/collections/people/auth-with-password", body=body)).status == 400
    links = (await joined.list("_externalAuths", owner.json()["token"])).json()["items"]
    assert [link["providerId"] for link in links] == ["ann at home"]
    provider.user = {"sub": "squatter"}
    back = await sign_in(joined)
    assert back.status != 200 or back.json()["record"]["id"] != ANN


async def test_a_verified_account_is_joined_and_keeps_its_password(
    joined: Served, provider: Provider
) -> None:
    await joined.update("people", ANN, {"verified": True}, "boss")
    provider.user = {"sub": "u1", "email": ANN_EMAIL, "email_verified": True}
    assert (await sign_in(joined)).json()["record"]["id"] == ANN
    assert await works(joined, "ann")


async def test_linking_and_unlinking(joined: Served, provider: Provider) -> None:
    provider.user = {"sub": "u1"}
    linked = (await sign_in(joined, "ann")).json()
    assert (linked["record"]["id"], linked["meta"]["isNew"]) == (ANN, False)
    assert (await sign_in(joined)).json()["record"]["id"] == ANN
    taken = (await sign_in(joined, "ben")).json()
    assert taken["record"]["id"] == ANN, "a user of the provider is who they are linked to, whoever asks"
    assert (await joined.list("_externalAuths", "ben")).ids == []
    [link] = (await joined.list("_externalAuths", "ann")).ids
    assert (await joined.delete("_externalAuths", link, "ben")).status == 404
    assert (await joined.delete("_externalAuths", link, "ann")).status == 204
    assert (await sign_in(joined)).json()["record"]["id"] != ANN


async def test_a_code_is_shown_once(joined: Served) -> None:
    replies = await asyncio.gather(*(sign_in(joined, code="one code") for _ in range(8)))
    assert sorted(reply.status for reply in replies) == [200] + [400] * 7


async def test_rules_decide_about_new_accounts(joined: Served, provider: Provider) -> None:
    await joined.change("people", createRule="@request.context = 'oauth2' && @request.body.name = 'Friend'")
    assert (await sign_in(joined)).status == 400
    provider.user = {"sub": "u2", "name": "Friend"}
    assert (await sign_in(joined)).status == 200
    await joined.change("people", createRule=None)
    provider.user = {"sub": "u3"}
    assert (await sign_in(joined)).status == 403
    await joined.change("people", createRule="", authRule="verified = true && name = 'nobody'")
    provider.user = {"sub": "u4", "name": "somebody"}
    before = (await joined.list("people", "boss")).total
    assert (await sign_in(joined)).status == 403
    assert (await joined.list("people", "boss")).total == before, "who may not come in leaves no account"


async def test_a_sites_own_code_has_its_say(joined: Served, provider: Provider) -> None:
    """It is told who comes and into whose account, may refuse, and may set what a new account is made of."""
    app, seen = Backstay(), list[ProviderSignIn]()

    @app.on("oauth2", "people")
    async def meet(event: MomentEvent[ProviderSignIn]) -> None:
        seen.append(event.subject)
        if event.subject.user["raw"].get("banned"):
            raise Reject("Not here.")
        event.subject.data["name"] = "Of the house"

    joined.site.moments.hooks = app.hooks.moments
    app.hooks.bind(joined.site.store, joined.site.outbox)
    provider.user = {"sub": "u9", "email": "new@example.com", "email_verified": True, "name": "New One"}
    made = (await sign_in(joined, createData={"name": "mine"})).json()["record"]
    assert made["name"] == "Of the house"
    assert (await sign_in(joined)).status == 200
    provider.user = {"sub": "u10", "banned": True}
    refused = await sign_in(joined)
    assert (refused.status, refused.json()["message"]) == (400, "Not here.")
    first, again, banned = seen
    assert (first.provider, first.record, first.user["email"]) == ("oidc", None, "new@example.com")
    assert again.record is not None
    assert again.record["id"] == made["id"]
    assert not {"password", "tokenKey"} & set(again.record)
    assert (banned.record, banned.user["id"]) == (None, "u10")


async def test_create_data_is_a_body_like_any_other(joined: Served, provider: Provider) -> None:
    for data, field in (({"verified": True}, "verified"), ({"email": "x"}, "email"), ({"id": "../x"}, "id")):
        reply = await sign_in(joined, createData=data)
        assert field in reply.faults
    made = await sign_in(
        joined,
        createData={"tokenKey": "x" * 40, "diary": "mine", "name": "Chosen", "email": "other@example.com"},
    )
    record = (await joined.view("people", made.json()["record"]["id"], "boss")).json()
    assert record["diary"] == ""
    assert (record["name"], record["verified"]) == ("Chosen", False)
    wrong: list[Any] = ["x", [], 5]
    for bad in wrong:
        assert (await sign_in(joined, createData=bad)).status == 400


async def test_the_second_factor_stands_in_the_way(joined: Served, provider: Provider) -> None:
    await joined.update("people", ANN, {"verified": True}, "boss")
    await joined.change("people", mfa={"enabled": True, "duration": 600, "rule": ""})
    provider.user = {"sub": "u1", "email": ANN_EMAIL, "email_verified": True}
    first = await sign_in(joined)
    assert first.status == 401
    assert (await sign_in(joined, mfaId=first.json()["mfaId"])).status == 400
    body = {"identity": ANN_EMAIL, "password": PASSWORD, "mfaId": first.json()["mfaId"]}
    assert (await joined.send("POST", "/api/collections/people/auth-with-password", body=body)).status == 200


async def test_a_squatter_with_two_factors_is_thrown_out_too(joined: Served, provider: Provider) -> None:
    """Ann's account is not verified. Whoever made it has a token, the password, a link, and a first factor shown."""
    provider.user = {"sub": "squatter"}
    assert (await sign_in(joined, "ann")).status == 200
    await joined.change("people", mfa={"enabled": True, "duration": 600, "rule": ""})
    second = OIDC2 | {
        key: f"{provider.url}/{path}"  # type: ignore[attr-defined]
        for key, path in (("authURL", "auth"), ("tokenURL", "token"), ("userInfoURL", "user"))
    }
    people = (await joined.get("/api/collections/people", "boss")).json()
    providers = [*people["oauth2"]["providers"], second]
    await joined.change("people", oauth2={**people["oauth2"], "providers": providers})
    squatter, half = joined.tokens["ann"], (await sign_in(joined)).json()["mfaId"]
    provider.user = {"sub": "ann at home", "email": ANN_EMAIL, "email_verified": True}
    assert (await sign_in(joined, provider="oidc2")).status == 401
    assert not await works(joined, squatter)
    body = {"identity": ANN_EMAIL, "password": PASSWORD, "mfaId": half}
    assert (await joined.send("POST", "/api/collections/people/auth-with-password", body=body)).status == 400
    provider.user = {"sub": "squatter"}
    back = await sign_in(joined)
    assert back.json().get("record", {}).get("id") != ANN
    assert (await joined.list("_externalAuths", "boss")).json()["items"][0]["providerId"] == "ann at home"


async def test_ids_are_not_cut(joined: Served, provider: Provider) -> None:
    provider.user = {"sub": "x" * 2000}
    assert (await sign_in(joined)).status == 200
    provider.user = {"sub": "x" * 2000 + "y"}
    assert (await sign_in(joined)).status == 400


@pytest.mark.parametrize("sub", ["a\x00b", "\u202e", " ", "x" * 2000])
async def test_ids_of_any_form_are_no_fault_of_the_server(
    joined: Served, provider: Provider, sub: str
) -> None:
    provider.user = {"sub": sub}
    assert (await sign_in(joined)).status < 500


async def test_a_provider_that_says_nonsense(joined: Served, provider: Provider) -> None:
    good = provider.token
    for token in (
        b"",
        b"{",
        b"[]",
        b'"x"',
        {},
        {"access_token": ""},
        {"access_token": 5},
        {"error": "denied"},
        b"x" * (2 << 20),
    ):
        provider.token = token
        assert (await sign_in(joined)).status in {400, 429}
    provider.token = good
    await joined.site.store.write(lambda tx: tx.execute(_forget()))
    users: list[Any] = [b"", b"{", [], {}, {"sub": ""}, {"sub": None}, {"sub": {"a": 1}}, {"sub": "x" * 9000}]
    for user in users:
        provider.user = user
        assert (await sign_in(joined)).status in {200, 400, 429}
    await joined.site.store.write(lambda tx: tx.execute(_forget()))
    provider.status = 500
    assert (await sign_in(joined)).status == 400


def _forget() -> Any:
    from backstay.plans.params import Statement

    return Statement("DELETE FROM _recent")


async def test_the_provider_is_not_asked_for_ever(joined: Served, provider: Provider) -> None:
    provider.status = 400
    statuses = [(await sign_in(joined)).status for _ in range(PAIR.free + 5)]
    assert statuses[-1] == 429
    assert len(provider.seen) <= PAIR.free + 1


async def test_pictures_from_at_home_are_not_fetched(joined: Served, provider: Provider) -> None:
    url: str = provider.url  # type: ignore[attr-defined]
    definition = await joined.send("GET", "/api/collections/people", who="boss")
    fields = [*definition.json()["fields"], {"type": "file", "name": "picture", "maxSelect": 1}]
    await joined.change("people", fields=fields)
    auth = joined.site.catalog.find("people")
    assert auth is not None
    assert auth.auth is not None
    oauth2 = definition.json()["oauth2"] | {"mappedFields": {"avatarURL": "picture"}}
    for item in oauth2["providers"]:
        item["clientSecret"] = "sesame"
    await joined.change("people", oauth2=oauth2)
    for n, address in enumerate(
        (
            f"{url}/secret",
            "https://127.0.0.1/x",
            "https://localhost/x",
            "file:///etc/passwd",
            "https://169.254.169.254/",
        )
    ):
        provider.user = {"sub": f"p{n}", "picture": address}
        reply = await sign_in(joined)
        assert reply.status == 200
        assert reply.json()["record"]["picture"] == ""
    assert "/secret" not in [path for path, _ in provider.seen]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"provider": "nope", "code": "x"},
        {"provider": "oidc"},
        {"provider": 5},
        {"provider": "oidc", "code": "x" * 5000},
        {"provider": "google", "code": "x"},
    ],
)
async def test_bodies_that_are_none(joined: Served, provider: Provider, body: dict[str, Any]) -> None:
    reply = await joined.send("POST", "/api/collections/people/auth-with-oauth2", body=body)
    assert reply.status == 400
    assert provider.seen == []


async def test_secrets_stay_here(joined: Served) -> None:
    for path in ("/api/collections/people/auth-methods", "/api/collections/people"):
        assert b"sesame" not in (await joined.get(path, "boss")).body
    methods = (await joined.get("/api/collections/people/auth-methods")).json()
    [start] = methods["oauth2"]["providers"]
    address = urlsplit(start["authURL"])
    assert parse_qs(address.query, keep_blank_values=True)["state"] == [start["state"]]


# -- signed tokens --------------------------------------------------------------------------------------------

KEY, OTHER_KEY = (rsa.generate_private_key(65537, 2048) for _ in range(2))


def jwk(key: rsa.RSAPrivateKey, kid: str = "k1") -> dict[str, Any]:
    public: dict[str, Any] = json.loads(RSAAlgorithm.to_jwk(key.public_key()))
    return {**public, "kid": kid, "alg": "RS256", "use": "sig"}


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    good = {
        "iss": "https://id.example",
        "aud": "client",
        "sub": "u9",
        "iat": now,
        "exp": now + 60,
        "nonce": nonce_of(VERIFIER),
    }
    return {key: value for key, value in (good | changes).items() if value is not None}


def signed(key: Any = KEY, algorithm: str = "RS256", kid: str = "k1", **changes: Any) -> str:
    return jwt.encode(claims(**changes), key, algorithm=algorithm, headers={"kid": kid})


@pytest.fixture
async def signing(joined: Served, provider: Provider) -> Served:
    """A site whose provider tells the user in a signed token."""
    url: str = provider.url  # type: ignore[attr-defined]
    provider.keys = {"keys": [jwk(KEY)]}
    configured = {
        "name": "oidc",
        "clientId": "client",
        "clientSecret": "sesame",
        "authURL": f"{url}/auth",
        "tokenURL": f"{url}/token",
        "userInfoURL": "",
        "extra": {"jwksURL": f"{url}/keys", "issuers": ["https://id.example"]},
    }
    await joined.change("people", oauth2={"enabled": True, "providers": [configured]})
    return joined


async def test_a_good_token(signing: Served, provider: Provider) -> None:
    provider.token = {"access_token": "at", "id_token": signed(email="id@example.com", email_verified=True)}
    reply = await sign_in(signing)
    assert reply.status == 200, reply
    assert reply.json()["meta"]["id"] == "u9"
    assert reply.json()["record"]["email"] == "id@example.com"


PUBLIC_PEM = b"-----BEGIN PUBLIC KEY-----not a key for HMAC-----END PUBLIC KEY-----"


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: signed(iss="https://evil.example"), id="another issuer"),
        pytest.param(lambda: signed(aud="another client"), id="another audience"),
        pytest.param(lambda: signed(aud=["client", "x"], azp="x"), id="for another client"),
        pytest.param(lambda: signed(nonce="of another flow"), id="another flow"),
        pytest.param(lambda: signed(exp=int(time.time()) - 300), id="expired"),
        pytest.param(lambda: signed(exp=None), id="without an end"),
        pytest.param(lambda: signed(sub=None), id="of nobody"),
        pytest.param(lambda: signed(OTHER_KEY), id="another key"),
        pytest.param(lambda: signed(OTHER_KEY, kid="k2"), id="an unknown key"),
        pytest.param(
            lambda: jwt.encode(claims(), "", algorithm="none", headers={"kid": "k1"}), id="no algorithm"
        ),
        pytest.param(lambda: signed(PUBLIC_PEM.replace(b"-----", b"====="), "HS256"), id="another algorithm"),
        pytest.param(lambda: signed()[:-4] + "AAAA", id="another signature"),
        pytest.param(lambda: "", id="none"),
        pytest.param(lambda: "a.b.c", id="rubbish"),
    ],
)
async def test_bad_tokens(signing: Served, provider: Provider, make: Any) -> None:
    provider.token = {"access_token": "at", "id_token": make()}
    assert (await sign_in(signing)).status == 400


@pytest.mark.parametrize(
    "keys", [[], "x", 5, None, {}, {"keys": 5}, {"keys": [5]}, {"keys": [{"kty": "oct"}]}]
)
async def test_keys_that_are_none(signing: Served, provider: Provider, keys: Any) -> None:
    provider.keys = keys
    provider.token = {"access_token": "at", "id_token": signed()}
    assert (await sign_in(signing)).status == 400
