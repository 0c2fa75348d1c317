"""How doors refuse: a response for each status, told once, and the body that all of them have (protocol A2)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from backstay.errors import Fault
from backstay.openapi.structs import as_answered
from backstay.openapi.values import TEXT, Schema, shape

ANY_DOOR = (400, 403, 429, 500, 503)
"""What every door may answer with, whatever else it refuses."""
_RESPONSES = {
    400: (
        "BadRequest",
        "The request is malformed, or what it asks for can't be done; `data` has the faults.",
    ),
    401: ("Unauthorized", "The door needs a valid token."),
    403: ("Forbidden", "The viewer is known and may not do this, or may not do it from this address."),
    404: ("NotFound", "There is nothing here that the viewer may see."),
    413: ("TooLarge", "The body is over its limit."),
    429: ("TooManyRequests", "Too many requests; `Retry-After` tells when to come back."),
    500: ("ServerFault", "Something went wrong; the cause is in the log."),
    503: ("Unavailable", "The database can't be reached; the same request may pass later."),
    507: ("InsufficientStorage", "There is no room left to store this; nothing was changed."),
}
_COME_BACK = (429, 503, 507)
_REF = "#/components/schemas/"


def refusals(statuses: Iterable[int]) -> dict[str, Any]:
    """Return what an operation refuses with, as references to the responses that are told once."""
    return {
        str(status): {"$ref": f"#/components/responses/{_RESPONSES[status][0]}"}
        for status in sorted({*statuses, *ANY_DOOR})
    }


def error_responses() -> dict[str, Any]:
    """Return a response for each status, by the name of its component."""
    return {name: _response(status, text) for status, (name, text) in _RESPONSES.items()}


def _response(status: int, text: str) -> dict[str, Any]:
    out: dict[str, Any] = {
        "description": text,
        "content": {"application/json": {"schema": {"$ref": f"{_REF}Error"}}},
    }
    if status in _COME_BACK:
        seconds = {"type": "integer", "minimum": 0}
        out["headers"] = {"Retry-After": {"description": "seconds to wait", "schema": seconds}}
    return out


def error_schemas() -> dict[str, Schema]:
    """Return the schemas of an error, by the names of their components."""
    fault = as_answered(Fault, sometimes=("params",))
    fault["properties"] |= {
        "response": {"$ref": f"{_REF}Error"} | {"description": "in a batch: how the request was refused"},
    }
    either = [{"$ref": f"{_REF}Error.fault"}, {"$ref": f"{_REF}Error.faults"}]
    faults = {
        "type": "object",
        "description": "Faults by field; those within a field stand under its keys or its items' positions.",
        "additionalProperties": {"anyOf": either},
    }
    return {"Error": _error(), "Error.fault": fault, "Error.faults": faults}


def _error() -> Schema:
    fields = {
        "status": {"type": "integer"},
        "message": TEXT,
        "data": {"$ref": f"{_REF}Error.faults"},
        "hint": {"type": "string", "description": "what to do about it"},
        "at": {"type": "string", "description": "what of the request it is about"},
    }
    return shape(fields, "status", "message", "data")
