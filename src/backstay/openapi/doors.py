"""The doors that a site has for everybody besides those of its collections' records."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from backstay.openapi.parameters import FIELDS, in_path, in_query
from backstay.openapi.values import TEXT, Schema, listing, shape

_ANY: Schema = {"type": "object"}
_COUNT: Schema = {"type": "integer"}


def public_operations() -> Iterator[dict[str, Any]]:
    """Yield what everybody may call."""
    yield _health()
    yield _batch()
    yield _operation("POST", "/api/files/token", "Get a token for protected files", "files") | {
        "parameters": [FIELDS],
        "answer": shape({"token": TEXT}, "token"),
        "errors": (401, 404),
        "is_public": False,
    }
    yield _operation("GET", "/api/files/{collection}/{id}/{name}", "Download a file", "files") | {
        "parameters": [
            *map(in_path, ("collection", "id", "name")),
            in_query("thumb", "a thumbnail of this size, like `100x100`; the field says which there are"),
            in_query("token", "a token for protected files"),
            in_query("download", "anything: the browser keeps the file instead of showing it"),
        ],
        "answer": {},
        "answer_type": "*/*",
        "more": {206: "Parts of the file.", 304: "The file is as it was.", 416: "There is no such part."},
        "errors": (404,),
    }
    yield _operation("GET", "/api/realtime", "Open a stream of events", "realtime") | {
        "answer": TEXT,
        "answer_type": "text/event-stream",
    }
    yield _operation("GET", "/api/openapi.json", "Describe the API as far as you may use it", "site") | {
        "answer": shape({"openapi": TEXT, "info": _ANY, "paths": _ANY}, "openapi", "info", "paths"),
        "more": {304: "The document is the one that `If-None-Match` names."},
    }
    yield from _redirects()
    options = {"clientId": TEXT, "subscriptions": listing(TEXT)}
    yield _operation("POST", "/api/realtime", "Say which events the stream shall have", "realtime") | {
        "body": shape(options, "clientId"),
        "status": 204,
        "errors": (404, 413),
    }


def _redirects() -> Iterator[dict[str, Any]]:
    """Yield where a popup ends in which somebody signs in with another service."""
    path, names = "/api/oauth2-redirect", ("state", "code", "error")
    yield _operation("GET", path, "End the popup of a sign-in", "site") | {
        "parameters": [in_query(name) for name in names],
        "status": 307,
    }
    form = shape(dict.fromkeys((*names, "user"), TEXT))
    posted = {"body": form, "body_type": "application/x-www-form-urlencoded", "status": 303}
    yield _operation("POST", path, "End the popup of a sign-in, for services that post", "site") | {
        **posted,
        "errors": (413,),
    }


def _health() -> dict[str, Any]:
    flag = {"type": "boolean"}
    data = shape({"canBackup": flag, "realIP": TEXT, "possibleProxyHeader": TEXT})
    answer = shape({"code": _COUNT, "message": TEXT, "data": data}, "code", "message", "data")
    health = _operation("GET", "/api/health", "Tell whether the site answers", "site")
    return health | {"answer": answer, "parameters": [FIELDS]}


def _batch() -> dict[str, Any]:
    """Return the door for several writes; a form brings them as JSON, beside their files."""
    files = {"type": "array", "items": {"type": "string", "contentMediaType": "application/octet-stream"}}
    form = {
        **shape({"@jsonPayload": TEXT}, "@jsonPayload"),
        "description": "`@jsonPayload` is the JSON body; files stand under `requests.0.field`.",
        "additionalProperties": files,
    }
    answers = shape({"status": {"enum": [200, 204]}, "body": {"type": ["object", "null"]}}, "status", "body")
    return _operation("POST", "/api/batch", "Do several writes, all or none", "batch") | {
        "body": shape({"requests": {**listing(_request()), "minItems": 1}}, "requests"),
        "multipart": form,
        "answer": listing(answers),
        "errors": (413, 507),
    }


def _request() -> Schema:
    fields: dict[str, Schema] = {
        "method": {"enum": ["POST", "PUT", "PATCH", "DELETE"]},
        "url": {"type": "string", "description": "like `/api/collections/posts/records?fields=id`"},
        "headers": {"type": "object", "additionalProperties": TEXT},
        "body": _ANY,
    }
    return shape(fields, "method", "url")


def _operation(method: str, path: str, summary: str, tag: str) -> dict[str, Any]:
    return {"method": method, "path": path, "summary": summary, "tag": tag}
