"""The doors to jobs and schedules: for superusers only, and without the secrets of mails."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pytest

from backstay.catalog.casts import format_date
from backstay.jobs import Jobs
from backstay.plans.params import Statement
from backstay.stores.base import Transaction
from tests.api.site import Answer, Json, Served

pytestmark = pytest.mark.anyio

JOBS, CRONS = "/api/jobs", "/api/crons"
BUILT_IN = [
    {"id": "__pbDBOptimize__", "expression": "0 0 * * *"},
    {"id": "__pbMFACleanup__", "expression": "0 * * * *"},
    {"id": "__pbOTPCleanup__", "expression": "0 * * * *"},
]
DOORS = [
    ("GET", JOBS),
    ("GET", f"{JOBS}/counts"),
    ("POST", f"{JOBS}/retry"),
    ("POST", f"{JOBS}/{{id}}/retry"),
    ("DELETE", f"{JOBS}/{{id}}"),
    ("GET", CRONS),
    ("POST", f"{CRONS}/tidy"),
    ("POST", f"{CRONS}/nope"),
]


class Own:
    """A site's own jobs: one that works, one that fails, one by the clock."""

    def __init__(self, site: Served) -> None:
        self.site, self.jobs, self.tidied = site, Jobs(), 0
        self.done: list[str] = []

        @self.jobs.job(retries=0)
        async def note(text: str) -> None:
            self.done.append(text)

        @self.jobs.job(retries=0)
        async def fail(text: str) -> None:
            raise LookupError(text)

        @self.jobs.cron("30 4 * * *", timezone="Europe/Berlin")
        async def tidy() -> None:
            self.tidied += 1

        self.note, self.fail = note, fail
        site.site.use_jobs(self.jobs)

    async def ask(self, method: str, path: str, who: str = "boss", body: Any = None, **params: Any) -> Answer:
        return await self.site.send(method, path, who=who, body=body, params=params)

    async def items(self, **params: Any) -> list[dict[str, Any]]:
        reply = await self.ask("GET", JOBS, **params)
        assert reply.status == 200, reply
        found: list[dict[str, Any]] = reply.json()["items"]
        return found

    async def drain(self) -> None:
        await self.site.site.outbox.drain()


@pytest.fixture
def own(site: Served) -> Own:
    return Own(site)


@pytest.mark.parametrize(("method", "path"), DOORS)
@pytest.mark.parametrize(
    ("who", "status", "message"),
    [
        ("guest", 401, "The request requires valid record authorization token."),
        ("broken", 401, "The request requires valid record authorization token."),
        ("ann", 403, "The authorized record is not allowed to perform this action."),
        ("chief", 403, "The authorized record is not allowed to perform this action."),
    ],
)
async def test_only_superusers_come_in(
    own: Own, method: str, path: str, who: str, status: int, message: str
) -> None:
    queued = await own.fail.enqueue("x")
    await own.drain()
    reply = await own.ask(method, path.format(id=queued.id), who, {"topic": "job:fail"})
    assert (reply.status, reply.json()) == (status, {"data": {}, "message": message, "status": status})
    assert [item["state"] for item in await own.items()] == ["failed"], "nothing has happened"


async def test_the_list(own: Own) -> None:
    await own.fail.enqueue("oops")
    await own.drain()
    await own.note.later(delay_s=3600, key="k", priority=7).enqueue("later")
    waiting, failed = await own.items()
    assert {**waiting, "due": "", "created": ""} == {
        "id": 2,
        "topic": "job:note",
        "state": "waiting",
        "attempts": 0,
        "priority": 7,
        "key": "k",
        "due": "",
        "began": "",
        "created": "",
        "error": "",
        "payload": {"text": "later"},
    }
    assert (failed["state"], failed["attempts"], failed["error"]) == ("failed", 1, "LookupError: oops")
    assert waiting["due"] > failed["due"]
    reply = await own.ask("GET", JOBS, perPage=1, page=2, fields="id,payload.text")
    assert reply.json() == {
        "items": [{"id": failed["id"], "payload": {"text": "oops"}}],
        "page": 2,
        "perPage": 1,
        "totalItems": 2,
        "totalPages": 2,
    }


async def test_the_list_is_chosen_by_state_and_topic(own: Own) -> None:
    await own.fail.enqueue("oops")
    await own.drain()
    await own.note.enqueue("x")
    await own.site.site.outbox._take()
    await own.note.enqueue("y")
    for params, found in (
        ({"state": "failed"}, ["job:fail"]),
        ({"state": "running"}, ["job:note"]),
        ({"state": "waiting", "topic": "job:note"}, ["job:note"]),
        ({"state": "waiting", "topic": "job:fail"}, []),
        ({"topic": "job:fail"}, ["job:fail"]),
        ({"topic": "job:' OR 1=1 --"}, []),
        ({"page": 2**62}, []),
    ):
        assert [item["topic"] for item in await own.items(**params)] == found, params
    [running] = await own.items(state="running")
    assert running["began"]
    for params in ({"state": "lost"}, {"page": "x"}, {"fields": "a:b("}):
        assert (await own.ask("GET", JOBS, **params)).status == 400, params


