"""GeoNames' countries and cities as collections and records. Pure: values in, values out.

Record ids are made of what never changes, so that links in the README work everywhere: a country's is its ISO code
(`countryjp` and zeros), a city's is its GeoNames number (`city` and eleven digits).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

GeoNames = Mapping[str, Mapping[str, Any]]

CONTINENTS = {
    "AF": "Africa",
    "AN": "Antarctica",
    "AS": "Asia",
    "EU": "Europe",
    "NA": "North America",
    "OC": "Oceania",
    "SA": "South America",
}

PUBLIC: dict[str, str | None] = {
    "listRule": "",
    "viewRule": "",
    "createRule": None,
    "updateRule": None,
    "deleteRule": None,
}
"""Everybody reads; only superusers write."""


def country_id(iso: str) -> str:
    """Return the record id of a country by its two-letter ISO code, 15 characters."""
    return f"country{iso.lower()}".ljust(15, "0")


def city_id(geoname: int) -> str:
    """Return the record id of a city by its GeoNames number, 15 characters."""
    return f"city{geoname:011d}"


def countries_definition() -> dict[str, Any]:
    """Return the collection of countries as the API takes it."""
    return {
        "name": "countries",
        "type": "base",
        **PUBLIC,
        "fields": [
            {"name": "name", "type": "text", "required": True, "presentable": True, "max": 100},
            {"name": "code", "type": "text", "required": True, "pattern": "^[A-Z]{2}$", "min": 2, "max": 2},
            {"name": "continent", "type": "select", "maxSelect": 1, "values": list(CONTINENTS.values())},
            {"name": "capital", "type": "text", "max": 100},
            {"name": "population", "type": "number", "onlyInt": True, "min": 0},
            {"name": "area_km2", "type": "number", "min": 0},
            {"name": "currency", "type": "text", "max": 3},
            {"name": "languages", "type": "json"},
        ],
        "indexes": [
            "CREATE UNIQUE INDEX `idx_countries_code` ON `countries` (`code`)",
            "CREATE INDEX `idx_countries_name` ON `countries` (`name`)",
        ],
    }


def cities_definition(countries: str) -> dict[str, Any]:
    """Return the collection of cities as the API takes it.

    countries: the id of the collection of countries
    """
    return {
        "name": "cities",
        "type": "base",
        **PUBLIC,
        "fields": [
            {"name": "name", "type": "text", "required": True, "presentable": True, "max": 200},
            {"name": "population", "type": "number", "onlyInt": True, "min": 0},
            {
                "name": "country",
                "type": "relation",
                "required": True,
                "collectionId": countries,
                "maxSelect": 1,
                "cascadeDelete": True,
            },
            {"name": "timezone", "type": "text", "max": 64},
            {"name": "location", "type": "geoPoint"},
        ],
        "indexes": [
            "CREATE INDEX `idx_cities_population` ON `cities` (`population`)",
            "CREATE INDEX `idx_cities_name` ON `cities` (`name`)",
            "CREATE INDEX `idx_cities_country` ON `cities` (`country`, `population`)",
        ],
    }


def country_records(countries: GeoNames) -> Iterator[dict[str, Any]]:
    """Yield a record for each country. Territories count, as ISO 3166 counts them."""
    for country in countries.values():
        yield {
            "id": country_id(country["iso"]),
            "name": country["name"],
            "code": country["iso"],
            "continent": CONTINENTS[country["continentcode"]],
            "capital": country["capital"] or "",
            "population": int(country["population"] or 0),
            "area_km2": float(country["areakm2"] or 0),
            "currency": country["currencycode"] or "",
            "languages": [code for code in (country["languages"] or "").split(",") if code],
        }


def city_records(cities: GeoNames, countries: GeoNames) -> Iterator[dict[str, Any]]:
    """Yield a record for each city whose country is there."""
    for city in cities.values():
        if city["countrycode"] not in countries:
            continue
        yield {
            "id": city_id(int(city["geonameid"])),
            "name": city["name"],
            "population": int(city["population"] or 0),
            "country": country_id(city["countrycode"]),
            "timezone": city["timezone"],
            "location": {"lon": float(city["longitude"]), "lat": float(city["latitude"])},
        }
