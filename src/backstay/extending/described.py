"""Endpoints of a site as operations of its OpenAPI document."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import msgspec

from backstay.errors import RequestError
from backstay.extending.arguments import Parameter
from backstay.extending.endpoints import Endpoint
from backstay.openapi import Operation
from backstay.openapi.values import Schema
from backstay.plans.request import Viewer

REF = "#/components/schemas/{name}"
TAG = "site"
ERROR = "Error"
"""The component of our errors; a site may have a class of this name."""


def described(endpoints: Sequence[Endpoint], viewer: Viewer) -> tuple[list[Operation], dict[str, Schema]]:
    """Return the endpoints that a viewer may call as operations, and the schemas of their types."""
    open_to = [endpoint for endpoint in endpoints if may_call(endpoint, viewer)]
    types = [type for endpoint in open_to for type in _types(endpoint)]
    made = msgspec.json.schema_components(types, schema_hook=_anything, ref_template=REF)
    schemas, shared = _apart(made)
    by_type = iter(schemas)
    operations = [_operation(endpoint, [next(by_type) for _ in _types(endpoint)]) for endpoint in open_to]
    return operations, dict(shared)


def _apart(schemas: tuple[Sequence[Schema], dict[str, Schema]]) -> tuple[list[Schema], dict[str, Schema]]:
    """Return schemas of the site's types in which none has the name of our own `Error`."""
    listed, shared = schemas
    if ERROR not in shared:
        return list(listed), shared
    ours, theirs = (f'"{REF.format(name=name)}"'.encode() for name in (ERROR, f"site.{ERROR}"))
    found: list[Schema] = msgspec.json.decode(msgspec.json.encode(listed).replace(ours, theirs))
    told: dict[str, Schema] = msgspec.json.decode(msgspec.json.encode(shared).replace(ours, theirs))
    told[f"site.{ERROR}"] = told.pop(ERROR)
    return found, told


def may_call(endpoint: Endpoint, viewer: Viewer) -> bool:
    """Tell whether a viewer's kind may call an endpoint."""
    try:
        endpoint.check_viewer(viewer)
    except RequestError:
        return False
    return True


def _anything(_: type) -> Schema:
    """Stand for types that msgspec can't describe: a function that returns a response may answer anything."""
    return {}


def _in_url(endpoint: Endpoint) -> list[Parameter]:
    return [item for item in endpoint.parameters if item.source in {"path", "query"}]


def _body(endpoint: Endpoint) -> Parameter | None:
    return next((item for item in endpoint.parameters if item.source == "body"), None)


def _types(endpoint: Endpoint) -> list[Any]:
    """Return the types to be described: of the parameters, of the body, of the answer."""
    body = _body(endpoint)
    found = [item.type for item in _in_url(endpoint)] + ([body.type] if body else [])
    returns = endpoint.returns
    return [*found, Any if returns is inspect.Signature.empty else returns]


def _operation(endpoint: Endpoint, schemas: list[Schema]) -> Operation:
    described = iter(schemas)
    parameters = [_parameter(item, next(described)) for item in _in_url(endpoint)]
    sent = _body(endpoint)
    body = _within(endpoint, next(described)) if sent else None
    answer, is_empty = next(described), endpoint.returns in {None, type(None)}
    refusals = (404, 413, 507) if endpoint.public else (401, 404, 413, 507)
    return Operation(
        endpoint.method,
        endpoint.path,
        endpoint.summary or endpoint.function.__name__,
        endpoint.tags[0] if endpoint.tags else TAG,
        parameters,
        body,
        None if is_empty else _within(endpoint, answer),
        204 if is_empty else endpoint.status,
        refusals,
        endpoint.public,
        endpoint.errors is not None,
        needs_body=sent is not None and sent.is_required,
        more_tags=endpoint.tags[1:],
    )


def _within(endpoint: Endpoint, schema: Schema) -> Schema:
    """Return a schema as it stands under the endpoint's key."""
    key = endpoint.within
    return {"type": "object", "properties": {key: schema}, "required": [key]} if key else schema


def _parameter(parameter: Parameter, schema: Schema) -> dict[str, Any]:
    required = parameter.source == "path" or parameter.is_required
    return {"name": parameter.name, "in": parameter.source, "required": required, "schema": schema}
