"""No acknowledged update is ever lost, whoever else writes at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from tests.api.shape import ANN, BEN
from tests.api.site import Answer, Served

pytestmark = pytest.mark.anyio


def ok(answers: Sequence[Answer]) -> list[Answer]:
    return [answer for answer in answers if answer.status in {200, 204}]


async def test_200_additions_at_once_are_200(site: Served) -> None:
    record = (await site.add("counters"))["id"]
    bodies = [{"views+": 1}, {"views+": 3}, {"views-": 2}, {"+views": 7}]
    answers = await asyncio.gather(
        *(site.update("counters", record, bodies[number % 2 * 2]) for number in range(200))
    )
    assert len(ok(answers)) == 200
    assert (await site.view("counters", record)).json()["views"] == 100 * 1 - 100 * 2
    answers = await asyncio.gather(*(site.update("counters", record, {"views+": 1}) for _ in range(200)))
    assert len(ok(answers)) == 200
    assert (await site.view("counters", record)).json()["views"] == 100


async def test_each_answer_has_a_sum_of_its_own(site: Served) -> None:
    record = (await site.add("counters"))["id"]
    answers = await asyncio.gather(*(site.update("counters", record, {"views+": 1}) for _ in range(50)))
    assert sorted(answer.json()["views"] for answer in answers) == list(range(1, 51))


async def test_clients_with_fields_of_their_own_keep_them(site: Served) -> None:
    record = (await site.add("counters"))["id"]
    for turn in range(5):
        bodies = [{f"text{number}": f"{turn}.{number}"} for number in range(8)]
        answers = await asyncio.gather(*(site.update("counters", record, body) for body in bodies))
        assert len(ok(answers)) == 8
        kept = (await site.view("counters", record)).json()
        assert [kept[f"text{number}"] for number in range(8)] == [f"{turn}.{number}" for number in range(8)]


async def test_list_modifiers_add_up(site: Served) -> None:
    record = (await site.add("counters"))["id"]
    answers = await asyncio.gather(
        *(site.update("counters", record, {"tags+": f"t{number}"}) for number in range(20))
    )
    assert len(ok(answers)) == 20
    kept = (await site.view("counters", record)).json()["tags"]
    assert sorted(kept) == sorted(f"t{number}" for number in range(20))


async def test_a_value_and_an_addition_in_one_body(site: Served) -> None:
    """What is answered is what is kept."""
    record = (await site.add("counters", views=10))["id"]
    reply = await site.update("counters", record, {"views": 5, "views+": 1})
    assert reply.json()["views"] == 6
    assert (await site.view("counters", record)).json()["views"] == 6


async def test_one_of_two_equals_is_created(site: Served) -> None:
    for turn in range(5):
        body = {"slug": f"same{turn}"}
        answers = await asyncio.gather(*(site.create("counters", body) for _ in range(4)))
        assert sorted(answer.status for answer in answers) == [200, 400, 400, 400]
        refused = next(answer for answer in answers if answer.status == 400)
        assert refused.faults == {"slug": "validation_not_unique"}
        assert (await site.list("counters", filter=f"slug = 'same{turn}'")).total == 1


async def test_one_of_two_equal_ids_and_addresses_is_created(site: Served) -> None:
    same_id = {"id": "samesamesamesam"}
    answers = await asyncio.gather(*(site.create("counters", same_id) for _ in range(4)))
    assert sorted(answer.status for answer in answers) == [200, 400, 400, 400]
    body = {"email": "new@example.com", "password": "12345678", "passwordConfirm": "12345678"}
    answers = await asyncio.gather(*(site.create("people", body) for _ in range(4)))
    assert sorted(answer.status for answer in answers) == [200, 400, 400, 400]
    assert answers[0].status == 200 or answers[0].faults == {"email": "validation_not_unique"}


async def test_no_reference_to_a_deleted_record(site: Served) -> None:
    """A target is deleted while others begin to refer to it: they are refused, or they go with it."""
    for _ in range(5):
        post = (await site.add("posts", author=ANN))["id"]
        answers = await asyncio.gather(
            *(site.create("comments", {"post": post}) for _ in range(4)),
            site.delete("posts", post, "ann"),
            *(site.create("comments", {"posts": [post]}) for _ in range(4)),
        )
        assert {answer.status for answer in answers} <= {200, 204, 400}
        assert (await site.list("comments", filter=f"post = '{post}' || posts ?= '{post}'")).total == 0
        assert (await site.list("comments", "boss", filter="post != '' && post.id = ''")).total == 0


async def test_deletion_cascades_once_and_whole(site: Served) -> None:
    post, other = (await site.add("posts", author=ANN))["id"], (await site.add("posts"))["id"]
    gone = (await site.add("comments", post=post, posts=[post, other]))["id"]
    kept = (await site.add("comments", post=other, posts=[post, other]))["id"]
    answers = await asyncio.gather(*(site.delete("posts", post, "ann") for _ in range(4)))
    assert sorted(answer.status for answer in answers) == [204, 404, 404, 404]
    assert (await site.view("comments", gone)).status == 404
    assert (await site.view("comments", kept)).json()["posts"] == [other]


async def test_a_required_reference_refuses_the_deletion_and_all_of_it(site: Served) -> None:
    post = (await site.add("posts", author=ANN))["id"]
    comment = (await site.add("comments", post=post))["id"]
    await site.add("notes", post=post, owner=BEN)
    reply = await site.delete("posts", post, "ann")
    assert reply.status == 400
    assert reply.json()["data"] == {}
    assert (await site.view("comments", comment)).status == 200
    assert (await site.view("posts", post)).status == 200


async def test_a_batch_that_fails_leaves_nothing(site: Served) -> None:
    await site.allow_batch()
    record = (await site.add("counters", slug="taken", views=1))["id"]
    many = "/api/collections/counters/records"
    reply = await site.batch(
        "guest",
        {"method": "POST", "url": many, "body": {"slug": "new"}},
        {"method": "PATCH", "url": f"{many}/{record}", "body": {"views+": 5}},
        {"method": "PUT", "url": many, "body": {"id": record, "text0": "x"}},
        {"method": "DELETE", "url": f"{many}/{record}"},
        {"method": "POST", "url": many, "body": {"slug": "new"}},
    )
    assert reply.status == 400
    assert (
        reply.json()["data"]["requests"]["4"]["response"]["data"]["slug"]["code"] == "validation_not_unique"
    )
    assert (await site.list("counters")).total == 1
    kept = (await site.view("counters", record)).json()
    assert (kept["views"], kept["text0"]) == (1, "")


async def test_batches_and_single_writes_add_up(site: Served) -> None:
    await site.allow_batch()
    record = (await site.add("counters"))["id"]
    url = f"/api/collections/counters/records/{record}"
    addition = {"method": "PATCH", "url": url, "body": {"views+": 1}}
    refused = {"method": "POST", "url": "/api/collections/safes/records", "body": {}}
    answers = await asyncio.gather(
        *(site.batch("guest", addition, addition) for _ in range(20)),
        *(site.batch("guest", addition, refused) for _ in range(20)),
        *(site.update("counters", record, {"views+": 1}) for _ in range(20)),
    )
    assert len(ok(answers)) == 40
    assert (await site.view("counters", record)).json()["views"] == 60


async def test_a_refused_write_does_not_undo_its_neighbours(site: Served) -> None:
    """Writes share a commit; each is undone alone."""
    answers = await asyncio.gather(
        *(site.create("counters", {"slug": f"slug{number % 25}"}) for number in range(50)),
        *(site.create("counters", {"id": "too short"}) for _ in range(10)),
    )
    assert len(ok(answers)) == 25
    assert (await site.list("counters")).total == 25
    items = (await site.list("counters", perPage=100)).json()["items"]
    assert len({item["slug"] for item in items}) == 25


async def test_settings_of_two_superusers_are_both_kept(site: Served) -> None:
    patches: list[dict[str, dict[str, object]]] = [
        {"meta": {"appName": "Harbour"}},
        {"meta": {"senderName": "Pilot"}},
        {"logs": {"maxDays": 9}},
        {"batch": {"maxRequests": 7}},
        {"backups": {"cronMaxKeep": 5}},
    ]
    answers = await asyncio.gather(
        *(site.send("PATCH", "/api/settings", who="boss", body=patch) for patch in patches)
    )
    assert len(ok(answers)) == len(patches)
    kept = (await site.get("/api/settings", "boss")).json()
    for patch in patches:
        for group, values in patch.items():
            assert kept[group] | values == kept[group]


async def test_schema_changes_at_once_are_all_kept(site: Served) -> None:
    answers = await asyncio.gather(
        *(
            site.send("POST", "/api/collections", who="boss", body={"name": f"c{number}", "type": "base"})
            for number in range(5)
        ),
        site.send("PATCH", "/api/collections/counters", who="boss", body={"listRule": "slug != 'x'"}),
        site.send("PATCH", "/api/collections/counters", who="boss", body={"viewRule": "slug != 'y'"}),
    )
    assert len(ok(answers)) == 7
    names = {collection.name for collection in site.site.catalog}
    assert {f"c{number}" for number in range(5)} <= names
    counters = site.site.catalog.find("counters")
    assert counters is not None
    assert (counters.listRule, counters.viewRule) == ("slug != 'x'", "slug != 'y'")


async def test_totals_stay_exact(site: Served) -> None:
    """Also when records come and go at once, through every door."""
    await site.allow_batch()
    many = "/api/collections/counters/records"
    created = await asyncio.gather(*(site.create("counters", {}) for _ in range(30)))
    ids = [answer.json()["id"] for answer in ok(created)]
    creation = {"method": "POST", "url": many, "body": {}}
    await asyncio.gather(
        *(site.delete("counters", record) for record in ids[:10]),
        *(site.batch("guest", creation, creation) for _ in range(5)),
        *(site.batch("guest", creation, {**creation, "body": {"id": "x"}}) for _ in range(5)),
    )
    listed = await site.list("counters", perPage=500)
    assert listed.total == len(listed.ids) == 30 - 10 + 10
    assert (await site.list("counters", filter="id != ''")).total == listed.total
    assert (await site.send("DELETE", "/api/collections/counters/truncate", who="boss")).status == 204
    assert (await site.list("counters")).total == 0
