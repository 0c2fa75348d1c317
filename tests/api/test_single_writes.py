"""Records that are stored by one statement, on PostgreSQL many in one round trip: as a transaction each would do it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from backstay import Backstay, Event
from backstay.catalog.fields import DbValue
from backstay.plans.params import Statement
from backstay.stores.base import Row, Transaction
from tests.api.listener import listening, quiet
from tests.api.shape import ANN, BEN
from tests.api.site import Served

pytestmark = pytest.mark.anyio
LEAFLETS: dict[str, Any] = {
    "name": "leaflets",
    "type": "base",
    "fields": [
        {"name": "text", "type": "text", "required": True},
        {"name": "size", "type": "number"},
        {"name": "owner", "type": "relation", "collectionId": "people", "maxSelect": 1},
        {"name": "readers", "type": "relation", "collectionId": "people", "maxSelect": 9},
    ],
    "indexes": ["CREATE UNIQUE INDEX idx_leaflets_text ON leaflets (text)"],
    "listRule": "",
    "viewRule": "",
    "createRule": "owner = '' || (owner = @request.auth.id && @request.body.size:isset = false)",
}


@pytest.fixture
async def singles(site: Served, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Make the collection; the list grows by the number of rows of each write that was one statement."""
    people = site.site.catalog.find("people")
    assert people is not None
    fields = [
        {**field, "collectionId": people.id} if field["type"] == "relation" else field
        for field in LEAFLETS["fields"]
    ]
    made = await site.send("POST", "/api/collections", who="boss", body={**LEAFLETS, "fields": fields})
    assert made.status == 200, made
    counted: list[int] = []
    real = site.site.store.write_single

    async def counting(
        statement: Statement, values: Sequence[DbValue], done: Callable[[], None]
    ) -> list[Row]:
        rows = await real(statement, values, done)
        counted.append(len(rows))
        return rows

    monkeypatch.setattr(site.site.store, "write_single", counting)
    return counted


def on_postgresql(site: Served) -> bool:
    """Tell whether texts can't hold U+0000."""
    return site.site.store.dialect.name == "postgresql"


async def write(site: Served, who: str = "guest", **body: object) -> Any:
    return await site.send("POST", "/api/collections/leaflets/records", who=who, body=body)


async def test_a_record_is_stored_and_answered(site: Served, singles: list[int]) -> None:
    made = await write(site, "ann", text='a "b"\n ü', owner=ANN, readers=[ANN, BEN])
    assert made.status == 200
    assert singles == [1]
    found = await site.get(f"/api/collections/leaflets/records/{made.json()['id']}")
    assert found.body == made.body
    assert (found.json()["text"], found.json()["readers"]) == ('a "b"\n ü', [ANN, BEN])
    assert (await site.list("leaflets")).total == 1


async def test_what_is_wrong_is_told_as_ever(site: Served, singles: list[int]) -> None:
    assert (await write(site, text="first")).status == 200
    assert (await write(site, text="first")).faults == {"text": "validation_not_unique"}
    assert (await write(site, text="")).faults == {"text": "validation_required"}
    nobody = await write(site, text="x", readers=[ANN, "nobody000000000"])
    assert nobody.faults == {"readers": "validation_missing_rel_records"}
    refused = await write(site, "ann", text="x", owner=BEN)
    assert (refused.status, refused.faults) == (400, {})
    assert (await write(site, "ann", text="x", owner=ANN, size=1)).status == 400
    assert (await write(site, "boss", text="x", owner="nobody000000000")).faults == {
        "owner": "validation_missing_rel_records"
    }
    assert (await site.list("leaflets")).total == 1
    assert singles == [1, 0, 0, 0, 0, 0], "an empty text is seen without the database"
    nul = await write(site, text="nul \0")
    assert nul.status == (400 if on_postgresql(site) else 200)


