"""What is measured: each case is a kind of work, its requests, and what Backstay must reach in it."""

from __future__ import annotations

import random
from collections.abc import Callable
from urllib.parse import quote

import msgspec

from bench.dataset import TIMEZONES, Dataset
from bench.load import Call

RECORDS = "/api/collections/cities/records"


class Case(msgspec.Struct, frozen=True):
    """One kind of work.

    target_ratio: how many times PocketBase's requests a second are wanted; 0 where nothing is promised
    has_limit:    the raw handler can do it too
    is_read:      the answers are compared between the servers before anything is measured
    spends:       each request may be sent once only (deletes), so every round goes on where the last one ended
    """

    name: str
    title: str
    calls: Callable[[Dataset], list[Call]]
    target_ratio: float = 0
    clients: int = 32
    has_limit: bool = False
    is_read: bool = True
    signed_in: bool = False
    spends: bool = False


def _view(data: Dataset) -> list[Call]:
    chosen = random.Random(1).sample(data.cities, 500)
    return [Call("GET", f"{RECORDS}/{city}") for city in chosen]


def _pages(query: str) -> Callable[[Dataset], list[Call]]:
    return lambda data: [Call("GET", f"{RECORDS}?page={page}&perPage=30{query}") for page in range(1, 21)]


def _filtered_indexed(data: Dataset) -> list[Call]:
    return [_filtered(f"country = '{country}' && population > 100000") for country in data.countries[:50]]


def _filtered_unindexed(data: Dataset) -> list[Call]:
    return [
        _filtered(f"timezone = '{timezone}' && active = true", sort="name") for timezone in TIMEZONES[:50]
    ]


def _filtered(text: str, sort: str = "-population") -> Call:
    return Call("GET", f"{RECORDS}?filter={quote(text)}&sort={sort}")


def _own_notes(data: Dataset) -> list[Call]:
    return [Call("GET", f"/api/collections/notes/records?page={page}&perPage=30") for page in (1, 2, 3)]


def _create(data: Dataset) -> list[Call]:
    body = (
        '{"name":"New city @","country":"%s","population":@,"timezone":"Europe/Oslo",'
        '"location":{"lon":10.75,"lat":59.91},"active":true}'
    )
    return [Call("POST", RECORDS, body % country) for country in data.countries]


def _update(data: Dataset) -> list[Call]:
    chosen = random.Random(2).sample(data.cities, 5000)
    return [Call("PATCH", f"{RECORDS}/{city}", '{"population":@}') for city in chosen]


def _delete(data: Dataset) -> list[Call]:
    return [Call("DELETE", f"/api/collections/towns/records/{town}") for town in data.towns]


CASES = [
    Case("view", "record by id", _view, target_ratio=3, has_limit=True),
    Case("list_total", "list of 30, with total", _pages(""), target_ratio=8, has_limit=True),
    Case("list", "list of 30, without total", _pages("&skipTotal=1"), target_ratio=5, has_limit=True),
    Case("filter_indexed", "filtered and sorted, matching index", _filtered_indexed, target_ratio=3),
    # Few clients: 32 full scans at once would not all end within one round.
    Case("filter_scan", "filtered and sorted, no index", _filtered_unindexed, target_ratio=3, clients=4),
    Case("expand", "list of 30 with expand", _pages("&skipTotal=1&expand=country")),
    Case("rule", "list under a rule on @request.auth", _own_notes, signed_in=True),
    Case("create_one", "create, 1 client", _create, clients=1, has_limit=True, is_read=False),
    Case("create", "create, 32 clients", _create, target_ratio=1.5, has_limit=True, is_read=False),
    Case("update", "update, 32 clients", _update, is_read=False),
    Case("delete", "delete, 32 clients", _delete, is_read=False, spends=True),
]
