"""The doors that a site has besides those of its collections' records: for everybody, and for its superusers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from backstay.openapi.values import TEXT, Schema, listing, shape

READS = (400, 401, 403, 404, 429, 503)
WRITES = (400, 401, 403, 404, 413, 429, 503, 507)
_ANY: Schema = {"type": "object"}
_COLLECTION: Schema = {
    "type": "object",
    "properties": {
        "id": TEXT,
        "name": TEXT,
        "type": {"enum": ["base", "auth", "view"]},
        "system": {"type": "boolean"},
    },
    "required": ["id", "name", "type"],
}
_COUNT: Schema = {"type": "integer"}


def public_operations() -> Iterator[dict[str, Any]]:
    """Yield what everybody may call."""
    yield _operation("POST", "/api/batch", "Do several writes, all or none", "batch") | {
        "body": shape({"requests": listing(_request())}, "requests"),
        "answer": listing(shape({"status": _COUNT, "body": {}}, "status", "body")),
        "errors": (400, 403, 413, 429, 503, 507),
    }
    yield _operation("POST", "/api/files/token", "Get a token for protected files", "files") | {
        "answer": shape({"token": TEXT}, "token"),
        "errors": READS,
        "is_public": False,
    }
    yield _operation("GET", "/api/files/{collection}/{id}/{name}", "Download a file", "files") | {
        "parameters": [
            *map(_in_path, ("collection", "id", "name")),
            _in_query("thumb", "a thumbnail of this size, like `100x100`; the field says which there are"),
            _in_query("token", "a token for protected files"),
            _in_query("download", "anything: the browser keeps the file instead of showing it"),
        ],
        "answer": {},
        "answer_type": "*/*",
        "more": {206: "Parts of the file.", 304: "The file is as it was.", 416: "There is no such part."},
        "errors": (400, 403, 404, 429, 503),
    }
    yield _operation("GET", "/api/realtime", "Open a stream of events", "realtime") | {
        "answer": TEXT,
        "answer_type": "text/event-stream",
        "errors": (400, 403, 429, 503),
    }
    yield _operation("GET", "/api/openapi.json", "Describe the API as far as you may use it", "site") | {
        "answer": _ANY,
        "more": {304: "The document is the one that `If-None-Match` names."},
        "errors": (400, 403, 429, 503),
    }
    yield from _redirects()
    options = {"clientId": TEXT, "subscriptions": listing(TEXT)}
    yield _operation("POST", "/api/realtime", "Say which events the stream shall have", "realtime") | {
        "body": shape(options, "clientId"),
        "status": 204,
        "errors": (400, 403, 404, 413, 429, 503),
    }


def _redirects() -> Iterator[dict[str, Any]]:
    """Yield where a popup ends in which somebody signs in with another service."""
    path, names, refused = "/api/oauth2-redirect", ("state", "code", "error"), (400, 403, 429, 503)
    yield _operation("GET", path, "End the popup of a sign-in", "site") | {
        "parameters": [_in_query(name) for name in names],
        "status": 307,
        "errors": refused,
    }
    form = shape(dict.fromkeys((*names, "user"), TEXT))
    posted = {"body": form, "body_type": "application/x-www-form-urlencoded", "status": 303}
    yield (
        _operation("POST", path, "End the popup of a sign-in, for services that post", "site")
        | posted
        | {"errors": refused}
    )


def superuser_operations() -> Iterator[dict[str, Any]]:
    """Yield what superusers alone may call."""
    for operation in (*_collections(), *_settings(), *_work()):
        yield {"errors": READS if operation["method"] == "GET" else WRITES, "is_public": False} | operation


def _collections() -> Iterator[dict[str, Any]]:
    many, one, tag = "/api/collections", "/api/collections/{collection}", "collections"
    by_name = [_in_path("collection", "its id or name")]
    names = ("page", "perPage", "sort", "filter", "skipTotal", "fields")
    page = dict.fromkeys(("page", "perPage", "totalItems", "totalPages"), _COUNT) | {
        "items": listing(_COLLECTION)
    }
    yield _operation("GET", many, "List the collections", tag) | {
        "parameters": [_in_query(name) for name in names],
        "answer": shape(page, *page),
    }
    yield _operation("POST", many, "Create a collection", tag) | {"body": _ANY, "answer": _COLLECTION}
    yield _operation("GET", one, "View a collection", tag) | {"parameters": by_name, "answer": _COLLECTION}
    changed = {"parameters": by_name, "body": _ANY, "answer": _COLLECTION}
    yield _operation("PATCH", one, "Change a collection", tag) | changed
    yield _operation("DELETE", one, "Delete a collection with its records", tag) | {
        "parameters": by_name,
        "status": 204,
    }
    emptied = {"parameters": by_name, "status": 204}
    yield _operation("DELETE", f"{one}/truncate", "Delete all records of a collection", tag) | emptied
    imported = shape({"collections": listing(_ANY), "deleteMissing": {"type": "boolean"}}, "collections")
    yield _operation("PUT", f"{many}/import", "Import collections", tag) | {"body": imported, "status": 204}
    yield _operation("GET", f"{many}/meta/scaffolds", "Show what new collections begin with", tag) | {
        "answer": _ANY
    }
    providers = listing(shape({"name": TEXT, "displayName": TEXT, "logo": TEXT}, "name", "displayName"))
    yield _operation("GET", f"{many}/meta/oauth2-providers", "List the services to sign in with", tag) | {
        "answer": providers
    }
    tried = {"body": shape({"query": TEXT}, "query"), "answer": _ANY}
    yield _operation("POST", f"{many}/meta/dry-run-view", "Try the query of a view", tag) | tried


def _settings() -> Iterator[dict[str, Any]]:
    path, tag = "/api/settings", "settings"
    yield _operation("GET", path, "View the settings", tag) | {"answer": _ANY}
    yield _operation("PATCH", path, "Change settings", tag) | {"body": _ANY, "answer": _ANY}
    mail = shape({"email": TEXT, "template": TEXT, "collection": TEXT}, "email", "template")
    yield _operation("POST", f"{path}/test/email", "Send a mail to try out the mail server", tag) | {
        "body": mail,
        "status": 204,
    }
    s3 = shape({"filesystem": {"enum": ["storage", "backups"]}}, "filesystem")
    yield _operation("POST", f"{path}/test/s3", "Try out the bucket", tag) | {"body": s3, "status": 204}
    names = ("clientId", "teamId", "keyId", "privateKey")
    apple = shape({**dict.fromkeys(names, TEXT), "duration": _COUNT}, *names, "duration")
    made = {"body": apple, "answer": shape({"secret": TEXT}, "secret")}
    yield (
        _operation("POST", f"{path}/apple/generate-client-secret", "Make the client secret for Apple", tag)
        | made
    )


def _work() -> Iterator[dict[str, Any]]:
    """Yield schedules and jobs."""
    crons = listing(shape({"id": TEXT, "expression": TEXT}, "id", "expression"))
    yield _operation("GET", "/api/crons", "List the schedules", "crons") | {"answer": crons}
    by_id = {"parameters": [_in_path("id")], "status": 204}
    yield _operation("POST", "/api/crons/{id}", "Run a schedule now", "crons") | by_id
    page = dict.fromkeys(("page", "perPage", "totalItems", "totalPages"), _COUNT) | {"items": listing(_ANY)}
    parameters = [_in_query(name) for name in ("page", "perPage", "state", "topic", "fields")]
    listed = {"parameters": parameters, "answer": shape(page, *page)}
    yield _operation("GET", "/api/jobs", "List what waits, runs or has failed", "jobs") | listed
    yield _operation("GET", "/api/jobs/counts", "Count it by topic and state", "jobs") | {"answer": {}}
    retried = {"body": shape({"topic": TEXT}, "topic"), "answer": shape({"retried": _COUNT}, "retried")}
    yield _operation("POST", "/api/jobs/retry", "Try all of a topic again that have failed", "jobs") | retried
    yield _operation("POST", "/api/jobs/{id}/retry", "Try one again", "jobs") | by_id
    yield _operation("DELETE", "/api/jobs/{id}", "Delete one", "jobs") | by_id


def _request() -> Schema:
    fields = {
        "method": {"enum": ["POST", "PUT", "PATCH", "DELETE"]},
        "url": TEXT,
        "headers": _ANY,
        "body": _ANY,
    }
    return shape(fields, "method", "url")


def _operation(method: str, path: str, summary: str, tag: str) -> dict[str, Any]:
    return {"method": method, "path": path, "summary": summary, "tag": tag}


def _in_path(name: str, description: str = "") -> dict[str, Any]:
    told = {"description": description} if description else {}
    return {"name": name, "in": "path", "required": True, "schema": TEXT, **told}


def _in_query(name: str, description: str = "") -> dict[str, Any]:
    told = {"description": description} if description else {}
    return {"name": name, "in": "query", "schema": TEXT, **told}
