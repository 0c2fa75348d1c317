"""Attacks on accounts: tokens of the wrong kind, guessing who exists, fields that are not one's own to write."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from functools import partial
from statistics import median
from typing import Any, TypeAlias

import pytest

from backstay.accounts.tokens import Claims, TokenType, issue, signing_key
from backstay.catalog.model import AuthOptions, TokenOptions
from tests.api.shape import ANN, BEN, CLEO
from tests.api.site import PASSWORD, Answer, Served

pytestmark = pytest.mark.anyio

ROUNDS = 9
NEW = {"password": "new password ü", "passwordConfirm": "new password ü"}


async def is_ann(site: Served, token: str) -> bool:
    """Tell whether a token is worth anything: Ann's own door, and the refresh."""
    reply = await site.send("POST", "/api/collections/people/auth-refresh", who=token)
    seen = await site.list("people", token, filter="email != ''")
    assert reply.status in {200, 401, 403}
    assert (reply.status == 200) is (seen.total == 1)
    return reply.status == 200


async def sign_in(site: Served, identity: str, password: str, collection: str = "people") -> Answer:
    body = {"identity": identity, "password": password}
    return await site.send("POST", f"/api/collections/{collection}/auth-with-password", body=body)


TYPES: dict[TokenType, Callable[[AuthOptions], TokenOptions]] = {
    "file": lambda auth: auth.fileToken,
    "verification": lambda auth: auth.verificationToken,
    "passwordReset": lambda auth: auth.passwordResetToken,
    "emailChange": lambda auth: auth.emailChangeToken,
}


async def _ann(site: Served) -> tuple[Any, AuthOptions, str]:
    people = site.site.catalog.find("people")
    assert people is not None
    assert people.auth is not None
    record = await site.site.viewers.load(people, ANN)
    assert record is not None
    return people, people.auth, str(record["tokenKey"])


@pytest.mark.parametrize("kind", TYPES)
async def test_tokens_for_other_ends_do_not_sign_in(site: Served, kind: TokenType) -> None:
    """Neither signed with their own secret nor with that of auth tokens."""
    people, auth, token_key = await _ann(site)
    claims = Claims(collection_id=people.id, exp=2**40, id=ANN, type=kind)
    for options in (TYPES[kind](auth), auth.authToken):
        token = issue(claims, signing_key(token_key, options.secret))
        assert not await is_ann(site, token)
    forged = issue(
        Claims(collection_id=people.id, exp=2**40, id=ANN, type="auth"),
        signing_key(token_key, TYPES[kind](auth).secret),
    )
    assert not await is_ann(site, forged)


async def test_forged_tokens_are_guests(site: Served) -> None:
    people, auth, token_key = await _ann(site)
    clients, superusers = site.site.catalog.find("clients"), site.site.superusers
    assert clients is not None
    key = signing_key(token_key, auth.authToken.secret)
    now = int(datetime.now(UTC).timestamp())
    good = issue(Claims(collection_id=people.id, exp=now + 60, id=ANN, type="auth"), key)
    assert await is_ann(site, good)
    header, payload, signature = good.split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    boss = base64.urlsafe_b64encode(json.dumps(claims | {"collectionId": superusers.id}).encode()).decode()
    for token in (
        issue(Claims(collection_id=people.id, exp=now, id=ANN, type="auth"), key),
        issue(Claims(collection_id=people.name, exp=now + 60, id=ANN, type="auth"), key),
        issue(Claims(collection_id=clients.id, exp=now + 60, id=ANN, type="auth"), key),
        issue(Claims(collection_id=superusers.id, exp=now + 60, id=ANN, type="auth"), key),
        issue(Claims(collection_id=people.id, exp=now + 60, id=BEN, type="auth"), key),
        f"{none}.{payload}.",
        f"{none}.{payload}.{signature}",
        f"{header}.{boss.rstrip('=')}.{signature}",
        good[:-1],
        f"{good}=",
        f"{good} x",
        good.swapcase(),
        f"Basic {good}",
    ):
        assert not await is_ann(site, token), token
        assert (await site.get("/api/settings", token)).status == 401
    assert await is_ann(site, f"bEaReR {good}")


