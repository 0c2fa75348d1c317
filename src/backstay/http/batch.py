"""POST /api/batch: several record writes in one transaction (A7)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import unquote

import msgspec
from starlette.routing import BaseRoute

from backstay.catalog.casts import to_list
from backstay.catalog.fields.base import REQUIRED
from backstay.errors import BadRequest, Fault, Faults, Forbidden, NotFound, RequestError
from backstay.http.bodies import parse_body
from backstay.http.context import Ask, Door, Headers, query_values
from backstay.http.records import uploads_for
from backstay.http.replies import Reply
from backstay.http.routing import Route
from backstay.moments import BatchedRequest, Batching, Moment
from backstay.records.query import RecordCall, ViewQuery
from backstay.records.upload import Upload
from backstay.records.writer import Hashes, with_new_id
from backstay.stores.base import Transaction

BODY_MAX_BYTES = 128 << 20
"""What `batch.maxBodySize` 0 stands for."""
METHODS = frozenset({"POST", "PATCH", "PUT", "DELETE"})
_MANY = re.compile(r"/api/collections/([^/]+)/records")
_FILE_KEY = re.compile(r"requests(?:\.(\d{1,4})|\[(\d{1,4})\])\.([^.]+)", re.ASCII)
_ONE = re.compile(r"/api/collections/([^/]+)/records/([^/]+)")


class BatchItem(msgspec.Struct, frozen=True):
    """One request within a batch, as it was sent."""

    method: str = ""
    url: str = ""
    body: dict[str, Any] | None = None
    headers: dict[str, str] | None = None


class BatchBody(msgspec.Struct, frozen=True):
    requests: list[BatchItem] | None = None


class Write(msgspec.Struct, frozen=True, eq=False):
    """One request within a batch, understood."""

    method: str
    call: RecordCall
    hashes: Hashes


class BatchFault(Fault, frozen=True, kw_only=True):
    """A request within a batch that was refused, with its answer."""

    response: dict[str, Any]


class Failed(RequestError):
    """A request within a batch was refused."""

    def __init__(self, position: int, error: RequestError) -> None:
        super().__init__(faults=error.faults)
        self.position, self.error = position, error


async def batch(ask: Ask) -> Reply:
    limits = ask.site.settings.batch
    if not limits.enabled or limits.max_requests <= 0:
        raise Forbidden(
            "Batch requests are not allowed.", hint="A superuser can allow them: settings, batch.enabled."
        )
    try:
        limit = limits.max_body_size or BODY_MAX_BYTES
        parsed = await parse_body(ask.request, limit, incoming=ask.site.keeper.incoming)
    except BadRequest as exc:
        raise BadRequest("Failed to read the submitted batch data.", hint=exc.hint, at=exc.at) from exc
    try:
        items = with_files(_read(parsed.values, limits.max_requests), parsed.files)
        async with asyncio.timeout(limits.timeout):
            return Reply(await _run(ask, items))
    except Failed as exc:
        fault = BatchFault("batch_request_failed", "Batch request failed.", response=exc.error.body())
        raise BadRequest("Batch transaction failed.", {"requests": {str(exc.position): fault}}) from exc
    except TimeoutError as exc:
        raise BadRequest("Batch transaction failed.", hint=f"It took over {limits.timeout} s.") from exc
    finally:
        if parsed.files:
            await asyncio.to_thread(parsed.close)


def with_files(
    items: list[BatchItem], files: Mapping[str, list[Upload]]
) -> list[tuple[BatchItem, dict[str, list[Upload]]]]:
    """Return requests, each with the files that came for it under `requests.N.field` or `requests[N].field`."""
    bodies = [dict(item.body or {}) for item in items]
    own: list[dict[str, list[Upload]]] = [{} for _ in items]
    for key, uploads in files.items():
        found = _FILE_KEY.fullmatch(key)
        position = int(found[1] or found[2]) if found else len(items)
        if found is not None and position < len(items):
            name, body = found[3], bodies[position]
            body[name] = [*to_list(body.get(name)), *(upload.name for upload in uploads)]
            own[position].setdefault(name, []).extend(uploads)
    return [
        (msgspec.structs.replace(item, body=body) if body else item, sent)
        for item, body, sent in zip(items, bodies, own, strict=True)
    ]


def _read(values: Mapping[str, Any], most: int) -> list[BatchItem]:
    """Return the requests of a batch. Raises BadRequest with all faults."""
    try:
        items = msgspec.convert(_folded(values), BatchBody).requests or []
    except msgspec.ValidationError as exc:
        raise BadRequest("Failed to read the submitted batch data.", hint=str(exc), at="body") from exc
    if not items:
        raise BadRequest("Invalid batch request data.", {"requests": REQUIRED})
    if len(items) > most:
        message = f"The length must be no more than {most}."
        fault = Fault("validation_length_too_long", message, {"max": most, "min": 0})
        raise BadRequest("Invalid batch request data.", {"requests": fault})
    faults = {str(position): found for position, item in enumerate(items) if (found := _item_faults(item))}
    if faults:
        raise BadRequest("Invalid batch request data.", {"requests": faults})
    return items


def _folded(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a batch with its own keys in lower case: the protocol does not look at their case."""
    out = {key.lower(): value for key, value in values.items()}
    items = out.get("requests")
    if isinstance(items, list):
        out["requests"] = [
            {key.lower(): value for key, value in item.items()} if isinstance(item, dict) else item
            for item in items
        ]
    return out


