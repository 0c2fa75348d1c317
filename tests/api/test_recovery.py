"""Attacks on the mailed flows: verification, password reset, change of address. And that they work."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest

from backstay.accounts.mail_tokens import Kind, new_mail_token
from backstay.accounts.recovery import MAILS_PER_NETWORK_MAX
from backstay.plans.params import Statement
from tests.api.shape import ANN
from tests.api.site import PASSWORD, Answer, Served

pytestmark = pytest.mark.anyio

ANN_EMAIL, NEW_PASSWORD = "ann@example.com", "an entirely new one"
NEW = {"password": NEW_PASSWORD, "passwordConfirm": NEW_PASSWORD}
REQUESTS = ("request-verification", "request-password-reset")
CONFIRMS = ("confirm-verification", "confirm-password-reset", "confirm-email-change")


async def ask(site: Served, door: str, who: str = "guest", collection: str = "people", **body: Any) -> Answer:
    return await site.send("POST", f"/api/collections/{collection}/{door}", who=who, body=body)


async def sign_in(site: Served, email: str, password: str) -> Answer:
    return await ask(site, "auth-with-password", identity=email, password=password)


async def ann(site: Served) -> dict[str, Any]:
    return dict((await site.view("people", ANN, "boss")).json())


async def works(site: Served, token: str) -> bool:
    return (await ask(site, "auth-refresh", who=token)).status == 200


async def test_an_address_is_verified(site: Served) -> None:
    assert not (await ann(site))["verified"]
    assert (await ask(site, "request-verification", email=ANN_EMAIL)).status == 204
    [mail] = await site.mails()
    assert mail.to == ANN_EMAIL
    assert (await ask(site, "confirm-verification", token=mail.token)).status == 204
    assert (await ann(site))["verified"]
    assert (await ask(site, "confirm-verification", token=mail.token)).status == 204
    assert await works(site, "ann")


async def test_a_password_is_reset_and_everything_else_ends(site: Served) -> None:
    assert (await ask(site, "request-password-reset", email=ANN_EMAIL)).status == 204
    [mail] = await site.mails()
    assert (await ask(site, "confirm-password-reset", token=mail.token, **NEW)).status == 204
    assert not await works(site, "ann")
    assert (await sign_in(site, ANN_EMAIL, PASSWORD)).status == 400
    assert (await sign_in(site, ANN_EMAIL, NEW_PASSWORD)).status == 200
    assert (await ann(site))["verified"], "whoever reads the mail has shown that the address is theirs"
    again = await ask(site, "confirm-password-reset", token=mail.token, **NEW)
    assert again.faults == {"token": "validation_invalid_token"}


async def test_a_reset_token_works_once_of_sixteen_times_at_once(site: Served) -> None:
    await ask(site, "request-password-reset", email=ANN_EMAIL)
    [mail] = await site.mails()
    tries = [
        ask(
            site,
            "confirm-password-reset",
            token=mail.token,
            password=f"password {n}",
            passwordConfirm=f"password {n}",
        )
        for n in range(16)
    ]
    assert sorted(reply.status for reply in await asyncio.gather(*tries)) == [204] + [400] * 15


async def test_an_address_is_changed(site: Served) -> None:
    assert (await ask(site, "request-email-change", "ann", newEmail="new@example.com")).status == 204
    [mail] = await site.mails()
    assert mail.to == "new@example.com"
    wrong = await ask(site, "confirm-email-change", token=mail.token, password="not hers")
    assert wrong.faults == {"password": "validation_invalid_password"}
    assert (await ask(site, "confirm-email-change", token=mail.token, password=PASSWORD)).status == 204
    assert (await ann(site))["email"] == "new@example.com"
    assert not await works(site, "ann")
    again = await ask(site, "confirm-email-change", token=mail.token, password=PASSWORD)
    assert again.faults["token"] == "validation_invalid_token"


async def test_an_address_that_was_taken_meanwhile_is_not_changed(site: Served) -> None:
    await ask(site, "request-email-change", "ann", newEmail="new@example.com")
    [mail] = await site.mails()
    await site.update(
        "people",
        (await site.list("people", "boss", filter="name='ben'")).ids[0],
        {"email": "new@example.com"},
        "boss",
    )
    late = await ask(site, "confirm-email-change", token=mail.token, password=PASSWORD)
    assert late.faults == {"token": "validation_existing_token_email"}


async def test_guesses_of_the_password_at_a_change_are_slowed_down(site: Served) -> None:
    await ask(site, "request-email-change", "ann", newEmail="new@example.com")
    [mail] = await site.mails()
    statuses = []
    for n in range(13):
        reply = await ask(site, "confirm-email-change", token=mail.token, password=f"guess {n}")
        statuses.append(reply.status)
    assert statuses[-1] == 429


@pytest.mark.parametrize("door", REQUESTS)
async def test_nobody_learns_who_has_an_account(site: Served, door: str) -> None:
    """Status, headers, body, and what is done in the database are the same; what differs comes after the answer."""
    seen, effects = [], []
    for email in (ANN_EMAIL, "nobody@example.com"):
        reply = await ask(site, door, email=email)
        seen.append((reply.status, reply.body, sorted(reply.headers.items())))
        effects.append(await site.site.store.fetch(Statement("SELECT topic, attempts FROM _outbox")))
        await site.site.outbox.drain()
    assert seen[0] == seen[1]
    assert effects[0] == effects[1] == [("accounts.mail", 0)]
    assert [mail.to for mail in await site.mails()] == [ANN_EMAIL]


@pytest.mark.parametrize("door", REQUESTS)
async def test_a_flood_of_requests_sends_one_mail(site: Served, door: str) -> None:
    replies = await asyncio.gather(
        *(ask(site, door, email=spell) for spell in spellings(ANN_EMAIL) for _ in range(5))
    )
    assert {reply.status for reply in replies} == {204}
    assert len(await site.mails()) == 1


def spellings(email: str) -> Iterable[str]:
    return (email, email.upper(), email.title(), email.replace("a", "A", 1))


async def test_one_network_can_not_bomb_everybody(site: Served) -> None:
    replies = [
        await ask(site, "request-password-reset", email=f"victim{n}@example.com")
        for n in range(MAILS_PER_NETWORK_MAX + 2)
    ]
    assert [reply.status for reply in replies] == [204] * MAILS_PER_NETWORK_MAX + [429] * 2
    assert "retry-after" in replies[-1].headers


async def test_a_look_alike_address_gets_no_mail(site: Served) -> None:
    """The mail goes to the address that is stored, never to the one that was typed."""
    for email in ("ann@exampl\u0435.com", "\uff41nn@example.com", "ann@example.com."):
        await ask(site, "request-password-reset", email=email)
    assert await site.mails() == []


async def test_links_come_from_the_settings_alone(site: Served) -> None:
    headers = {"host": "evil.example", "x-forwarded-host": "evil.example", "origin": "https://evil.example"}
    await site.send(
        "POST",
        "/api/collections/people/request-password-reset",
        body={"email": ANN_EMAIL},
        headers=headers,
    )
    [mail] = await site.mails()
    assert mail.link.startswith("http://localhost:8090/account/password/")
    assert "evil" not in str(mail.message)


async def test_a_name_can_not_ask_for_a_token(site: Served) -> None:
    """What is filled in is not looked at again, is no HTML, and adds no header."""
    template = {
        "subject": "For {RECORD:name}",
        "body": "<p>{RECORD:name} {RECORD:diary} {TOKEN} {NOPE}</p>",
    }
    await site.change("people", verificationTemplate=template)
    name = "{TOKEN}<script>x</script>\r\nBcc: all@example.com"
    await site.update("people", ANN, {"name": name}, "boss")
    await ask(site, "request-verification", email=ANN_EMAIL)
    [mail] = await site.mails()
    assert mail.subject == "For {TOKEN}<script>x</script> Bcc: all@example.com"
    assert mail.message["Bcc"] is None
    assert "{TOKEN}&lt;script&gt;" in mail.html
    assert "<script>" not in mail.html
    assert "was here" not in mail.html, "the diary is hidden"
    assert "{RECORD:diary}" in mail.html
    assert "{NOPE}" in mail.html


@pytest.mark.parametrize("door", CONFIRMS)
async def test_tokens_work_for_their_own_purpose_and_collection(site: Served, door: str) -> None:
    people = site.site.catalog.find("people")
    assert people is not None
    record = await site.site.viewers.load(people, ANN)
    assert record is not None
    own: dict[str, Kind] = {
        "confirm-verification": "verification",
        "confirm-password-reset": "passwordReset",
        "confirm-email-change": "emailChange",
    }
    body = {"password": PASSWORD, "passwordConfirm": PASSWORD}
    for kind in own.values():
        token = new_mail_token(people, record, kind, now=datetime.now(UTC), new_email="new@example.com")
        assert not await works(site, token)
        if kind != own[door]:
            assert "token" in (await ask(site, door, token=token, **body)).faults
        else:
            other = await ask(site, door, collection="clients", token=token, **body)
            assert other.faults["token"] == "validation_token_collection_mismatch"
    assert "token" in (await ask(site, door, token=site.tokens["ann"], **body)).faults
    assert (await ann(site))["email"] == ANN_EMAIL


async def test_a_change_of_password_kills_the_mails_under_way(site: Served) -> None:
    await ask(site, "request-password-reset", email=ANN_EMAIL)
    await ask(site, "request-email-change", "ann", newEmail="evil@example.com")
    mails = await site.mails()
    await site.update("people", ANN, {**NEW, "oldPassword": PASSWORD}, "ann")
    for mail in mails:
        door = "confirm-email-change" if mail.to.startswith("evil") else "confirm-password-reset"
        assert "token" in (await ask(site, door, token=mail.token, **NEW)).faults


async def test_superusers(site: Served) -> None:
    for door, status in (
        ("request-verification", 400),
        ("confirm-verification", 400),
        ("confirm-email-change", 400),
    ):
        assert (
            await ask(site, door, collection="_superusers", email="boss@example.com", token="x")
        ).status == status
    assert (
        await ask(site, "request-email-change", "boss", "_superusers", newEmail="x@example.com")
    ).status == 400
    assert (
        await ask(site, "request-password-reset", collection="_superusers", email="boss@example.com")
    ).status == 204
    [mail] = await site.mails()
    reply = await ask(site, "confirm-password-reset", collection="_superusers", token=mail.token, **NEW)
    assert reply.status == 204
    assert (await site.get("/api/settings", "boss")).status == 401


@pytest.mark.parametrize(
    "door", [*REQUESTS, *CONFIRMS, "request-email-change", "request-otp", "auth-with-otp"]
)
@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{", b'"x"', b'{"email":5,"token":[],"newEmail":{}}', b'{"email":"\\ud800@x.de"}'],
)
async def test_malformed_bodies(site: Served, door: str, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    for who in ("guest", "ann"):
        reply = await site.raw(
            "POST", f"/api/collections/people/{door}", headers=headers, chunks=[body], who=who
        )
        assert 400 <= reply.status < 404, reply
