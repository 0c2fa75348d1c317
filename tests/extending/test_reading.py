"""Hooks on reading: every door that sends records, and nothing that one may not see."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from backstay import Backstay, BadRequest, Event, Reading
from backstay.catalog.fields import DbValue
from backstay.plans.request import GUEST, RequestInfo
from backstay.realtime.topics import parse_topic
from backstay.records.query import ListQuery
from tests.extending.conftest import PASSWORD, Opening

pytestmark = pytest.mark.anyio
OPEN = dict.fromkeys(("listRule", "viewRule", "createRule", "updateRule", "deleteRule"), "")


def application(calls: list[int]) -> Backstay:
    app = Backstay()

    @app.reading("books")
    async def more(event: Reading) -> None:
        calls.append(len(event.records))
        for record in event.records:
            record["loud"] = f"{record.get('title', '?')}!"
            record["seen_by"] = event.viewer.id
            record.pop("draft", None)

    return app


async def prepared(app: Backstay) -> None:
    text = {"name": "title", "type": "text"}
    fields = [text, {"name": "draft", "type": "text"}, {"name": "secret", "type": "text", "hidden": True}]
    books = await app.site.create_collection({"name": "books", "fields": fields, **OPEN})
    book = {"name": "book", "type": "relation", "collectionId": books.id, "maxSelect": 1}
    await app.site.create_collection({"name": "notes2", "fields": [text, book], **OPEN})


def told(record: dict[str, Any]) -> None:
    """See that a record went through the hook."""
    assert record["loud"] == f"{record['title']}!"
    assert not {"draft", "secret"} & set(record)


async def test_every_door_goes_through_it(opening: Opening) -> None:
    calls: list[int] = []
    async with opening(application(calls)) as site:
        await prepared(site.app)
        path = "/api/collections/books/records"
        made = (await site.ask("POST", path, json={"title": "a", "draft": "d", "secret": "s"})).json()
        told(made)
        await site.ask("POST", path, json={"title": "b"})
        told((await site.ask("PATCH", f"{path}/{made['id']}", json={"title": "c"})).json())
        told((await site.ask("GET", f"{path}/{made['id']}")).json())
        calls.clear()
        page = (await site.ask("GET", path)).json()
        assert len(page["items"]) == 2
        assert calls == [2], "all records of an answer at once"
        for record in page["items"]:
            told(record)
        note = (await site.ask("POST", "/api/collections/notes2/records", json={"book": made["id"]})).json()
        assert "loud" not in note
        forth = (await site.ask("GET", "/api/collections/notes2/records?expand=book")).json()
        told(forth["items"][0]["expand"]["book"])
        back = (await site.ask("GET", f"{path}?expand=notes2_via_book.book")).json()
        nested = [item for item in back["items"] if "expand" in item]
        told(nested[0])
        told(nested[0]["expand"]["notes2_via_book"][0]["expand"]["book"])


async def test_fields_are_picked_afterwards(opening: Opening) -> None:
    async with opening(application([])) as site:
        await prepared(site.app)
        path = "/api/collections/books/records"
        made = (await site.ask("POST", f"{path}?fields=loud", json={"title": "a"})).json()
        assert made == {"loud": "a!"}
        assert (await site.ask("GET", f"{path}?fields=loud,title")).json()["items"] == [
            {"loud": "a!", "title": "a"}
        ]
        for query in ("filter=loud='a!'", "sort=loud"):
            assert (await site.ask("GET", f"{path}?{query}")).status_code == 400, (
                "what is made up is not found by"
            )


async def test_who_reads_is_told(opening: Opening) -> None:
    async with opening(application([])) as site:
        await prepared(site.app)
        await site.ask("POST", "/api/collections/books/records", json={"title": "a"})
        ann, token = await site.person("ann")
        for who, expected in (("", ""), (token, ann)):
            page = (await site.ask("GET", "/api/collections/books/records", who)).json()
            assert page["items"][0]["seen_by"] == expected


async def test_events_and_sign_ins_go_through_it(opening: Opening) -> None:
    app = application([])

    @app.reading("people")
    async def hello(event: Reading) -> None:
        for record in event.records:
            record["hello"] = True

    async with opening(app) as site:
        await prepared(site.app)
        await site.person("ann")
        body = {"identity": "ann@example.com", "password": PASSWORD}
        entered = await site.ask("POST", "/api/collections/people/auth-with-password", json=body)
        assert entered.json()["record"]["hello"] is True
        inner = site.app.site
        books = inner.catalog.find("books")
        assert books is not None
        values: dict[str, DbValue] = {"id": "book00000000001", "title": "a", "draft": "d", "secret": "s"}
        shown = await inner.realtime.show(inner.catalog, books, values, "", parse_topic("books/*"), GUEST)
        assert shown is not None
        assert b'"loud":"a!"' in shown
        assert b'"d"' not in shown
        assert inner.realtime.is_changed_for_each(books), "viewers share no message"


async def test_code_of_the_site_reads_what_is_stored(opening: Opening) -> None:
    async with opening(application([])) as site:
        await prepared(site.app)
        books = site.app.records("books")
        made = await books.create(title="a", draft="d")
        for record in (made, await books.get(made.id), (await books.list()).items[0]):
            assert record["draft"] == "d"
            assert "loud" not in record
        assert (await books.as_(GUEST).get(made.id))["loud"] == "a!"


async def test_without_code_nothing_is_taken_apart(opening: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opening(Backstay()) as site:
        await prepared(site.app)
        await site.ask("POST", "/api/collections/books/records", json={"title": "a"})
        monkeypatch.setattr("backstay.records.showing._decode", None)
        assert (await site.ask("GET", "/api/collections/books/records")).status_code == 200
        books = site.app.site.catalog.find("books")
        assert books is not None
        info = RequestInfo(viewer=GUEST)
        await asyncio.wait_for(site.app.site.reader.list(site.app.site.catalog, books, ListQuery(), info), 5)


async def test_a_refusal_is_the_answer_and_a_fault_keeps_events_back(opening: Opening) -> None:
    app = Backstay()

    @app.reading("books")
    async def refuse(event: Reading) -> None:
        if event.request.context == "realtime":
            raise ZeroDivisionError
        raise BadRequest("Not today.")

    async with opening(app) as site:
        await prepared(site.app)
        await app.records("books").create(title="a")
        reply = await site.ask("GET", "/api/collections/books/records")
        assert (reply.status_code, reply.json()["message"]) == (400, "Not today.")
        inner = site.app.site
        books = inner.catalog.find("books")
        assert books is not None
        values: dict[str, DbValue] = {"id": "book00000000001", "title": "a", "draft": "", "secret": ""}
        assert (
            await inner.realtime.show(inner.catalog, books, values, "", parse_topic("books/*"), GUEST) is None
        )


async def test_hooks_that_call_each_other_for_ever_end(
    opening: Opening, caplog: pytest.LogCaptureFixture
) -> None:
    app = Backstay()

    @app.after("books", "create")
    async def again(event: Event) -> None:
        await app.records("books").create(title="again")

    async with opening(app) as site:
        await prepared(site.app)
        reply = await site.ask("POST", "/api/collections/books/records", json={"title": "a"})
        assert reply.status_code == 500
        assert "create of books -> create of books" in caplog.text
        assert await app.records("books").count() == 0
