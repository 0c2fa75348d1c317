"""Attacks on what only the site's own code may do: fields the system writes, collections that only grow.

Each door is tried by a guest, a member and a superuser, with every rule open.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from backstay.catalog.operations import AddField, CreateCollection, Operation
from backstay.migrations.files import Migration
from backstay.migrations.runner import apply_migration
from backstay.plans.request import RequestInfo, Viewer
from backstay.records.query import RecordCall
from backstay.stores.base import Transaction
from backstay.stores.catalog import load_catalog
from tests.api.shape import IDS, OPEN
from tests.api.site import Answer, Served

pytestmark = pytest.mark.anyio

EVERYBODY = pytest.mark.parametrize("who", ["guest", "ann", "boss"])
SHOP = "shop00000000001"
ENTRY = "entry0000000001"

OPERATIONS: list[Operation] = [
    CreateCollection(
        {
            "name": "shops",
            **OPEN,
            "fields": [
                {"name": "name", "type": "text"},
                {"name": "balance", "type": "number", "systemOnly": True},
                {"name": "code", "type": "text", "autogeneratePattern": "[a-z]{9}", "systemOnly": True},
                {"name": "own", "type": "text", "systemOnly": True},
                {"name": "tags", "type": "select", "values": ["a", "b"], "maxSelect": 2, "systemOnly": True},
                {"name": "proof", "type": "file", "maxSelect": 1, "systemOnly": True},
                {"name": "meta", "type": "json", "systemOnly": True},
            ],
        }
    ),
    CreateCollection(
        {
            "name": "ledger",
            "appendOnly": True,
            **OPEN,
            "fields": [
                {"name": "note", "type": "text"},
                {
                    "name": "person",
                    "type": "relation",
                    "collectionId": IDS["people"],
                    "maxSelect": 1,
                    "cascadeDelete": True,
                },
                {"name": "counters", "type": "relation", "collectionId": IDS["counters"], "maxSelect": 3},
                {"name": "papers", "type": "file", "maxSelect": 3},
            ],
        }
    ),
    AddField("people", {"name": "credit", "type": "number", "systemOnly": True}),
]


@pytest.fixture
async def site(site: Served) -> Served:
    """The site under attack, with guarded collections beside the others, and a record in each."""
    migration = Migration("0001_guards", Path("0001_guards.py"), tuple(OPERATIONS), None, True, "")
    await apply_migration(site.site, migration, allow_drop=False)
    await site.add("shops", id=SHOP, name="Shop")
    await site.add("ledger", id=ENTRY, note="first")
    await site.allow_batch()
    return site


async def stored(site: Served, collection: str, record_id: str) -> dict[str, Any]:
    """Return a record as it is stored, without what every change moves."""
    found = site.site.catalog.find(collection)
    assert found is not None
    statements = site.site.book.of(found)
    [row] = await site.site.store.fetch(statements.load, [record_id])
    return statements.read(row)


GUARDED = ("balance", "code", "own", "tags", "proof", "meta")
BODIES = [
    {"balance": 100},
    {"balance+": 100},
    {"balance-": 100},
    {"balance": 5, "balance+": 100},
    {"own": "mine"},
    {"own:autogenerate": "mine"},
    {"code": "mine"},
    {"code:autogenerate": "mine"},
    {"tags": ["a"]},
    {"tags+": "a"},
    {"+tags": ["a", "b"]},
    {"meta": {"rich": True}},
    {"systemOnly": False, "balance": 1},
]


@EVERYBODY
@pytest.mark.parametrize("body", BODIES, ids=map(json.dumps, BODIES))
async def test_nobody_sets_what_only_the_system_writes(site: Served, who: str, body: dict[str, Any]) -> None:
    before = await stored(site, "shops", SHOP)
    made = await site.create("shops", {"name": "mine", **body}, who)
    assert made.status == 200, "what one may not set is left out, as hidden fields are"
    kept = await stored(site, "shops", made.json()["id"])
    assert (kept["balance"], kept["own"], kept["tags"], kept["meta"]) == (0, "", [], None)
    assert len(kept["code"]) == 9
    assert "mine" not in kept["code"]
    assert (await site.update("shops", SHOP, body, who)).status == 200
    put = {"method": "PUT", "url": "/api/collections/shops/records", "body": {"id": SHOP, **body}}
    patch = {"method": "PATCH", "url": f"/api/collections/shops/records/{SHOP}", "body": body}
    post = {
        "method": "POST",
        "url": "/api/collections/shops/records",
        "body": {"id": "fromabatch00001", **body},
    }
    assert (await site.batch(who, put, patch, post)).status == 200
    assert await stored(site, "shops", SHOP) == before
    assert (await stored(site, "shops", "fromabatch00001"))["balance"] == 0


@EVERYBODY
async def test_nor_with_a_file(site: Served, who: str) -> None:
    before = await stored(site, "shops", SHOP)
    token = site.tokens[who]
    reply = await site.client.patch(
        f"/api/collections/shops/records/{SHOP}",
        files={"proof": ("a.txt", b"paid"), "proof+": ("b.txt", b"paid")},
        data={"@jsonPayload": json.dumps({"balance": 9, "balance+": 7})},
        headers={"authorization": token} if token else {},
    )
    assert reply.status_code == 200
    assert await stored(site, "shops", SHOP) == before
    files = [path for path in (site.site.data / "storage").rglob("*") if path.is_file() and SHOP in str(path)]
    await site.site.outbox.drain()
    assert [path for path in files if path.exists()] == []


async def test_nor_at_signing_up(site: Served) -> None:
    body = {"email": "eve@example.com", "password": "a long password", "passwordConfirm": "a long password"}
    made = await site.create("people", {**body, "name": "eve", "credit": 50, "credit+": 50})
    assert made.status == 200, made
    assert (await stored(site, "people", made.json()["id"]))["credit"] == 0


async def test_it_is_read_like_any_field(site: Served) -> None:
    assert (await site.list("shops", filter="balance = 0", sort="balance")).total == 1
    assert (await site.view("shops", SHOP)).json()["balance"] == 0


async def test_code_sets_it(site: Served) -> None:
    async def job(tx: Transaction) -> None:
        catalog = await load_catalog(tx)
        shops = catalog.find("shops")
        assert shops is not None
        old = await site.site.writer.load(tx, shops, SHOP)
        await site.site.writer.change_within(tx, catalog, shops, old, {"balance": 12})

    await site.site.store.write(job)
    assert (await site.view("shops", SHOP)).json()["balance"] == 12


async def test_code_passes_guards_as_records_do(site: Served) -> None:
    """`by_code` is what the site's own code sets on a call; everything else about a write stays as it is."""
    boss = RequestInfo(viewer=Viewer(site.site.superusers))

    def call(name: str, record_id: str, **body: Any) -> RecordCall:
        found = site.site.catalog.find(name)
        assert found is not None
        return RecordCall(site.site.catalog, found, boss, record_id, body, by_code=True)

    await site.site.writer.update(
        call("shops", SHOP, **{"balance+": 5, "tags+": "a", "own:autogenerate": "x"})
    )
    kept = await stored(site, "shops", SHOP)
    assert (kept["balance"], kept["tags"], kept["own"]) == (5, ["a"], "x")
    await site.site.writer.update(call("ledger", ENTRY, note="corrected"))
    assert (await stored(site, "ledger", ENTRY))["note"] == "corrected"
    await site.site.writer.delete(call("ledger", ENTRY))
    assert (await site.list("ledger")).total == 0


