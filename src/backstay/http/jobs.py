"""/api/jobs: what waits to be done, is being done, or has failed: jobs, runs of schedules, mails and the like.

Superusers only, and not even they see what a mail holds: its links sign in as somebody else.
"""

from __future__ import annotations

from typing import Any

from starlette.routing import BaseRoute

from backstay.errors import BadRequest, NotFound
from backstay.http.auth import small_body
from backstay.http.context import Ask, Door
from backstay.http.replies import Reply, json_reply, no_content, parse_picker
from backstay.http.routing import Route
from backstay.outbox.ledger import STATES, Entry, Outcome, date
from backstay.plans.fields import pick

ID_MAX_DIGITS = 18
UNFIT = {
    "retry": "Only what has failed, or waits for another try, can be tried again.",
    "delete": "What is being done can't be deleted; wait until it ends.",
}


async def list_jobs(ask: Ask) -> Reply:
    ask.require_superuser()
    query, state = ask.list_query(), ask.query.get("state", "")
    picker = parse_picker(query.fields)
    if state and state not in STATES:
        raise BadRequest(hint=f"'state' is one of {', '.join(STATES)}.", at="state")
    entries, total = await ask.site.ledger.page(
        state=state,
        topic=ask.query.get("topic", ""),
        limit=query.per_page,
        offset=(query.page - 1) * query.per_page,
    )
    items: object = [_shown(entry) for entry in entries]
    page = {
        "items": pick(items, picker) if picker else items,
        "page": query.page,
        "perPage": query.per_page,
        "totalItems": total,
        "totalPages": -(-total // query.per_page),
    }
    return json_reply(page)


async def count_jobs(ask: Ask) -> Reply:
    ask.require_superuser()
    return json_reply(await ask.site.ledger.counts(), ask.fields)


async def retry_job(ask: Ask) -> Reply:
    ask.require_superuser()
    return _answer(await ask.site.ledger.retry(_id(ask)), UNFIT["retry"])


async def retry_topic(ask: Ask) -> Reply:
    """Try all of a topic anew that have failed."""
    ask.require_superuser()
    topic = (await small_body(ask)).get("topic")
    if not isinstance(topic, str) or not topic:
        raise BadRequest(hint='Send the topic whose failures shall be tried again: {"topic": "..."}.')
    return json_reply({"retried": await ask.site.ledger.retry_all(topic)}, ask.fields)


async def delete_job(ask: Ask) -> Reply:
    ask.require_superuser()
    return _answer(await ask.site.ledger.delete(_id(ask)), UNFIT["delete"])


def _id(ask: Ask) -> int:
    """Return the id in the path. Raises NotFound."""
    text = ask.path("id")
    if not (text.isascii() and text.isdigit()) or len(text) > ID_MAX_DIGITS:
        raise NotFound
    return int(text)


def _answer(outcome: Outcome, unfit: str) -> Reply:
    if outcome == "missing":
        raise NotFound
    if outcome == "unfit":
        raise BadRequest(hint=unfit)
    return no_content()


def _shown(entry: Entry) -> dict[str, Any]:
    """Return what is seen of an effect; `began` is empty for what is not being done."""
    return entry.json() | {"began": date(entry.began) if entry.state == "running" else ""}


_ALL = "/api/jobs"

routes: list[BaseRoute] = [
    Route(_ALL, Door(list_jobs), methods=["GET"]),
    Route(f"{_ALL}/counts", Door(count_jobs), methods=["GET"]),
    Route(f"{_ALL}/retry", Door(retry_topic), methods=["POST"]),
    Route(f"{_ALL}/{{id}}/retry", Door(retry_job), methods=["POST"]),
    Route(f"{_ALL}/{{id}}", Door(delete_job), methods=["DELETE"]),
]
