"""Realtime: everybody hears what they may see, in order, and nobody hears anything else."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import quote

import pytest

from backstay.errors import Unavailable
from backstay.realtime import SharedChannel
from backstay.realtime.clients import QUEUE_MAX_MESSAGES
from backstay.realtime.events import Lapsed
from backstay.realtime.topics import TOPIC_MAX_CHARS, TOPICS_MAX
from tests.api.listener import Listener, listening, quiet, topic
from tests.api.shape import ANN, BEN
from tests.api.site import Served

pytestmark = pytest.mark.anyio


async def test_the_stream(site: Served) -> None:
    async with listening(site, "comments/*") as ann:
        assert ann.headers["content-type"] == "text/event-stream"
        assert ann.headers["cache-control"] == "no-store"
        assert ann.headers["x-accel-buffering"] == "no"
        [(frame_id, event, data)] = ann.frames
        assert (event, data["clientId"], len(frame_id)) == ("PB_CONNECT", frame_id, 40)
        post = await site.add("posts", author=ANN)
        made = await site.add("comments", post=post["id"], text="line\nbreak ü")
        await site.update("comments", made["id"], {"text": "x"}, "boss")
        await site.delete("comments", made["id"], "boss")
        heard = await ann.hears(3)
        assert [data["action"] for _, data in heard] == ["create", "update", "delete"]
        assert {event for event, _ in heard} == {"comments/*"}
        assert heard[0][1]["record"]["text"] == "line\nbreak ü"
        assert {frame[0] for frame in ann.frames} == {frame_id}


async def test_topics_by_name_id_and_record(site: Served) -> None:
    one, two = [await site.add("counters") for _ in range(2)]
    found = site.site.catalog.find("counters")
    assert found is not None
    topics = ["counters", "counters/*", f"{found.id}/*", f"counters/{one['id']}", "nobody/*", "@custom"]
    async with listening(site, *topics) as listener:
        for record in (one, two):
            await site.update("counters", record["id"], {"views+": 1})
        heard = await listener.hears(7)
        assert [event for event, _ in heard].count(f"counters/{one['id']}") == 1
        assert {data["record"]["views"] for _, data in heard} == {1}, "sums are told as they are stored"
        assert (await listener.subscribe()).status == 204
        await site.update("counters", one["id"], {"views+": 1})
        await quiet(site)
        assert len(listener.heard) == 7


async def test_rules_and_hidden_fields(site: Served) -> None:
    """A draft is its author's alone, also in the stream; hidden fields are for superusers."""
    async with AsyncExitStack() as stack:
        people: dict[str, Listener] = {}
        for who in ("guest", "ann", "ben", "boss"):
            people[who] = await stack.enter_async_context(listening(site, "posts/*", who=who))
        draft = await site.add("posts", author=ANN, status="draft")
        await site.delete("posts", draft["id"], "boss")
        public = await site.add("posts", author=ANN, status="open")
        for who, listener in people.items():
            await listener.hears({"ann": 3, "boss": 3}.get(who, 1))
        await quiet(site)
        for who, listener in people.items():
            expected = [("create", draft["id"]), ("delete", draft["id"])] if who in {"ann", "boss"} else []
            assert listener.records == [*expected, ("create", public["id"])], who
            for _, data in listener.heard:
                assert ("secret" in data["record"]) is (who == "boss")
                assert data["record"].get("pin", "") == ""


async def test_closed_collections_stay_closed(site: Served) -> None:
    async with listening(site, "safes/*", who="ann") as ann, listening(site, "safes/*", who="boss") as boss:
        await site.add("safes")
        await boss.hears(1)
        assert ann.heard == []


@pytest.mark.parametrize("asks", ["_catalog", "_viewer"])
async def test_what_the_database_goes_away_over_is_told_once_it_is_back(
    site: Served, monkeypatch: pytest.MonkeyPatch, asks: str
) -> None:
    broker = site.site.realtime
    monkeypatch.setattr("backstay.realtime.broker.AWAY_S", 0.01)
    ask = getattr(broker, asks)
    faults = [Unavailable()] * 3

    async def is_away(*values: Any) -> Any:
        if faults:
            raise faults.pop()
        return await ask(*values)

    async with listening(site, "posts/*", who="ann") as ann:
        monkeypatch.setattr(broker, asks, is_away)
        posts = [await site.add("posts", author=ANN, status="draft") for _ in range(2)]
        await ann.hears(2)
        await quiet(site)
        assert ann.records == [("create", post["id"]) for post in posts], "each once, and in order"
    assert not faults


