"""Attacks by guessing: failures are counted in the database, slow the guesser down, and lock nobody out."""

from __future__ import annotations

import asyncio

import pytest

from backstay.accounts.delays import IDENTITY, NETWORK, PAIR, Attempt, Delays
from backstay.accounts.places import Place
from backstay.accounts.sign_ups import SIGN_UPS
from backstay.errors import TooManyRequests
from backstay.stores.base import Transaction
from tests.api.shape import DEFAULTS
from tests.api.site import PASSWORD, Answer, Served, serve

pytestmark = pytest.mark.anyio


@pytest.fixture
async def proxied(site: Served) -> Served:
    proxy = {"trustedProxy": {"headers": ["X-Real-IP"]}}
    assert (await site.send("PATCH", "/api/settings", who="boss", body=proxy)).status == 200
    return site


async def sign_in(
    site: Served, password: str, address: str = "10.0.0.1", identity: str = "ann@example.com"
) -> Answer:
    body = {"identity": identity, "password": password}
    headers = {"x-real-ip": address, "user-agent": "a browser"}
    return await site.send("POST", "/api/collections/people/auth-with-password", body=body, headers=headers)


async def test_guesses_get_slower(proxied: Served) -> None:
    replies = [await sign_in(proxied, f"guess {n}") for n in range(PAIR.free + 2)]
    assert [reply.status for reply in replies] == [400] * (PAIR.free + 1) + [429]
    assert int(replies[-1].headers["retry-after"]) >= 1
    assert (await sign_in(proxied, PASSWORD)).status == 429, "the right password waits as well"
    assert (await sign_in(proxied, PASSWORD, "10.0.0.2")).status == 200, "elsewhere nobody is locked out"


async def test_unknown_identities_are_slowed_down_alike(proxied: Served) -> None:
    statuses = [
        (await sign_in(proxied, f"guess {n}", identity="nobody@example.com")).status
        for n in range(PAIR.free + 2)
    ]
    assert statuses == [400] * (PAIR.free + 1) + [429]


async def test_other_spellings_give_no_new_tries(proxied: Served) -> None:
    for n in range(PAIR.free + 1):
        spelling = "ANN@example.com" if n % 2 else " ann@example.com "
        await sign_in(proxied, f"guess {n}", identity=spelling)
    assert (await sign_in(proxied, "guess")).status == 429


async def test_attempts_at_once_are_all_counted(proxied: Served) -> None:
    replies = await asyncio.gather(*(sign_in(proxied, f"guess {n}") for n in range(PAIR.free * 3)))
    statuses = [reply.status for reply in replies]
    assert statuses.count(400) == PAIR.free + 1
    assert statuses.count(429) == PAIR.free * 2 - 1


async def test_a_success_forgives(proxied: Served) -> None:
    for _ in range(3):
        for n in range(PAIR.free - 1):
            assert (await sign_in(proxied, f"guess {n}")).status == 400
        assert (await sign_in(proxied, PASSWORD)).status == 200


async def test_a_restart_forgets_nothing(proxied: Served) -> None:
    for n in range(PAIR.free + 1):
        await sign_in(proxied, f"guess {n}")
    async with serve(proxied.site.data) as again:
        assert (await sign_in(again, PASSWORD)).status == 429


async def test_headers_that_nobody_trusts_give_no_new_tries(site: Served) -> None:
    statuses = [(await sign_in(site, f"guess {n}", f"10.0.0.{n}")).status for n in range(PAIR.free + 2)]
    assert statuses[-1] == 429


async def test_one_network_and_one_identity_from_everywhere(site: Served) -> None:
    now = 1_000_000.0
    delays = Delays(now=lambda: now)

    async def begin(identity: str, address: str, known: bool = False) -> bool:
        async def job(tx: Transaction) -> None:
            await delays.begin(tx, Attempt("door", identity, Place(address), known))

        try:
            await site.site.store.write(job)
        except TooManyRequests:
            return False
        return True

    for n in range(NETWORK.free + 1):
        assert await begin(f"person {n}", "2001:db8::1")
    assert not await begin("another", "2001:db8::ffff"), "an IPv6 network is one client"
    assert await begin("another", "2001:db8:0:1::1")
    for n in range(IDENTITY.free + 1):
        assert await begin("victim", f"10.1.{n}.1")
    assert not await begin("victim", "10.2.0.1")
    assert await begin("victim", "10.2.0.1", known=True), "where the account was used before it goes on"
    now += 61
    assert await begin("victim", "10.2.0.1")


