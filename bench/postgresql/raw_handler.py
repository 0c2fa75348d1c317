"""The limit of Backstay's stack on PostgreSQL: the quickest handler we can write by hand on Granian, Starlette and psycopg.

It answers four requests of the `cities` collection, byte for byte like the real thing and just as durably: each write
is one statement that commits by itself, on any connection of the pool. It knows no rules, no fields, no hooks, no
events, no errors and no second collection.

Run it: python -m bench.postgresql.raw_handler DATABASE PORT WORKERS
"""

from __future__ import annotations

import os
import secrets
import sys
from datetime import UTC, datetime
from typing import Any

from granian.constants import Interfaces, Loops
from granian.log import LogLevels
from granian.server import Server
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.raw_handler import COLLECTION, JsonBytes, decode_city, encode

CONNECTIONS = 8
_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
_COLUMNS = f"""active, '{COLLECTION}' AS "collectionId", 'cities' AS "collectionName", country, created, id,
location, name, population, timezone, updated"""
_VIEW = f"SELECT row_to_json(r)::text FROM (SELECT {_COLUMNS} FROM cities WHERE id = %s) r".encode()
_LIST = f"""SELECT coalesce(string_agg(row_to_json(r)::text, ','), '')
FROM (SELECT {_COLUMNS} FROM cities ORDER BY "@rowid" LIMIT %s OFFSET %s) r""".encode()
_COUNT = b"SELECT count(*) FROM cities"
_INSERT = f"""WITH r AS (INSERT INTO cities (id, name, country, population, timezone, location, active, created, updated)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING {_COLUMNS}) SELECT row_to_json(r)::text FROM r""".encode()


class Database:
    """The connections of the worker process, opened with its first request."""

    def __init__(self, url: str) -> None:
        self._pool: AsyncConnectionPool[AsyncConnection[tuple[Any, ...]]] = AsyncConnectionPool(
            url, open=False, min_size=CONNECTIONS, max_size=CONNECTIONS, kwargs={"autocommit": True}
        )

    async def open(self) -> None:
        await self._pool.open(wait=True)

    async def value(self, sql: bytes, values: tuple[object, ...] = ()) -> Any:
        """Return the one value of a statement; None where it gives no row."""
        async with self._pool.connection() as connection:
            row = await (await connection.execute(sql, values or None)).fetchone()
        return row[0] if row else None


_opened: list[Database] = []


async def _database() -> Database:
    if not _opened:
        _opened.append(Database(os.environ["RAW_DATABASE"]))
        await _opened[0].open()
    return _opened[0]


async def _view(request: Request) -> Response:
    text = await (await _database()).value(_VIEW, (request.path_params["id"],))
    if text is None:
        return JsonBytes('{"data":{},"message":"The requested resource wasn\'t found.","status":404}', 404)
    return JsonBytes(text)


async def _list(request: Request) -> Response:
    database, query = await _database(), request.query_params
    page, size = int(query.get("page", 1)), int(query.get("perPage", 30))
    total = -1 if query.get("skipTotal") == "1" else await database.value(_COUNT)
    pages = -1 if total < 0 else -(-total // size)
    items = await database.value(_LIST, (size, (page - 1) * size))
    counts = f'"page":{page},"perPage":{size},"totalItems":{total},"totalPages":{pages}'
    return JsonBytes(f'{{"items":[{items}],{counts}}}')


async def _create(request: Request) -> Response:
    city = decode_city(await request.body())
    identity = "".join(map(_ALPHABET.__getitem__, (byte % 36 for byte in secrets.token_bytes(15))))
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S.%f}"[:23] + "Z"
    place = encode(city.location).decode()
    values = (
        identity,
        city.name,
        city.country,
        float(city.population),
        city.timezone,
        place,
        city.active,
        now,
        now,
    )
    return JsonBytes(await (await _database()).value(_INSERT, values))


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


def main(database: str, port: int, workers: int) -> None:
    os.environ["RAW_DATABASE"] = database
    Server(
        "bench.postgresql.raw_handler:app",
        port=port,
        workers=workers,
        interface=Interfaces.ASGINL,
        loop=Loops.uvloop,
        log_level=LogLevels.warning,
        backpressure=4096,
    ).serve()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
