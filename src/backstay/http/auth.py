"""Signing in (A5): with a password or a mailed code, by refreshing a token, as somebody else; which ways there are."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.routing import BaseRoute

from backstay.accounts.forms import INVALID_LOAD
from backstay.accounts.one_time import NO_OTP
from backstay.accounts.people import auth_of
from backstay.catalog.model import AuthOptions
from backstay.errors import BadRequest, Fault, Forbidden, NotFound
from backstay.http.bodies import UNSUPPORTED, parse_body
from backstay.http.context import INVALID_AUTH_COLLECTION, Ask, Door
from backstay.http.replies import Reply, json_reply, parse_picker, picked
from backstay.http.routing import Route
from backstay.oauth2 import begin
from backstay.records.query import RecordCall

IMPERSONATE_MAX_S = 94_670_856
"""The longest that the token of a collection may live: three years. Longer wishes get this."""


async def auth_with_password(ask: Ask) -> Reply:
    ask.sign_in_collection()
    call = await sign_in_call(ask, "password")
    return token_reply(await ask.site.sign_in.with_password(call, ask.place), ask)


async def auth_with_otp(ask: Ask) -> Reply:
    ask.sign_in_collection()
    call = await sign_in_call(ask, "otp")
    return token_reply(await ask.site.one_time.sign_in(call, ask.place), ask)


async def request_otp(ask: Ask) -> Reply:
    collection = ask.sign_in_collection()
    if not auth_of(collection).otp.enabled:
        raise Forbidden(NO_OTP)
    body = await small_body(ask)
    otp_id = await ask.site.one_time.request(ask.site.catalog, collection, body, ask.place)
    return json_reply({"otpId": otp_id}, ask.fields)


async def sign_in_call(ask: Ask, context: str) -> RecordCall:
    """Return what is asked at a door for signing in; rules see the way of signing in as their context."""
    body = await small_body(ask)
    parse_picker(ask.fields)
    return ask.call(body).by(ask.info(body, context=context))


async def small_body(ask: Ask) -> dict[str, Any]:
    """Return the values of a body, with the message of the sign-in doors when it can't be read."""
    try:
        return (await parse_body(ask.request)).values
    except BadRequest as exc:
        message = exc.message if exc.message == UNSUPPORTED else INVALID_LOAD
        raise BadRequest(message, hint=exc.hint, at=exc.at) from exc


async def auth_refresh(ask: Ask) -> Reply:
    signed_in = ask.member_of(ask.collection())
    body = (await parse_body(ask.request)).values
    parse_picker(ask.fields)
    return token_reply(await ask.site.sign_in.refresh(ask.call(body), signed_in), ask)


async def impersonate(ask: Ask) -> Reply:
    ask.require_superuser()
    collection = ask.auth_collection(INVALID_AUTH_COLLECTION)
    record = await ask.site.viewers.load(collection, ask.path("id"))
    if record is None:
        raise NotFound
    body = await small_body(ask)
    duration = body.get("duration") or 0
    if isinstance(duration, bool) or not isinstance(duration, int):
        raise BadRequest(INVALID_LOAD, hint="'duration' is a whole number of seconds.")
    if duration < 0:
        fault = Fault(
            "validation_min_greater_equal_than_required", "Must be no less than 0.", {"threshold": 0}
        )
        raise BadRequest("An error occurred while validating the submitted data.", {"duration": fault})
    duration_s = min(duration, IMPERSONATE_MAX_S)
    return token_reply(await ask.site.sign_in.impersonate(ask.call(body), record, duration_s), ask)


async def auth_methods(ask: Ask) -> Reply:
    return json_reply(methods_of(auth_of(ask.auth_collection())), ask.fields)


def methods_of(auth: AuthOptions) -> dict[str, Any]:
    """Return the ways to sign in to a collection, with the names that older clients know (A5)."""
    password, mfa, otp = auth.passwordAuth, auth.mfa, auth.otp
    identity = password.identityFields if password.enabled else []
    providers = [begin(item) for item in auth.oauth2.providers] if auth.oauth2.enabled else []
    return {
        "password": {"identityFields": list(identity), "enabled": password.enabled},
        "oauth2": {"providers": providers, "enabled": auth.oauth2.enabled},
        "mfa": {"enabled": mfa.enabled, "duration": mfa.duration if mfa.enabled else 0},
        "otp": {"enabled": otp.enabled, "duration": otp.duration if otp.enabled else 0},
        "authProviders": [msgspec.structs.replace(item, logo="") for item in providers],
        "usernamePassword": password.enabled and "username" in identity,
        "emailPassword": password.enabled and "email" in identity,
    }


def token_reply(body: bytes, ask: Ask) -> Reply:
    """Answer with a token, which no cache may keep."""
    return Reply(picked(body, ask.fields), headers={"Cache-Control": "no-store"})


_AUTH = "/api/collections/{collection}"

routes: list[BaseRoute] = [
    Route(
        f"{_AUTH}/auth-with-password", Door(auth_with_password, "authWithPassword", "auth"), methods=["POST"]
    ),
    Route(f"{_AUTH}/auth-with-otp", Door(auth_with_otp, "authWithOTP", "auth"), methods=["POST"]),
    Route(f"{_AUTH}/request-otp", Door(request_otp, "requestOTP"), methods=["POST"]),
    Route(f"{_AUTH}/auth-refresh", Door(auth_refresh, "authRefresh"), methods=["POST"]),
    Route(f"{_AUTH}/impersonate/{{id}}", Door(impersonate), methods=["POST"]),
    Route(f"{_AUTH}/auth-methods", Door(auth_methods, "listAuthMethods"), methods=["GET"]),
]
