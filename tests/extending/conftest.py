"""An application with a few collections, open on a folder of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import pytest

from backstay import Backstay
from backstay.lifespan import Lifespan, Requests
from backstay.site import Site

Definition: TypeAlias = dict[str, Any]
PASSWORD = "correct horse ü"
OPEN: Definition = dict.fromkeys(("listRule", "viewRule", "createRule", "updateRule", "deleteRule"), "")
DEFINITIONS: list[Definition] = [
    {
        "name": "products",
        **OPEN,
        "fields": [
            {"type": "text", "name": "sku", "required": True},
            {"type": "number", "name": "stock"},
            {"type": "bool", "name": "sold_out"},
            {"type": "date", "name": "since"},
        ],
        "indexes": ["CREATE UNIQUE INDEX products_sku ON products (sku)"],
    },
    {
        "name": "notes",
        "listRule": "owner = @request.auth.id",
        "viewRule": "owner = @request.auth.id",
        "createRule": "@request.auth.id != ''",
        "updateRule": "owner = @request.auth.id",
        "deleteRule": "owner = @request.auth.id",
        "fields": [{"type": "text", "name": "text"}, {"type": "text", "name": "owner"}],
    },
    {"name": "people", "type": "auth", **OPEN, "fields": [{"type": "text", "name": "nick"}]},
]


async def fill(site: Site) -> None:
    """Make the collections."""
    for definition in DEFINITIONS:
        await site.create_collection(definition)


class Open:
    """A running application, and what one asks of it."""

    def __init__(self, app: Backstay, client: httpx.AsyncClient) -> None:
        self.app, self.client = app, client

    async def ask(self, method: str, path: str, token: str = "", **more: Any) -> httpx.Response:
        headers = {"authorization": token} if token else {}
        return await self.client.request(method, path, headers=headers, **more)

    async def person(self, name: str) -> tuple[str, str]:
        """Sign somebody up; return id and token."""
        record = await self.app.records("people").create(email=f"{name}@example.com", password=PASSWORD)
        site = self.app.site
        collection = site.catalog.find("people")
        assert collection is not None
        stored = await site.viewers.load(collection, record["id"])
        assert stored is not None
        return record["id"], site.sign_in.new_token(collection, stored, duration_s=3600, refreshable=True)


Opening: TypeAlias = Callable[[Backstay], AbstractAsyncContextManager[Open]]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def opening(tmp_path: Path) -> Opening:
    """Return what runs an application; a second time it finds the same data."""

    @asynccontextmanager
    async def run(app: Backstay) -> AsyncIterator[Open]:
        from backstay.options import ServeOptions

        asgi = app.asgi(ServeOptions.of_folder(tmp_path / "data"))
        life = Lifespan(asgi)
        await life.start()
        if app.site.catalog.find("products") is None:
            await fill(app.site)
        transport = httpx.ASGITransport(Requests(asgi, life.state), client=("127.0.0.1", 40000))
        try:
            async with httpx.AsyncClient(transport=transport, base_url="http://site.test") as client:
                yield Open(app, client)
        finally:
            await life.stop()

    return run
