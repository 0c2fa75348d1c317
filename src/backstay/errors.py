"""Errors that everything may raise, and the one body in which clients see them.

A `RequestError` is an answer: it knows its status, the protocol's `message` and `data`, and beside them our
`hint` and `at`, which tell a developer what to do. `protocol.md` A2 lists messages and codes. Operators see
`SetupError` instead: what happened, why, what to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypeAlias

import msgspec


class Fault(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is wrong with one submitted value. `code` is a promise: never reused, never renamed.

    message: a sentence; it gets its capital and its full stop here, as the protocol sends it
    """

    code: str
    message: str
    params: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        text = self.message.strip()
        if text and not text.endswith((".", "!", "?")):
            text += "."
        msgspec.structs.force_setattr(self, "message", text[:1].upper() + text[1:])


Faults: TypeAlias = "Mapping[str, Fault | Faults]"
"""Faults keyed by field name; list items are keyed by their index as text."""


def _in_order(faults: Faults) -> dict[str, Any]:
    """Sort faults by their keys, as the protocol sends them."""
    return {
        key: _in_order(fault) if isinstance(fault, Mapping) else fault
        for key, fault in sorted(faults.items())
    }


class RequestError(Exception):
    """An answer other than success. `message` ends with a full stop; `hint` holds nothing the viewer may not see."""

    status: ClassVar[int] = 400
    default: ClassVar[str] = "Something went wrong while processing your request."

    def __init__(
        self,
        message: str | None = None,
        faults: Faults | None = None,
        *,
        hint: str | None = None,
        at: str | None = None,
    ) -> None:
        self.message = message or self.default
        self.faults: Faults = faults or {}
        self.hint = hint
        self.at = at
        super().__init__(self.message)

    def body(self) -> dict[str, Any]:
        """Return the error body of the protocol (A2), with `hint` and `at` beside it when there are any."""
        out: dict[str, Any] = {"data": _in_order(self.faults), "message": self.message, "status": self.status}
        if self.hint:
            out["hint"] = self.hint
        if self.at:
            out["at"] = self.at
        return out

    def headers(self) -> dict[str, str]:
        """Return headers which belong to this answer."""
        return {}


class BadRequest(RequestError):
    """The request is malformed, or what it asks for can't be done."""


class Unauthorized(RequestError):
    """The door needs a valid token."""

    status = 401
    default = "The request requires valid record authorization token."


class Forbidden(RequestError):
    """The viewer is known and may not do this."""

    status = 403
    default = "You are not allowed to perform this request."


class NotFound(RequestError):
    """There is nothing here that the viewer may see."""

    status = 404
    default = "The requested resource wasn't found."


class TooLarge(RequestError):
    """The body is over its limit."""

    status = 413
    default = "Request entity too large."


class TooManyRequests(RequestError):
    """A rate limit was reached; `retry_after_s` tells when to come back."""

    status = 429
    default = "Too Many Requests."

    def __init__(
        self, message: str | None = None, *, retry_after_s: int = 1, hint: str | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s

    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(self.retry_after_s)}


class Unavailable(RequestError):
    """The database can't be reached or is out of room; the same request may pass later."""

    status = 503
    default = "The server can't do this right now, please try again later."

    def headers(self) -> dict[str, str]:
        return {"Retry-After": "1"}


class SetupError(Exception):
    """A fault that the operator mends: three lines on stderr, what happened, why, and what to do."""

    def __init__(self, what: str, *, why: str, do: str) -> None:
        self.what, self.why, self.do = what, why, do
        super().__init__(f"error: {what}\nwhy:   {why}\ndo:    {do}")
