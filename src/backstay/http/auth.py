"""Signing in (A5): with a password, by refreshing a token, as somebody else; and which ways there are."""

from __future__ import annotations

from typing import Any

from starlette.routing import BaseRoute

from backstay.accounts.sign_in import auth_of
from backstay.errors import BadRequest, Fault, Forbidden, NotFound, Unauthorized
from backstay.http.bodies import UNSUPPORTED, parse_body
from backstay.http.context import INVALID_AUTH_COLLECTION, Ask, Door
from backstay.http.replies import Reply, json_reply, parse_picker, picked
from backstay.http.routing import Route

IMPERSONATE_MAX_S = 94_670_856
"""The longest that the token of a collection may live: three years. Longer wishes get this."""
INVALID_LOAD = "An error occurred while loading the submitted data."


async def auth_with_password(ask: Ask) -> Reply:
    ask.auth_collection()
    body = await _auth_body(ask)
    parse_picker(ask.fields)
    call = ask.call(body).by(ask.info(body, context="password"))
    return _token_reply(await ask.site.sign_in.with_password(call), ask)


async def _auth_body(ask: Ask) -> dict[str, Any]:
    try:
        return (await parse_body(ask.request)).values
    except BadRequest as exc:
        message = exc.message if exc.message == UNSUPPORTED else INVALID_LOAD
        raise BadRequest(message, hint=exc.hint, at=exc.at) from exc


async def auth_refresh(ask: Ask) -> Reply:
    signed_in, collection = ask.signed_in, ask.collection()
    if signed_in is None:
        raise Unauthorized
    own = signed_in.viewer.collection
    if own is None or own.id != collection.id:
        raise Forbidden(f"The request requires auth record from {own.name if own else 'that'} collection.")
    body = (await parse_body(ask.request)).values
    parse_picker(ask.fields)
    return _token_reply(await ask.site.sign_in.refresh(ask.call(body), signed_in), ask)


async def impersonate(ask: Ask) -> Reply:
    ask.require_superuser()
    collection = ask.auth_collection(INVALID_AUTH_COLLECTION)
    record = await ask.site.viewers.load(collection, ask.path("id"))
    if record is None:
        raise NotFound
    body = await _auth_body(ask)
    duration = body.get("duration") or 0
    if isinstance(duration, bool) or not isinstance(duration, int):
        raise BadRequest(INVALID_LOAD, hint="'duration' is a whole number of seconds.")
    if duration < 0:
        fault = Fault(
            "validation_min_greater_equal_than_required", "Must be no less than 0.", {"threshold": 0}
        )
        raise BadRequest("An error occurred while validating the submitted data.", {"duration": fault})
    duration_s = min(duration, IMPERSONATE_MAX_S)
    return _token_reply(await ask.site.sign_in.impersonate(ask.call(body), record, duration_s), ask)


async def auth_methods(ask: Ask) -> Reply:
    auth = auth_of(ask.auth_collection())
    identity = auth.passwordAuth.identityFields if auth.passwordAuth.enabled else []
    enabled = auth.passwordAuth.enabled
    value = {
        "password": {"identityFields": list(identity), "enabled": enabled},
        "oauth2": {"providers": [], "enabled": False},
        "mfa": {"enabled": auth.mfa.enabled, "duration": auth.mfa.duration if auth.mfa.enabled else 0},
        "otp": {"enabled": False, "duration": 0},
        "authProviders": [],
        "usernamePassword": enabled and "username" in identity,
        "emailPassword": enabled and "email" in identity,
    }
    return json_reply(value, ask.fields)


def _token_reply(body: bytes, ask: Ask) -> Reply:
    """Answer with a token, which no cache may keep."""
    return Reply(picked(body, ask.fields), headers={"Cache-Control": "no-store"})


_AUTH = "/api/collections/{collection}"

routes: list[BaseRoute] = [
    Route(
        f"{_AUTH}/auth-with-password", Door(auth_with_password, "authWithPassword", "auth"), methods=["POST"]
    ),
    Route(f"{_AUTH}/auth-refresh", Door(auth_refresh, "authRefresh"), methods=["POST"]),
    Route(f"{_AUTH}/impersonate/{{id}}", Door(impersonate), methods=["POST"]),
    Route(f"{_AUTH}/auth-methods", Door(auth_methods, "listAuthMethods"), methods=["GET"]),
]
