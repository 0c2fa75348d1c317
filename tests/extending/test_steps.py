"""Moments of the flows that go over a mail, and of changes of collections: code may refuse, and sees no more than the door."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from backstay import (
    AccountStep,
    Backstay,
    Batching,
    Event,
    FileToken,
    Messaging,
    MomentEvent,
    Reject,
    SchemaChange,
)
from backstay.accounts.mail_tokens import Kind, new_mail_token
from backstay.realtime.clients import Client
from tests.extending.conftest import PASSWORD, Open, Opening

pytestmark = pytest.mark.anyio
PEOPLE = "/api/collections/people"


def application(steps: list[tuple[str, str, str]]) -> Backstay:
    app = Backstay()

    @app.on("account", "people")
    async def note(event: MomentEvent[AccountStep]) -> None:
        step = event.subject
        steps.append((step.step, step.email, step.record["id"] if step.record else ""))
        if step.email.startswith("no-"):
            raise Reject("Not this address.")

    return app


async def token(site: Open, record_id: str, kind: Kind, *, new_email: str = "") -> str:
    """Return the token of a mail."""
    inner = site.app.site
    people = inner.catalog.find("people")
    assert people is not None
    record = await inner.viewers.load(people, record_id)
    assert record is not None
    return new_mail_token(people, record, kind, now=datetime.now(UTC), new_email=new_email)


async def test_each_step_is_told(opening: Opening) -> None:
    steps: list[tuple[str, str, str]] = []
    async with opening(application(steps)) as site:
        boss = await site.app.records("_superusers").create(email="boss@example.com", password=PASSWORD)
        owner = await site.app.accounts("_superusers").token(boss.id)
        await site.ask("PATCH", PEOPLE, owner, json={"otp": {"enabled": True}})
        ann, own = await site.person("ann")
        asks = {"email": "ann@example.com"}
        for path in ("request-verification", "request-password-reset", "request-otp"):
            assert (await site.ask("POST", f"{PEOPLE}/{path}", json=asks)).status_code < 300, path
        change = {"newEmail": "ann2@example.com"}
        assert (await site.ask("POST", f"{PEOPLE}/request-email-change", own, json=change)).status_code == 204
        bodies = {
            "confirm-verification": {"token": await token(site, ann, "verification")},
            "confirm-email-change": {
                "token": await token(site, ann, "emailChange", new_email="ann2@example.com"),
                "password": PASSWORD,
            },
        }
        for path, body in bodies.items():
            assert (await site.ask("POST", f"{PEOPLE}/{path}", json=body)).status_code == 204, path
        reset = {"token": await token(site, ann, "passwordReset")}
        reset |= dict.fromkeys(("password", "passwordConfirm"), "another password")
        assert (await site.ask("POST", f"{PEOPLE}/confirm-password-reset", json=reset)).status_code == 204
    assert steps == [
        ("request_verification", "ann@example.com", ""),
        ("request_password_reset", "ann@example.com", ""),
        ("request_otp", "ann@example.com", ""),
        ("request_email_change", "ann2@example.com", ""),
        ("confirm_verification", "", ann),
        ("confirm_email_change", "ann2@example.com", ann),
        ("confirm_password_reset", "", ann),
    ]


async def test_a_refusal_tells_nobody_who_has_an_account(opening: Opening) -> None:
    async with opening(application([])) as site:
        await site.person("no-ann")
        answers = []
        for name in ("no-ann", "no-body"):
            body = {"email": f"{name}@example.com"}
            reply = await site.ask("POST", f"{PEOPLE}/request-verification", json=body)
            answers.append((reply.status_code, reply.json()))
        assert answers[0] == answers[1]
        assert answers[0][0] == 400
        mails = [effect.topic for effect in (await site.app.site.ledger.page())[0]]
        assert mails == [], "nothing of it is kept"


async def test_changes_of_collections_may_be_refused_and_completed(opening: Opening) -> None:
    app = Backstay()
    seen: list[tuple[str, str]] = []

    @app.on("schema")
    async def guard(event: MomentEvent[SchemaChange]) -> None:
        seen.append((event.subject.action, event.subject.collection))
        if event.subject.action == "delete":
            raise Reject("Collections stay.")
        if event.subject.action == "create":
            event.subject.body["listRule"] = ""

    async with opening(app) as site:
        boss = await app.records("_superusers").create(email="boss@example.com", password=PASSWORD)
        owner = await app.accounts("_superusers").token(boss.id)
        made = await site.ask("POST", "/api/collections", owner, json={"name": "made", "type": "base"})
        assert made.json()["listRule"] == ""
        one = "/api/collections/made"
        assert (await site.ask("PATCH", one, owner, json={"viewRule": ""})).status_code == 200
        assert (await site.ask("DELETE", f"{one}/truncate", owner)).status_code == 204
        imported = {"collections": [], "deleteMissing": False}
        await site.ask("PUT", "/api/collections/import", owner, json=imported)
        refused = await site.ask("DELETE", one, owner)
        assert (refused.status_code, refused.json()["message"]) == (400, "Collections stay.")
        assert app.site.catalog.find("made") is not None
    assert seen == [
        ("create", ""),
        ("update", "made"),
        ("truncate", "made"),
        ("import", ""),
        ("delete", "made"),
    ]


async def test_emptying_a_collection_runs_the_hooks_of_its_records(opening: Opening) -> None:
    app = Backstay()
    gone: list[str] = []

    @app.after("products", "delete")
    async def note(event: Event) -> None:
        gone.append(event.record["sku"])

    async with opening(app) as site:
        boss = await app.records("_superusers").create(email="boss@example.com", password=PASSWORD)
        owner = await app.accounts("_superusers").token(boss.id)
        for sku in ("a", "b"):
            await app.records("products").create(sku=sku)
        assert (await site.ask("DELETE", "/api/collections/products/truncate", owner)).status_code == 204
        assert await app.records("products").count() == 0
    assert sorted(gone) == ["a", "b"]


async def test_a_batch_may_be_refused_before_and_after_it(opening: Opening) -> None:
    app, seen = Backstay(), list[list[tuple[str, str]]]()

    @app.on("batch")
    async def gate(event: MomentEvent[Batching]) -> AsyncIterator[None]:
        requests = event.subject.requests
        seen.append([(request.method, request.url) for request in requests])
        if len(requests) > 2:
            raise Reject("Two at once, please.")
        yield
        if await app.records("things").count() > 2:  # it sees what the batch has written
            raise Reject("There are enough.")

    async with opening(app) as site:
        fields = [{"type": "text", "name": "title"}]
        await app.site.create_collection({"name": "things", "createRule": "", "fields": fields})
        await app.site.change_settings(
            lambda old: msgspec.structs.replace(old, batch=msgspec.structs.replace(old.batch, enabled=True))
        )
        url = "/api/collections/things/records"

        async def batch(*titles: str) -> tuple[int, str]:
            requests = [{"method": "POST", "url": url, "body": {"title": title}} for title in titles]
            reply = await site.ask("POST", "/api/batch", json={"requests": requests})
            return reply.status_code, reply.json()["message"] if reply.status_code != 200 else ""

        assert await batch("a", "b", "c") == (400, "Two at once, please.")
        assert await batch("a", "b") == (200, "")
        assert await batch("c", "d") == (400, "There are enough.")
        assert await app.records("things").count() == 2
        assert [len(requests) for requests in seen] == [3, 2, 2]
        assert seen[1] == [("POST", url)] * 2


async def test_file_tokens_may_be_refused(opening: Opening) -> None:
    app = Backstay()

    @app.on("file_token", "people")
    async def gate(event: MomentEvent[FileToken]) -> None:
        assert not {"password", "tokenKey"} & set(event.subject.record)
        if event.subject.record["id"] != event.viewer.id or event.subject.record["email"].startswith("ben"):
            raise Reject("No files for Ben.")

    async with opening(app) as site:
        _, ann = await site.person("ann")
        _, ben = await site.person("ben")
        assert (await site.ask("POST", "/api/files/token", ann)).status_code == 200
        refused = await site.ask("POST", "/api/files/token", ben)
        assert (refused.status_code, refused.json()["message"]) == (400, "No files for Ben.")


async def test_messages_may_be_kept_from_one_client_or_changed(opening: Opening) -> None:
    """What one client is refused, or what fails for it, the others hear."""
    app = Backstay()
    streams = {name: Client("127.0.0.1") for name in ("plain", "kept", "broken")}

    @app.on("message", "things")
    async def say(event: MomentEvent[Messaging]) -> None:
        message = event.subject
        if message.client_id == streams["kept"].id:
            raise Reject("Not you.")
        if message.client_id == streams["broken"].id:
            raise RuntimeError("a mistake")
        message.data["note"] = f"{message.topic} for {event.viewer.id or 'a guest'}"

    async with opening(app) as site:
        fields = [{"type": "text", "name": "title"}]
        for name in ("things", "others"):
            await app.site.create_collection({"name": name, "listRule": "", "fields": fields})
        for stream in streams.values():
            await app.site.realtime.open(stream)
            topics = {"clientId": stream.id, "subscriptions": ["things/*", "others/*"]}
            assert (await site.ask("POST", "/api/realtime", json=topics)).status_code == 204
        await app.records("things").create(title="x")
        await app.records("others").create(title="y")

        async def heard(name: str, count: int) -> list[tuple[str, dict[str, Any]]]:
            raw = b""
            async with asyncio.timeout(10):
                while raw.count(b"\n\n") < count:
                    raw += streams[name].take()
                    await asyncio.sleep(0.01)
            frames = [
                dict(line.split(":", 1) for line in frame.split("\n"))
                for frame in raw.decode().split("\n\n")[:-1]
            ]
            assert len(frames) == count
            return [(frame["event"], json.loads(frame["data"])) for frame in frames]

        (topic, data), (_, other) = await heard("plain", 2)
        assert (topic, data["record"]["title"], data["note"]) == ("things/*", "x", "things/* for a guest")
        assert "note" not in other
        for name in ("kept", "broken"):
            [(topic, _)] = await heard(name, 1)
            assert topic == "others/*"
