"""/api/files: handing out files, and the short tokens for protected ones (A9).

A name is looked up in the record before any file is touched. What may not be seen is not there: the answer is 404.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path
from urllib.parse import quote

import msgspec
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from backstay.accounts.people import auth_of
from backstay.catalog import Collection
from backstay.catalog.fields import FileField
from backstay.errors import NotFound, RequestError, Unauthorized
from backstay.files.kinds import HEAD_BYTES, PASSIVE, kind_of
from backstay.files.ranges import Span, parse_ranges
from backstay.files.sizes import DEFAULT_THUMB, parse_size
from backstay.files.stores import FileStore, Stored
from backstay.files.thumbs import thumb_key
from backstay.http.context import Ask, Door
from backstay.http.replies import COMMON_HEADERS, Reply, json_reply
from backstay.http.routing import Route
from backstay.moments import Downloading, FileToken, Moment, shown
from backstay.plans.request import GUEST, Viewer
from backstay.records.draft import RecordValues
from backstay.records.query import RecordCall

POLICY = "default-src 'none'; media-src 'self'; style-src 'unsafe-inline'; sandbox"
PUBLIC = "max-age=2592000, stale-while-revalidate=86400"
PRIVATE = "private, no-store"
PATH_SEND = "http.response.pathsend"
KINDS_KEPT_MAX = 10_000
IMAGES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""What thumbnails are made of."""

_kinds: OrderedDict[str, str] = OrderedDict()


async def file_token(ask: Ask) -> Reply:
    """Give a member a short token, for addresses that can't carry a header."""
    signed_in = ask.signed_in
    if signed_in is None:
        raise Unauthorized
    collection = signed_in.viewer.collection
    assert collection is not None
    record, options = dict(signed_in.viewer.record), auth_of(collection).fileToken

    def make() -> Moment:
        return Moment(
            name="file_token", subject=FileToken(shown(record)), collection=collection, info=ask.info()
        )

    async with ask.site.moments.around("file_token", make, collection):
        token = ask.site.sign_in.new_file_token(collection, record, options.duration)
    reply = json_reply({"token": token}, ask.fields)
    reply.headers.append((b"cache-control", b"no-store"))
    return reply


async def show_file(ask: Ask) -> FileReply:
    """Answer with a file of a record, or a thumbnail of it."""
    collection, name = ask.collection(), ask.path("name")
    record = await ask.site.viewers.load(collection, ask.path("id"))
    field = _holding(collection, record or {}, name)
    if record is None or field is None:
        raise NotFound
    if field.protected:
        await _check_view(ask, collection, str(record["id"]))
    async with ask.site.moments.around(
        "download", lambda: _download(ask, collection, record, name), collection
    ):
        return await _reply(ask, collection, record, field, name)


def _download(ask: Ask, collection: Collection, record: RecordValues, name: str) -> Moment:
    return Moment(name="download", subject=Downloading(record, name), collection=collection, info=ask.info())


async def _reply(
    ask: Ask, collection: Collection, record: RecordValues, field: FileField, name: str
) -> FileReply:
    folder = await ask.site.origin_folder(collection, record, field, name)
    files = await ask.site.files()
    key = f"{folder}/{name}"
    found = await files.find(key)
    if found is None:
        raise NotFound
    kind = await _kind(files, key, found)
    size = ask.query.get("thumb", "")
    if size and kind in IMAGES and (size == DEFAULT_THUMB or size in (field.thumbs or ())):
        thumb = await _thumb(ask, files, folder, name, size)
        if thumb is not None:
            key, found = thumb
            kind = await _kind(files, key, found)
    return FileReply(
        ask.scope, files, key, found, kind, name=name, protected=field.protected, forced=_forced(ask)
    )


def _forced(ask: Ask) -> bool:
    return ask.query.get("download", "").lower() in {"1", "t", "true"}


def _holding(collection: Collection, record: RecordValues, name: str) -> FileField | None:
    """Return the field of a record that names a file."""
    fields = (field for field in collection.file_fields if field.name in record)
    return next((field for field in fields if name in field.items(record[field.name])), None)


async def _check_view(ask: Ask, collection: Collection, record_id: str) -> None:
    """Raise NotFound unless the bearer of the file token may view the record now."""
    try:
        viewer = await _bearer(ask)
        info = msgspec.structs.replace(ask.info(context="protectedFile"), viewer=viewer)
        await ask.site.reader.view(RecordCall(ask.site.catalog, collection, info, record_id, by_code=True))
    except RequestError as exc:
        raise NotFound from exc


async def _bearer(ask: Ask) -> Viewer:
    token = ask.query.get("token", "")
    if not token:
        return GUEST
    signed_in = await ask.site.viewers.find(ask.site.catalog, token, type="file")
    if signed_in is None:
        return GUEST
    if signed_in.viewer.is_superuser:
        ask.check_superuser_address()
    return signed_in.viewer


async def _thumb(ask: Ask, files: FileStore, folder: str, name: str, size: str) -> tuple[str, Stored] | None:
    parsed = parse_size(size)
    key = thumb_key(folder, name, size)
    if parsed is None or not await ask.site.thumbs.ensure(files, f"{folder}/{name}", key, parsed):
        return None
    found = await files.find(key)
    return (key, found) if found else None


