"""/api/collections/{collection}/records (A1)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from starlette.routing import BaseRoute

from backstay.catalog import Collection
from backstay.http.bodies import ParsedBody, parse_body, record_limit
from backstay.http.context import Ask, Door
from backstay.http.replies import Reply, no_content
from backstay.http.routing import Route
from backstay.records.upload import Upload, Uploads


async def list_records(ask: Ask) -> Reply:
    collection = ask.collection()
    return Reply(await ask.site.reader.list(ask.site.catalog, collection, ask.list_query(), ask.info()))


async def view_record(ask: Ask) -> Reply:
    return Reply(await ask.site.reader.view(ask.call(record_id=ask.path("id"))))


async def create_record(ask: Ask) -> Reply:
    async with record_body(ask) as body:
        call = ask.call(body.values, uploads=uploads_for(ask.collection(), body.files))
        async with ask.site.sign_ups.counted(call.collection, ask.viewer, lambda: ask.place):
            return Reply(await ask.site.writer.create(call))


async def update_record(ask: Ask) -> Reply:
    async with record_body(ask) as body:
        uploads = uploads_for(ask.collection(), body.files)
        call = ask.call(body.values, record_id=ask.path("id"), uploads=uploads)
        async with ask.site.sign_ups.counted(call.collection, ask.viewer, lambda: ask.place):
            return Reply(await ask.site.writer.update(call))


@asynccontextmanager
async def record_body(ask: Ask) -> AsyncIterator[ParsedBody]:
    """Read a record's body; the files that came with it and were not taken go with the block."""
    limit = record_limit(ask.collection())
    body = await parse_body(ask.request, limit, incoming=ask.site.keeper.incoming)
    try:
        yield body
    finally:
        if body.files:
            await asyncio.to_thread(body.close)


def uploads_for(collection: Collection, files: Mapping[str, Sequence[Upload]]) -> Uploads:
    """Return the files that came under the name of a file field, or with a modifier that adds to it."""
    keys = {
        key for field in collection.file_fields for key in (field.name, f"{field.name}+", f"+{field.name}")
    }
    return {upload.name: upload for key in files if key in keys for upload in files[key]}


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
