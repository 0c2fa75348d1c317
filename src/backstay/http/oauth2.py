"""Signing in with other services (A5): the code that a client brings back from a provider."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.routing import BaseRoute

from backstay.accounts.delays import Attempt
from backstay.accounts.forms import INVALID_LOAD, check_texts, read_texts, refuse
from backstay.accounts.linking import Met
from backstay.accounts.people import auth_of
from backstay.catalog.model import OAuth2Provider
from backstay.checks import length, required
from backstay.errors import BadRequest, Fault, Forbidden
from backstay.http.auth import small_body, token_reply
from backstay.http.context import Ask, Door
from backstay.http.replies import Reply, json_reply, parse_picker
from backstay.http.routing import Route
from backstay.oauth2.apple import client_secret
from backstay.oauth2.exchange import Code

NO_OAUTH2 = "The collection is not configured to allow OAuth2 authentication."
CODE_MAX_BYTES = 4096
VERIFIER_MAX_BYTES = 128
"""RFC 7636, section 4.1."""
URL_MAX_BYTES = 2048


async def auth_with_oauth2(ask: Ask) -> Reply:
    auth = auth_of(ask.sign_in_collection())
    if not auth.oauth2.enabled:
        raise Forbidden(NO_OAUTH2)
    body = await small_body(ask)
    parse_picker(ask.fields)
    configured, code = _read(body, auth.oauth2.providers)
    create_data = _create_data(body)
    call = ask.call(body).by(ask.info(body, context="oauth2"))
    attempt = Attempt(f"oauth2/{call.collection.id}", configured.name, ask.place)
    await ask.site.codes.use(call.collection, configured.name, code.code, attempt)
    tokens = await ask.site.exchange.tokens(configured, code)
    profile = await ask.site.exchange.profile(configured, tokens, code)
    if not profile.name:
        profile = msgspec.structs.replace(profile, name=await ask.site.codes.name_of(code.code))
    met = Met(configured.name, profile, tokens.access, tokens.refresh, tokens.expiry)
    return token_reply(await ask.site.linking.sign_in(call, met, create_data, ask.place, attempt), ask)


def _read(body: dict[str, Any], providers: list[OAuth2Provider]) -> tuple[OAuth2Provider, Code]:
    """Return the provider that a body names, and the code. Raises BadRequest with all faults."""
    texts = read_texts(body, "provider", "code", "codeVerifier", "redirectURL")
    rules = {
        "provider": (required,),
        "code": (required, length(1, CODE_MAX_BYTES)),
        "codeVerifier": (length(1, VERIFIER_MAX_BYTES),),
        "redirectURL": (length(1, URL_MAX_BYTES),),
    }
    faults = check_texts(texts, rules)
    name = texts["provider"]
    configured = next((item for item in providers if item.name == name), None)
    if name and configured is None:
        message = f"Provider with name {name[:100]} is missing or is not enabled."
        faults["provider"] = Fault("validation_invalid_provider", message, {"name": name[:100]})
    refuse(faults, INVALID_LOAD)
    assert configured is not None
    return configured, Code(texts["code"], texts["codeVerifier"], texts["redirectURL"])


def _create_data(body: dict[str, Any]) -> dict[str, Any]:
    value = next((value for key, value in body.items() if key.lower() == "createdata"), None)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadRequest(INVALID_LOAD, hint="'createData' must be an object.", at="createData")
    return value


async def apple_client_secret(ask: Ask) -> Reply:
    """Make the client secret that Apple wants: a token, signed with the owner's key."""
    ask.require_superuser()
    return json_reply({"secret": client_secret(await small_body(ask))}, ask.fields)


routes: list[BaseRoute] = [
    Route(
        "/api/collections/{collection}/auth-with-oauth2",
        Door(auth_with_oauth2, "authWithOAuth2", "auth"),
        methods=["POST"],
    ),
    Route("/api/settings/apple/generate-client-secret", Door(apple_client_secret), methods=["POST"]),
]
