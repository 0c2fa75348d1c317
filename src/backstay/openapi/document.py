"""Puts the document together: operations, the schemas they share, the errors that any of them may answer with.

It tells a viewer no more than the doors do: a collection stands in it when one of its rules lets somebody in, an action
when its rule does, a field when it is not hidden. Superusers see all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from backstay.catalog import Catalog, Collection
from backstay.openapi.doors import public_operations
from backstay.openapi.errors import error_responses, error_schemas, refusals
from backstay.openapi.owner import superuser_operations, superuser_schemas
from backstay.openapi.records import record_operations, record_schemas
from backstay.openapi.sign_in import sign_in_operations
from backstay.openapi.values import Schema
from backstay.plans.request import Viewer

INFO = """The API of this site, as you may use it.

Whatever is refused is refused with one body, `Error`. A path that leads nowhere is 404, and so is one that does not
take the method; a body of a type that is not taken is 400. What is no HTTP request at all, or has headers over their
limit, is turned away with 400, 414 or 431 before it gets here, without a body."""


VIEWER = "x-viewer"
"""Key with the collection of the viewer, null for guests: who sends a token learns whether it is good."""


class Operation(msgspec.Struct, frozen=True, eq=False):
    """One operation.

    parameters: OpenAPI parameter objects
    body:       the schema of the body; None where there is none
    answer:     the schema of the answer; None for an answer without a body
    errors:     the statuses it may refuse with, besides those of any door
    own_refusals: what else a status may say, with its schema
    is_public:  guests may call it
    own_errors: errors have statuses and bodies of the site's own
    answer_type: the media type of the answer
    more:       what other statuses say that are no refusals
    body_type:  the media type of the body
    needs_body: what has a body can't be called without one
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
    errors: tuple[int, ...] = ()
    is_public: bool = True
    own_errors: bool = False
    answer_type: str = "application/json"
    more: dict[int, str] = {}
    multipart: Schema | None = None
    body_type: str = "application/json"
    needs_body: bool = True
    more_tags: tuple[str, ...] = ()
    own_refusals: dict[int, tuple[str, Schema]] = {}

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
            out["requestBody"] = {"required": self.needs_body, "content": content}
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
        return refusals(self.errors) | {
            str(status): _either(text, schema) for status, (text, schema) in self.own_refusals.items()
        }


def document(
    catalog: Catalog,
    viewer: Viewer,
    *,
    title: str,
    server: str,
    operations: Iterable[Operation] = (),
    schemas: dict[str, Schema] | None = None,
    by_code: Callable[[Collection], bool] = lambda _: False,
) -> dict[str, Any]:
    """Return the OpenAPI document of a site for a viewer.

    server:     the path under which the API is reached, '' for the root
    operations: those of the site's own code that the viewer may call
    schemas:    what they refer to as `#/components/schemas/NAME`
    by_code:    tells whether the site's own code changes a collection's records before they are sent
    """
    shared: dict[str, Schema] = {**error_schemas(), **(schemas or {})}
    found = [Operation(**parts) for parts in public_operations()]
    for collection in sorted(catalog, key=lambda item: (item.system, item.name)):
        if _is_told(collection, viewer):
            shared |= record_schemas(collection, viewer, by_code=by_code(collection))
            found += [Operation(**parts) for parts in record_operations(collection, viewer)]
            found += [Operation(**parts) for parts in sign_in_operations(collection, viewer)]
    if viewer.is_superuser:
        shared |= superuser_schemas()
        found += [Operation(**parts) for parts in superuser_operations()]
    paths: dict[str, dict[str, Any]] = {}
    for operation in (*found, *operations):
        paths.setdefault(operation.path, {})[operation.method.lower()] = operation.json()
    info = {"title": title, "version": "1", "description": INFO}
    return {
        "openapi": "3.1.0",
        "info": {**info, VIEWER: viewer.collection.name if viewer.collection else None},
        "servers": [{"url": server or "/"}],
        "paths": paths,
        "components": {
            "schemas": shared,
            "responses": error_responses(),
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


def _either(text: str, schema: Schema) -> dict[str, Any]:
    """Return a refusal that is either an error or something of its own."""
    told = [{"$ref": "#/components/schemas/Error"}, schema]
    return {"description": text, "content": {"application/json": {"schema": {"anyOf": told}}}}
