"""Endpoints and jobs whose types are defined in the function around them, as in a plugin; types that nobody finds."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from backstay import Backstay
from tests.extending.conftest import Opening

if TYPE_CHECKING:
    from decimal import Decimal

pytestmark = pytest.mark.anyio


def shop(app: Backstay) -> Any:
    """A plugin with types of its own, in two functions around what uses them."""

    class Pen(msgspec.Struct):
        sku: str

    class Sold(msgspec.Struct):
        sold: str

    def declare() -> Any:
        class Count(msgspec.Struct):
            count: int

        @app.post("/api/pens", public=True)
        async def sell(body: Pen, query: Count) -> Sold:
            return Sold(f"{query.count} {body.sku}")

        @app.job
        async def pack(pen: Pen, count: Count) -> None:
            print(f"packed {count.count} {pen.sku}")

        return pack, Pen, Count

    return declare()


async def test_types_of_the_functions_around(opening: Opening, capsys: pytest.CaptureFixture[str]) -> None:
    app = Backstay()
    pack, pen, count = app.use(shop)
    async with opening(app) as site:
        reply = await site.ask("POST", "/api/pens?count=2", json={"sku": "blue"})
        assert reply.json() == {"sold": "2 blue"}
        wrong = await site.ask("POST", "/api/pens?count=2", json={"sku": 1})
        assert (wrong.status_code, list(wrong.json()["data"])) == (400, ["sku"])
        assert "/api/pens" in (await site.ask("GET", "/api/openapi.json")).json()["paths"]
        await pack.enqueue(pen("blue"), count(3))
        await app.site.outbox.drain()
        assert "packed 3 blue" in capsys.readouterr().out


async def test_types_are_found_behind_another_decorator(opening: Opening) -> None:
    class Pen(msgspec.Struct):
        sku: str

    def twice(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        async def wrapped(**given: Any) -> Any:
            return [await function(**given), await function(**given)]

        return wrapped

    app = Backstay()

    @app.post("/api/pens", public=True)
    @twice
    async def sell(body: Pen) -> str:
        return body.sku

    async with opening(app) as site:
        assert (await site.ask("POST", "/api/pens", json={"sku": "blue"})).json() == ["blue", "blue"]


def test_a_type_that_is_not_found_is_told_at_once() -> None:
    app = Backstay()

    async def pay(price: Decimal) -> None:
        """Its type is there for the editor alone."""

    for declare in (app.get("/api/pay"), app.job):
        with pytest.raises(TypeError, match=r"there is no type 'Decimal'.*TYPE_CHECKING"):
            declare(pay)


def test_a_field_of_a_type_that_is_not_found_is_told_at_once() -> None:
    class Line(msgspec.Struct):
        sku: str

    class Cart(msgspec.Struct):
        lines: list[Line]

    app = Backstay()

    async def fill(body: Cart) -> None:
        """msgspec looks for `Line` in the module."""

    for declare in (app.post("/api/carts"), app.job):
        with pytest.raises(TypeError, match=r"there is no type 'Line'.*stands in the module"):
            declare(fill)