# -- collections that only grow -----------------------------------------------------------------------------


@EVERYBODY
async def test_records_are_added_and_stay(site: Served, who: str) -> None:
    before = await stored(site, "ledger", ENTRY)
    assert (await site.create("ledger", {"note": "second"}, who)).status == 200
    bodies: list[dict[str, Any]] = [{"note": "forged"}, {}, {"counters+": []}]
    for body in bodies:
        assert (await site.update("ledger", ENTRY, body, who)).status == 403
    assert (await site.delete("ledger", ENTRY, who)).status == 403
    assert (await site.update("ledger", "nothere00000000", {}, who)).status == 403
    path = f"/api/collections/ledger/records/{ENTRY}"
    for request in (
        {"method": "PATCH", "url": path, "body": {"note": "forged"}},
        {"method": "DELETE", "url": path},
        {"method": "PUT", "url": "/api/collections/ledger/records", "body": {"id": ENTRY, "note": "forged"}},
    ):
        added = {
            "method": "POST",
            "url": "/api/collections/ledger/records",
            "body": {"id": "undone000000001"},
        }
        assert (await site.batch(who, added, request)).status == 400
    assert await stored(site, "ledger", ENTRY) == before
    assert (await site.list("ledger")).total == 2


@EVERYBODY
async def test_a_record_with_its_id_can_not_take_its_place(site: Served, who: str) -> None:
    before = await stored(site, "ledger", ENTRY)
    assert (await site.create("ledger", {"id": ENTRY, "note": "forged"}, who)).status == 400
    assert await stored(site, "ledger", ENTRY) == before


async def test_what_it_refers_to_stays(site: Served) -> None:
    """Neither a cascade nor the emptying of a relation changes what only grows."""
    counter = (await site.add("counters"))["id"]
    person = await site.create(
        "people",
        {
            "name": "dan",
            "email": "dan@example.com",
            "password": "a long password",
            "passwordConfirm": "a long password",
        },
        "boss",
    )
    dan = person.json()["id"]
    entry = (await site.add("ledger", person=dan, counters=[counter]))["id"]
    before = await stored(site, "ledger", entry)
    for who in ("boss", await site.token("people", dan)):
        assert (await site.delete("people", dan, who)).status == 400
    assert (await site.delete("counters", counter)).status == 400
    batch = await site.batch(
        "boss", {"method": "DELETE", "url": f"/api/collections/counters/records/{counter}"}
    )
    assert batch.status == 400
    for name in ("counters", "people"):
        reply = await site.send("DELETE", f"/api/collections/{name}/truncate", who="boss")
        assert reply.status == 400
    assert await stored(site, "ledger", entry) == before
    assert (await site.view("counters", counter)).status == 200
    assert (await site.view("people", dan, "boss")).status == 200