async def _kind(files: FileStore, key: str, found: Stored) -> str:
    """Return what a file is. Files never change under their key, so it is remembered."""
    known = _kinds.get(key)
    if known is None:
        head = b"".join([chunk async for chunk in files.read(key, 0, min(HEAD_BYTES, found.size))])
        known = _kinds[key] = await asyncio.to_thread(kind_of, head)
        if len(_kinds) > KINDS_KEPT_MAX:
            _kinds.popitem(last=False)
    return known


class FileReply:
    """An answer that streams a file, or the parts that were asked for (RFC 9110, sections 13 and 14)."""

    def __init__(
        self,
        scope: Scope,
        files: FileStore,
        key: str,
        found: Stored,
        kind: str,
        *,
        name: str,
        protected: bool,
        forced: bool,
    ) -> None:
        self._files, self._key, self._found, self._kind = files, key, found, kind
        self._asked: dict[bytes, str] = {
            header: value.decode("latin-1") for header, value in reversed(scope["headers"])
        }
        self._is_head = scope["method"] == "HEAD"
        disposition = "inline" if kind in PASSIVE and not forced else "attachment"
        self._etag = f'"{hashlib.sha256(f"{key}|{found.size}".encode()).hexdigest()[:32]}"'
        self._headers = {
            "Content-Disposition": f"{disposition}; filename*=UTF-8''{quote(name, safe='')}",
            "Content-Security-Policy": POLICY,
            "Cache-Control": PRIVATE if protected else PUBLIC,
            "ETag": self._etag,
            "Last-Modified": formatdate(found.modified, usegmt=True),
            "Accept-Ranges": "bytes",
            "Cross-Origin-Resource-Policy": "cross-origin",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = f"{self._kind}; charset=utf-8" if self._kind.startswith("text/") else self._kind
        size = self._found.size
        if self._is_known():
            await self._start(scope, send, 304, {})
            await send({"type": "http.response.body", "body": b""})
            return
        spans = parse_ranges(self._range(), size)
        if spans is None:
            await self._start(scope, send, 416, {"Content-Range": f"bytes */{size}", "Content-Length": "0"})
            await send({"type": "http.response.body", "body": b""})
        elif len(spans) == 1:
            span = spans[0]
            whole = span.length == size and not self._range()
            own = {"Content-Type": kind, "Content-Length": str(span.length)}
            part = {"Content-Range": f"bytes {span.start}-{span.end}/{size}"} if self._range() else {}
            await self._start(scope, send, 206 if part else 200, own | part)
            if whole and size and self._found.path is not None and PATH_SEND in scope.get("extensions", ()):
                await self._send_path(send, self._found.path)
            else:
                await self._send(send, self._files.read(self._key, span.start, span.length))
        else:
            await self._send_parts(scope, send, kind, spans)

    def _is_known(self) -> bool:
        """Tell whether the client has this very file already."""
        tags = self._asked.get(b"if-none-match")
        if tags is not None:
            return tags.strip() == "*" or self._etag in [
                tag.strip().removeprefix("W/") for tag in tags.split(",")
            ]
        since = self._asked.get(b"if-modified-since")
        return since is not None and self._is_unchanged_since(since)

    def _is_unchanged_since(self, text: str) -> bool:
        try:
            since = parsedate_to_datetime(text)
        except ValueError:
            return False
        if since.tzinfo is None:
            since = since.replace(tzinfo=UTC)
        return datetime.fromtimestamp(int(self._found.modified), UTC) <= since

    def _range(self) -> str:
        """Return the Range header, '' where If-Range names another version."""
        condition = self._asked.get(b"if-range")
        if condition is None or condition == self._etag or condition == self._headers["Last-Modified"]:
            return self._asked.get(b"range", "")
        return ""

    async def _send_parts(self, scope: Scope, send: Send, kind: str, spans: list[Span]) -> None:
        boundary = self._etag.strip('"')
        heads = [
            f"\r\n--{boundary}\r\nContent-Type: {kind}\r\n"
            f"Content-Range: bytes {span.start}-{span.end}/{self._found.size}\r\n\r\n".encode()
            for span in spans
        ]
        tail = f"\r\n--{boundary}--\r\n".encode()
        length = sum(map(len, heads)) + sum(span.length for span in spans) + len(tail)
        own = {"Content-Type": f"multipart/byteranges; boundary={boundary}", "Content-Length": str(length)}
        await self._start(scope, send, 206, own)

        async def parts() -> AsyncIterator[bytes]:
            for head, span in zip(heads, spans, strict=True):
                yield head
                async for chunk in self._files.read(self._key, span.start, span.length):
                    yield chunk
            yield tail

        await self._send(send, parts())

    async def _start(self, scope: Scope, send: Send, status: int, own: dict[str, str]) -> None:
        named = [(name.lower().encode(), value.encode()) for name, value in (self._headers | own).items()]
        headers = named + scope.pop(COMMON_HEADERS)
        await send({"type": "http.response.start", "status": status, "headers": headers})

    async def _send_path(self, send: Send, path: Path) -> None:
        """Let the server send the file by itself (an extension of ASGI): no byte of it passes through Python."""
        if self._is_head:
            await send({"type": "http.response.body", "body": b""})
        else:
            await send({"type": PATH_SEND, "path": str(path)})

    async def _send(self, send: Send, chunks: AsyncIterator[bytes]) -> None:
        if not self._is_head:
            async for chunk in chunks:
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


routes: list[BaseRoute] = [
    Route("/api/files/token", Door(file_token), methods=["POST"]),
    Route("/api/files/{collection}/{id}/{name}", Door(show_file, "file"), methods=["GET", "HEAD"]),
]