async def test_one_that_is_refused_takes_nothing_from_the_others(site: Served, singles: list[int]) -> None:
    """Twenty texts, each sent three times at once, among texts that the database can't hold."""
    texts = [f"text {number % 20}" for number in range(60)] + [f"nul \0 {number}" for number in range(5)]
    answers = await asyncio.gather(*(write(site, text=text) for text in texts))
    passed = [answer.json()["text"] for answer in answers if answer.status == 200]
    assert sorted(passed) == sorted({text for text in texts if not (on_postgresql(site) and "\0" in text)})
    refused = [answer for answer in answers[:60] if answer.status != 200]
    assert [answer.faults for answer in refused] == [{"text": "validation_not_unique"}] * 40
    assert (await site.list("leaflets", perPage=100)).total == len(passed)


async def test_beside_writes_of_other_kinds(site: Served, singles: list[int]) -> None:
    made = await site.add("counters")
    creating = [write(site, text=f"t{number}") for number in range(20)]
    adding = [site.update("counters", made["id"], {"views+": 1}) for _ in range(20)]
    await asyncio.gather(*creating, *adding)
    assert (await site.list("leaflets")).total == 20
    assert (await site.get(f"/api/collections/counters/records/{made['id']}")).json()["views"] == 20


async def test_in_a_batch_it_is_part_of_the_batch(site: Served, singles: list[int]) -> None:
    await site.send("PATCH", "/api/settings", who="boss", body={"batch": {"enabled": True}})
    url = "/api/collections/leaflets/records"
    requests = [{"method": "POST", "url": url, "body": {"text": text}} for text in ("a", "b", "a")]
    refused = await site.send("POST", "/api/batch", body={"requests": requests})
    assert refused.status == 400
    assert (await site.list("leaflets")).total == 0


async def test_elsewhere_it_is_heard_of(two: tuple[Served, Served]) -> None:
    """A subscriber at another process hears of it, once; so does one at this one."""
    first, second = two
    async with listening(first, "counters/*") as here, listening(second, "counters/*") as there:
        made = await first.add("counters")
        for listener in (here, there):
            [(_, data)] = await listener.hears(1)
            assert (data["action"], data["record"]["id"]) == ("create", made["id"])


@pytest.mark.sqlite_only("a process keeps the list of its streams in memory")
async def test_who_subscribes_while_a_write_waits_hears_of_it(site: Served, singles: list[int]) -> None:
    """Whether anybody listens is asked when the record is on disk, not when its write was asked for."""
    goes_on = asyncio.Event()

    async def hold(tx: Transaction) -> None:
        await goes_on.wait()

    holding = asyncio.create_task(site.site.store.write(hold))
    await asyncio.sleep(0)
    writing = asyncio.create_task(write(site, text="x"))
    await asyncio.sleep(0.05)
    async with listening(site, "leaflets/*") as listener:
        assert not writing.done()
        goes_on.set()
        assert (await writing).status == 200
        [(_, data)] = await listener.hears(1)
        assert (data["action"], data["record"]["text"]) == ("create", "x")
    await holding
    assert singles == [1]


async def test_a_schema_that_has_just_changed_elsewhere(two: tuple[Served, Served]) -> None:
    """The statement holds for one version of the catalog: with another one nothing is stored by old names."""
    first, second = two
    assert (await first.send("POST", "/api/collections/counters/records", body={"views": 1})).status == 200
    found = (await second.get("/api/collections/counters", who="boss")).json()
    rule = {"createRule": None, "fields": found["fields"]}
    changing = second.send("PATCH", "/api/collections/counters", who="boss", body=rule)
    creating = [
        first.send("POST", "/api/collections/counters/records", body={"views": number})
        for number in range(20)
    ]
    changed, *answers = await asyncio.gather(changing, *creating)
    assert changed.status == 200
    assert {answer.status for answer in answers} <= {200, 403}
    late = await first.send("POST", "/api/collections/counters/records", body={"views": 1})
    assert late.status == 403


