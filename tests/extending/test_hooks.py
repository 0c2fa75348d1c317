"""Hooks: what each kind promises about the transaction."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from backstay import Backstay, Event, MomentEvent, Posting, Reject, SetupError, SigningIn, Subscribing
from backstay.plans.params import Statement
from backstay.realtime.clients import Client
from tests.extending.conftest import PASSWORD, Opening

pytestmark = pytest.mark.anyio
PRODUCTS = "/api/collections/products/records"


async def test_before_changes_what_is_written_and_checked(opening: Opening) -> None:
    app = Backstay()

    @app.before("products", "create", "update")
    async def mark(event: Event) -> None:
        event.record["sold_out"] = event.record["stock"] == 0
        if event.action == "create":
            event.record["sku"] = event.record["sku"].upper()

    async with opening(app) as site:
        made = (await site.ask("POST", PRODUCTS, json={"sku": "a1", "stock": 0})).json()
        assert (made["sku"], made["sold_out"]) == ("A1", True)
        changed = await site.ask("PATCH", f"{PRODUCTS}/{made['id']}", json={"stock+": 3})
        assert (changed.json()["stock"], changed.json()["sold_out"]) == (3, False)
        refused = await site.ask("POST", PRODUCTS, json={"sku": "A1"})
        assert refused.json()["data"]["sku"]["code"] == "validation_not_unique"


async def test_before_refuses(opening: Opening) -> None:
    app = Backstay()

    @app.before("products", "create")
    async def few(event: Event) -> None:
        if event.record["stock"] > 10:
            raise Reject("stock", "We take 10 at most.")

    @app.before("products", "delete")
    async def never(event: Event) -> None:
        raise Reject("The shop keeps its products.")

    async with opening(app) as site:
        reply = await site.ask("POST", PRODUCTS, json={"sku": "a", "stock": 11})
        assert (reply.status_code, reply.json()["message"]) == (400, "Failed to create record.")
        assert reply.json()["data"]["stock"] == {
            "code": "validation_rejected",
            "message": "We take 10 at most.",
        }
        made = (await site.ask("POST", PRODUCTS, json={"sku": "a", "stock": 10})).json()
        kept = await site.ask("DELETE", f"{PRODUCTS}/{made['id']}")
        assert (kept.status_code, kept.json()["message"]) == (400, "The shop keeps its products.")
        assert await app.records("products").count() == 1


async def test_after_undoes_everything(opening: Opening) -> None:
    app = Backstay()

    @app.after("products", "create")
    async def log(event: Event) -> None:
        await app.records("notes").create(text=event.record["sku"])
        if event.record["stock"] < 0:
            raise Reject("Below zero.")

    async with opening(app) as site:
        assert (await site.ask("POST", PRODUCTS, json={"sku": "good"})).status_code == 200
        assert (await site.ask("POST", PRODUCTS, json={"sku": "bad", "stock": -1})).status_code == 400
        assert await app.records("products").count() == 1
        assert [note.text for note in (await app.records("notes").list()).items] == ["good"]


async def test_a_fault_of_the_hook_is_a_500_and_leaves_nothing(
    opening: Opening, caplog: pytest.LogCaptureFixture
) -> None:
    app = Backstay()

    @app.after("products")
    async def broken(event: Event) -> None:
        raise ZeroDivisionError

    async with opening(app) as site:
        assert (await site.ask("POST", PRODUCTS, json={"sku": "a"})).status_code == 500
        assert await app.records("products").count() == 0
        assert "ZeroDivisionError" in caplog.text


async def test_around_sees_what_the_write_raised(opening: Opening) -> None:
    app, seen = Backstay(), list[str]()

    @app.around("products", "create")
    async def watch(event: Event) -> AsyncIterator[None]:
        seen.append(f"before {event.record['sku']}")
        try:
            yield
        except Exception as exc:
            seen.append(type(exc).__name__)
            raise
        seen.append("after")
        await app.records("notes").create(text="written in the same transaction")

    async with opening(app) as site:
        await site.ask("POST", PRODUCTS, json={"sku": "a"})
        await site.ask("POST", PRODUCTS, json={"sku": "a"})
        assert seen == ["before a", "after", "before a", "BadRequest"]
        assert await app.records("notes").count() == 1


async def test_the_order_of_hooks(opening: Opening) -> None:
    app, seen = Backstay(), list[str]()

    def say(text: str) -> Any:
        async def hook(event: Event) -> None:
            seen.append(text)

        return hook

    @app.around("products")
    async def outer(event: Event) -> AsyncIterator[None]:
        seen.append("around in")
        yield
        seen.append("around out")

    app.after("products")(say("after 1"))
    app.before("products")(say("before 1"))
    app.before()(say("before all"))
    app.after(["products", "notes"])(say("after 2"))
    async with opening(app) as site:
        await site.ask("POST", PRODUCTS, json={"sku": "a"})
        assert seen == ["before 1", "before all", "around in", "after 1", "after 2", "around out"]


async def test_collections_without_hooks_have_none(opening: Opening) -> None:
    app = Backstay()

    @app.before("products", "create")
    async def hook(event: Event) -> None:
        """Stand here."""

    async with opening(app):
        notes, products, superusers = (
            app.site.catalog.find(name) for name in ("notes", "products", "_superusers")
        )
        assert notes is not None
        assert products is not None
        assert superusers is not None
        assert not app.hooks.has(notes, "create")
        assert not app.hooks.has(products, "update")
        assert app.hooks.has(products, "create")
        app.after()(hook)
        assert app.hooks.has(notes, "delete")
        assert not app.hooks.has(superusers, "update"), "the system's own are not 'all'"


async def test_values_that_a_hook_may_not_set(opening: Opening) -> None:
    app, errors = Backstay(), list[str]()

    @app.before("people", "update")
    async def wrong(event: Event) -> None:
        for name, value in (("password", "x"), ("nothing", 1), ("id", "another")):
            with pytest.raises(TypeError) as caught:
                event.record[name] = value
            errors.append(str(caught.value))

    @app.after("people", "update")
    async def late(event: Event) -> None:
        with pytest.raises(TypeError, match="is written"):
            event.record["nick"] = "late"

    async with opening(app) as site:
        record_id, _ = await site.person("ann")
        await app.records("people").update(record_id, nick="A")
        assert len(errors) == 3


async def test_cascades_and_the_system_itself_run_hooks(opening: Opening) -> None:
    app, seen = Backstay(), list[tuple[str, str, bool]]()

    @app.after(["authors", "books", "essays", "people"])
    async def log(event: Event) -> None:
        seen.append((event.collection, event.action, event.is_by_system))

    async with opening(app) as site:
        authors = await app.site.create_collection({"name": "authors", "deleteRule": ""})
        for name, cascade in (("books", True), ("essays", False)):
            field = {"type": "relation", "name": "by", "collectionId": authors.id, "maxSelect": 1}
            await app.site.create_collection(
                {"name": name, "fields": [{**field, "cascadeDelete": cascade}], "listRule": ""}
            )
        author = await app.records("authors").create()
        await app.records("books").create(by=author.id)
        await app.records("essays").create(by=author.id)
        seen.clear()
        assert (await site.ask("DELETE", f"/api/collections/authors/records/{author.id}")).status_code == 204
        assert sorted(seen) == [
            ("authors", "delete", False),
            ("books", "delete", False),
            ("essays", "update", False),
        ]


async def test_committed_runs_once_the_write_is_on_disk(opening: Opening) -> None:
    app, done = Backstay(), list[tuple[str, Any, Any]]()

    @app.committed("people", "create", "update", "delete")
    async def tell(event: Event) -> None:
        assert "password" not in event.record
        assert "tokenKey" not in event.record
        with pytest.raises(TypeError):
            event.record["nick"] = "x"
        done.append((event.action, event.record["nick"], event.old and event.old["nick"]))

    async with opening(app) as site:
        record_id, _ = await site.person("ann")
        await app.records("people").update(record_id, nick="A")
        await app.records("people").delete(record_id)
        while len(done) < 3:
            await asyncio.sleep(0.01)
        assert sorted(done) == [("create", "", None), ("delete", "A", "A"), ("update", "A", "")]
        async with app.transaction():
            await app.records("people").create(email="b@example.com", password=PASSWORD)
            await asyncio.sleep(0.05)
            assert len(done) == 3, "not before the commit"


async def test_what_is_rolled_back_has_no_effects(opening: Opening) -> None:
    app, done = Backstay(), list[str]()

    @app.committed("products")
    async def tell(event: Event) -> None:
        done.append(event.id)

    async with opening(app):
        with pytest.raises(ZeroDivisionError):
            async with app.transaction():
                await app.records("products").create(sku="a")
                raise ZeroDivisionError
        assert (await app.site.store.fetch(Statement("SELECT count(*) FROM _outbox")))[0][0] == 0
        await app.site.outbox.drain()
        assert done == []


async def test_committed_is_tried_again_over_a_restart(opening: Opening) -> None:
    tries = list[str]()

    def make(*, works: bool) -> Backstay:
        app = Backstay()

        @app.committed("products", first_s=0.01)
        async def deliver(event: Event) -> None:
            tries.append(event.record["sku"])
            if not works:
                raise ConnectionError

        return app

    async with opening(make(works=False)) as site:
        await site.app.records("products").create(sku="a")
        while not tries:
            await asyncio.sleep(0.01)
    before = len(tries)
    async with opening(make(works=True)):
        while len(tries) == before:
            await asyncio.sleep(0.01)


async def test_sign_ins_may_be_refused_and_watched(opening: Opening) -> None:
    app, seen = Backstay(), list[tuple[str, str]]()

    @app.on("sign_in", "people")
    async def gate(event: MomentEvent[SigningIn]) -> None:
        assert "password" not in event.subject.record
        seen.append((event.subject.method, event.subject.record["email"]))
        if event.subject.record["email"].startswith("ben"):
            raise Reject("Ben is on holiday.")

    async with opening(app) as site:
        for name in ("ann", "ben"):
            await site.person(name)
        door = "/api/collections/people/auth-with-password"
        good = await site.ask("POST", door, json={"identity": "ann@example.com", "password": PASSWORD})
        assert good.status_code == 200
        bad = await site.ask("POST", door, json={"identity": "ben@example.com", "password": PASSWORD})
        assert (bad.status_code, bad.json()["message"]) == (400, "Ben is on holiday.")
        wrong = await site.ask("POST", door, json={"identity": "ben@example.com", "password": "wrong"})
        assert wrong.json()["message"] == "Failed to authenticate.", "who is not proven is not asked about"
        refreshed = await site.ask("POST", "/api/collections/people/auth-refresh", good.json()["token"])
        assert refreshed.status_code == 200
        assert [method for method, _ in seen] == ["password", "password", "refresh"]


async def test_mails_may_be_changed(opening: Opening) -> None:
    app, sent = Backstay(), list[str]()

    @app.on("mail")
    async def brand(event: MomentEvent[Posting]) -> AsyncIterator[None]:
        event.subject.subject = f"[Shop] {event.subject.subject}"
        yield
        sent.append(event.subject.to)

    async with opening(app) as site:
        await site.person("ann")
        body = {"email": "ann@example.com"}
        await site.ask("POST", "/api/collections/people/request-verification", json=body)
        folder = app.site.data / "mails"
        while not (mail := "".join(path.read_text() for path in folder.glob("*.eml"))):
            await asyncio.sleep(0.01)
        assert sent == ["ann@example.com"]
        assert "Subject: [Shop] " in mail


async def test_downloads_and_subscriptions_may_be_refused(opening: Opening) -> None:
    from backstay import File

    app = Backstay()

    @app.on("download", "papers")
    async def closed(event: MomentEvent[Any]) -> None:
        raise Reject("Not today.")

    @app.on("subscribe")
    async def fewer(event: MomentEvent[Subscribing]) -> None:
        if "secret/*" in event.subject.topics:
            raise Reject("There is nothing.")

    async with opening(app) as site:
        await app.site.create_collection(
            {"name": "papers", "viewRule": "", "fields": [{"type": "file", "name": "pdf", "maxSelect": 1}]}
        )
        paper = await app.records("papers").create(pdf=File("a.txt", b"hello"))
        assert paper.pdf.endswith(".txt")
        reply = await site.ask("GET", f"/api/files/papers/{paper.id}/{paper.pdf}")
        assert (reply.status_code, reply.json()["message"]) == (400, "Not today.")
        stream = Client("127.0.0.1")
        await app.site.realtime.open(stream)
        body = {"clientId": stream.id, "subscriptions": ["secret/*"]}
        refused = await site.ask("POST", "/api/realtime", json=body)
        assert (refused.status_code, refused.json()["message"]) == (400, "There is nothing.")
        assert stream.topics == {}
        allowed = await site.ask("POST", "/api/realtime", json={**body, "subscriptions": ["products/*"]})
        assert (allowed.status_code, len(stream.topics)) == (204, 1)
        await app.site.realtime.close(stream)


def test_what_is_no_hook_is_refused_when_it_is_declared() -> None:
    app = Backstay()

    def plain(event: Event) -> None:
        """Be no coroutine."""

    async def hook(event: Event) -> None:
        """Be one."""

    with pytest.raises(TypeError, match="async def"):
        app.before("products")(plain)
    with pytest.raises(TypeError, match="generator"):
        app.around("products")(hook)
    with pytest.raises(TypeError, match="no action 'read'"):
        app.before("products", "read")(hook)
    app.committed("products")(hook)
    with pytest.raises(SetupError, match="two 'committed' hooks"):
        app.committed("notes")(hook)