async def test_addresses_of_others(site: Served) -> None:
    async with listening(site, "people/*") as guest, listening(site, "people/*", who="ann") as ann:
        for person in (ANN, BEN):
            await site.update("people", person, {"name": "renamed"}, "boss")
        await guest.hears(2)
        heard = await ann.hears(2)
        assert all("email" not in data["record"] for _, data in guest.heard)
        assert [("email" in data["record"]) for _, data in heard] == [True, False]
        for _, data in [*guest.heard, *heard]:
            assert not {"password", "tokenKey", "diary"} & set(data["record"])


async def test_options(site: Served) -> None:
    post = await site.add("posts", author=ANN, status="open", title="t")
    wanted = topic(
        "comments/*", query={"filter": "text ~ 'yes'", "expand": "post", "fields": "text,expand.post.title"}
    )
    async with listening(site, wanted, topic("comments/*", query={"filter": "text.nope = 1"})) as listener:
        for text in ("no", "oh yes"):
            await site.add("comments", post=post["id"], text=text)
        [(event, data)] = await listener.hears(1)
        await quiet(site)
        assert event == wanted
        assert data["record"] == {"text": "oh yes", "expand": {"post": {"title": "t"}}}
        assert len(listener.heard) == 1


@pytest.mark.parametrize(
    "attempt",
    [
        "secret = 'sesame'",
        "vault.code = '1234'",
        "pin != ''",
        "author.email ~ 'ann'",
        "author.diary != ''",
        "author.password != ''",
        "@collection.safes.code != ''",
        "@request.auth.id = ''",
    ],
)
async def test_a_filter_is_no_oracle(site: Served, attempt: str) -> None:
    async with listening(site, topic("posts/*", query={"filter": attempt})) as listener:
        await site.add("posts", author=ANN, status="open", secret="sesame")
        await quiet(site)
        assert listener.heard == []


async def test_rules_see_the_options(site: Served) -> None:
    await site.change(
        "counters",
        listRule="@request.context = 'realtime' && @request.query.key = 'k' && @request.headers.x_key = 'h'",
    )
    good = topic("counters/*", query={"key": "k"}, headers={"X-Key": "h"})
    async with listening(site, good, "counters/*", topic("counters/*", query={"key": "x"})) as listener:
        await site.add("counters")
        [(event, _)] = await listener.hears(1)
        await quiet(site)
        assert event == good
        assert len(listener.heard) == 1


async def test_what_ends_takes_effect_at_once(site: Served) -> None:
    """A changed password ends the stream, a changed rule closes it, a deleted member is gone."""
    async with listening(site, "posts/*", who="ann") as ann, listening(site, "posts/*", who="ben") as ben:
        new = {"password": "another one ü", "passwordConfirm": "another one ü"}
        await site.update("people", ANN, new, "boss")
        await site.add("posts", author=ANN, status="draft")
        await ann.until(lambda: ann.ended)
        assert ann.heard == []
        await site.add("posts", author=BEN, status="open")
        await ben.hears(1)
        await site.change("posts", listRule=None)
        await site.add("posts", author=BEN, status="open")
        await quiet(site)
        assert len(ben.heard) == 1
        await site.change("posts", listRule="")
        await site.delete("people", BEN, "boss")
        await site.add("posts", author=ANN, status="open")
        await ben.until(lambda: ben.ended)
        assert len(ben.heard) == 1


async def test_a_token_that_expires_ends_the_stream(site: Served) -> None:
    token = await site.token("people", ANN, duration_s=1)
    async with listening(site, "counters/*", who=token) as ann:
        await asyncio.sleep(1.1)  # the clock of the token itself
        await site.add("counters")
        await ann.until(lambda: ann.ended)
        assert ann.heard == []