async def test_changes(site: Served, singles: list[int]) -> None:
    """On PostgreSQL a change is one statement, too: of the record as it was read, or the long way."""
    await site.send(
        "PATCH", "/api/collections/leaflets", who="boss", body={"updateRule": "owner = @request.auth.id"}
    )
    for text in ("first", "second"):
        made = (await write(site, "ann", text=text, owner=ANN, readers=[ANN])).json()
    singles.clear()
    door = f"/api/collections/leaflets/records/{made['id']}"

    async def change(who: str = "ann", more: int = 0, **body: object) -> Any:
        sums = {"size+": more} if more else {}
        return await site.send("PATCH", door, who=who, body={**body, **sums})

    changed = await change(size=2, readers=[BEN, ANN])
    assert changed.status == 200
    assert changed.body == (await site.get(door)).body
    assert (changed.json()["size"], changed.json()["readers"]) == (2, [BEN, ANN])
    assert (await change(text="first")).faults == {"text": "validation_not_unique"}
    assert (await change(readers=["nobody000000000"])).faults == {"readers": "validation_missing_rel_records"}
    assert (await change(text="")).faults == {"text": "validation_required"}
    assert (await change("ben", size=3)).status == 404
    assert (await change("guest", size=3)).status == 404
    assert (await change(more=5)).json()["size"] == 7
    assert (await change(size=7)).status == 200, "nothing changes"
    assert (await site.get(door)).json() == {**changed.json(), "size": 7}
    assert singles == ([1, 0, 0, 0, 0, 1] if on_postgresql(site) else [])


async def test_sums_at_once_are_all_in(two: tuple[Served, Served]) -> None:
    """Of many who add to one number at once, none is lost, whichever process they are at."""
    first, second = two
    made = await first.add("counters", views=1)
    adding = [served.update("counters", made["id"], {"views+": 1}) for served in two for _ in range(15)]
    taking = [first.update("counters", made["id"], {"views-": 2}) for _ in range(5)]
    answers = await asyncio.gather(*adding, *taking)
    assert {answer.status for answer in answers} == {200}
    assert (await second.view("counters", made["id"])).json()["views"] == 21


async def test_deletions(site: Served, singles: list[int]) -> None:
    """On PostgreSQL a record to which nothing refers goes by one statement."""
    people = site.site.catalog.find("people")
    leaflets = site.site.catalog.find("leaflets")
    assert people is not None
    assert leaflets is not None
    await site.send(
        "PATCH", "/api/collections/leaflets", who="boss", body={"deleteRule": "owner = @request.auth.id"}
    )
    ids = [(await write(site, "ann", text=text, owner=ANN)).json()["id"] for text in "abcd"]
    singles.clear()
    assert (await site.delete("leaflets", ids[0], "ben")).status == 404
    assert (await site.delete("leaflets", ids[0], "guest")).status == 404
    async with listening(site, "leaflets/*") as listener:
        assert (await site.delete("leaflets", ids[0], "ann")).status == 204
        [(_, data)] = await listener.hears(1)
        assert (data["action"], data["record"]["id"], data["record"]["text"]) == ("delete", ids[0], "a")
    assert (await site.delete("leaflets", ids[0], "ann")).status == 404
    assert singles == ([0, 0, 1] if on_postgresql(site) else [])
    for kind, one in (("one", 1), ("many", 5)):
        fields = [
            {
                "type": "relation",
                "name": "of",
                "collectionId": leaflets.id,
                "maxSelect": one,
                "required": True,
            },
        ]
        body = {"name": f"folds_{kind}", "type": "base", "fields": fields, "viewRule": ""}
        assert (await site.send("POST", "/api/collections", who="boss", body=body)).status == 200
        held = ids[1] if one == 1 else ids[2]
        await site.create(f"folds_{kind}", {"of": [held]}, "boss")
        singles.clear()
        assert (await site.delete("leaflets", held, "ann")).status == 400, "it is needed there"
        assert singles == ([0] if on_postgresql(site) else [])
    singles.clear()
    assert (await site.delete("leaflets", ids[3], "ann")).status == 204
    assert singles == ([1] if on_postgresql(site) else [])
    assert sorted((await site.list("leaflets")).ids) == sorted(ids[1:3])


async def test_of_two_who_delete_one_does(two: tuple[Served, Served]) -> None:
    first = two[0]
    made = [(await first.add("counters"))["id"] for _ in range(10)]
    async with listening(first, "counters/*") as listener:
        for record_id in made:
            answers = await asyncio.gather(
                *(served.delete("counters", record_id, "boss") for served in two for _ in range(2))
            )
            assert sorted(answer.status for answer in answers) == [204, 404, 404, 404]
        await listener.hears(10)
        await quiet(first)
        assert listener.records == [("delete", record_id) for record_id in made]


