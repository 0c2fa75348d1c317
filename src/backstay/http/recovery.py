"""Verification, password reset, change of address (A5): asking for the mail, and confirming with its token."""

from __future__ import annotations

from starlette.routing import BaseRoute

from backstay.http.auth import small_body
from backstay.http.context import Ask, Door
from backstay.http.replies import Reply, no_content
from backstay.http.routing import Route


async def request_verification(ask: Ask) -> Reply:
    collection = ask.auth_collection()
    await ask.site.recovery.request_verification(collection, await small_body(ask), ask.place)
    return no_content()


async def confirm_verification(ask: Ask) -> Reply:
    collection = ask.auth_collection()
    await ask.site.recovery.confirm_verification(ask.site.catalog, await small_body(ask), collection)
    return no_content()


async def request_password_reset(ask: Ask) -> Reply:
    collection = ask.auth_collection()
    await ask.site.recovery.request_password_reset(collection, await small_body(ask), ask.place)
    return no_content()


async def confirm_password_reset(ask: Ask) -> Reply:
    collection = ask.auth_collection()
    await ask.site.recovery.confirm_password_reset(ask.site.catalog, await small_body(ask), collection)
    return no_content()


async def request_email_change(ask: Ask) -> Reply:
    collection = ask.auth_collection()
    member = ask.member_of(collection).viewer.record
    await ask.site.recovery.request_email_change(collection, member, await small_body(ask), ask.place)
    return no_content()


async def confirm_email_change(ask: Ask) -> Reply:
    collection = ask.auth_collection()
    body = await small_body(ask)
    await ask.site.recovery.confirm_email_change(ask.site.catalog, body, ask.place, collection)
    return no_content()


_DOORS = (
    ("request-verification", request_verification, "requestVerification"),
    ("confirm-verification", confirm_verification, "confirmVerification"),
    ("request-password-reset", request_password_reset, "requestPasswordReset"),
    ("confirm-password-reset", confirm_password_reset, "confirmPasswordReset"),
    ("request-email-change", request_email_change, "requestEmailChange"),
    ("confirm-email-change", confirm_email_change, "confirmEmailChange"),
)

routes: list[BaseRoute] = [
    Route(f"/api/collections/{{collection}}/{path}", Door(handler, action), methods=["POST"])
    for path, handler, action in _DOORS
]