async def test_whose_stream_it_is(site: Served) -> None:
    proxy = {"trustedProxy": {"headers": ["X-Real-IP"]}}
    assert (await site.send("PATCH", "/api/settings", who="boss", body=proxy)).status == 200
    async with listening(site) as listener:
        assert (await listener.subscribe("posts/*", address="10.6.6.6")).status == 400
        assert (await listener.subscribe("posts/*", who="ann")).status == 204
        assert (await listener.subscribe("posts/*", who="ben")).status == 403
        assert (await listener.subscribe("posts/*")).status == 403
        assert (await listener.subscribe("posts/*", who="ann")).status == 204
        client_id = listener.id
    body = {"clientId": client_id, "subscriptions": []}
    assert (await site.send("POST", "/api/realtime", body=body)).status == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"clientId": "x" * 256}, 400),
        ({"clientId": "missing", "subscriptions": ["a"]}, 404),
        ({"clientId": "missing", "subscriptions": "a"}, 400),
        ({"clientId": "missing", "subscriptions": [5]}, 400),
        ({"clientId": 5}, 400),
        ({"clientId": "missing", "subscriptions": ["x" * (TOPIC_MAX_CHARS + 1)]}, 400),
        ({"clientId": "missing", "subscriptions": ["x"] * (TOPICS_MAX + 1)}, 400),
        ({"clientId": "missing", "subscriptions": ["x" * TOPIC_MAX_CHARS] * TOPICS_MAX}, 404),
    ],
)
async def test_bodies(site: Served, body: Any, status: int) -> None:
    assert (await site.send("POST", "/api/realtime", body=body)).status == status


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "//",
        "*",
        "?",
        "a/b/c",
        "@",
        "posts/*?options=",
        "posts/*?options={",
        "posts/*?options=[]",
        "posts/*?options=%7B%22query%22:5,%22headers%22:[]%7D",
        "posts/*?options=null",
        "\u0000",
        "posts/*\nevent: x",
    ],
)
async def test_topics_that_make_no_sense(site: Served, text: str) -> None:
    async with listening(site, text) as listener:
        await site.add("posts", author=ANN, status="open")
        await quiet(site)
        assert "\nevent: x" not in listener.raw.decode()
        assert len(listener.heard) <= 1


async def test_a_stuck_reader_is_cut_off_and_holds_up_nobody(site: Served) -> None:
    async with listening(site, "counters/*") as stuck, listening(site, "counters/*") as good:
        stuck.reading.clear()
        for _ in range(QUEUE_MAX_MESSAGES + 10):
            assert (await site.create("counters", {})).status == 200
        await good.hears(QUEUE_MAX_MESSAGES + 10)
        await quiet(site)
        client = site.site.realtime.clients.find(stuck.id)
        assert client is None or client.closed


async def test_what_is_undone_is_not_told(site: Served) -> None:
    await site.allow_batch()
    url = "/api/collections/counters/records"
    async with listening(site, "counters/*", "posts/*") as listener:
        good = {"method": "POST", "url": url, "body": {}}
        assert (
            await site.batch("boss", good, {"method": "POST", "url": url, "body": {"id": "x"}})
        ).status == 400
        assert (await site.batch("boss", good, good)).status == 200
        await listener.hears(2)
        await quiet(site)
        assert len(listener.heard) == 2


async def test_cascades_are_told(site: Served) -> None:
    post = await site.add("posts", author=ANN, status="open")
    comment = await site.add("comments", post=post["id"])
    async with listening(site, "comments/*") as listener:
        await site.delete("posts", post["id"], "boss")
        await listener.hears(1)
        assert listener.records == [("delete", comment["id"])]


# -- beyond the protocol --------------------------------------------------------------------------------------


async def test_leaving(site: Served) -> None:
    post = await site.add("posts", author=ANN, status="open")
    with_leave = topic("posts/*", leave=True)
    async with listening(site, with_leave) as knows, listening(site, "posts/*") as old:
        for status in ("open", "draft", "draft", "open"):
            await site.update("posts", post["id"], {"status": status}, "boss")
        await knows.hears(3)
        await old.hears(2)
        await quiet(site)
        assert [data["action"] for _, data in knows.heard] == ["update", "leave", "update"]
        assert set(knows.heard[1][1]["record"]) == {"id", "collectionId", "collectionName"}
        assert [data["action"] for _, data in old.heard] == ["update", "update"]