async def test_what_it_does_not_refer_to_goes(site: Served) -> None:
    counter = (await site.add("counters"))["id"]
    assert (await site.delete("counters", counter)).status == 204


# -- guards and superusers ----------------------------------------------------------------------------------


async def collection(site: Served, name: str) -> dict[str, Any]:
    reply = await site.get(f"/api/collections/{name}", "boss")
    assert reply.status == 200
    return dict(reply.json())


def by_id(fields: list[dict[str, Any]]) -> dict[str, Any]:
    return {field["id"]: field for field in fields}


async def patch(site: Served, collection: str, /, **body: Any) -> Answer:
    return await site.send("PATCH", f"/api/collections/{collection}", who="boss", body=body)


async def test_guards_are_shown_where_they_are_set(site: Served) -> None:
    shops, ledger = await collection(site, "shops"), await collection(site, "ledger")
    assert {field["name"] for field in shops["fields"] if field.get("systemOnly")} == set(GUARDED)
    assert ledger["appendOnly"] is True
    assert "appendOnly" not in shops
    assert all("systemOnly" not in field for field in ledger["fields"])


async def test_an_edit_keeps_guards(site: Served) -> None:
    shops = await collection(site, "shops")
    bare = [{key: value for key, value in field.items() if key != "systemOnly"} for field in shops["fields"]]
    denied = [{**field, "systemOnly": False} for field in shops["fields"]]
    nameless = [{key: value for key, value in field.items() if key != "id"} for field in denied]
    for fields in (bare, denied, nameless):
        assert (await patch(site, "shops", fields=fields)).status == 200
    renamed = [{**field, "name": "sum"} if field["name"] == "balance" else field for field in bare]
    assert (await patch(site, "shops", fields=renamed)).status == 200
    for body in ({"appendOnly": False}, {"appendOnly": None}, {"name": "book"}):
        assert (await patch(site, "ledger", **body)).status == 200
        await patch(site, "book", name="ledger")
    assert (await site.update("shops", SHOP, {"sum": 3}, "boss")).json()["sum"] == 0
    assert (await site.delete("ledger", ENTRY, "boss")).status == 403


async def test_what_is_guarded_can_not_be_dropped(site: Served) -> None:
    shops, ledger = await collection(site, "shops"), await collection(site, "ledger")
    without = [field for field in shops["fields"] if field["name"] != "balance"]
    fresh = [*without, {"id": "fresh", "name": "balance", "type": "number"}]
    single = [{**field, "maxSelect": 1} if field["name"] == "tags" else field for field in shops["fields"]]
    for fields in (without, fresh, single):
        assert (await patch(site, "shops", fields=fields)).status == 400
        body = {"collections": [{**shops, "fields": fields}], "deleteMissing": False}
        reply = await site.send("PUT", "/api/collections/import", who="boss", body=body)
        assert reply.status == (400 if fields is single else 204), (
            "an import keeps the fields that it leaves out"
        )
    for name in ("shops", "ledger"):
        assert (await site.send("DELETE", f"/api/collections/{name}", who="boss")).status == 400
    assert (await site.send("DELETE", "/api/collections/ledger/truncate", who="boss")).status == 400
    papers = [field for field in ledger["fields"] if field["name"] != "papers"]
    assert (await patch(site, "ledger", fields=papers)).status == 400
    everything = (await site.get("/api/collections", "boss", perPage=500)).json()["items"]
    for left in ([item for item in everything if item["name"] != "ledger"], [{**shops, "fields": without}]):
        body = {"collections": left, "deleteMissing": True}
        reply = await site.send("PUT", "/api/collections/import", who="boss", body=body)
        assert reply.status == 400
    for before in (shops, ledger):
        after = await collection(site, before["name"])
        assert by_id(after["fields"]) == by_id(before["fields"])
        assert after | {"fields": 0, "updated": 0} == before | {"fields": 0, "updated": 0}


async def test_only_code_sets_guards(site: Served) -> None:
    body = {"name": "mine", "appendOnly": True, "fields": [{"name": "a", "type": "text", "systemOnly": True}]}
    assert (await site.send("POST", "/api/collections", who="boss", body=body)).status == 200
    body |= {"name": "imported"}
    imported = {"collections": [body], "deleteMissing": False}
    assert (await site.send("PUT", "/api/collections/import", who="boss", body=imported)).status == 204
    for name in ("mine", "imported"):
        assert (await patch(site, name, appendOnly=True)).status == 200
        found = await collection(site, name)
        assert "appendOnly" not in found
        assert all("systemOnly" not in field for field in found["fields"])


async def test_strange_values_are_no_server_faults(site: Served) -> None:
    values: list[Any] = ["yes", 1, [], {}]
    for value in values:
        assert (await patch(site, "ledger", appendOnly=value)).status == 400
        fields = (await collection(site, "shops"))["fields"]
        reply = await patch(site, "shops", fields=[{**field, "systemOnly": value} for field in fields])
        assert reply.status == 400