async def test_passwords_that_are_easy_to_guess(site: Served) -> None:
    fields = (await site.get("/api/collections/people", "boss")).json()["fields"]
    assert not any("minScore" in field for field in fields)
    stronger = [{**field, "minScore": 3} if field["name"] == "password" else field for field in fields]
    await site.change("people", fields=stronger)
    for weak in ("password1", "qwertyuiop", "aaaaaaaaaaaa", "backstay1"):
        reply = await site.update("people", ANN, {"password": weak, "passwordConfirm": weak}, "boss")
        assert reply.faults == {"password": "validation_weak_password"}
    good = "violet-anchor-tumbling-seven"
    body = {"password": good, "passwordConfirm": good, "oldPassword": PASSWORD}
    assert (await site.update("people", ANN, body, "ann")).status == 200
    too_much = [{**field, "minScore": 5} if field["name"] == "password" else field for field in fields]
    reply = await site.send("PATCH", "/api/collections/people", who="boss", body={"fields": too_much})
    assert reply.status == 400


async def test_a_token_of_one_collection_is_nothing_in_another(site: Served) -> None:
    reply = await site.send("POST", "/api/collections/clients/auth-refresh", who="ann")
    assert reply.status == 403
    assert (await site.view("clients", CLEO, "ann")).status == 404
    assert (await site.update("people", ANN, {"name": "x"}, "cleo")).status == 404


async def test_a_new_password_ends_all_tokens(site: Served) -> None:
    old = site.tokens["ann"]
    other = await site.token("people", ANN, duration_s=900)
    reply = await site.update("people", ANN, {**NEW, "oldPassword": PASSWORD}, "ann")
    assert reply.status == 200
    assert not await is_ann(site, old)
    assert not await is_ann(site, other)
    assert (await sign_in(site, "ann@example.com", PASSWORD)).status == 400
    again = (await sign_in(site, "ann@example.com", NEW["password"])).json()
    assert await is_ann(site, again["token"])


async def test_so_do_a_new_address_and_a_new_secret(site: Served) -> None:
    old = site.tokens["ann"]
    assert (await site.update("people", ANN, {"email": "other@example.com"}, "boss")).status == 200
    assert not await is_ann(site, old)
    fresh = await site.token("people", ANN)
    assert await is_ann(site, fresh)
    await site.change("people", authToken={"secret": "s" * 40, "duration": 3600})
    assert not await is_ann(site, fresh)
    assert await is_ann(site, await site.token("people", ANN))


async def test_and_so_does_deletion(site: Served) -> None:
    old = site.tokens["ann"]
    assert (await site.delete("people", ANN, "ann")).status == 204
    assert (await site.send("POST", "/api/collections/people/auth-refresh", who=old)).status == 401
    assert (await site.create("posts", {"title": "x"}, old)).status == 400


async def test_faults_of_sign_in_are_alike(site: Served) -> None:
    wrong_password = await sign_in(site, "ann@example.com", "not hers at all")
    wrong_identity = await sign_in(site, "nobody@example.com", "not hers at all")
    assert (wrong_password.status, wrong_password.body) == (wrong_identity.status, wrong_identity.body)
    assert wrong_password.status == 400
    first, second = (dict(reply.headers) for reply in (wrong_password, wrong_identity))
    assert first == second


Act: TypeAlias = Callable[[], Coroutine[Any, Any, Answer]]


async def _alike(*acts: Act) -> bool:
    """Tell whether acts take about the same time, which is that of a hash: in turns, since the machine has other work."""
    times: list[list[float]] = [[] for _ in acts]
    for _ in range(ROUNDS):
        for act, taken in zip(acts, times, strict=True):
            start = time.perf_counter()
            await act()
            taken.append(time.perf_counter() - start)
    medians = [median(taken) for taken in times]
    return max(medians) < 2 * min(medians)


async def test_faults_of_sign_in_take_the_same_time(site: Served) -> None:
    emails = "ann@example.com", "nobody@example.com"
    assert await _alike(*(partial(sign_in, site, email, "not hers at all") for email in emails))


async def test_a_stranger_cannot_time_who_exists(site: Served) -> None:
    """A change with an old password costs the same for a record that is there and for one that is not."""
    body = {**NEW, "oldPassword": "not hers at all"}
    ids = ANN, "nobodynobodynob"
    assert await _alike(*(partial(site.update, "people", record_id, body, "ben") for record_id in ids))


