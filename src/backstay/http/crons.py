"""/api/crons (A1, A11): what runs by the clock, and running it now. Superusers only."""

from __future__ import annotations

from starlette.routing import BaseRoute

from backstay.errors import NotFound
from backstay.http.context import Ask, Door
from backstay.http.replies import Reply, json_reply, no_content
from backstay.http.routing import Route

UNKNOWN = "Missing or invalid cron job."


async def list_crons(ask: Ask) -> Reply:
    ask.require_superuser()
    found = [{"id": item.name, "expression": item.times.expression} for item in ask.site.schedules]
    return json_reply(found, ask.fields)


async def run_cron(ask: Ask) -> Reply:
    """Let a schedule run soon; a run that is under way ends first."""
    ask.require_superuser()
    try:
        await ask.site.schedules.run(ask.path("id"))
    except KeyError as exc:
        raise NotFound(UNKNOWN) from exc
    return no_content()


routes: list[BaseRoute] = [
    Route("/api/crons", Door(list_crons), methods=["GET"]),
    Route("/api/crons/{id}", Door(run_cron), methods=["POST"]),
]
