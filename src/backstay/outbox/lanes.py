"""Which effects come next: the higher priority first, then those that are due for longest.

A lane is what has the same topic and the same priority. There are few, and the index leads from one to the next, so
that neither a long queue of a topic that is full nor one that waits for its time is ever walked through.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeAlias

from backstay.catalog.fields import DbValue
from backstay.outbox import statements as sql
from backstay.plans.params import Statement
from backstay.stores.base import Row

PRIORITY_MAX = 100
"""Priorities go from minus this to this: they are few, so that looking for the next one is quick."""
Fetch: TypeAlias = Callable[[Statement, Sequence[DbValue]], Awaitable[list[Row]]]
Room: TypeAlias = Callable[[Fetch, str], Awaitable[int]]
"""Tells how many more effects of a topic may be begun."""


async def _lanes(fetch: Fetch, room: Room) -> AsyncIterator[tuple[str, int, int]]:
    """Yield topic, priority and room of each lane that has room."""
    topic = ""
    while topics := await fetch(sql.NEXT_TOPIC, [topic]):
        topic = topics[0][0]
        at_most = await room(fetch, topic)
        priority = -PRIORITY_MAX - 1
        while at_most > 0 and (rows := await fetch(sql.NEXT_PRIORITY, [topic, priority])):
            priority = rows[0][0]
            yield topic, priority, at_most


async def pick(fetch: Fetch, room: Room, now: float, free: int) -> list[Row]:
    """Return up to `free` rows (id, topic, payload, attempts, ...) to begin now, in their order."""
    found: list[Row] = []
    left: dict[str, int] = {}
    async for topic, priority, at_most in _lanes(fetch, room):
        left[topic] = at_most
        found += await fetch(sql.LANE_DUE, [topic, priority, now, min(at_most, free)])
    picked: list[Row] = []
    for row in sorted(found, key=lambda row: (-row[4], row[5], row[0])):
        if left[row[1]] > 0 and len(picked) < free:
            left[row[1]] -= 1
            picked.append(row)
    return picked


async def next_due(fetch: Fetch, room: Room) -> float | None:
    """Return when the next effect is due whose topic has room, or None when none waits."""
    dues = [
        row[0]
        async for topic, priority, _ in _lanes(fetch, room)
        for row in await fetch(sql.LANE_NEXT, [topic, priority])
    ]
    return min(dues, default=None)
