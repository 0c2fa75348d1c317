"""The data that every measured server holds: 100,000 cities, 250 countries, and what the other cases need.

Made once, as a PocketBase data folder: the collections over PocketBase's own API, the rows directly in its database
while it is stopped. The same seed gives the same rows, so ids are known without reading them back.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec

from bench.client import Client, Reply
from bench.processes import ADMIN_EMAIL, ADMIN_PASSWORD, PocketBase, Server, run_command

CITIES = 100_000
COUNTRIES = 250
TOWNS = 200_000  # only there to be deleted
NOTES = 10_000
READERS = 100
READER_EMAIL = "reader@example.com"
READER_PASSWORD = "correct horse battery"
READER_ID = "reader000000000"
TIMEZONES = [
    f"{area}/Place_{number}" for area in ("Africa", "America", "Asia", "Europe") for number in range(100)
]

_NOW = "2026-01-15 10:00:00.000Z"
_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
_SYLLABLES = [first + vowel for first in "bdfgklmnprstvz" for vowel in ("a", "e", "i", "o", "an", "el")]

Field = dict[str, object]
Row = tuple[object, ...]


class Dataset(msgspec.Struct, frozen=True):
    """Where the data folder lies, and the ids which the requests need."""

    pb_data: Path
    countries: list[str]
    cities: list[str]
    towns: list[str]


def record_id(source: random.Random) -> str:
    return "".join(source.choices(_ALPHABET, k=15))


async def make_dataset(pb_data: Path, *, cities: int = CITIES, towns: int = TOWNS) -> Dataset:
    """Fill the new folder `pb_data`. Takes some seconds."""
    source = random.Random(20_260_115)
    pocketbase = PocketBase()
    run_command(pocketbase.superuser_command(pb_data))
    server = Server(pocketbase, pb_data)
    try:
        await _make_collections(server.port)
    finally:
        server.terminate()
    data = Dataset(
        pb_data=pb_data,
        countries=[record_id(source) for _ in range(COUNTRIES)],
        cities=[record_id(source) for _ in range(cities)],
        towns=[record_id(source) for _ in range(towns)],
    )
    _insert_rows(pb_data / pocketbase.database, data, source)
    return data


async def sign_in_superuser(client: Client) -> None:
    """Give the client the token of the superuser which `superuser_command` makes."""
    reply = await client.request(
        "POST",
        "/api/collections/_superusers/auth-with-password",
        {"identity": ADMIN_EMAIL, "password": ADMIN_PASSWORD},
    )
    client.token = str(expect_ok(reply).json()["token"])


def expect_ok(reply: Reply) -> Reply:
    if not reply.ok:
        raise RuntimeError(f"unexpected answer {reply.status}: {reply.body.decode(errors='replace')[:2000]}")
    return reply


async def _make_collections(port: int) -> None:
    async with Client(port) as client:
        await sign_in_superuser(client)
        for collection in (_countries(), _cities("cities"), _cities("towns"), _notes()):
            expect_ok(await client.request("POST", "/api/collections", collection))
        reader = {
            "id": READER_ID,
            "email": READER_EMAIL,
            "password": READER_PASSWORD,
            "passwordConfirm": READER_PASSWORD,
        }
        expect_ok(await client.request("POST", "/api/collections/users/records", reader))


def open_rules() -> dict[str, str]:
    return {f"{action}Rule": "" for action in ("list", "view", "create", "update", "delete")}


def times() -> list[Field]:
    return [
        {"name": "created", "type": "autodate", "onCreate": True, "onUpdate": False},
        {"name": "updated", "type": "autodate", "onCreate": True, "onUpdate": True},
    ]


def relation(name: str, collection: str) -> Field:
    return {"name": name, "type": "relation", "collectionId": collection, "maxSelect": 1}


def _countries() -> dict[str, object]:
    fields = [{"name": "name", "type": "text"}, {"name": "code", "type": "text"}, *times()]
    return {"id": "pbc_countries01", "name": "countries", "type": "base", "fields": fields, **open_rules()}


def _cities(name: str) -> dict[str, object]:
    fields: list[Field] = [
        {"name": "name", "type": "text", "required": True},
        relation("country", "pbc_countries01"),
        {"name": "population", "type": "number"},
        {"name": "timezone", "type": "text"},
        {"name": "location", "type": "geoPoint"},
        {"name": "active", "type": "bool"},
        *times(),
    ]
    return {
        "name": name,
        "type": "base",
        "fields": fields,
        "indexes": [f"CREATE INDEX idx_{name}_country ON {name} (country, population)"],
        **open_rules(),
    }


def _notes() -> dict[str, object]:
    fields = [{"name": "text", "type": "text"}, relation("owner", "_pb_users_auth_"), *times()]
    own = "@request.auth.id != '' && owner = @request.auth.id"
    return {
        "name": "notes",
        "type": "base",
        "fields": fields,
        "indexes": ["CREATE INDEX idx_notes_owner ON notes (owner)"],
        **open_rules(),
        "listRule": own,
    }


def _insert_rows(database: Path, data: Dataset, source: random.Random) -> None:
    link = sqlite3.connect(database)
    with link:
        _insert(link, "countries", "id name code created updated", _country_rows(data.countries))
        for table, ids in (("cities", data.cities), ("towns", data.towns)):
            columns = "id name country population timezone location active created updated"
            _insert(link, table, columns, city_rows(ids, data.countries, source))
        _insert(link, "notes", "id text owner created updated", _note_rows(source))
    link.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    link.close()


def _insert(link: sqlite3.Connection, table: str, columns: str, rows: Iterator[Row]) -> None:
    names = columns.split()
    marks = ",".join("?" * len(names))
    link.executemany(f"INSERT INTO {table} ({','.join(names)}) VALUES ({marks})", rows)


def _country_rows(ids: list[str]) -> Iterator[Row]:
    for number, country in enumerate(ids):
        yield (
            country,
            f"Country {number}",
            f"{_ALPHABET[number // 26]}{_ALPHABET[number % 26]}".upper(),
            _NOW,
            _NOW,
        )


def city_rows(ids: list[str], countries: list[str], source: random.Random) -> Iterator[Row]:
    """Give the rows of cities. Names are unique, as are populations, so that every sort has one right answer."""
    seen: set[str] = set()
    populations = source.sample(range(500, 20_000_000), len(ids))
    for city, population in zip(ids, populations, strict=True):
        while (name := "".join(source.choices(_SYLLABLES, k=4)).title()) in seen:
            pass
        seen.add(name)
        location = msgspec.json.encode(
            {"lon": round(source.uniform(-180, 180), 5), "lat": round(source.uniform(-90, 90), 5)}
        ).decode()
        country, timezone = source.choice(countries), source.choice(TIMEZONES)
        yield city, name, country, population, timezone, location, source.random() < 0.9, _NOW, _NOW


def _note_rows(source: random.Random) -> Iterator[Row]:
    owners = [READER_ID, *(record_id(source) for _ in range(READERS - 1))]
    for number in range(NOTES):
        yield record_id(source), f"Note {number} says nothing new.", owners[number % READERS], _NOW, _NOW
