"""The doors that a site has for its superusers: collections, settings, schedules and jobs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from backstay.openapi.collections import CHANGED, COLLECTION, CREATED, FIELD, collection_schemas
from backstay.openapi.parameters import FIELDS, in_path, in_query
from backstay.openapi.structs import as_answered, as_sent
from backstay.openapi.values import DATE, TEXT, Schema, listing, page_of, shape
from backstay.outbox.ledger import STATES, Count, Entry
from backstay.settings import Settings

READS = (401, 404)
WRITES = (401, 404, 413, 507)
_REF = "#/components/schemas/"
_COUNT: Schema = {"type": "integer"}
_SETTINGS: Schema = {"$ref": f"{_REF}settings.values"}
_SETTINGS_SECRETS = ("password", "secret")
_TEMPLATES = ("verification", "password-reset", "email-change", "otp", "login-alert")


def superuser_schemas() -> dict[str, Schema]:
    """Return the schemas that these doors share, by the names of their components."""
    dates = dict.fromkeys(("due", "created", "began"), DATE)
    job = as_answered(Entry, sometimes=("payload",))
    payload = {
        "type": "object",
        "description": "what the site's own code passed on; that of others isn't shown",
    }
    job["description"] = (
        "A job, a run of a schedule, a mail or the like that waits, is being done or has failed."
    )
    job["properties"] |= {**dates, "payload": payload}
    return collection_schemas() | {
        "settings.values": as_answered(Settings, without=_SETTINGS_SECRETS),
        "settings.changes": as_sent(Settings),
        "job.entry": job,
        "job.count": as_answered(Count),
    }


def superuser_operations() -> Iterator[dict[str, Any]]:
    """Yield what superusers alone may call."""
    for operation in (*_collections(), *_settings(), *_work()):
        yield {"errors": READS if operation["method"] == "GET" else WRITES, "is_public": False} | operation


def _collections() -> Iterator[dict[str, Any]]:
    many, one, tag = "/api/collections", "/api/collections/{collection}", "collections"
    by_name = [in_path("collection", "its id or name")]
    yield _operation("GET", many, "List the collections", tag) | {
        "parameters": [*map(in_query, ("page", "perPage", "sort", "filter", "skipTotal")), FIELDS],
        "answer": page_of(COLLECTION),
    }
    made = {"parameters": [FIELDS], "body": CREATED, "answer": COLLECTION}
    yield _operation("POST", many, "Create a collection", tag) | made
    seen = {"parameters": [*by_name, FIELDS], "answer": COLLECTION}
    yield _operation("GET", one, "View a collection", tag) | seen
    yield _operation("PATCH", one, "Change a collection", tag) | seen | {"body": CHANGED}
    gone = {"parameters": by_name, "status": 204}
    yield _operation("DELETE", one, "Delete a collection with its records", tag) | gone
    yield _operation("DELETE", f"{one}/truncate", "Delete all records of a collection", tag) | gone
    imported = shape({"collections": listing(CREATED), "deleteMissing": {"type": "boolean"}}, "collections")
    yield _operation("PUT", f"{many}/import", "Import collections", tag) | {"body": imported, "status": 204}
    yield from _about_collections(f"{many}/meta", tag)


def _about_collections(path: str, tag: str) -> Iterator[dict[str, Any]]:
    kinds = {type: {"$ref": f"{_REF}collection.{type}"} for type in ("auth", "base", "view")}
    begun = {"parameters": [FIELDS], "answer": shape({**kinds}, *kinds)}
    yield _operation("GET", f"{path}/scaffolds", "Show what new collections begin with", tag) | begun
    keys = ("name", "displayName", "logo")
    services = {"parameters": [FIELDS], "answer": listing(shape(dict.fromkeys(keys, TEXT), *keys))}
    yield _operation("GET", f"{path}/oauth2-providers", "List the services to sign in with", tag) | services
    tried = shape({"fields": listing(FIELD), "sample": listing({"type": "object"})}, "fields", "sample")
    query = {"body": shape({"query": TEXT}, "query"), "parameters": [FIELDS], "answer": tried}
    yield _operation("POST", f"{path}/dry-run-view", "Try the query of a view", tag) | query


def _settings() -> Iterator[dict[str, Any]]:
    path, tag = "/api/settings", "settings"
    seen = {"parameters": [FIELDS], "answer": _SETTINGS}
    yield _operation("GET", path, "View the settings", tag) | seen
    changes = {"body": {"$ref": f"{_REF}settings.changes"}}
    yield _operation("PATCH", path, "Change settings", tag) | seen | changes
    mail = shape(
        {"email": TEXT, "template": {"enum": list(_TEMPLATES)}, "collection": TEXT}, "email", "template"
    )
    yield _operation("POST", f"{path}/test/email", "Send a mail to try out the mail server", tag) | {
        "body": mail,
        "status": 204,
    }
    s3 = shape({"filesystem": {"enum": ["storage", "backups"]}}, "filesystem")
    yield _operation("POST", f"{path}/test/s3", "Try out the bucket", tag) | {"body": s3, "status": 204}
    names = ("clientId", "teamId", "keyId", "privateKey")
    apple = shape({**dict.fromkeys(names, TEXT), "duration": _COUNT}, *names, "duration")
    made = {"body": apple, "parameters": [FIELDS], "answer": shape({"secret": TEXT}, "secret")}
    yield (
        _operation("POST", f"{path}/apple/generate-client-secret", "Make the client secret for Apple", tag)
        | made
    )


def _work() -> Iterator[dict[str, Any]]:
    """Yield schedules and jobs."""
    crons = listing(shape({"id": TEXT, "expression": TEXT}, "id", "expression"))
    listed = {"parameters": [FIELDS], "answer": crons}
    yield _operation("GET", "/api/crons", "List the schedules", "crons") | listed
    by_id = {"parameters": [in_path("id")], "status": 204}
    yield _operation("POST", "/api/crons/{id}", "Run a schedule now", "crons") | by_id
    state = in_query("state", "those of this state", {"enum": ["", *STATES]})
    parameters = [*map(in_query, ("page", "perPage", "topic")), state, FIELDS]
    listed = {"parameters": parameters, "answer": page_of({"$ref": f"{_REF}job.entry"})}
    yield _operation("GET", "/api/jobs", "List what waits, runs or has failed", "jobs") | listed
    counts = {"parameters": [FIELDS], "answer": listing({"$ref": f"{_REF}job.count"})}
    yield _operation("GET", "/api/jobs/counts", "Count it by topic and state", "jobs") | counts
    retried = {
        "body": shape({"topic": TEXT}, "topic"),
        "parameters": [FIELDS],
        "answer": shape({"retried": _COUNT}, "retried"),
    }
    yield _operation("POST", "/api/jobs/retry", "Try all of a topic again that have failed", "jobs") | retried
    yield _operation("POST", "/api/jobs/{id}/retry", "Try one again", "jobs") | by_id
    yield _operation("DELETE", "/api/jobs/{id}", "Delete one", "jobs") | by_id


def _operation(method: str, path: str, summary: str, tag: str) -> dict[str, Any]:
    return {"method": method, "path": path, "summary": summary, "tag": tag}
