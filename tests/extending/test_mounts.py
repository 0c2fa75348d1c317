"""Backstay with FastAPI, Starlette and Django: they within it, knowing who asks, and it within or beside them."""

from __future__ import annotations

import importlib
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import fastapi
import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.websockets import WebSocket

from backstay import Backstay, Viewer, mounted_viewer
from tests.extending.conftest import Opening

pytestmark = pytest.mark.anyio
Asking = Annotated[Viewer, fastapi.Depends(mounted_viewer)]


@pytest.fixture(scope="module")
def django() -> Any:
    """Django, which is configured once for a process: `/who/` tells the viewer, by ASGI and by WSGI."""
    found: Any = importlib.import_module("django")
    conf: Any = importlib.import_module("django.conf")
    http: Any = importlib.import_module("django.http")
    urls: Any = importlib.import_module("django.urls")
    asgi: Any = importlib.import_module("django.core.asgi")
    wsgi: Any = importlib.import_module("django.core.wsgi")

    def who(request: Any) -> Any:
        scope = getattr(request, "scope", None)
        viewer = scope.get("state", {}).get("viewer") if scope else request.environ["backstay.viewer"]
        return http.HttpResponse(f"{request.path} {viewer.id or 'guest' if viewer else 'unknown'}")

    routes: Any = ModuleType("backstay_test_urls")
    routes.urlpatterns = [urls.path("who/", who)]
    sys.modules[routes.__name__] = routes
    conf.settings.configure(
        ROOT_URLCONF=routes.__name__, ALLOWED_HOSTS=["site.test"], SECRET_KEY="of a test", USE_TZ=True
    )
    found.setup()
    return {"asgi": asgi.get_asgi_application(), "wsgi": wsgi.get_wsgi_application()}


async def test_fastapi_is_mounted_and_knows_the_viewer(opening: Opening) -> None:
    shop = fastapi.FastAPI()

    @shop.get("/cart/{number}")
    async def cart(number: int, viewer: Asking) -> dict[str, Any]:
        return {"number": number, "viewer": viewer.id}

    app = Backstay()
    app.mount("/shop", shop)
    async with opening(app) as site:
        ann, token = await site.person("ann")
        assert (await site.ask("GET", "/shop/cart/7")).json() == {"number": 7, "viewer": ""}
        assert (await site.ask("GET", "/shop/cart/7", token)).json() == {"number": 7, "viewer": ann}
        assert (await site.ask("GET", "/shop/cart/x", token)).status_code == 422
        assert "/cart/{number}" in (await site.ask("GET", "/shop/openapi.json")).json()["paths"]


async def test_starlette_is_mounted_and_knows_the_viewer(opening: Opening) -> None:
    async def who(request: Request) -> PlainTextResponse:
        return PlainTextResponse(mounted_viewer(request).id or "guest")

    app = Backstay()
    app.mount("/shop", Starlette(routes=[Route("/who", who)]))
    async with opening(app) as site:
        ann, token = await site.person("ann")
        assert (await site.ask("GET", "/shop/who")).text == "guest"
        assert (await site.ask("GET", "/shop/who", token)).text == ann
        assert (await site.ask("GET", "/shop/who", "no.token.atall")).text == "guest"


@pytest.mark.parametrize("kind", ["asgi", "wsgi"])
async def test_django_is_mounted_and_knows_the_viewer(kind: str, django: Any, opening: Opening) -> None:
    app = Backstay()
    if kind == "asgi":
        app.mount("/old", django[kind])
    else:
        app.mount_wsgi("/old", django[kind])
    async with opening(app) as site:
        ann, token = await site.person("ann")
        assert (await site.ask("GET", "/old/who/")).text == "/old/who/ guest"
        assert (await site.ask("GET", "/old/who/", token)).text == f"/old/who/ {ann}"
        assert (await site.ask("GET", "/old/nothing/")).status_code == 404


def outer_fastapi(app: Backstay, lifespan: Any, _: Any) -> Any:
    outer = fastapi.FastAPI(lifespan=lifespan)
    outer.mount("/back", app)
    return outer


def outer_starlette(app: Backstay, lifespan: Any, django: Any) -> Any:
    """Django at the root, Backstay beside it."""
    return Starlette(routes=[Mount("/back", app), Mount("/", django["asgi"])], lifespan=lifespan)


@pytest.mark.parametrize("make", [outer_fastapi, outer_starlette])
async def test_backstay_is_mounted_within_or_beside(make: Any, django: Any, tmp_path: Path) -> None:
    app = Backstay(data=tmp_path / "data")

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        async with app.running():
            yield

    outer = make(app, lifespan, django)
    async with outer.router.lifespan_context(outer):
        await app.records("users").create(email="ann@example.com", password="correct horse")
        transport = httpx.ASGITransport(outer)
        async with httpx.AsyncClient(transport=transport, base_url="http://site.test") as client:
            login = {"identity": "ann@example.com", "password": "correct horse"}
            door = "/back/api/collections/users/auth-with-password"
            assert (await client.post(door, json=login)).json()["record"]["email"] == "ann@example.com"
            assert (await client.get("/api/health")).status_code == 404
            if make is outer_starlette:
                assert (await client.get("/who/")).text == "/who/ unknown"


async def test_websockets_do_not_reach_what_is_mounted(tmp_path: Path) -> None:
    shop = fastapi.FastAPI()

    @shop.websocket("/live")
    async def live(socket: WebSocket) -> None:
        await socket.accept()

    app = Backstay(data=tmp_path / "data")
    app.mount("/shop", shop)
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "websocket",
        "path": "/shop/live",
        "headers": [],
        "query_string": b"",
        "subprotocols": [],
    }
    async with app.running():
        await app(scope, receive, send)
    assert [message["type"] for message in sent] == ["websocket.close"]


def test_who_asks_is_unknown_where_nothing_is_mounted() -> None:
    with pytest.raises(LookupError, match="not mounted"):
        mounted_viewer(Request({"type": "http"}))
