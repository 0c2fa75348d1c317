"""The doors of an auth collection (protocol A5), those that are open in its options."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from backstay.catalog import Collection
from backstay.catalog.model import AuthOptions
from backstay.oauth2.flow import Begun
from backstay.openapi.parameters import EXPAND, FIELDS, in_path
from backstay.openapi.structs import as_answered
from backstay.openapi.values import TEXT, Schema, listing, shape
from backstay.plans.request import Viewer

WRITES = (401, 404, 413, 507)
_FLAG: Schema = {"type": "boolean"}
_SECOND_FACTOR = (
    "A second factor is asked for: sign in another way with this `mfaId`.",
    shape({"mfaId": TEXT}, "mfaId"),
)
_SECONDS: Schema = {"type": "integer", "description": "seconds"}


def sign_in_operations(collection: Collection, viewer: Viewer) -> Iterator[dict[str, Any]]:
    """Yield the operations of an auth collection."""
    auth = collection.auth
    if auth is None:
        return
    methods = _operation(collection, "auth-methods", "Tell which ways there are to sign in", method="GET")
    yield methods | {"answer": _methods(), "errors": (404,), "parameters": [FIELDS]}
    yield from _ways_in(collection, auth)
    yield from _mails(collection)
    if viewer.is_superuser:
        yield _operation(
            collection,
            "impersonate/{id}",
            "Get a token of somebody else",
            parameters=[in_path("id"), EXPAND, FIELDS],
            body=shape({"duration": _SECONDS}),
            answer=_token(collection),
            errors=WRITES,
            is_public=False,
        )


def _ways_in(collection: Collection, auth: AuthOptions) -> Iterator[dict[str, Any]]:
    enters: dict[str, Any] = {"answer": _token(collection), "errors": WRITES, "parameters": [EXPAND, FIELDS]}
    yield _operation(collection, "auth-refresh", "Get a fresh token", **enters, is_public=False)
    if auth.mfa.enabled:
        enters |= {"own_refusals": {401: _SECOND_FACTOR}}
    if auth.passwordAuth.enabled:
        body = shape(
            {"identity": TEXT, "password": TEXT, "identityField": TEXT, "mfaId": TEXT}, "identity", "password"
        )
        yield _operation(collection, "auth-with-password", "Sign in with a password", body=body, **enters)
    if auth.otp.enabled:
        yield _operation(
            collection,
            "request-otp",
            "Ask for a code by mail",
            body=shape({"email": TEXT}, "email"),
            answer=shape({"otpId": TEXT}, "otpId"),
            parameters=[FIELDS],
            errors=WRITES,
        )
        body = shape({"otpId": TEXT, "password": TEXT, "mfaId": TEXT}, "otpId", "password")
        yield _operation(collection, "auth-with-otp", "Sign in with a code", body=body, **enters)
    if auth.oauth2.enabled:
        fields: dict[str, Schema] = dict.fromkeys(("provider", "code", "codeVerifier", "redirectURL"), TEXT)
        fields["createData"] = {"type": "object", "description": "values of a new record"}
        body = shape(fields, "provider", "code")
        yield _operation(collection, "auth-with-oauth2", "Sign in with another service", body=body, **enters)


def _mails(collection: Collection) -> Iterator[dict[str, Any]]:
    """Yield what sends a mail, and what confirms with its token."""
    done: dict[str, Any] = {"status": 204, "errors": WRITES}
    passwords = {"password": TEXT, "passwordConfirm": TEXT}
    doors = (
        ("request-verification", "Ask for the mail that confirms an address", {"email": TEXT}),
        ("confirm-verification", "Confirm an address", {"token": TEXT}),
        ("request-password-reset", "Ask for the mail that lets one choose a new password", {"email": TEXT}),
        ("confirm-password-reset", "Choose a new password", {"token": TEXT, **passwords}),
        ("request-email-change", "Ask for another address", {"newEmail": TEXT}),
        ("confirm-email-change", "Confirm another address", {"token": TEXT, "password": TEXT}),
    )
    for path, summary, fields in doors:
        is_public = path != "request-email-change"
        yield _operation(collection, path, summary, body=shape(fields, *fields), **done, is_public=is_public)


def _token(collection: Collection) -> Schema:
    """Return the schema of a way in; where a second factor is asked for, the door refuses with 401 and `mfaId`."""
    record = {"$ref": f"#/components/schemas/{collection.name}.record"}
    meta = {"type": "object", "description": "what the other service told, or that the sign-up is new"}
    return shape({"token": TEXT, "record": record, "meta": meta}, "token", "record")


def _methods() -> Schema:
    provider = as_answered(Begun)
    duration = shape({"enabled": _FLAG, "duration": _SECONDS}, "enabled", "duration")
    fields = {
        "password": shape({"identityFields": listing(TEXT), "enabled": _FLAG}, "identityFields", "enabled"),
        "oauth2": shape({"providers": listing(provider), "enabled": _FLAG}, "providers", "enabled"),
        "mfa": duration,
        "otp": duration,
        "authProviders": listing(provider),
        "usernamePassword": _FLAG,
        "emailPassword": _FLAG,
    }
    return shape(fields, *fields)


def _operation(
    collection: Collection, path: str, summary: str, method: str = "POST", **more: Any
) -> dict[str, Any]:
    where = f"/api/collections/{collection.name}/{path}"
    return {"method": method, "path": where, "summary": summary, "tag": collection.name, **more}
