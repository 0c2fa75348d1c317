"""What /api/openapi.json says of the doors for superusers, and of batches: each answer and each body is held against it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from backstay import Backstay
from tests.extending.conftest import OPEN, PASSWORD, Open, Opening
from tests.extending.test_openapi import KINDS, closed

pytestmark = pytest.mark.anyio
GITHUB = {"name": "github", "clientId": "an-id", "clientSecret": "a-secret"}
RELATED = {"name": "related", "type": "relation", "maxSelect": 2, "collectionId": "_pb_users_auth_"}
GUARDED = {"name": "guarded", "type": "password", "minScore": 1}


class Held:
    """A superuser who holds all that goes to and fro against the document, in which nothing may be that is not told."""

    def __init__(self, site: Open, token: str, document: dict[str, Any]) -> None:
        self.site, self.token = site, token
        self.paths, self.shared = document["paths"], closed(document["components"])

    async def ask(
        self, method: str, door: str, *, id: str = "", json: Any = None, as_told: bool = True
    ) -> Any:
        """Ask a door, by its path in the document; return the answer.

        as_told: the body is what the document asks for
        """
        told = self.paths[door][method.lower()]
        if json is not None:
            body = told["requestBody"]["content"]["application/json"]["schema"]
            assert (self.faults(body, json) == []) is as_told, self.faults(body, json)
        path = door.replace("{collection}", id).replace("{id}", id)
        reply = await self.site.ask(method, path, self.token, json=json)
        assert self.faults(self.answer(told, reply), reply.json() if reply.content else None) == []
        return reply.json() if reply.content else None

    def answer(self, told: dict[str, Any], reply: httpx.Response) -> Any:
        """Return the schema of an answer; that of one without a body lets nothing but None pass."""
        response = told["responses"][str(reply.status_code)]
        if "$ref" in response:
            response = self.shared["responses"][response["$ref"].rpartition("/")[2]]
        content = response.get("content", {"application/json": {"schema": {"const": None}}})
        return content["application/json"]["schema"]

    def faults(self, schema: Any, value: Any) -> list[str]:
        checker = Draft202012Validator({"allOf": [closed(schema)], "components": self.shared})
        return [f"{fault.json_path}: {fault.message[:300]}" for fault in checker.iter_errors(value)]


@pytest.fixture
async def held(opening: Opening) -> AsyncIterator[Held]:
    app = Backstay()

    @app.job(retries=0)
    async def fail(text: str) -> None:
        raise LookupError(text)

    @app.cron("30 4 * * *")
    async def tidy() -> None:
        pass

    async with opening(app) as site:
        boss = await app.records("_superusers").create(email="boss@example.com", password=PASSWORD)
        token = await app.accounts("_superusers").token(boss.id)
        for text in ("one", "two"):
            await fail.later(delay_s=900).enqueue(text)
        yield Held(site, token, (await site.ask("GET", "/api/openapi.json", token)).json())


async def test_settings(held: Held) -> None:
    door = "/api/settings"
    shown = await held.ask("GET", door)
    changed = await held.ask("PATCH", door, json={"smtp": {"password": "hush"}, "superuserIPs": []})
    assert changed == shown, "secrets are taken and not told"
    await held.ask("PATCH", door, json=shown)
    rules = [{"label": "*:auth", "audience": "@guest", "duration": 1, "maxRequests": 5}]
    await held.ask("PATCH", door, json={"rateLimits": {"rules": rules, "excludedIPs": ["10.0.0.0/8"]}})
    refused = await held.ask("PATCH", door, json={"meta": {"appName": ""}, "rateLimits": {"rules": [{}]}})
    assert refused["data"]["rateLimits"]["rules"]["0"]["label"]["code"] == "validation_required"
    assert (await held.ask("PATCH", door, json={"logs": {"maxDays": "7"}}, as_told=False))["status"] == 400


async def test_collections_of_each_type(held: Held) -> None:
    many, one = "/api/collections", "/api/collections/{collection}"
    fields = [*({**kind} for kind in KINDS), RELATED, GUARDED]
    await held.ask("POST", many, json={"name": "kinds", "type": "base", "fields": fields, **OPEN})
    members = {"name": "members", "type": "auth", "authRule": None, "otp": {"enabled": True, "length": 6}}
    made = await held.ask("POST", many, json=members)
    assert "secret" not in made["authToken"]
    providers = {"oauth2": {"enabled": True, "providers": [GITHUB]}}
    changed = await held.ask("PATCH", one, id="members", json=providers)
    assert "clientSecret" not in changed["oauth2"]["providers"][0]
    query = "SELECT id, a_number FROM kinds"
    await held.ask("POST", many, json={"name": "seen", "type": "view", "viewQuery": query})
    await held.ask("POST", f"{many}/meta/dry-run-view", json={"query": query})
    listed = await held.ask("GET", many)
    assert {item["type"] for item in listed["items"]} == {"base", "auth", "view"}
    for item in listed["items"]:
        assert await held.ask("GET", one, id=item["name"]) == item
        await held.ask("PATCH", one, id=item["name"], json=item)
    await held.ask("PUT", f"{many}/import", json={"collections": listed["items"]})
    for path in ("scaffolds", "oauth2-providers"):
        await held.ask("GET", f"{many}/meta/{path}")
    await held.ask("DELETE", f"{one}/truncate", id="kinds")
    await held.ask("DELETE", one, id="seen")


async def test_collections_that_are_refused(held: Held) -> None:
    many = "/api/collections"
    twice = [{"name": "x", "type": "text"}, {"name": "x", "type": "number", "min": 2, "max": 1}]
    refused = await held.ask("POST", many, json={"name": "a b", "fields": twice})
    assert {"name", "fields"} <= set(refused["data"])
    for field in (
        {"name": "x", "type": "magic"},
        {"type": "text"},
        {"name": "x", "type": "text", "max": 1.5},
    ):
        faulty = {"name": "odd", "fields": [field]}
        assert (await held.ask("POST", many, json=faulty, as_told=False))["status"] == 400


async def test_jobs_and_schedules(held: Held) -> None:
    jobs = "/api/jobs"
    listed = await held.ask("GET", jobs)
    assert [item["payload"] for item in listed["items"]]
    job = str(listed["items"][0]["id"])
    assert await held.ask("GET", f"{jobs}/counts")
    await held.ask("POST", f"{jobs}/retry", json={"topic": "job:fail"})
    await held.ask("POST", f"{jobs}/{{id}}/retry", id=job)
    await held.ask("DELETE", f"{jobs}/{{id}}", id=job)
    await held.ask("DELETE", f"{jobs}/{{id}}", id=job)
    crons = await held.ask("GET", "/api/crons")
    await held.ask("POST", "/api/crons/{id}", id=crons[0]["id"])
    await held.ask("POST", "/api/crons/{id}", id="none")


async def test_batches(held: Held) -> None:
    assert (await held.ask("POST", "/api/batch", json={"requests": [{}]}, as_told=False))["status"] == 403
    await held.ask("PATCH", "/api/settings", json={"batch": {"enabled": True}})
    notes, products = "/api/collections/notes/records", "/api/collections/products/records"
    writes: list[dict[str, Any]] = [
        {"method": "POST", "url": notes, "body": {"id": "a" * 15, "text": "x"}, "headers": {"x-a": "b"}},
        {"method": "PUT", "url": notes, "body": {"id": "a" * 15, "text": "y"}},
        {"method": "PATCH", "url": f"{notes}/{'a' * 15}?fields=id", "body": {"text": "z"}},
        {"method": "DELETE", "url": f"{notes}/{'a' * 15}"},
    ]
    done = await held.ask("POST", "/api/batch", json={"requests": writes})
    assert [item["status"] for item in done] == [200, 200, 200, 204]
    blank = {"method": "POST", "url": products, "body": {"sku": ""}}
    refused = await held.ask("POST", "/api/batch", json={"requests": [blank]})
    assert refused["data"]["requests"]["0"]["response"]["data"]["sku"]["code"] == "validation_required"
    faulty: list[dict[str, Any]] = [{"requests": []}, {"requests": [{"method": "LOOK", "url": ""}]}]
    for body in faulty:
        assert (await held.ask("POST", "/api/batch", json=body, as_told=False))["status"] == 400


async def test_ways_in(held: Held) -> None:
    ways = "/api/collections/people/auth-methods"
    options = {"mfa": {"enabled": True}, "otp": {"enabled": True}}
    providers = {"oauth2": {"enabled": True, "providers": [GITHUB]}}
    await held.ask("PATCH", "/api/collections/{collection}", id="people", json={**options, **providers})
    document = (await held.site.ask("GET", "/api/openapi.json", held.token)).json()
    held = Held(held.site, held.token, document)
    assert (await held.ask("GET", ways))["oauth2"]["providers"][0]["codeChallengeMethod"] == "S256"
    id, _ = await held.site.person("ann")
    enter = "/api/collections/people/auth-with-password"
    body = {"identity": "ann@example.com", "password": PASSWORD}
    assert set(await held.ask("POST", enter, json=body)) == {"mfaId"}
    assert (await held.ask("POST", enter, json={**body, "password": "wrong"}))["status"] == 400
    assert await held.ask("POST", "/api/collections/people/request-otp", json={"email": "ann@example.com"})
    impersonate = "/api/collections/people/impersonate/{id}"
    assert (await held.ask("POST", impersonate, id=id, json={"duration": 60}))["record"]["id"] == id
    await held.ask("GET", "/api/health")
