"""/api/openapi.json: valid, true to what is answered, and no more than the viewer may know."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from backstay import Backstay, Collection, Index, Rules, Viewer, field
from backstay.http.application import create_application
from backstay.site import Site
from tests.extending.conftest import PASSWORD, Opening

pytestmark = pytest.mark.anyio
KINDS: list[dict[str, Any]] = [
    {"name": "a_text", "type": "text", "required": True, "max": 20},
    {"name": "a_number", "type": "number", "min": 1, "max": 9},
    {"name": "a_whole", "type": "number", "onlyInt": True},
    {"name": "a_bool", "type": "bool"},
    {"name": "an_email", "type": "email"},
    {"name": "a_url", "type": "url"},
    {"name": "a_date", "type": "date"},
    {"name": "an_autodate", "type": "autodate", "onCreate": True},
    {"name": "one_of", "type": "select", "values": ["a", "b"], "maxSelect": 1},
    {"name": "some_of", "type": "select", "values": ["a", "b"], "maxSelect": 2},
    {"name": "a_json", "type": "json"},
    {"name": "a_file", "type": "file", "maxSelect": 1},
    {"name": "files", "type": "file", "maxSelect": 3},
    {"name": "a_point", "type": "geoPoint"},
    {"name": "an_editor", "type": "editor"},
    {"name": "secret_field", "type": "text", "hidden": True},
]
OPEN = dict.fromkeys(("listRule", "viewRule", "createRule", "updateRule", "deleteRule"), "")

ANY_DOOR = {"400", "403", "429", "500", "503"}


class Sale(msgspec.Struct):
    sku: str
    count: int = 1


class Sold(msgspec.Struct):
    left: float


def application() -> Backstay:
    app = Backstay()

    @app.post("/api/sales/{shop}", within="sale", status=201)
    async def sell(shop: str, body: Sale, dry: bool = False) -> Sold:
        """Sell something."""
        return Sold(body.count if dry else 0)

    @app.put("/api/sales", public=True)
    async def again(body: Sale | None = None) -> Sold:
        return Sold(body.count if body else 0)

    @app.get("/api/open", public=True, tags=("odds", "ends"))
    async def hello() -> None:
        """Say nothing."""

    @app.get("/api/owner", superusers=True)
    async def owner(viewer: Viewer) -> dict[str, int]:
        return {}

    return app


async def prepared(app: Backstay) -> None:
    await app.site.create_collection({"name": "kinds", "fields": KINDS, **OPEN})
    await app.site.create_collection({"name": "closed", "fields": [{"name": "x", "type": "text"}]})
    await app.site.create_collection(
        {"name": "half", "listRule": "", "fields": [{"name": "x", "type": "text", "hidden": True}]}
    )


def checker(document: dict[str, Any], name: str) -> Draft202012Validator:
    """Return what checks a value against one of the document's schemas; nothing else than it names may stand there."""
    schemas = closed(document["components"]["schemas"])
    return Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}})