async def test_impersonation_is_for_superusers(site: Served) -> None:
    path = f"/api/collections/people/impersonate/{ANN}"
    for who, status in (("guest", 401), ("ann", 403), ("chief", 403), ("cleo", 403)):
        assert (await site.send("POST", path, who=who)).status == status
        missing = await site.send("POST", "/api/collections/people/impersonate/nobody", who=who)
        assert missing.status == status
    reply = await site.send("POST", path, who="boss", body={"duration": 60})
    token = reply.json()["token"]
    assert not {"password", "tokenKey"} & set(reply.json()["record"])
    assert await is_ann(site, token)
    refreshed = await site.send("POST", "/api/collections/people/auth-refresh", who=token)
    assert refreshed.json()["token"] == token, "it can't be prolonged"
    assert (await site.get("/api/settings", token)).status == 403
    assert reply.headers["cache-control"] == "no-store"


async def test_the_last_superuser_stays(site: Served) -> None:
    superusers = "/api/collections/_superusers/records"
    first = (await site.get(superusers, "boss")).json()["items"][0]["id"]
    assert (await site.send("DELETE", f"{superusers}/{first}", who="boss")).status == 400
    second = (await site.add("_superusers", email="two@example.com", **NEW))["id"]
    token = await site.token("_superusers", second)
    answers = await asyncio.gather(
        site.send("DELETE", f"{superusers}/{first}", who="boss"),
        site.send("DELETE", f"{superusers}/{second}", who=token),
    )
    statuses = sorted(answer.status for answer in answers)
    assert statuses[0] == 204
    assert statuses[1] in {400, 401, 403, 404}
    left = first if answers[0].status == 400 else second
    token = await site.token("_superusers", left)
    assert (await site.get(superusers, token)).ids == [left]


async def test_superusers_are_not_truncated(site: Served) -> None:
    await site.send("DELETE", "/api/collections/_superusers/truncate", who="boss")
    assert (await site.list("_superusers", "boss")).total == 1


async def test_superusers_are_nobodys_to_make(site: Served) -> None:
    body = {"email": "evil@example.com", **NEW}
    for who in ("guest", "ann", "chief", "cleo"):
        assert (await site.create("_superusers", body, who)).status == 403
        sent = await site.create("people", {**body, "collectionId": site.site.superusers.id}, who)
        assert sent.status == 400 or sent.json()["collectionName"] == "people"


@pytest.mark.parametrize(
    ("body", "keys"),
    [
        ({"email": "new@example.com"}, ["email"]),
        ({"verified": True}, ["verified"]),
        ({"email": "new@example.com", "verified": True}, ["email", "verified"]),
        (NEW, ["oldPassword"]),
        ({**NEW, "oldPassword": "not hers at all"}, ["oldPassword"]),
        ({**NEW, "oldPassword": ""}, ["oldPassword"]),
        ({**NEW, "passwordConfirm": "other", "oldPassword": PASSWORD}, ["passwordConfirm"]),
        ({"password": "short", "passwordConfirm": "short", "oldPassword": PASSWORD}, ["password"]),
        ({"id": BEN}, ["id"]),
    ],
    ids=str,
)
async def test_what_owners_may_not_write(site: Served, body: dict[str, object], keys: list[str]) -> None:
    before = (await site.view("people", ANN, "boss")).json()
    reply = await site.update("people", ANN, body, "ann")
    assert sorted(reply.faults) == keys
    assert (await site.view("people", ANN, "boss")).json() == before
    assert await is_ann(site, site.tokens["ann"])


@pytest.mark.parametrize(
    "body", [{"email": "new@example.com"}, {"verified": True}, NEW, {"name": "x"}], ids=str
)
async def test_strangers_write_nothing(site: Served, body: dict[str, object]) -> None:
    before = (await site.view("people", ANN, "boss")).json()
    for who in ("guest", "ben", "cleo"):
        assert (await site.update("people", ANN, body, who)).status == 404
    assert (await site.view("people", ANN, "boss")).json() == before
    assert (await sign_in(site, "ann@example.com", PASSWORD)).status == 200


async def test_managers_manage(site: Served) -> None:
    body = {"email": "new@example.com", "verified": True, **NEW}
    reply = await site.update("people", ANN, body, "chief")
    assert reply.status == 200
    assert (reply.json()["email"], reply.json()["verified"]) == ("new@example.com", True)
    assert (await sign_in(site, "new@example.com", NEW["password"])).status == 200


