"""The doors of an auth collection that let people in (protocol A5), those that are open in its options."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from backstay.catalog import Collection
from backstay.openapi.values import Schema

_TEXT: Schema = {"type": "string"}


def sign_in_operations(collection: Collection) -> Iterator[dict[str, Any]]:
    """Yield the operations of an auth collection."""
    auth = collection.auth
    if auth is None:
        return
    base = f"/api/collections/{collection.name}"
    token = {
        "type": "object",
        "properties": {"token": _TEXT, "record": {"$ref": f"#/components/schemas/{collection.name}.record"}},
        "required": ["token", "record"],
    }
    enters = {"answer": token, "errors": (400, 401, 403, 404, 429, 503)}
    yield _post(collection, f"{base}/auth-refresh", "Get a fresh token", **enters, is_public=False)
    if auth.passwordAuth.enabled:
        body = _object("identity", "password")
        yield _post(collection, f"{base}/auth-with-password", "Sign in with a password", body=body, **enters)
        address = _object("email")
        yield _post(
            collection, f"{base}/request-password-reset", "Ask for a new password", body=address, status=204
        )
    if auth.otp.enabled:
        asked = {"type": "object", "properties": {"otpId": _TEXT}, "required": ["otpId"]}
        yield _post(
            collection, f"{base}/request-otp", "Ask for a code by mail", body=_object("email"), answer=asked
        )
        body = _object("otpId", "password")
        yield _post(collection, f"{base}/auth-with-otp", "Sign in with a code", body=body, **enters)
    yield _post(
        collection,
        f"{base}/request-verification",
        "Ask for the mail that confirms an address",
        body=_object("email"),
        status=204,
    )


def _object(*names: str) -> Schema:
    return {"type": "object", "properties": dict.fromkeys(names, _TEXT), "required": list(names)}


def _post(collection: Collection, path: str, summary: str, **more: Any) -> dict[str, Any]:
    return {"method": "POST", "path": path, "summary": summary, "tag": collection.name, **more}
