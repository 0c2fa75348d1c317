"""Data from Python: with the filter language, bound values, and transactions that everything takes part in."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstay import Backstay, BadRequest, Forbidden, NotFound
from backstay.extending.placeholders import fill, literal
from backstay.filters import parse
from backstay.plans.request import Viewer
from backstay.records.plan_cache import parse_filter
from tests.extending.conftest import Open, Opening

pytestmark = pytest.mark.anyio


async def viewer_of(site: Open, record_id: str) -> Viewer:
    collection = site.app.site.catalog.find("people")
    assert collection is not None
    record = await site.app.site.viewers.load(collection, record_id)
    assert record is not None
    return Viewer(collection, record)


async def test_all_there_is_to_do(opening: Opening) -> None:
    async with opening(Backstay()) as site:
        products = site.app.records("products")
        made = await products.create(sku="a", stock=3, since=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
        assert made.since == "2026-01-02 03:04:05.000Z"
        assert (await products.get(made.id)).sku == "a"
        assert await products.find("missing") is None
        with pytest.raises(NotFound):
            await products.get("missing")
        assert (await products.update(made.id, {"stock+": 2}))["stock"] == 5
        assert (await products.upsert("sku", {"sku": "a", "stock": 7})).id == made.id
        assert (await products.upsert("sku", {"sku": "b", "stock": 1})).id != made.id
        assert await products.count() == 2
        assert await products.count("stock > {:n}", n=1) == 1
        found = await products.first("sku = {:sku}", sku="b")
        assert found is not None
        page = await products.list(sort="-stock", per_page=1)
        assert (page.total, [item.sku for item in page.items]) == (2, ["a"])
        await products.delete(made.id)
        assert await products.first("sku = 'a'") is None
        with pytest.raises(BadRequest):
            await products.create(sku="")
        with pytest.raises(LookupError, match="no collection 'nothing'"):
            await site.app.records("nothing").count()


async def test_iterating_over_everything(opening: Opening) -> None:
    async with opening(Backstay()) as site:
        products = site.app.records("products")
        async with site.app.transaction():
            for number in range(1203):
                await products.create(sku=f"s{number}", stock=number)
        seen = [item.sku async for item in products.iterate("stock >= {:least} // some", least=3)]
        assert len(seen) == len(set(seen)) == 1200


async def test_as_a_viewer_rules_apply(opening: Opening) -> None:
    async with opening(Backstay()) as site:
        ann, _ = await site.person("ann")
        notes = site.app.records("notes")
        mine = await notes.create(text="mine", owner=ann)
        await notes.create(text="not mine", owner="another")
        as_ann = notes.as_(await viewer_of(site, ann))
        assert [note.text for note in (await as_ann.list()).items] == ["mine"]
        assert await as_ann.count() == 1
        assert (await as_ann.update(mine.id, text="changed")).text == "changed"
        guest = notes.as_(Viewer())
        assert (await guest.list()).items == []
        with pytest.raises(NotFound):
            await guest.update(mine.id, text="stolen")
        with pytest.raises(BadRequest):
            await guest.create(text="spam")
        with pytest.raises(Forbidden):
            await site.app.records("_superusers").as_(Viewer()).list()


async def test_a_transaction_is_all_or_nothing(opening: Opening) -> None:
    async with opening(Backstay()) as site:
        products = site.app.records("products")
        with pytest.raises(BadRequest):
            async with site.app.transaction():
                await products.create(sku="a")
                assert await products.count() == 1, "it sees what it has written"
                await products.create(sku="a")
        assert await products.count() == 0
        async with site.app.transaction():
            await products.create(sku="a")
            with pytest.raises(BadRequest):
                async with site.app.transaction():
                    await products.create(sku="b")
                    await products.create(sku="a")
            await asyncio.gather(*(products.create(sku=f"c{n}") for n in range(5)))
        assert sorted(item.sku for item in (await products.list()).items) == [
            "a",
            "c0",
            "c1",
            "c2",
            "c3",
            "c4",
        ]


async def test_others_wait_and_see_nothing_of_an_open_transaction(opening: Opening) -> None:
    async with opening(Backstay()) as site:
        products, began, go_on = site.app.records("products"), asyncio.Event(), asyncio.Event()

        async def hold() -> None:
            async with site.app.transaction():
                await products.create(sku="a")
                began.set()
                await go_on.wait()

        holding = asyncio.create_task(hold())
        await began.wait()
        assert await products.count() == 0
        other = asyncio.create_task(products.create(sku="b"))
        await asyncio.sleep(0.05)
        assert not other.done()
        go_on.set()
        await asyncio.gather(holding, other)
        assert await products.count() == 2


async def test_a_task_that_outlives_its_transaction_is_on_its_own(opening: Opening) -> None:
    async with opening(Backstay()) as site:
        products, go_on = site.app.records("products"), asyncio.Event()

        async def later() -> None:
            await go_on.wait()
            await products.create(sku="later")

        async with site.app.transaction():
            task = asyncio.create_task(later())
            await products.create(sku="now")
        go_on.set()
        await task
        assert await products.count() == 2


async def test_only_as_much_is_sold_as_there_is(opening: Opening) -> None:
    async with opening(Backstay()) as site:
        products = site.app.records("products")
        made = await products.create(sku="a", stock=7)
        sold = await asyncio.gather(
            *(products.update_if(made.id, "stock >= {:n}", {"stock-": 2}, n=2) for _ in range(10))
        )
        assert len([item for item in sold if item is not None]) == 3
        assert (await products.get(made.id)).stock == 1


TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=300)


@given(st.one_of(TEXTS, st.integers(-(2**53), 2**53), st.booleans(), st.none(), st.floats(-1e15, 1e15)))
def test_no_value_becomes_part_of_the_filter(value: Any) -> None:
    filled = fill("name = {:value}", {"value": value})
    parsed = parse_filter(filled)
    assert parsed.skeleton == parse_filter(fill("name = {:value}", {"value": value})).skeleton
    if isinstance(value, str):
        assert list(parsed.literals) == [value]
    elif isinstance(value, int | float) and not isinstance(value, bool):
        assert [float(item) for item in parsed.literals] == [float(value)]


def test_placeholders_are_filled_exactly() -> None:
    assert fill("a = '{:x}' && b = {:x}", {"x": 1}) == "a = '{:x}' && b = 1"
    assert literal(datetime(2026, 1, 2, tzinfo=UTC)) == "'2026-01-02 00:00:00.000Z'"
    assert parse(fill("a = {:x}", {"x": "' || 1 = 1 || '"})) == parse(r"a = '\' || 1 = 1 || \''")
    with pytest.raises(KeyError, match="no value was given"):
        fill("a = {:x}", {})
    with pytest.raises(KeyError, match="has no"):
        fill("a = 1", {"x": 1})
    with pytest.raises(TypeError):
        literal([1])
    with pytest.raises(TypeError):
        literal(float("nan"))
