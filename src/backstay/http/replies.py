"""Answers: bytes with a status, and the headers that every answer carries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.types import Receive, Scope, Send

from backstay.errors import BadRequest, RequestError
from backstay.plans.fields import BadFields, Picker, parse_fields, pick

encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_JSON = (b"content-type", b"application/json")


COMMON_HEADERS = "backstay.common_headers"
"""Key of the ASGI scope with the headers that every answer carries; gone once an answer has begun."""


class Reply:
    """An answer that is known as a whole."""

    __slots__ = ("body", "headers", "status")

    def __init__(
        self,
        body: bytes,
        status: int = 200,
        *,
        content_type: bytes = b"application/json",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.body = body
        self.status = status
        lead = _JSON if content_type == b"application/json" else (b"content-type", content_type)
        self.headers = [lead, (b"content-length", str(len(body)).encode())]
        if headers:
            self.headers += [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = self.headers + scope.pop(COMMON_HEADERS)
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


def no_content() -> Reply:
    """Return 204 without a body."""
    reply = Reply(b"", 204)
    reply.headers = []
    return reply


def not_modified(scope: Scope, headers: Mapping[str, str]) -> Reply | None:
    """Return 304 with these headers where the client has the version that their ETag names, None elsewhere.

    Source: RFC 9110, section 13.1.2 (If-None-Match compares weakly: proxies that compress answers make tags weak).
    """
    tags = b",".join(value for name, value in scope["headers"] if name == b"if-none-match").decode("latin-1")
    known = {tag.strip().removeprefix("W/") for tag in tags.split(",")}
    if known.isdisjoint({headers["ETag"], "*"}):
        return None
    reply = Reply(b"", 304)
    reply.headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    return reply


def json_reply(value: Any, fields: str = "", status: int = 200) -> Reply:
    """Answer with a value as JSON, cut down to `fields` (A1: on every JSON answer). Raises BadRequest."""
    return Reply(picked(encode(value), fields), status)


def picked(body: bytes, fields: str) -> bytes:
    """Return a JSON body cut down to `fields`. Raises BadRequest."""
    if not fields:
        return body
    picker = parse_picker(fields)
    return encode(pick(_decode(body), picker)) if picker else body


def parse_picker(fields: str) -> Picker | None:
    """Read a `fields` parameter. Raises BadRequest."""
    try:
        return parse_fields(fields)
    except BadFields as exc:
        raise BadRequest(hint=str(exc), at="fields") from exc


def error_reply(error: RequestError) -> Reply:
    """Answer with an error's body."""
    return Reply(encode(error.body()), error.status, headers=error.headers())
