"""Attacks on one-time passwords and second factors. And that they work."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from backstay.accounts.one_time import LIVE_MAX, TRIES_MAX
from backstay.accounts.passwords import Hasher
from tests.api.shape import ANN, BEN
from tests.api.site import PASSWORD, Answer, Served

pytestmark = pytest.mark.anyio

ANN_EMAIL = "ann@example.com"
ON = {"enabled": True, "duration": 180, "length": 8}


async def ask(
    site: Served, door: str, address: str = "127.0.0.1", collection: str = "people", **body: Any
) -> Answer:
    headers = {"x-real-ip": address}
    return await site.send("POST", f"/api/collections/{collection}/{door}", body=body, headers=headers)


@pytest.fixture
async def otp(site: Served) -> Served:
    """A site whose people may sign in with codes, behind a proxy that tells addresses."""
    await site.change("people", otp=ON)
    proxy = {"trustedProxy": {"headers": ["X-Real-IP"]}}
    assert (await site.send("PATCH", "/api/settings", who="boss", body=proxy)).status == 200
    return site


async def code_of(site: Served, email: str = ANN_EMAIL, address: str = "127.0.0.1") -> tuple[str, str]:
    """Ask for a code; return its id and the code."""
    before = len(await site.mails())
    otp_id = (await ask(site, "request-otp", address, email=email)).json()["otpId"]
    mails = await site.mails()
    return otp_id, mails[-1].code if len(mails) > before else ""


async def test_a_code_signs_in_once(otp: Served) -> None:
    otp_id, code = await code_of(otp)
    reply = await ask(otp, "auth-with-otp", otpId=otp_id, password=code)
    assert reply.status == 200
    assert reply.json()["record"]["verified"]
    assert (await ask(otp, "auth-with-otp", otpId=otp_id, password=code)).status == 400


async def test_of_sixteen_at_once_one_gets_in(otp: Served) -> None:
    """The others are refused, by the code that is used up or by the number of tries."""
    otp_id, code = await code_of(otp)
    tries = [ask(otp, "auth-with-otp", f"10.0.0.{n}", otpId=otp_id, password=code) for n in range(16)]
    statuses = [reply.status for reply in await asyncio.gather(*tries)]
    assert statuses.count(200) == 1
    assert set(statuses) <= {200, 400, 429}


async def test_a_code_is_of_its_collection(otp: Served) -> None:
    await otp.change("clients", otp=ON)
    otp_id, code = await code_of(otp)
    assert (await ask(otp, "auth-with-otp", collection="clients", otpId=otp_id, password=code)).status == 400


async def test_a_code_ends_with_its_time_and_with_a_new_password(otp: Served) -> None:
    otp_id, code = await code_of(otp)
    await otp.site.store.write(lambda tx: tx.execute(_age()))
    assert (await ask(otp, "auth-with-otp", otpId=otp_id, password=code)).status == 400
    otp_id, code = await code_of(otp)
    new = {"password": "another one ü", "passwordConfirm": "another one ü"}
    assert (await otp.update("people", ANN, new, "boss")).status == 200
    assert (await ask(otp, "auth-with-otp", otpId=otp_id, password=code)).status == 400


def _age() -> Any:
    from backstay.plans.params import Statement

    return Statement("UPDATE _otps SET created = '2020-01-01 00:00:00.000Z'")


async def test_guessing_ends_after_some_tries(otp: Served) -> None:
    otp_id, code = await code_of(otp)
    for n in range(TRIES_MAX):
        reply = await ask(otp, "auth-with-otp", f"10.0.0.{n}", otpId=otp_id, password="00000")
        assert reply.status == 400
    reply = await ask(otp, "auth-with-otp", "10.0.1.1", otpId=otp_id, password=code)
    assert reply.status == 429
    assert "retry-after" in reply.headers


async def test_a_stranger_who_guesses_does_not_lock_the_owner_out(otp: Served) -> None:
    strange_id, _ = await code_of(otp, address="10.6.6.6")
    for _ in range(TRIES_MAX + 2):
        await ask(otp, "auth-with-otp", "10.6.6.6", otpId=strange_id, password="00000")
    second_id, _ = await code_of(otp, address="10.6.6.6")
    blocked = await ask(otp, "auth-with-otp", "10.6.6.6", otpId=second_id, password="00000")
    assert blocked.status == 429, "a new code gives the same stranger no new tries"
    own_id, code = await code_of(otp, address="10.1.1.1")
    assert (await ask(otp, "auth-with-otp", "10.1.1.1", otpId=own_id, password=code)).status == 200


async def test_nobody_learns_who_has_an_account(otp: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers, tries, and the hashing they take are the same for addresses without an account."""
    hashed = 0
    verify = Hasher.verify

    async def counting(self: Hasher, password: str, stored: str) -> Any:
        nonlocal hashed
        hashed += 1
        return await verify(self, password, stored)

    monkeypatch.setattr(Hasher, "verify", counting)
    seen = []
    for email, address in ((ANN_EMAIL, "10.0.0.1"), ("nobody@example.com", "10.0.0.2")):
        hashed = 0
        ids = []
        for _ in range(LIVE_MAX + 3):
            asked = await ask(otp, "request-otp", address, email=email)
            ids.append(asked.json()["otpId"])
            await otp.site.outbox.drain()
        tries = [
            (await ask(otp, "auth-with-otp", address, otpId=ids[n], password="0")).status for n in range(7)
        ]
        seen.append((len(set(ids)), ids[-1] == ids[-2], [len(otp_id) for otp_id in ids], tries, hashed))
    assert seen[0] == seen[1]
    assert len(await otp.mails()) == LIVE_MAX + 1