async def test_resuming(site: Served) -> None:
    async with listening(site, topic("counters/*", resume="")) as first:
        [(_, begin)] = await first.hears(1)
        assert begin["action"] == "begin"
        made = [await site.create("counters", {}) for _ in range(3)]
        heard = await first.hears(4)
        seq = heard[1][1]["seq"]
    missed = [await site.create("counters", {}) for _ in range(2)]
    ids = [reply.json()["id"] for reply in (*made, *missed)]
    async with listening(site, topic("counters/*", resume=seq)) as again:
        await again.hears(4)
        assert [data["record"]["id"] for _, data in again.heard] == ids[1:]
    for lost in ("other-1", f"{seq.split('-')[0]}-999", "x", "-1", f"{seq}9999999999999999999"):
        async with listening(site, topic("counters/*", resume=lost)) as gone:
            [(_, data)] = await gone.hears(1)
            assert data["action"] == "gap"
            assert data["seq"].startswith(seq.split("-")[0])


async def place(site: Served) -> str:
    """Return where somebody is who has heard of everything by now, and leave."""
    async with listening(site, topic("counters/*", resume="")) as listener:
        return str((await listener.hears(1))[0][1]["seq"])


async def test_each_event_is_told_once_and_in_order_while_others_write(site: Served) -> None:
    seq = await place(site)
    made = [await site.add("counters") for _ in range(40)]

    async def write() -> None:
        made.extend([await site.add("counters") for _ in range(40)])

    async with listening(site) as again, asyncio.TaskGroup() as tasks:
        tasks.create_task(write())
        for _ in range(3):  # a subscription that is sent again goes on where it is
            await again.subscribe(topic("counters/*", resume=seq), "posts/*")
        await again.hears(80)
        await quiet(site)
        assert again.records == [("create", record["id"]) for record in made]


async def test_more_is_replayed_than_may_wait_for_a_client(site: Served) -> None:
    seq = await place(site)
    made = [await site.add("counters") for _ in range(QUEUE_MAX_MESSAGES + 40)]
    async with listening(site) as again:
        again.reading.clear()
        await again.subscribe(topic("counters/*", resume=seq))
        await asyncio.sleep(0.2)
        again.reading.set()
        await again.hears(len(made))
        assert again.records == [("create", record["id"]) for record in made]


