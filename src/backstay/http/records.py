"""/api/collections/{collection}/records (A1)."""

from __future__ import annotations

from starlette.routing import BaseRoute

from backstay.http.bodies import parse_body, record_limit
from backstay.http.context import Ask, Door
from backstay.http.replies import Reply, no_content
from backstay.http.routing import Route


async def list_records(ask: Ask) -> Reply:
    collection = ask.collection()
    return Reply(await ask.site.reader.list(ask.site.catalog, collection, ask.list_query(), ask.info()))


async def view_record(ask: Ask) -> Reply:
    return Reply(await ask.site.reader.view(ask.call(record_id=ask.path("id"))))


async def create_record(ask: Ask) -> Reply:
    body = await parse_body(ask.request, record_limit(ask.collection()))
    return Reply(await ask.site.writer.create(ask.call(body.values, uploads=body.uploads)))


async def update_record(ask: Ask) -> Reply:
    body = await parse_body(ask.request, record_limit(ask.collection()))
    call = ask.call(body.values, record_id=ask.path("id"), uploads=body.uploads)
    return Reply(await ask.site.writer.update(call))


async def delete_record(ask: Ask) -> Reply:
    await ask.site.writer.delete(ask.call(record_id=ask.path("id")))
    return no_content()


_MANY = "/api/collections/{collection}/records"
_ONE = _MANY + "/{id}"

routes: list[BaseRoute] = [
    Route(_ONE, Door(view_record, "view"), methods=["GET"]),
    Route(_MANY, Door(list_records, "list"), methods=["GET"]),
    Route(_MANY, Door(create_record, "create"), methods=["POST"]),
    Route(_ONE, Door(update_record, "update"), methods=["PATCH"]),
    Route(_ONE, Door(delete_record, "delete"), methods=["DELETE"]),
]
