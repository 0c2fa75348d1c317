"""What /api/openapi.json says of each door: what it refuses, which parameters it takes, and that answers are as it says."""

from __future__ import annotations

import msgspec
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from starlette.responses import JSONResponse

from backstay import Backstay, Reading
from backstay.errors import RequestError
from tests.extending.conftest import PASSWORD, Opening
from tests.extending.test_openapi import ANY_DOOR, application, checker, prepared

pytestmark = pytest.mark.anyio


async def test_what_is_read_is_as_it_says_for_everybody(opening: Opening) -> None:
    async with opening(application()) as site:
        await prepared(site.app)
        boss = await site.app.records("_superusers").create(email="boss@example.com", password=PASSWORD)
        whole = await site.app.accounts("_superusers").token(boss.id)
        for token, least in (("", 5), ((await site.person("ann"))[1], 5), (whole, 14)):
            document = (await site.ask("GET", "/api/openapi.json", token)).json()
            shared = {"components": document["components"]}
            seen = 0
            for path, doors in document["paths"].items():
                if "{" in path or "get" not in doors or path == "/api/realtime":
                    continue
                told, reply = doors["get"]["responses"], await site.ask("GET", path, token)
                assert str(reply.status_code) in told, path
                for media, content in told[str(reply.status_code)].get("content", {}).items():
                    assert reply.headers["content-type"] == media, path
                    checked = Draft202012Validator(content["schema"] | shared)
                    assert list(checked.iter_errors(reply.json())) == [], path
                    seen += 1
            assert seen >= least


async def test_doors_without_a_token_refuse_as_it_says(opening: Opening) -> None:
    async with opening(application()) as site:
        await prepared(site.app)
        boss = await site.app.records("_superusers").create(email="boss@example.com", password=PASSWORD)
        token = await site.app.accounts("_superusers").token(boss.id)
        document = (await site.ask("GET", "/api/openapi.json", token)).json()
        error, closed = checker(document, "Error"), 0
        for path, doors in document["paths"].items():
            for method, door in doors.items():
                if "security" in door and not path.endswith("/impersonate/{id}"):
                    real = path.replace("{collection}", "kinds")
                    reply = await site.ask(method.upper(), real, json={} if "requestBody" in door else None)
                    assert str(reply.status_code) in door["responses"], (method, path, reply.text)
                    assert reply.status_code in {401, 403}, (method, path)
                    assert list(error.iter_errors(reply.json())) == []
                    closed += 1
        assert closed > 20


async def test_errors_of_the_sites_own_may_have_any_status(opening: Opening) -> None:
    app = Backstay()

    def told(error: RequestError) -> JSONResponse:
        return JSONResponse({"wrong": error.message}, 422)

    @app.get("/api/picky", public=True, errors=told)
    async def picky(count: int) -> dict[str, int]:
        return {"count": count}

    async with opening(app) as site:
        responses = (await site.ask("GET", "/api/openapi.json")).json()["paths"]["/api/picky"]["get"][
            "responses"
        ]
        assert set(responses) == {"200", "default"}
        assert (await site.ask("GET", "/api/picky?count=many")).status_code == 422


async def test_what_code_changes_before_it_is_sent_may_lack_keys(opening: Opening) -> None:
    app = Backstay()

    @app.reading("products")
    async def short(event: Reading) -> None:
        for record in event.records:
            del record["stock"]
            record["more"] = True

    async with opening(app) as site:
        document = (await site.ask("GET", "/api/openapi.json")).json()
        shared = {"components": document["components"]}
        made = (await site.ask("POST", "/api/collections/products/records", json={"sku": "a"})).json()
        told = Draft202012Validator({"$ref": "#/components/schemas/products.record"} | shared)
        assert (list(told.iter_errors(made)), "stock" in made) == ([], False)
        assert "required" in document["components"]["schemas"]["people.record"]


async def test_each_refusal_is_told_once_and_by_every_door(opening: Opening) -> None:
    async with opening(application()) as site:
        document = (await site.ask("GET", "/api/openapi.json")).json()
        for doors in document["paths"].values():
            for door in doors.values():
                told = {key: value for key, value in door["responses"].items() if key >= "400"}
                assert set(told) >= ANY_DOOR
        parts = document["components"]["responses"]
        assert "Retry-After" in parts["TooManyRequests"]["headers"]
        wrong = await site.ask("PUT", "/api/health")
        assert wrong.status_code == 404, "another method leads nowhere, as the document says at its head"
        refused = await site.ask("POST", "/api/realtime", content=b"x")
        assert str(refused.status_code) in document["paths"]["/api/realtime"]["post"]["responses"]


async def test_doors_with_an_answer_take_fields(opening: Opening) -> None:
    async with opening(Backstay()) as site:
        boss = await site.app.records("_superusers").create(email="boss@example.com", password=PASSWORD)
        token = await site.app.accounts("_superusers").token(boss.id)
        paths = (await site.ask("GET", "/api/openapi.json", token)).json()["paths"]
        without = {
            (method, path)
            for path, doors in paths.items()
            for method, door in doors.items()
            if "application/json" in door["responses"].get("200", {}).get("content", {})
            and "fields" not in {item["name"] for item in door.get("parameters", [])}
        }
        assert without == {("post", "/api/batch"), ("get", "/api/openapi.json")}
        for path in (
            "/api/settings",
            "/api/crons",
            "/api/jobs/counts",
            "/api/collections/people/auth-methods",
        ):
            cut = (await site.ask("GET", f"{path}?fields=none", token)).json()
            assert cut in ({}, []) or set(map(str, cut)) == {"{}"}
        enter = "/api/collections/people/auth-with-password"
        await site.person("ann")
        body = {"identity": "ann@example.com", "password": PASSWORD}
        reply = await site.ask("POST", f"{enter}?fields=record.id", json=body)
        assert set(reply.json()) == {"record"}
        assert {item["name"] for item in paths[enter]["post"]["parameters"]} == {"expand", "fields"}


class Error(msgspec.Struct):
    """A type of the site that is called as our errors are."""

    line: int
    cause: Error | None = None


async def test_a_type_of_the_site_may_be_called_error(opening: Opening) -> None:
    app = Backstay()

    @app.get("/api/errors", public=True)
    async def errors() -> list[Error]:
        return [Error(1, Error(2))]

    async with opening(app) as site:
        document = (await site.ask("GET", "/api/openapi.json")).json()
        reply = await site.ask("GET", "/api/errors")
        content = document["paths"]["/api/errors"]["get"]["responses"]["200"]["content"]
        told = Draft202012Validator(
            content["application/json"]["schema"] | {"components": document["components"]}
        )
        assert list(told.iter_errors(reply.json())) == []
        assert list(told.iter_errors([{"line": 1, "cause": {"line": "2"}}])) != []
        assert "status" in document["components"]["schemas"]["Error"]["properties"]
        validate(document)
