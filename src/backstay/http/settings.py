"""/api/settings and /api/health (A1, A10)."""

from __future__ import annotations

from starlette.routing import BaseRoute

from backstay.errors import BadRequest
from backstay.http.bodies import parse_body
from backstay.http.context import Ask, Door
from backstay.http.replies import Reply, json_reply
from backstay.http.routing import Route
from backstay.settings import Settings, merge, public, validate


async def health(ask: Ask) -> Reply:
    data: dict[str, object] = {}
    if ask.viewer.is_superuser:
        data = {"canBackup": True, "realIP": ask.address, "possibleProxyHeader": ""}
    return json_reply({"message": "API is healthy.", "code": 200, "data": data}, ask.fields)


async def view_settings(ask: Ask) -> Reply:
    ask.require_superuser()
    return json_reply(public(ask.site.settings), ask.fields)


async def update_settings(ask: Ask) -> Reply:
    ask.require_superuser()
    try:
        patch = (await parse_body(ask.request, null_is_empty=False)).values
    except BadRequest as exc:
        raise BadRequest(
            "An error occurred while loading the submitted data.", hint=exc.hint, at=exc.at
        ) from exc

    def change(settings: Settings) -> Settings:
        changed = merge(settings, patch)
        validate(changed)
        return changed

    return json_reply(public(await ask.site.change_settings(change)), ask.fields)


routes: list[BaseRoute] = [
    Route("/api/health", Door(health), methods=["GET"]),
    Route("/api/settings", Door(view_settings), methods=["GET"]),
    Route("/api/settings", Door(update_settings), methods=["PATCH"]),
]
