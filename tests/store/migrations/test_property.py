"""apply(diff(a, b)) brings a site from any catalog to any other, and keeps what both have."""

from __future__ import annotations

import asyncio
import random
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.store.migrations.conftest import written
from tests.store.migrations.random_catalogs import Shapes

from backstay.catalog import Catalog, Collection
from backstay.catalog.compare import diff, same
from backstay.catalog.operations import replay
from backstay.migrations.data import Data
from backstay.migrations.runner import apply_migration
from backstay.plans.dialects.postgresql import ROW_ORDER
from backstay.site import Site, open_site
from backstay.stores.base import Transaction
from backstay.stores.catalog import load_catalog
from backstay.stores.tables import COLUMNS_OF

VALUES: dict[str, Any] = {
    "text": "kept",
    "editor": "<b>kept</b>",
    "url": "https://kept.example",
    "number": 7.5,
    "bool": True,
    "json": {"kept": [1, None]},
    "date": "2024-02-29 12:30:00.000Z",
    "geoPoint": {"lon": 1.5, "lat": -2},
    "select": "b",
    "file": "kept.txt",
    "relation": "somebody0000000",
}
ID = "record000000001"


def stored(catalog: Catalog) -> list[Collection]:
    return [item for item in catalog if item.id.startswith("c") and not item.is_view]


async def fill(site: Site) -> None:
    """Put a record into each collection, with a value in each field."""

    async def job(tx: Transaction) -> None:
        catalog = await load_catalog(tx)
        for collection in stored(catalog):
            values = {
                field.name: VALUES[field.type] for field in collection.fields if field.id.startswith("f")
            }
            await Data(tx, catalog, site.writer).records(collection.name).create({"id": ID, **values})

    await site.store.write(job)


async def values(site: Site) -> dict[tuple[str, str], Any]:
    """Return the value of each field of each record, by the ids of collection and field."""
    out: dict[tuple[str, str], Any] = {}
    for collection in stored(site.catalog):
        statements = site.book.of(collection)
        for row in await site.store.fetch(statements.load, [ID]):
            record = statements.read(row)
            kept = [field for field in collection.fields if field.id.startswith("f")]
            out |= {(collection.id, field.id): record[field.name] for field in kept}
    return out


async def columns(site: Site, collection: Collection) -> set[str]:
    rows = await site.store.fetch(COLUMNS_OF[site.store.dialect.name], [collection.name])
    return {row[0] for row in rows} - {ROW_ORDER}


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if value else []


async def play(folder: Path, a: Catalog, b: Catalog) -> None:
    async with open_site(folder / "data") as site:
        start = diff(site.catalog, a)
        await apply_migration(site, written(folder / "m", start), allow_drop=False)
        assert same(site.catalog, a)
        await fill(site)
        before = await values(site)
        migration = written(folder / "m", diff(a, b))
        assert list(migration.operations) == diff(a, b)
        await apply_migration(site, migration, allow_drop=True)
        assert same(site.catalog, b)
        assert diff(site.catalog, b) == []
        for collection in stored(b):
            assert await columns(site, collection) == set(collection.by_name)
        after = await values(site)
        for key in set(before) & set(after):
            assert as_list(after[key]) == as_list(before[key]), key


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32))
def test_any_catalog_becomes_any_other(seed: int) -> None:
    shapes = Shapes(random.Random(seed))
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(Path(folder), shapes.catalog(), shapes.catalog()))


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32))
def test_operations_lead_where_diff_says(seed: int) -> None:
    shapes = Shapes(random.Random(seed))
    a, b = shapes.catalog(), shapes.catalog()
    assert same(replay(a, diff(a, b)), b)
    assert diff(b, b) == []
