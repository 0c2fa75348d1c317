"""The limit of Backstay's stack: the quickest handler we can write by hand on Granian, Starlette and apsw.

It answers four requests of the `cities` collection, byte for byte like the real thing and just as durably, but knows
no rules, no fields, no errors and no second collection. What Backstay reaches is measured against it.

Run it: python -m bench.raw_handler DATABASE PORT
"""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
import threading
from datetime import UTC, datetime
from queue import SimpleQueue

import apsw
import msgspec
from granian.constants import Interfaces, Loops
from granian.log import LogLevels
from granian.server import Server
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

COLLECTION = "pbc_3998141477"
_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
# Concatenation beats json_object() by a third: the keys are fixed, so only values need quoting.
_RECORD = f"""'{{"active":'||iif(active, 'true', 'false')
||',"collectionId":"{COLLECTION}","collectionName":"cities","country":'||json_quote(country)
||',"created":"'||created||'","id":"'||id||'","location":'||location
||',"name":'||json_quote(name)||',"population":'||population
||',"timezone":'||json_quote(timezone)||',"updated":"'||updated||'"}}'"""
_VIEW = f"SELECT {_RECORD} FROM cities WHERE id = ?"
_LIST = f"""SELECT coalesce(group_concat({_RECORD}, ','), '')
FROM (SELECT * FROM cities ORDER BY rowid LIMIT ? OFFSET ?)"""
_COUNT = "SELECT count(*) FROM cities"
_INSERT = f"""INSERT INTO cities (id, name, country, population, timezone, location, active, created, updated)
VALUES (?, ?, ?, ?, ?, ?, ?, ?8, ?8) RETURNING {_RECORD}"""


class Point(msgspec.Struct):
    lon: float = 0
    lat: float = 0


class City(msgspec.Struct):
    """The body of a create request."""

    name: str
    country: str = ""
    population: int | float = 0
    timezone: str = ""
    location: Point = msgspec.field(default_factory=Point)
    active: bool = False


decode_city = msgspec.json.Decoder(City).decode
encode = msgspec.json.encode


class JsonBytes(Response):
    media_type = "application/json"


def open_database(path: str) -> apsw.Connection:
    link = apsw.Connection(path)
    link.set_busy_timeout(5000)
    link.execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-32000")
    # Random ids touch a page each; a checkpoint every 1,000 pages instead of 8,000 costs a fifth of the creates.
    link.execute("PRAGMA wal_autocheckpoint=8000")
    return link


Insert = tuple[tuple[object, ...], "asyncio.Future[str]"]


class Writer:
    """One thread that takes all writes which wait, commits them together and then answers each.

    Without savepoints: each write is one statement, which SQLite undoes by itself where it fails.
    """

    def __init__(self, path: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: SimpleQueue[Insert] = SimpleQueue()
        self._path = path
        threading.Thread(target=self._run, daemon=True).start()

    def insert(self, values: tuple[object, ...]) -> asyncio.Future[str]:
        answer: asyncio.Future[str] = self._loop.create_future()
        self._waiting.put((values, answer))
        return answer

    def _run(self) -> None:
        link = open_database(self._path)
        while True:
            group = [self._waiting.get()]
            while not self._waiting.empty():
                group.append(self._waiting.get())
            link.execute("BEGIN IMMEDIATE")
            answers: list[tuple[asyncio.Future[str], str]] = []
            for values, answer in group:
                (row,) = link.execute(_INSERT, values).fetchall()
                answers.append((answer, str(row[0])))
            link.execute("COMMIT")
            self._loop.call_soon_threadsafe(_answer_all, answers)


def _answer_all(answers: list[tuple[asyncio.Future[str], str]]) -> None:
    for future, text in answers:
        if not future.cancelled():
            future.set_result(text)


class Site:
    """The connections of the worker process, opened with its first request."""

    def __init__(self, path: str) -> None:
        self._reader = open_database(path)
        self._writer = Writer(path)
        self._counted = (-1, 0)

    def count(self) -> int:
        """Count the cities; once for each state of the database, which `data_version` tells apart."""
        version = int(self._reader.pragma("data_version"))
        if self._counted[0] != version:
            self._counted = (version, int(self._reader.execute(_COUNT).get))
        return self._counted[1]

    async def view(self, request: Request) -> Response:
        text = self._reader.execute(_VIEW, (request.path_params["id"],)).get
        if text is None:
            return JsonBytes(
                '{"data":{},"message":"The requested resource wasn\'t found.","status":404}', 404
            )
        return JsonBytes(text)

    async def list(self, request: Request) -> Response:
        query = request.query_params
        page, size = int(query.get("page", 1)), int(query.get("perPage", 30))
        total = -1 if query.get("skipTotal") == "1" else self.count()
        pages = -1 if total < 0 else -(-total // size)
        items = self._reader.execute(_LIST, (size, (page - 1) * size)).get
        counts = f'"page":{page},"perPage":{size},"totalItems":{total},"totalPages":{pages}'
        return JsonBytes(f'{{"items":[{items}],{counts}}}')

    async def create(self, request: Request) -> Response:
        city = decode_city(await request.body())
        identity = "".join(map(_ALPHABET.__getitem__, (byte % 36 for byte in secrets.token_bytes(15))))
        now = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}"[:23] + "Z"
        place = encode(city.location).decode()
        values = (identity, city.name, city.country, city.population, city.timezone, place, city.active, now)
        return JsonBytes(await self._writer.insert(values))


_sites: list[Site] = []


def _site() -> Site:
    if not _sites:
        _sites.append(Site(os.environ["RAW_DATABASE"]))
    return _sites[0]


async def _view(request: Request) -> Response:
    return await _site().view(request)


async def _list(request: Request) -> Response:
    return await _site().list(request)


async def _create(request: Request) -> Response:
    return await _site().create(request)


async def _health(request: Request) -> Response:
    return JsonBytes('{"message":"API is healthy.","code":200,"data":{}}')


app = Starlette(
    routes=[
        Route("/api/collections/cities/records/{id}", _view),
        Route("/api/collections/cities/records", _list, methods=["GET"]),
        Route("/api/collections/cities/records", _create, methods=["POST"]),
        Route("/api/health", _health),
    ]
)


def main(database: str, port: int) -> None:
    os.environ["RAW_DATABASE"] = database
    Server(
        "bench.raw_handler:app",
        port=port,
        interface=Interfaces.ASGINL,
        loop=Loops.uvloop,
        log_level=LogLevels.warning,
        backpressure=4096,
    ).serve()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