async def test_who_comes_back_after_nobody_listened_for_long_has_a_gap(
    site: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backstay.realtime.broker.RESUME_S", -1.0)
    seq = await place(site)
    if isinstance(site.site.realtime.channel, SharedChannel):
        await site.site.realtime.channel.beat(is_late=False)
    await site.add("counters")
    async with listening(site, "posts/*"), listening(site, topic("counters/*", resume=seq)) as again:
        assert [data["action"] for _, data in await again.hears(1)] == ["gap"]
        made = await site.add("counters")
        assert (await again.hears(2))[1][1]["record"]["id"] == made["id"]


async def test_who_counts_is_told_that_something_may_be_missing(site: Served) -> None:
    async with listening(site, topic("counters/*", resume=""), "posts/*") as listener:
        await listener.hears(1)
        await site.site.realtime.channel.send(Lapsed())
        assert [data["action"] for _, data in await listener.hears(2)] == ["begin", "gap"]


async def test_resuming_tells_nothing_that_one_may_not_see_now(site: Served) -> None:
    async with listening(site, topic("posts/*", resume="")) as first:
        begin = (await first.hears(1))[0][1]["seq"]
        await site.add("posts", author=ANN, status="open")
        await first.hears(2)
    await site.change("posts", listRule=None)
    async with listening(site, topic("posts/*", resume=begin)) as again:
        await quiet(site)
        assert again.heard == []


# -- the popup ------------------------------------------------------------------------------------------------


async def test_the_end_of_a_popup(site: Served) -> None:
    async with listening(site, "@oauth2") as opener, listening(site, "posts/*") as other:
        for query, page in (
            (f"state={opener.id}&code=c1", "success"),
            (f"state={opener.id}&error=denied", "failure"),
            (f"state={other.id}&code=c2", "failure"),
            ("state=nobody&code=c3", "failure"),
            ("code=c4", "failure"),
        ):
            reply = await site.get(f"/api/oauth2-redirect?{query}")
            assert reply.status == 307
            assert reply.headers["location"] == f"/_/#/auth/oauth2-redirect-{page}"
        form = {"content-type": "application/x-www-form-urlencoded"}
        posted = await site.client.post(
            "/api/oauth2-redirect", content=f"state={opener.id}&code=c5", headers=form
        )
        assert posted.status_code == 303
        user = quote('{"name":{"firstName":"Ann","lastName":"Lee"},"email":"x"}')
        apple = f"state={opener.id}&code=c6&user={user}"
        assert (
            await site.client.post("/api/oauth2-redirect", content=apple, headers=form)
        ).status_code == 303
        assert await site.site.codes.name_of("c6") == "Ann Lee"
        heard = await opener.hears(4)
        assert [data["code"] for _, data in heard] == ["c1", "", "c5", "c6"]
        assert other.heard == []
        for body in (b"", b"\xff", b"{", b"%zz", b"x" * 100_000):
            broken = await site.client.post("/api/oauth2-redirect", content=body, headers=form)
            assert broken.status_code == 303


# -- several processes ----------------------------------------------------------------------------------------


async def test_every_process_hears_of_every_write(two: tuple[Served, Served]) -> None:
    first, second = two
    async with listening(first, "counters/*") as here, listening(second, "counters/*") as there:
        ids = [(await two[n % 2].create("counters", {})).json()["id"] for n in range(20)]
        for listener in (here, there):
            await listener.hears(20)
            assert [record_id for _, record_id in listener.records] == ids


async def test_a_subscription_may_come_in_elsewhere(two: tuple[Served, Served]) -> None:
    first, second = two
    async with listening(first) as listener:
        body = {"clientId": listener.id, "subscriptions": ["posts/*", "@oauth2"]}
        assert (await second.send("POST", "/api/realtime", who="ann", body=body)).status == 204
        draft = None
        while not listener.heard:  # the other process has read it by then
            draft = await second.add("posts", author=ANN, status="draft")
            await asyncio.sleep(0.02)
        assert draft is not None
        assert (await second.send("POST", "/api/realtime", who="ben", body=body)).status in {204, 403}
        before = len(listener.heard)
        reply = await second.get(f"/api/oauth2-redirect?state={listener.id}&code=c1")
        if reply.headers["location"].endswith("success"):
            await listener.until(lambda: any(event == "@oauth2" for event, _ in listener.heard[before:]))


# -- the proof ------------------------------------------------------------------------------------------------

WRITERS, SUBSCRIBERS, WRITES = 32, 200, 12


async def test_everybody_hears_exactly_what_their_rule_allowed(site: Served) -> None:
    """Records change hands all the time; each subscriber hears of those which were theirs at that moment."""
    await site.site.create_collection(
        {
            "name": "hands",
            "type": "base",
            "fields": [{"type": "text", "name": "owner"}, {"type": "number", "name": "turn"}],
            "listRule": "owner = @request.query.me || owner = 'all'",
            "viewRule": "",
            "createRule": "",
            "updateRule": "",
        }
    )
    owners = [f"o{n}" for n in range(6)] + ["all", "nobody"]
    records = [(await site.create("hands", {"owner": "all"})).json()["id"] for _ in range(8)]
    answers: dict[tuple[str, int], str] = {}
    dice = random.Random(7)

    async def write(number: int) -> None:
        for _ in range(WRITES):
            record, owner = dice.choice(records), dice.choice(owners)
            reply = await site.update("hands", record, {"owner": owner, "turn+": 1})
            answers[record, int(reply.json()["turn"])] = owner

    async with AsyncExitStack() as stack:
        listeners = [
            (me, await stack.enter_async_context(listening(site, topic("hands/*", query={"me": me}))))
            for me in (owners[n % 6] for n in range(SUBSCRIBERS))
        ]
        await asyncio.gather(*(write(number) for number in range(WRITERS)))
        await quiet(site)
        assert len(answers) == WRITERS * WRITES, "each turn was taken once"
        for me, listener in listeners:
            expected = {key for key, owner in answers.items() if owner in {me, "all"}}
            await listener.hears(len(expected))
            heard = [(data["record"]["id"], data["record"]["turn"]) for _, data in listener.heard]
            assert set(heard) == expected
            assert len(heard) == len(expected), "none twice"
            for record in records:
                turns = [turn for record_id, turn in heard if record_id == record]
                assert turns == sorted(turns), "in order"