async def test_nobody_makes_himself_a_manager(site: Served) -> None:
    """What the rule looks at is the stored record of the viewer, not the one that is being written."""
    body = {"role": "chief", "verified": True, "email": "new@example.com"}
    assert set((await site.update("people", BEN, body, "ben")).faults) == {"email", "verified"}
    fresh = {"role": "chief", "verified": True, "email": "new@example.com", **NEW}
    assert set((await site.create("people", fresh)).faults) == {"verified"}


async def test_hidden_fields_are_not_written(site: Served) -> None:
    """Not by their names, not by modifiers, not in batches; not the token key, nor a hidden password."""
    await site.allow_batch()
    people, _, token_key = await _ann(site)
    body = {"tokenKey": "k" * 40, "tokenKey:autogenerate": "", "diary": "x", "diary+": "x", "name": "new"}
    reply = await site.update("people", ANN, body, "ann")
    assert reply.json()["name"] == "new"
    await site.batch(
        "ann", {"method": "PATCH", "url": f"/api/collections/people/records/{ANN}", "body": body}
    )
    kept = await site.site.viewers.load(people, ANN)
    assert kept is not None
    assert (kept["tokenKey"], kept["diary"]) == (token_key, "ann was here")


async def test_hidden_passwords_are_not_written(site: Served) -> None:
    posts = site.site.catalog.find("posts")
    assert posts is not None
    post = (await site.add("posts", author=ANN, lock="the old one"))["id"]
    statements = site.site.book.of(posts)

    async def lock(record_id: str) -> object:
        return statements.read((await site.site.store.fetch(statements.load, [record_id]))[0])["lock"]

    before = await lock(post)
    assert str(before).startswith("$argon2id$")
    assert (await site.update("posts", post, {"lock": "a new one"}, "ann")).status == 200
    assert await lock(post) == before
    made = (await site.create("posts", {"title": "x", "lock": "mine"}, "ann")).json()["id"]
    assert await lock(made) == ""


@pytest.mark.parametrize("kind", ["json", "form"])
async def test_a_password_of_digits_is_a_password(site: Served, kind: str) -> None:
    """Forms turn digits into numbers; the account must have the password all the same."""
    digits = "1234567890"
    path = "/api/collections/people/records"
    values: dict[str, Any] = {"email": "digits@example.com", "password": digits, "passwordConfirm": digits}
    if kind == "json":
        values = {**values, "password": int(digits), "passwordConfirm": int(digits)}
        reply = await site.send("POST", path, body=values)
    else:
        form = "&".join(f"{key}={value}" for key, value in values.items()).encode()
        headers = [(b"content-type", b"application/x-www-form-urlencoded")]
        reply = await site.raw("POST", path, headers=headers, chunks=[form])
    assert reply.status == 200, reply
    signed_in = await sign_in(site, "digits@example.com", digits)
    assert signed_in.status == 200
    made = signed_in.json()["record"]["id"]
    change = {"oldPassword": int(digits), "password": 9876543210, "passwordConfirm": 9876543210}
    assert (await site.update("people", made, change, signed_in.json()["token"])).status == 200
    assert (await sign_in(site, "digits@example.com", digits)).status == 400
    assert (await sign_in(site, "digits@example.com", "9876543210")).status == 200


async def test_wrong_types_do_not_sign_in(site: Served) -> None:
    path = "/api/collections/people/auth-with-password"
    odd: list[Any] = [None, True, 0, 1.5, [], {}, ["ann@example.com"], {"$ne": ""}, "", "\0", "x" * 300]
    for value in odd:
        for body in (
            {"identity": value, "password": PASSWORD},
            {"identity": "ann@example.com", "password": value},
            {"identity": "ann@example.com", "password": PASSWORD, "identityField": value or "password"},
        ):
            reply = await site.send("POST", path, body=body)
            assert reply.status == 400, (body, reply)


async def test_an_auth_rule_is_asked_after_the_password(site: Served) -> None:
    await site.change("people", authRule="verified = true")
    assert (await sign_in(site, "ann@example.com", "wrong")).status == 400
    assert (await sign_in(site, "nobody@example.com", "wrong")).status == 400
    assert (await sign_in(site, "ann@example.com", PASSWORD)).status == 403
    token = await site.token("people", ANN)
    assert (await site.send("POST", "/api/collections/people/auth-refresh", who=token)).status == 403
