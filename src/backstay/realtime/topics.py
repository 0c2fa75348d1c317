"""Subscriptions: `collection/*`, `collection/id`, or any other name, with options (protocol A8).

A topic's text is its name in every message, exactly as it was sent. Beside the protocol's options stand two of ours:

    leave:  tell when a record stops matching
    resume: number the messages, and replay those after a number: "" for none yet
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qs

import msgspec

TOPICS_MAX = 1000
TOPIC_MAX_CHARS = 2500
OPTION_MAX_COUNT = 100
"""Query parameters or headers in one subscription."""


class Options(msgspec.Struct, frozen=True):
    """What a subscription asks for. `resume` None: messages without numbers."""

    query: Mapping[str, str] = {}
    headers: Mapping[str, str] = {}
    leave: bool = False
    resume: str | None = None

    @property
    def key(self) -> tuple[Any, ...]:
        """What of the options decides an answer: those with the same key share one."""
        return (tuple(sorted(self.query.items())), tuple(sorted(self.headers.items())))


class Topic(msgspec.Struct, frozen=True):
    """One subscription.

    text:       as it was sent
    collection: name or id; '' when it is about something else
    record_id:  '*' for all records
    """

    text: str
    collection: str = ""
    record_id: str = ""
    options: Options = Options()

    @property
    def key(self) -> tuple[str, str]:
        """What it is about."""
        return self.collection, self.record_id


def keys_of(names: Iterable[str], record_id: str) -> list[tuple[str, str]]:
    """Return what topics may be about that hear of a record. names: what its collection may be called"""
    return [(name, wanted) for name in names for wanted in ("*", record_id)]


def parse_topic(text: str) -> Topic:
    """Read a subscription. What makes no sense in the options is left out, as the protocol has it."""
    name, _, query = text.partition("?")
    options = _options(query) if query else Options()
    if name.startswith("@"):
        return Topic(text, options=options)
    collection, slash, record_id = name.partition("/")
    return Topic(text, collection, record_id if slash else "*", options)


def _options(query: str) -> Options:
    try:
        raw = msgspec.json.decode(parse_qs(query, max_num_fields=10)["options"][0])
    except (KeyError, ValueError, msgspec.DecodeError):
        return Options()
    if not isinstance(raw, dict):
        return Options()
    headers = {key.lower().replace("-", "_"): value for key, value in _texts(raw.get("headers")).items()}
    resume = raw.get("resume")
    return Options(
        _texts(raw.get("query")),
        headers,
        raw.get("leave") is True,
        resume if isinstance(resume, str) else None,
    )


def _texts(raw: Any) -> dict[str, str]:
    """Return the texts, numbers and booleans of an object as texts."""
    if not isinstance(raw, dict):
        return {}
    items = list(raw.items())[:OPTION_MAX_COUNT]
    return {key: _text(value) for key, value in items if isinstance(value, str | int | float)}


def _text(value: str | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