def closed(schema: Any) -> Any:
    """Return a schema in which no object, however deep, has keys that are not told."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: closed(value) for key, value in schema.items()}
    is_told = schema.get("type") == "object" and "properties" in schema
    return {"additionalProperties": False, **inner} if is_told else inner


async def test_it_is_valid_for_everybody(opening: Opening) -> None:
    async with opening(application()) as site:
        await prepared(site.app)
        boss = await site.app.records("_superusers").create(email="boss@example.com", password=PASSWORD)
        tokens = ["", (await site.person("ann"))[1], await site.app.accounts("_superusers").token(boss.id)]
        for token in tokens:
            reply = await site.ask("GET", "/api/openapi.json", token)
            assert reply.status_code == 200
            validate(reply.json())


async def test_it_tells_no_more_than_the_viewer_may_know(opening: Opening) -> None:
    async with opening(application()) as site:
        await prepared(site.app)
        guest = (await site.ask("GET", "/api/openapi.json")).text
        member = (await site.ask("GET", "/api/openapi.json", (await site.person("ann"))[1])).text
        for text in (guest, member):
            for secret in ("closed", "secret_field", "_superusers", "tokenKey", "/api/owner"):
                assert secret not in text, secret
            half = msgspec.json.decode(text)["paths"]["/api/collections/half/records"]
            assert set(half) == {"get"}
        assert "/api/sales/{shop}" not in guest
        assert "/api/sales/{shop}" in member
        boss = await site.app.records("_superusers").create(email="boss@example.com", password=PASSWORD)
        token = await site.app.accounts("_superusers").token(boss.id)
        whole = (await site.ask("GET", "/api/openapi.json", token)).text
        for told in ("closed", "secret_field", "_superusers", "/api/owner"):
            assert told in whole
        assert (await site.ask("GET", "/api/openapi.json")).text == guest, (
            "what was made for others is not told"
        )


async def test_it_tells_whether_a_token_is_good(opening: Opening) -> None:
    async with opening(application()) as site:
        token = (await site.person("ann"))[1]
        for given, collection in (("", None), (token, "people"), (token + "x", None), ("nonsense", None)):
            document = (await site.ask("GET", "/api/openapi.json", given)).json()
            assert document["info"]["x-viewer"] == collection, given


async def test_answers_are_as_it_says(opening: Opening) -> None:
    async with opening(application()) as site:
        await prepared(site.app)
        document = (await site.ask("GET", "/api/openapi.json")).json()
        record, page = checker(document, "kinds.record"), checker(document, "kinds.page")
        kinds = "/api/collections/kinds/records"
        full = {
            **{"a_text": "x", "a_number": 2.5, "a_whole": 3, "a_bool": True, "an_email": "a@example.com"},
            **{"a_url": "https://example.com", "a_date": "2026-01-02 03:04:05.000Z", "one_of": "a"},
            **{
                "some_of": ["a", "b"],
                "a_json": {"x": [1]},
                "a_point": {"lon": 1, "lat": 2},
                "an_editor": "<p>",
            },
        }
        assert list(checker(document, "kinds.create").iter_errors(full)) == []
        for body in (full, {"a_text": "only"}):
            made = await site.ask("POST", kinds, json=body)
            assert made.status_code == 200
            assert list(record.iter_errors(made.json())) == []
        changed = await site.ask("PATCH", f"{kinds}/{made.json()['id']}", json={"a_number+": 2})
        assert list(record.iter_errors(changed.json())) == []
        upload = await site.ask("POST", kinds, data={"a_text": "f"}, files={"files": ("a.txt", b"hello")})
        assert list(record.iter_errors(upload.json())) == []
        assert list(page.iter_errors((await site.ask("GET", kinds)).json())) == []
        assert list(record.iter_errors((await site.ask("GET", f"{kinds}/{made.json()['id']}")).json())) == []
        error = checker(document, "Error")
        for reply in (await site.ask("POST", kinds, json={}), await site.ask("GET", f"{kinds}/none")):
            assert list(error.iter_errors(reply.json())) == []
        await site.person("ann")
        body = {"identity": "ann@example.com", "password": PASSWORD}
        signed = (await site.ask("POST", "/api/collections/people/auth-with-password", json=body)).json()
        assert list(checker(document, "people.record").iter_errors(signed["record"])) == []


async def test_endpoints_have_the_schemas_of_their_types(opening: Opening) -> None:
    async with opening(application()) as site:
        _, token = await site.person("ann")
        document = (await site.ask("GET", "/api/openapi.json", token)).json()
        sell = document["paths"]["/api/sales/{shop}"]["post"]
        assert sell["summary"] == "Sell something."
        assert [(item["name"], item["in"], item["required"]) for item in sell["parameters"]] == [
            ("shop", "path", True),
            ("dry", "query", False),
        ]
        body = sell["requestBody"]["content"]["application/json"]["schema"]
        assert body == {
            "type": "object",
            "properties": {"sale": {"$ref": "#/components/schemas/Sale"}},
            "required": ["sale"],
        }
        assert sell["requestBody"]["required"]
        assert not document["paths"]["/api/sales"]["put"]["requestBody"]["required"]
        assert (await site.ask("PUT", "/api/sales")).json() == {"left": 0}
        assert document["components"]["schemas"]["Sale"]["required"] == ["sku"]
        assert sell["security"] == [{"token": []}]
        assert set(sell["responses"]) == {"201", *ANY_DOOR, "401", "404", "413", "507"}
        hello = document["paths"]["/api/open"]["get"]
        assert set(hello["responses"]) == {"204", *ANY_DOOR, "404", "413", "507"}
        assert hello["tags"] == ["odds", "ends"]


async def test_it_is_sent_once(opening: Opening) -> None:
    async with opening(Backstay()) as site:
        first = await site.client.get("/api/openapi.json")
        again = await site.client.get("/api/openapi.json", headers={"if-none-match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        await site.app.site.create_collection({"name": "new_one", "listRule": ""})
        changed = await site.client.get("/api/openapi.json", headers={"if-none-match": first.headers["etag"]})
        assert changed.status_code == 200
        assert "new_one" in changed.text


async def test_classes_are_told_like_other_collections(opening: Opening) -> None:
    app = Backstay()

    @app.collection
    class Letters(Collection):
        __rules__ = Rules(list="", view="")
        __indexes__ = (Index("number"),)
        number: float = field.number(system_only=True)

    async with opening(app) as site:
        document = (await site.ask("GET", "/api/openapi.json")).json()
        assert "number" in document["components"]["schemas"]["letters.record"]["properties"]
        assert set(document["paths"]["/api/collections/letters/records"]) == {"get"}


async def test_it_tells_of_every_door_and_of_none_that_is_not_there(opening: Opening) -> None:
    async with opening(Backstay()) as site:
        boss = await site.app.records("_superusers").create(email="boss@example.com", password=PASSWORD)
        token = await site.app.accounts("_superusers").token(boss.id)
        for name in ("people", "users"):
            options = {"otp": {"enabled": True}, "oauth2": {"enabled": True}}
            changed = await site.ask("PATCH", f"/api/collections/{name}", token, json=options)
            assert changed.status_code == 200, changed.text
        paths = (await site.ask("GET", "/api/openapi.json", token)).json()["paths"]
        names = "|".join(collection.name for collection in site.app.site.catalog)
    told = {
        (method.upper(), re.sub(rf"^/api/collections/({names})/", "/api/collections/{collection}/", path))
        for path, methods in paths.items()
        for method in methods
    }
    assert told - {("GET", "/api/openapi.json")} == doors()


def doors() -> set[tuple[str, str]]:
    """Return method and path of all that the server answers under /api/."""

    @asynccontextmanager
    async def nowhere() -> AsyncIterator[Site]:
        raise AssertionError("nothing is opened")
        yield

    routes: list[Any] = create_application(nowhere())._routes.routes  # type: ignore[attr-defined]
    return {
        (method, route.path)
        for route in routes
        for method in route.methods - {"HEAD"}
        if route.path.startswith("/api/")
    }


async def test_files_are_sent_and_handed_out_as_it_says(opening: Opening) -> None:
    async with opening(application()) as site:
        await prepared(site.app)
        paths = (await site.ask("GET", "/api/openapi.json")).json()["paths"]
        kinds = "/api/collections/kinds/records"
        content = paths[kinds]["post"]["requestBody"]["content"]
        binary = {"type": "string", "contentMediaType": "application/octet-stream"}
        sent = content["multipart/form-data"]["schema"]["properties"]
        assert (sent["a_file"], sent["files"]) == (binary, {"type": "array", "items": binary})
        plain = paths["/api/collections/products/records"]["post"]["requestBody"]["content"]
        assert set(plain) == {"application/json"}, "a collection without files takes none"
        told = paths["/api/files/{collection}/{id}/{name}"]["get"]["responses"]
        made = await site.ask("POST", kinds, data={"a_text": "f"}, files={"a_file": ("a.txt", b"hello")})
        path = f"/api/files/kinds/{made.json()['id']}/{made.json()['a_file']}"
        tag = (await site.client.get(path)).headers["etag"]
        asked: tuple[tuple[dict[str, str], int], ...] = (
            ({}, 200),
            ({"range": "bytes=0-1"}, 206),
            ({"range": "bytes=90-"}, 416),
        )
        for headers, status in (*asked, ({"if-none-match": tag}, 304)):
            reply = await site.client.get(path, headers=headers)
            assert (reply.status_code, str(reply.status_code) in told) == (status, True)
