"""Endpoints: typed arguments, who may call them, the protocol's errors, transactions; mounts and plugins."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse

from backstay import Backstay, NotFound, Reject, SetupError, Viewer
from backstay.extending.loading import load_app
from backstay.options import ServeOptions
from tests.extending.conftest import Opening

pytestmark = pytest.mark.anyio


class Line(msgspec.Struct):
    sku: str
    count: int = 1


class Order(msgspec.Struct):
    lines: list[Line]
    note: str = ""


class Sum(msgspec.Struct):
    count: int
    note: str


async def test_arguments_are_what_their_types_say(opening: Opening) -> None:
    app = Backstay()

    @app.get("/api/echo/{number}", public=True)
    async def echo(
        number: int,
        kind: Literal["a", "b"] = "a",
        tags: list[str] | None = None,
        since: datetime | None = None,
        exact: bool = False,
    ) -> dict[str, Any]:
        return {"number": number, "kind": kind, "tags": tags, "since": since, "exact": exact}

    @app.post("/api/orders/sum", public=True)
    async def add(body: Order) -> Sum:
        return Sum(sum(line.count for line in body.lines), body.note)

    @app.post("/api/raw", public=True, body_max_bytes=10)
    async def raw(body: bytes, request: Request) -> PlainTextResponse:
        return PlainTextResponse(body[::-1], headers={"x-method": request.method})

    @app.delete("/api/nothing", public=True)
    async def nothing() -> None:
        """Do nothing."""

    async with opening(app) as site:
        reply = await site.ask(
            "GET", "/api/echo/7?kind=b&tags=x&tags=y&since=2026-01-02T03:04:05Z&exact=true"
        )
        assert reply.json() == {
            "number": 7,
            "kind": "b",
            "tags": ["x", "y"],
            "since": "2026-01-02T03:04:05Z",
            "exact": True,
        }
        wrong = await site.ask("GET", "/api/echo/seven")
        assert (wrong.status_code, wrong.json()["data"]["number"]["code"]) == (
            400,
            "validation_invalid_value",
        )
        assert (
            (await site.ask("GET", "/api/echo/7?kind=c"))
            .json()["data"]["kind"]["message"]
            .startswith("Invalid")
        )
        summed = await site.ask(
            "POST", "/api/orders/sum", json={"lines": [{"sku": "a", "count": 2}, {"sku": "b"}]}
        )
        assert summed.json() == {"count": 3, "note": ""}
        bad = await site.ask("POST", "/api/orders/sum", json={"lines": [{"sku": "a", "count": "many"}]})
        assert bad.json()["data"]["lines"]["0"]["count"]["message"] == "Expected `int`, got `str`."
        assert (await site.ask("POST", "/api/orders/sum", content=b"{")).status_code == 400
        assert (await site.ask("POST", "/api/orders/sum", content=b"")).status_code == 400
        backwards = await site.ask("POST", "/api/raw", content=b"abc")
        assert (backwards.text, backwards.headers["x-method"]) == ("cba", "POST")
        assert backwards.headers["x-content-type-options"] == "nosniff"
        assert (await site.ask("POST", "/api/raw", content=b"x" * 11)).status_code == 413
        assert (await site.ask("DELETE", "/api/nothing")).status_code == 204
        assert (await site.ask("GET", "/api/nothing")).status_code == 404


async def test_only_who_is_signed_in_may_call_unless_it_is_public(opening: Opening) -> None:
    app = Backstay()

    @app.get("/api/me")
    async def me(viewer: Viewer) -> dict[str, str]:
        return {"id": viewer.id}

    @app.get("/api/staff", members_of=("staff",))
    async def staff() -> str:
        return "staff"

    @app.get("/api/owner", superusers=True)
    async def owner() -> str:
        return "owner"

    async with opening(app) as site:
        ann, token = await site.person("ann")
        assert (await site.ask("GET", "/api/me")).status_code == 401
        assert (await site.ask("GET", "/api/me", "not.a.token")).status_code == 401
        assert (await site.ask("GET", "/api/me", token)).json() == {"id": ann}
        for path in ("/api/staff", "/api/owner"):
            assert (await site.ask("GET", path)).status_code == 401
            assert (await site.ask("GET", path, token)).status_code == 403


async def test_a_viewer_can_not_be_sent_by_mistake(
    opening: Opening, caplog: pytest.LogCaptureFixture
) -> None:
    app = Backstay()

    @app.get("/api/whole")
    async def whole(viewer: Viewer) -> Any:
        return {"viewer": viewer}

    @app.get("/api/record")
    async def record(viewer: Viewer) -> Any:
        return viewer.record

    async with opening(app) as site:
        _, token = await site.person("ann")
        for path in ("/api/whole", "/api/record"):
            reply = await site.ask("GET", path, token)
            assert reply.status_code == 500
            assert "argon2" not in reply.text
        assert "unsupported" in caplog.text


async def test_guessing_at_an_endpoint_gets_slow_as_well(opening: Opening) -> None:
    app = Backstay()

    @app.post("/api/enter/{password}", public=True)
    async def enter(password: str, request: Request) -> str:
        return (await app.accounts("people").sign_in("ann@example.com", password, request=request)).token

    async with opening(app) as site:
        ann, _ = await site.person("ann")
        statuses = [(await site.ask("POST", f"/api/enter/guess{n}")).status_code for n in range(12)]
        assert statuses == [400] * 11 + [429]
        assert await app.accounts("people").token(ann)
        with pytest.raises(NotFound):
            await app.accounts("people").token("nobody")
        with pytest.raises(LookupError, match="no auth collection 'products'"):
            await app.accounts("products").sign_in("a", "b")


async def test_errors_are_the_protocols(opening: Opening, caplog: pytest.LogCaptureFixture) -> None:
    app = Backstay()

    @app.post("/api/fail/{how}", public=True, in_transaction=True)
    async def fail(how: str) -> None:
        await app.records("products").create(sku=how)
        if how == "lost":
            raise NotFound
        if how == "no":
            raise Reject("how", "Not like this.")
        raise ZeroDivisionError

    async with opening(app) as site:
        lost = await site.ask("POST", "/api/fail/lost")
        assert lost.json() == {"data": {}, "message": "The requested resource wasn't found.", "status": 404}
        no = await site.ask("POST", "/api/fail/no")
        assert no.json()["data"] == {"how": {"code": "validation_rejected", "message": "Not like this."}}
        assert (await site.ask("POST", "/api/fail/else")).status_code == 500
        assert "ZeroDivisionError" in caplog.text
        assert await app.records("products").count() == 0, "nothing of it was kept"


async def test_a_label_can_be_rate_limited(opening: Opening) -> None:
    app = Backstay()

    @app.get("/api/dear/{name}", public=True, label="*:dear")
    async def dear(name: str) -> str:
        return name

    async with opening(app) as site:
        from backstay.settings import merge

        limits = {"enabled": True, "rules": [{"label": "*:dear", "maxRequests": 2, "duration": 60}]}
        await app.site.change_settings(lambda settings: merge(settings, {"rateLimits": limits}))
        statuses = [(await site.ask("GET", f"/api/dear/{n}")).status_code for n in range(3)]
        assert statuses == [200, 200, 429]


def test_what_is_no_endpoint_is_refused_when_it_is_declared() -> None:
    app = Backstay()

    async def untyped(a) -> None:  # type: ignore[no-untyped-def]
        """Have no type."""

    async def hello(name: str = "") -> str:
        return name

    for method, path, function, told in (
        ("GET", "/api/x", untyped, "needs a type"),
        ("GET", "/api/{other}", hello, "no parameter takes it"),
        ("GET", "x", hello, "no path"),
        ("GET", "/api/x", lambda: None, "async def"),
    ):
        with pytest.raises(TypeError, match=told):
            app.endpoint(method, path)(function)
    app.get("/api/hello")(hello)
    with pytest.raises(SetupError, match="two endpoints answer GET /api/hello"):
        app.get("/api/hello")(hello)


async def test_an_endpoint_does_not_take_a_path_of_the_protocol(opening: Opening) -> None:
    app = Backstay()

    @app.get("/api/health", public=True)
    async def health() -> str:
        return "mine"

    with pytest.raises(SetupError, match="GET /api/health"):
        async with opening(app):
            pass


async def test_other_applications_are_mounted_and_know_the_viewer(opening: Opening) -> None:
    app = Backstay()

    async def other(scope: Any, receive: Any, send: Any) -> None:
        viewer = scope["state"]["viewer"]
        await PlainTextResponse(f"{scope['path']} {viewer.id or 'guest'}")(scope, receive, send)

    app.mount("/shop", other)
    async with opening(app) as site:
        ann, token = await site.person("ann")
        assert (await site.ask("GET", "/shop/cart")).text.endswith("guest")
        assert (await site.ask("GET", "/shop/cart", token)).text.endswith(ann)


async def test_flask_is_mounted_and_knows_the_viewer(opening: Opening) -> None:
    import flask

    old = flask.Flask("old")

    @old.post("/echo/<word>")
    def echo(word: str) -> str:
        viewer = flask.request.environ["backstay.viewer"]
        assert isinstance(viewer, Viewer)
        return f"{word} {flask.request.get_data(as_text=True)} {viewer.id or 'guest'}"

    app = Backstay()
    app.mount_wsgi("/old", old)
    async with opening(app) as site:
        ann, token = await site.person("ann")
        assert (await site.ask("POST", "/old/echo/hello", content="you")).text == "hello you guest"
        assert (await site.ask("POST", "/old/echo/hello", token, content="you")).text == f"hello you {ann}"
        assert (await site.ask("GET", "/old/nothing")).status_code == 404


async def test_the_application_is_mounted_in_another(tmp_path: Path) -> None:
    import contextlib
    from collections.abc import AsyncIterator

    import httpx
    from starlette.applications import Starlette
    from starlette.routing import Mount

    app = Backstay(data=tmp_path / "data")

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with app.running():
            yield

    outer = Starlette(routes=[Mount("/back", app)], lifespan=lifespan)
    with pytest.raises(RuntimeError, match="not open"):
        await app({"type": "http"}, None, None)  # type: ignore[arg-type]
    async with outer.router.lifespan_context(outer):
        transport = httpx.ASGITransport(outer)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            assert (await client.get("/back/api/health")).status_code == 200


async def test_plugins_bring_what_a_site_can_have(opening: Opening) -> None:
    def shop(app: Backstay, *, currency: str = "EUR") -> None:
        @app.get("/api/shop/currency", public=True)
        async def which() -> str:
            return currency

    app = Backstay()
    app.use(shop, currency="CHF")
    with pytest.raises(SetupError, match="used twice"):
        app.use(shop)
    async with opening(app) as site:
        assert (await site.ask("GET", "/api/shop/currency")).json() == "CHF"


def test_a_sites_code_is_found_and_its_faults_are_told(tmp_path: Path) -> None:
    options = ServeOptions.of_folder(tmp_path / "data")
    assert isinstance(load_app(options, Backstay), Backstay)
    file = tmp_path / "site.py"
    file.write_text("from backstay import Backstay\napp = Backstay()\n")
    assert isinstance(load_app(options, Backstay), Backstay)
    file.write_text("app = 1\n")
    with pytest.raises(SetupError, match="not a Backstay"):
        load_app(options, Backstay)
    file.write_text("\n\nraise ValueError('oh')\n")
    with pytest.raises(SetupError, match=r"ValueError: oh \(.*site.py, line 3\)"):
        load_app(options, Backstay)
    named = msgspec.structs.replace(options, app="shop_of_mine:back")
    (tmp_path / "shop_of_mine.py").write_text("from backstay import Backstay\nback = Backstay()\n")
    assert isinstance(load_app(named, Backstay), Backstay)
