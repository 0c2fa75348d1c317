"""What is known of a topic: who does its effects, how often they are tried, how long they may take, how many at once."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import msgspec

TIMEOUT_S = 96.0
"""How long one try may take where nothing else is said."""
PER_TOPIC_MAX = 8
"""Effects of one topic that one process works on at a time, so that slow ones leave room for others."""
DEATHS_MAX = 3
"""How often a process may die over an effect, on top of its tries, until nobody touches it any more."""


class Effect(msgspec.Struct, frozen=True):
    """One effect that is due.

    id:       grows with each effect that is recorded
    attempts: how often it has been begun, this time included
    """

    id: int
    topic: str
    payload: dict[str, Any]
    attempts: int


Handler: TypeAlias = Callable[[Effect], Awaitable[None]]


class GiveUp(Exception):
    """The effect can't succeed, however often it is tried: raised by handlers."""


class TookTooLong(Exception):
    """A try was stopped at the topic's time limit."""

    def __init__(self, timeout_s: float) -> None:
        super().__init__(f"stopped after {timeout_s:g} s, the time limit")


class Died(Exception):
    """The process ended within a try, again and again."""

    def __init__(self) -> None:
        super().__init__("the process died in each try; it was not tried again")


class Retry(msgspec.Struct, frozen=True):
    """How often an effect is tried, and how long it waits in between: twice as long each time, with some chance.

    first_s, longest_s: seconds before the second try, and at most
    """

    attempts: int = 8
    first_s: float = 5.0
    longest_s: float = 3600.0

    def delay_s(self, attempts: int) -> float:
        """Return how long to wait after `attempts` tries have failed."""
        wait_s = min(self.first_s * 2.0 ** min(attempts - 1, 32), self.longest_s)
        return wait_s * random.uniform(0.8, 1.2)  # noqa: S311 - it only keeps failures from coming in step


class Topic(msgspec.Struct, frozen=True):
    """How the effects of a topic are done.

    timeout_s:   seconds that one try may take; then it is stopped, and counts as failed
    concurrency: how many at once over all processes of the site; None for no such limit
    """

    handler: Handler
    retry: Retry = Retry()
    timeout_s: float = TIMEOUT_S
    concurrency: int | None = None


async def _unknown(effect: Effect) -> None:
    """Stand in where a topic has no handler: a later version or another plugin may have one."""
    raise LookupError(f"nothing handles the topic '{effect.topic}'")


UNKNOWN = Topic(_unknown)
