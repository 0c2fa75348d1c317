"""What travels from the one who writes to those who listen."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec

from backstay.catalog.fields import DbValue

Action: TypeAlias = Literal["create", "update", "delete"]


class Happened(msgspec.Struct, frozen=True, tag="record"):
    """A change of a record. old, new: database values by field; old is kept for updates and deletions."""

    action: Action
    collection_id: str
    record_id: str
    old: dict[str, DbValue] | None
    new: dict[str, DbValue] | None


class Subscribe(msgspec.Struct, frozen=True, tag="subscribe"):
    """A client's whole set of subscriptions, and who it is from now on. token: '' for a guest."""

    client_id: str
    topics: list[str]
    token: str


class Relay(msgspec.Struct, frozen=True, tag="relay"):
    """A message to one client, if it listens to the topic."""

    client_id: str
    topic: str
    data: Any


class Lapsed(msgspec.Struct, frozen=True, tag="lapsed"):
    """Nobody listened for a while: of what happened before this, not all is known."""


Event: TypeAlias = Happened | Subscribe | Relay | Lapsed


class Numbered(msgspec.Struct, frozen=True):
    """An event in its place: numbers grow within an epoch."""

    number: int
    event: Event