def _item_faults(item: BatchItem) -> Faults:
    faults: dict[str, Fault] = {}
    if not item.method:
        faults["method"] = REQUIRED
    elif item.method not in METHODS | {"GET"}:
        faults["method"] = Fault("validation_in_invalid", "Must be a valid value.")
    if not item.url:
        faults["url"] = REQUIRED
    return faults


async def _run(ask: Ask, items: list[tuple[BatchItem, dict[str, list[Upload]]]]) -> bytes:
    writes: list[Write] = []
    for position, (item, files) in enumerate(items):
        try:
            writes.append(await _understand(ask, item, files))
        except RequestError as exc:
            raise Failed(position, exc) from exc

    async def job(tx: Transaction) -> list[bytes]:
        def make() -> Moment:
            requests = (BatchedRequest(item.method, item.url, dict(item.body or {})) for item, _ in items)
            return Moment(name="batch", subject=Batching(tuple(requests)), info=ask.info(), tx=tx)

        async with ask.site.moments.around("batch", make):
            return await _write_all(ask, tx, writes)

    calls = [write.call for write in writes if write.method != "DELETE"]
    async with AsyncExitStack() as stack:
        for call in [call for call in calls if call.collection.is_auth][:1]:
            await stack.enter_async_context(
                ask.site.sign_ups.counted(call.collection, ask.viewer, lambda: ask.place)
            )
        await stack.enter_async_context(ask.site.writer.keeping(calls))
        return b"[" + b",".join(await ask.site.store.write(job)) + b"]"


async def _write_all(ask: Ask, tx: Transaction, writes: Sequence[Write]) -> list[bytes]:
    answers: list[bytes] = []
    for position, write in enumerate(writes):
        try:
            async with tx.savepoint():  # of a request that is refused nothing is in the way of saying why
                answers.append(await _write(ask, tx, write))
        except RequestError as exc:
            raise Failed(position, exc) from exc
    return answers


async def _understand(ask: Ask, item: BatchItem, files: Mapping[str, list[Upload]]) -> Write:
    """Find the collection and the record that a request is for, and hash its passwords. Raises RequestError."""
    path, _, raw_query = item.url.partition("?")
    many, one = _MANY.fullmatch(path), _ONE.fullmatch(path)
    found = many if item.method in {"POST", "PUT"} else one if item.method in {"PATCH", "DELETE"} else None
    if found is None:
        raise BadRequest(
            hint="A batch takes POST and PUT on .../records, PATCH and DELETE on .../records/ID."
        )
    collection = ask.site.catalog.find(unquote(found[1]))
    if collection is None:
        raise NotFound("Missing collection context.")
    query = query_values(raw_query.encode())
    body = item.body or {}
    method = "POST" if item.method == "PUT" else item.method
    own = Headers([(name.lower().encode(), value.encode()) for name, value in (item.headers or {}).items()])
    headers = {**ask.info().headers, **{name: own[name] for name in own if name != "authorization"}}
    info = msgspec.structs.replace(
        ask.info(body, context="batch"), method=method, query=query, headers=headers
    )
    record_id = unquote(one[2]) if one else ""
    if item.method == "PUT" and body.get("id"):
        record_id = str(body["id"])
    view = ViewQuery(query.get("expand", ""), query.get("fields", ""))
    uploads = uploads_for(collection, files)
    call = with_new_id(RecordCall(ask.site.catalog, collection, info, record_id, body, view, uploads))
    hashes = Hashes() if item.method == "DELETE" else await ask.site.writer.prepare(call)
    return Write(item.method, call, hashes)


async def _write(ask: Ask, tx: Transaction, write: Write) -> bytes:
    writer, call = ask.site.writer, write.call
    if write.method == "DELETE":
        await writer.delete_within(tx, call)
        return b'{"body":null,"status":204}'
    is_update = write.method == "PATCH"
    if write.method == "PUT" and call.record_id:
        is_update = bool(await tx.fetch(writer.book.of(call.collection).exists, [call.record_id]))
        call = call.by(msgspec.structs.replace(call.info, method="PATCH" if is_update else "POST"))
    act = writer.update_within if is_update else writer.create_within
    return b'{"body":' + await act(tx, call, write.hashes) + b',"status":200}'


routes: list[BaseRoute] = [Route("/api/batch", Door(batch), methods=["POST"])]