async def test_a_new_place_is_told_to_the_owner(proxied: Served) -> None:
    await proxied.change("people", authAlert={"enabled": True})
    assert (await sign_in(proxied, PASSWORD)).status == 200
    assert await proxied.mails() == [], "the first place is no news"
    assert (await sign_in(proxied, PASSWORD)).status == 200
    assert await proxied.mails() == []
    for n in range(2, 9):
        assert (await sign_in(proxied, PASSWORD, f"10.0.0.{n}")).status == 200
    mails = await proxied.mails()
    assert len(mails) == 7
    assert any("10.0.0.2 - a browser" in mail.text for mail in mails)
    assert len((await proxied.list("_authOrigins", "ann")).ids) == 5
    assert (await proxied.list("_authOrigins", "ben")).ids == []


async def test_superusers_come_from_their_addresses_only(proxied: Served) -> None:
    body = {"superuserIPs": ["10.9.0.0/16"]}
    assert (await proxied.send("PATCH", "/api/settings", who="boss", body=body)).status == 200
    assert (await proxied.get("/api/settings", "boss")).status == 403
    assert (await proxied.list("posts", "boss")).status == 403
    identity = {"identity": "boss@example.com", "password": PASSWORD}
    door = "/api/collections/_superusers/auth-with-password"
    assert (await proxied.send("POST", door, body=identity)).status == 403
    near = {"x-real-ip": "10.9.1.1"}
    assert (await proxied.send("POST", door, body=identity, headers=near)).status == 200
    assert (await proxied.send("GET", "/api/settings", who="boss", headers=near)).status == 200
    assert (await proxied.list("posts")).status == 200


# -- who has an account: asked by signing up ------------------------------------------------------------------


async def sign_up(site: Served, email: str, address: str = "10.0.0.1") -> Answer:
    body = {**DEFAULTS["people"], "email": email, "password": PASSWORD, "passwordConfirm": PASSWORD}
    headers = {"x-real-ip": address}
    return await site.send("POST", "/api/collections/people/records", body=body, headers=headers)


async def test_asking_for_taken_addresses_by_signing_up_gets_slow(proxied: Served) -> None:
    await proxied.change("people", createRule="")
    assert (await sign_up(proxied, "new1@example.com")).status == 200
    for _ in range(SIGN_UPS.free + 1):
        assert (await sign_up(proxied, "ann@example.com")).faults["email"] == "validation_not_unique"
    for email in ("ann@example.com", "free@example.com"):  # waiting tells nothing
        reply = await sign_up(proxied, email)
        assert reply.status == 429
        assert int(reply.headers["retry-after"]) >= 1
    item = {"method": "POST", "url": "/api/collections/people/records", "body": {"email": "ann@example.com"}}
    await proxied.allow_batch()
    body = {"requests": [item]}
    near = {"x-real-ip": "10.0.0.1"}
    assert (await proxied.send("POST", "/api/batch", body=body, headers=near)).status == 429
    assert (await sign_up(proxied, "new2@example.com", "10.0.0.2")).status == 200, "others sign up"


async def test_batches_count_as_well(proxied: Served) -> None:
    await proxied.change("people", createRule="")
    await proxied.allow_batch()
    given = {
        **DEFAULTS["people"],
        "email": "ann@example.com",
        "password": PASSWORD,
        "passwordConfirm": PASSWORD,
    }
    item = {"method": "POST", "url": "/api/collections/people/records", "body": given}
    statuses = [(await proxied.batch("guest", item)).status for _ in range(SIGN_UPS.free + 2)]
    assert statuses == [400] * (SIGN_UPS.free + 1) + [429]


async def test_other_faults_of_a_sign_up_do_not_count(proxied: Served) -> None:
    await proxied.change("people", createRule="")
    for _ in range(SIGN_UPS.free + 2):
        assert (await sign_up(proxied, "no address")).status == 400
    assert (await sign_up(proxied, "new@example.com")).status == 200
