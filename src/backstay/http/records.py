"""/api/collections/{collection}/records (A1)."""

from __future__ import annotations

from starlette.routing import BaseRoute, Route

from backstay.http.bodies import parse_body
from backstay.http.context import Ask, Door
from backstay.http.replies import Reply, no_content


async def list_records(ask: Ask) -> Reply:
    collection = ask.collection()
    return Reply(await ask.site.reader.list(ask.site.catalog, collection, ask.list_query(), ask.info()))


async def view_record(ask: Ask) -> Reply:
    collection = ask.collection()
    return Reply(
        await ask.site.reader.view(ask.site.catalog, collection, ask.path("id"), ask.view_query(), ask.info())
    )


async def create_record(ask: Ask) -> Reply:
    collection = ask.collection()
    body = await parse_body(ask.request)
    site = ask.site
    return Reply(
        await site.writer.create(site.catalog, collection, body.values, ask.view_query(), ask.info(body.values))
    )


async def update_record(ask: Ask) -> Reply:
    collection = ask.collection()
    body = await parse_body(ask.request)
    site, info = ask.site, ask.info(body.values)
    return Reply(
        await site.writer.update(site.catalog, collection, ask.path("id"), body.values, ask.view_query(), info)
    )


async def delete_record(ask: Ask) -> Reply:
    collection = ask.collection()
    await ask.site.writer.delete(ask.site.catalog, collection, ask.path("id"), ask.info())
    return no_content()


_MANY = "/api/collections/{collection}/records"
_ONE = _MANY + "/{id}"

routes: list[BaseRoute] = [
    Route(_ONE, Door(view_record), methods=["GET"]),
    Route(_MANY, Door(list_records), methods=["GET"]),
    Route(_MANY, Door(create_record), methods=["POST"]),
    Route(_ONE, Door(update_record), methods=["PATCH"]),
    Route(_ONE, Door(delete_record), methods=["DELETE"]),
]