async def test_a_mail_shows_nothing_of_what_it_holds(own: Own, site: Served) -> None:
    body = {"email": "ann@example.com"}
    reply = await site.send("POST", "/api/collections/people/request-password-reset", body=body)
    assert reply.status == 204
    [order] = await own.items()
    await site.site.outbox.drain()
    assert not order["topic"].startswith("job:")
    assert "payload" not in order
    assert "ann@" not in repr(order)


async def test_counts(own: Own) -> None:
    for _ in range(3):
        await own.fail.enqueue("oops")
    await own.drain()
    await own.note.enqueue("x")
    assert (await own.ask("GET", f"{JOBS}/counts")).json() == [
        {"topic": "job:fail", "state": "failed", "count": 3},
        {"topic": "job:note", "state": "waiting", "count": 1},
    ]


async def test_what_failed_is_tried_again(own: Own) -> None:
    queued = await own.fail.enqueue("oops")
    await own.drain()
    assert (await own.ask("POST", f"{JOBS}/{queued.id}/retry")).status == 204
    [item] = await own.items()
    assert (item["state"], item["attempts"]) == ("waiting", 0)
    refused = await own.ask("POST", f"{JOBS}/{queued.id}/retry")
    assert refused.status == 400
    assert "has failed" in refused.json()["hint"]
    await own.drain()
    await own.fail.enqueue("again")
    await own.drain()
    reply = await own.ask("POST", f"{JOBS}/retry", body={"topic": "job:fail"})
    assert (reply.status, reply.json()) == (200, {"retried": 2})
    bodies: tuple[Json, ...] = ({}, {"topic": ""}, {"topic": 5}, {"topic": None}, [])
    for body in bodies:
        assert (await own.ask("POST", f"{JOBS}/retry", body=body)).status == 400, body


async def test_what_waits_or_failed_is_deleted_and_nothing_else(own: Own) -> None:
    queued = await own.fail.enqueue("oops")
    await own.drain()
    assert (await own.ask("DELETE", f"{JOBS}/{queued.id}")).status == 204
    assert (await own.ask("DELETE", f"{JOBS}/{queued.id}")).status == 404
    running = await own.note.enqueue("x")
    await own.site.site.outbox._take()
    assert (await own.ask("DELETE", f"{JOBS}/{running.id}")).status == 400
    for id in ("0", "-1", "x", "9" * 30, "1e3", "٣", "counts", "%00"):
        for method, path in (("DELETE", f"{JOBS}/{id}"), ("POST", f"{JOBS}/{id}/retry")):
            assert (await own.ask(method, path)).status == 404, path
    assert len(await own.items()) == 1


async def test_schedules_are_listed_and_run(own: Own) -> None:
    reply = await own.ask("GET", CRONS)
    assert reply.json() == [*BUILT_IN, {"id": "tidy", "expression": "30 4 * * *"}]
    assert (await own.ask("GET", CRONS, fields="id")).json()[-1] == {"id": "tidy"}
    for _ in range(2):
        assert (await own.ask("POST", f"{CRONS}/tidy")).status == 204
    await own.drain()
    assert own.tidied == 1
    missing = await own.ask("POST", f"{CRONS}/nope")
    assert (missing.status, missing.json()["message"]) == (404, "Missing or invalid cron job.")
    for method, path in (("GET", f"{CRONS}/tidy"), ("POST", CRONS), ("PUT", f"{CRONS}/tidy")):
        assert (await own.ask(method, path)).status == 404


async def test_codes_and_begun_sign_ins_that_are_over_are_cleared_away(own: Own, site: Served) -> None:
    await site.change(
        "people", otp={"enabled": True, "duration": 600}, mfa={"enabled": True, "duration": 600}
    )
    for _ in range(2):
        await site.send("POST", "/api/collections/people/request-otp", body={"email": "ann@example.com"})
        await own.drain()
    ids = [row[0] for row in await site.site.store.fetch(Statement("SELECT id FROM _otps"))]
    assert len(ids) == 2
    old, new = (_date(time.time() - age_s) for age_s in (601, 599))
    people = site.site.catalog.find("people")
    assert people is not None
    begun = (("a", people.id, old), ("b", people.id, new), ("c", "gone", new))

    async def age(tx: Transaction) -> None:
        await tx.execute(Statement("UPDATE _otps SET created = ? WHERE id = ?"), [old, ids[0]])
        for letter, owner, created in begun:
            await tx.execute(ADD_MFA, [letter * 15, owner, created, created])

    await site.site.store.write(age)
    for name in ("__pbOTPCleanup__", "__pbMFACleanup__", "__pbDBOptimize__"):
        assert (await own.ask("POST", f"{CRONS}/{name}")).status == 204
    await own.drain()
    assert await own.items() == [], "each has done its work"
    assert await site.site.store.fetch(Statement("SELECT id FROM _otps")) == [(ids[1],)]
    assert await site.site.store.fetch(Statement("SELECT id FROM _mfas")) == [("b" * 15,)]


ADD_MFA = Statement(
    'INSERT INTO _mfas (id, "collectionRef", "recordRef", method, created, updated) '
    "VALUES (?, ?, 'x', 'password', ?, ?)"
)


def _date(seconds: float) -> str:
    return format_date(datetime.fromtimestamp(seconds, UTC))