async def test_what_is_referred_to_meanwhile_stays(two: tuple[Served, Served]) -> None:
    """A relation that is required leads somewhere, whatever is deleted as it is made."""
    first, second = two
    for _ in range(10):
        post = (await first.add("posts", author=ANN))["id"]
        removed, *made = await asyncio.gather(
            first.delete("posts", post, "boss"),
            *(served.create("comments", {"post": post, "text": "x"}, "boss") for served in two),
        )
        left = [answer for answer in made if answer.status == 200]
        there = await second.view("posts", post, "boss")
        found = await second.list("comments", "boss", filter=f'post = "{post}"')
        assert removed.status in {204, 400}
        assert (there.status == 200) == (removed.status == 400)
        assert found.total == (len(left) if there.status == 200 else 0)


async def test_changes_at_once_take_nothing_from_each_other(site: Served, singles: list[int]) -> None:
    """Each of many sets a field of its own, from the record as it read it."""
    fields = [{"type": "number", "name": f"n{number}"} for number in range(20)]
    body = {"name": "many", "type": "base", "fields": fields, "viewRule": "", "updateRule": ""}
    assert (await site.send("POST", "/api/collections", who="boss", body=body)).status == 200
    made = await site.send("POST", "/api/collections/many/records", who="boss", body={})
    door = f"/api/collections/many/records/{made.json()['id']}"
    changing = [site.send("PATCH", door, body={f"n{number}": number + 1}) for number in range(20)]
    answers = await asyncio.gather(*changing)
    assert [answer.json()[f"n{number}"] for number, answer in enumerate(answers)] == [*range(1, 21)]
    found = (await site.get(door)).json()
    assert [found[f"n{number}"] for number in range(20)] == [*range(1, 21)]


async def test_changes_elsewhere_are_heard_of(two: tuple[Served, Served]) -> None:
    first, second = two
    made = await first.add("counters")
    async with listening(first, "counters/*") as here, listening(second, f"counters/{made['id']}") as there:
        await second.update("counters", made["id"], {"views": 3})
        for listener in (here, there):
            [(_, data)] = await listener.hears(1)
            assert (data["action"], data["record"]["views"]) == ("update", 3)


async def test_a_rule_that_reads_other_records(site: Served, singles: list[int]) -> None:
    """SQLite's writer is not held by what may take long; the long way asks with a budget."""
    rule = "@collection.people.id ?= @request.auth.id"
    changed = await site.send("PATCH", "/api/collections/leaflets", who="boss", body={"createRule": rule})
    assert changed.status == 200
    assert (await write(site, text="x")).status == 400
    assert (await write(site, "ann", text="x")).status == 200
    assert singles == ([0, 1] if on_postgresql(site) else [])


async def test_code_of_the_site_takes_the_long_way(site: Served, singles: list[int]) -> None:
    app = Backstay()

    @app.before("leaflets", "create")
    async def shout(event: Event) -> None:
        event.record["text"] = event.record["text"].upper()

    site.site.writer.hooked.hooks = app.hooks
    app.hooks.bind(site.site.store, site.site.outbox)
    assert (await write(site, text="quiet")).json()["text"] == "QUIET"
    assert singles == []


async def test_whoever_is_refused_sends_nobody_else_the_long_way(
    site: Served, singles: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some of thirty are refused by an index: the others are stored by their statements all the same."""
    assert (await write(site, text="taken")).status == 200
    long_way: list[object] = []
    real = site.site.writer.create_within

    async def counting(*given: Any) -> bytes:
        long_way.append(given)
        return await real(*given)

    monkeypatch.setattr(site.site.writer, "create_within", counting)
    texts = ["taken" if number in {3, 17} else f"free {number}" for number in range(30)]
    answers = await asyncio.gather(*(write(site, text=text) for text in texts))
    assert [answer.status for answer in answers] == [400 if text == "taken" else 200 for text in texts]
    assert len(long_way) == 2
