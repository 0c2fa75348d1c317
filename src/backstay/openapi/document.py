"""Puts the document together: operations, the schemas they share, the errors that any of them may answer with.

It tells a viewer no more than the doors do: a collection stands in it when one of its rules lets somebody in, an action
when its rule does, a field when it is not hidden. Superusers see all.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from backstay.catalog import Catalog, Collection
from backstay.openapi.doors import public_operations, superuser_operations
from backstay.openapi.records import record_operations, record_schemas
from backstay.openapi.sign_in import sign_in_operations
from backstay.openapi.values import Schema
from backstay.plans.request import Viewer

ERRORS = {
    400: "The request is malformed, or what it asks for can't be done; `data` has the faults by field.",
    401: "The door needs a valid token.",
    403: "The viewer is known and may not do this.",
    404: "There is nothing here that the viewer may see.",
    413: "The body is over its limit.",
    429: "Too many requests; `Retry-After` tells when to come back.",
    503: "The database can't be reached; the same request may pass later.",
    507: "There is no room left to store this.",
}


VIEWER = "x-viewer"
"""Key with the collection of the viewer, null for guests: who sends a token learns whether it is good."""


class Operation(msgspec.Struct, frozen=True, eq=False):
    """One operation.

    parameters: OpenAPI parameter objects
    body:       the schema of the body; None where there is none
    answer:     the schema of the answer; None for an answer without a body
    errors:     the statuses it may refuse with
    is_public:  guests may call it
    own_errors: errors have statuses and bodies of the site's own
    answer_type: the media type of the answer
    more:       what other statuses say that are no refusals
    body_type:  the media type of the body
    more_tags:  tags beside `tag`
    multipart:  the schema of the body as multipart/form-data; None where it brings no files
    """

    method: str
    path: str
    summary: str
    tag: str
    parameters: list[dict[str, Any]] = []
    body: Schema | None = None
    answer: Schema | None = None
    status: int = 200
    errors: tuple[int, ...] = (400, 404, 429, 503)
    is_public: bool = True
    own_errors: bool = False
    answer_type: str = "application/json"
    more: dict[int, str] = {}
    multipart: Schema | None = None
    body_type: str = "application/json"
    more_tags: tuple[str, ...] = ()

    def json(self) -> dict[str, Any]:
        """Return it as an OpenAPI operation object."""
        out: dict[str, Any] = {"summary": self.summary, "tags": [self.tag, *self.more_tags]}
        if self.parameters:
            out["parameters"] = self.parameters
        if self.body is not None:
            bodies = {self.body_type: self.body}
            if self.multipart is not None:
                bodies["multipart/form-data"] = self.multipart
            content = {media: {"schema": schema} for media, schema in bodies.items()}
            out["requestBody"] = {"required": True, "content": content}
        good: dict[str, Any] = {"description": "Done."}
        if self.answer is not None:
            good["content"] = {self.answer_type: {"schema": self.answer}}
        told = {str(status): {"description": text} for status, text in self.more.items()}
        out["responses"] = {str(self.status): good} | told | self._refusals()
        if not self.is_public:
            out["security"] = [{"token": []}]
        return out

    def _refusals(self) -> dict[str, Any]:
        """Return how it refuses. Errors of the site's own may have any status, and any body."""
        if self.own_errors:
            content: dict[str, Any] = {"*/*": {"schema": {}}}
            return {"default": {"description": "Refused, in the site's own words.", "content": content}}
        refused = _content({"$ref": "#/components/schemas/Error"})
        return {
            str(status): {"description": ERRORS[status], "content": refused} for status in sorted(self.errors)
        }


def document(
    catalog: Catalog,
    viewer: Viewer,
    *,
    title: str,
    server: str,
    operations: Iterable[Operation] = (),
    schemas: dict[str, Schema] | None = None,
) -> dict[str, Any]:
    """Return the OpenAPI document of a site for a viewer.

    server:     the path under which the API is reached, '' for the root
    operations: those of the site's own code that the viewer may call
    schemas:    what they refer to as `#/components/schemas/NAME`
    """
    shared: dict[str, Schema] = {"Error": _error(), **(schemas or {})}
    found = [_health()]
    for collection in sorted(catalog, key=lambda item: (item.system, item.name)):
        if _is_told(collection, viewer):
            shared |= record_schemas(collection, viewer)
            found += [Operation(**parts) for parts in record_operations(collection, viewer)]
            found += [Operation(**parts) for parts in sign_in_operations(collection, viewer)]
    found += [Operation(**parts) for parts in public_operations()]
    if viewer.is_superuser:
        found += [Operation(**parts) for parts in superuser_operations()]
    paths: dict[str, dict[str, Any]] = {}
    for operation in (*found, *operations):
        paths.setdefault(operation.path, {})[operation.method.lower()] = operation.json()
    info = {"title": title, "version": "1", "description": "The API of this site, as you may use it."}
    return {
        "openapi": "3.1.0",
        "info": {**info, VIEWER: viewer.collection.name if viewer.collection else None},
        "servers": [{"url": server or "/"}],
        "paths": paths,
        "components": {
            "schemas": shared,
            "securitySchemes": {"token": {"type": "apiKey", "in": "header", "name": "Authorization"}},
        },
    }


def _is_told(collection: Collection, viewer: Viewer) -> bool:
    """Tell whether a viewer can learn of a collection: it lets somebody else than superusers in."""
    rules = (
        *(collection.listRule, collection.viewRule, collection.createRule),
        *(collection.updateRule, collection.deleteRule),
    )
    return viewer.is_superuser or any(rule is not None for rule in rules)


def _content(schema: Schema) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _error() -> Schema:
    text = {"type": "string"}
    return {
        "type": "object",
        "properties": {
            "status": {"type": "integer"},
            "message": text,
            "data": {"type": "object", "description": "faults by field, each with `code` and `message`"},
            "hint": {"type": "string", "description": "what to do about it"},
            "at": {"type": "string", "description": "what of the request it is about"},
        },
        "required": ["status", "message", "data"],
    }


def _health() -> Operation:
    answer = {
        "type": "object",
        "properties": {
            "code": {"type": "integer"},
            "message": {"type": "string"},
            "data": {"type": "object"},
        },
        "required": ["code", "message", "data"],
    }
    return Operation(
        "GET",
        "/api/health",
        "Tell whether the site answers",
        "site",
        answer=answer,
        errors=(400, 403, 429, 503),
    )