async def test_a_mailbox_can_not_be_flooded(otp: Served) -> None:
    await asyncio.gather(*(ask(otp, "request-otp", f"10.0.0.{n}", email=ANN_EMAIL) for n in range(40)))
    assert len(await otp.mails()) == LIVE_MAX + 1


async def test_who_signed_up_with_the_address_of_another_is_thrown_out(otp: Served) -> None:
    """Pre-hijacking: ann's account was made by somebody who knows its password and holds a token."""
    squatter = otp.tokens["ann"]
    otp_id, code = await code_of(otp)
    reply = await ask(otp, "auth-with-otp", otpId=otp_id, password=code)
    assert reply.status == 200
    assert (await otp.send("POST", "/api/collections/people/auth-refresh", who=squatter)).status == 401
    assert (await ask(otp, "auth-with-password", identity=ANN_EMAIL, password=PASSWORD)).status == 400
    own = reply.json()["token"]
    assert (await otp.send("POST", "/api/collections/people/auth-refresh", who=own)).status == 200


async def test_a_verified_account_keeps_its_password(otp: Served) -> None:
    await otp.update("people", ANN, {"verified": True}, "boss")
    otp_id, code = await code_of(otp)
    assert (await ask(otp, "auth-with-otp", otpId=otp_id, password=code)).status == 200
    assert (await ask(otp, "auth-with-password", identity=ANN_EMAIL, password=PASSWORD)).status == 200


async def test_two_factors(otp: Served) -> None:
    await otp.change("people", mfa={"enabled": True, "duration": 600, "rule": ""})
    first = await ask(otp, "auth-with-password", identity=ANN_EMAIL, password=PASSWORD)
    assert (first.status, set(first.json())) == (401, {"mfaId"})
    mfa_id = first.json()["mfaId"]
    same = await ask(otp, "auth-with-password", identity=ANN_EMAIL, password=PASSWORD, mfaId=mfa_id)
    assert same.status == 400
    ben_id, ben_code = await code_of(otp, "ben@example.com")
    foreign = await ask(otp, "auth-with-otp", otpId=ben_id, password=ben_code, mfaId=mfa_id)
    assert foreign.status == 400
    otp_id, code = await code_of(otp)
    assert (await ask(otp, "auth-with-otp", otpId=otp_id, password=code, mfaId=mfa_id)).status == 200
    otp_id, code = await code_of(otp)
    again = await ask(otp, "auth-with-otp", otpId=otp_id, password=code, mfaId=mfa_id)
    assert again.status == 400, "a first factor counts once"
    kept = await ask(otp, "auth-with-password", identity=ANN_EMAIL, password=PASSWORD)
    assert kept.status == 401, "the password was shown, so it stays"


async def test_a_code_first_and_then_the_password(otp: Served) -> None:
    await otp.change("people", mfa={"enabled": True, "duration": 600, "rule": ""})
    otp_id, code = await code_of(otp)
    first = await ask(otp, "auth-with-otp", otpId=otp_id, password=code)
    assert first.status == 401
    second = {"identity": ANN_EMAIL, "password": PASSWORD, "mfaId": first.json()["mfaId"]}
    assert (await ask(otp, "auth-with-password", **second)).status == 200


async def test_superusers_use_codes_as_a_second_factor_only(site: Served) -> None:
    await site.change("_superusers", otp=ON)
    assert site.site.superusers.auth is not None
    assert site.site.superusers.auth.mfa.enabled
    reply = await ask(site, "request-otp", collection="_superusers", email="boss@example.com")
    code = (await site.mails())[-1].code
    first = await ask(
        site, "auth-with-otp", collection="_superusers", otpId=reply.json()["otpId"], password=code
    )
    assert first.status == 401
    body = {"identity": "boss@example.com", "password": PASSWORD, "mfaId": first.json()["mfaId"]}
    assert (await ask(site, "auth-with-password", collection="_superusers", **body)).status == 200


async def test_codes_belong_to_their_owner(otp: Served) -> None:
    otp_id, _ = await code_of(otp)
    mine = await otp.list("_otps", "ann")
    assert mine.ids == [otp_id]
    assert "password" not in mine.json()["items"][0]
    assert "sentTo" not in mine.json()["items"][0]
    assert (await otp.list("_otps", "ben")).ids == []
    assert (await otp.create("_otps", {"recordRef": BEN}, "ben")).status == 403
