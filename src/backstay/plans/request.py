"""Who asks, and what a rule may know of the request."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import msgspec

from backstay.catalog import Collection
from backstay.catalog.fields import Value
from backstay.clock import SYSTEM_CLOCK, Clock

RequestValue: TypeAlias = Any
"""Anything JSON that a request carries; `MISSING` when it does not carry it."""


class _Missing:
    """The type of `MISSING`."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()


class JsonText(msgspec.Struct, frozen=True):
    """The value of a JSON field in a body: rules compare it as JSON text, and follow paths into it."""

    value: Any


class Viewer:
    """Who asks: a guest (no collection), a member of an auth collection, or a superuser.

    It holds secrets, and so is nothing that JSON can be made of.

    record: the member's field values, hidden ones included
    """

    __slots__ = ("collection", "record")

    def __init__(self, collection: Collection | None = None, record: Mapping[str, Value] = {}) -> None:
        self.collection = collection
        self.record: Mapping[str, Value] = MappingProxyType(dict(record))

    def __repr__(self) -> str:
        return f"<viewer {self.collection.name}/{self.id}>" if self.collection else "<guest>"

    @property
    def is_guest(self) -> bool:
        return self.collection is None

    @property
    def is_superuser(self) -> bool:
        return self.collection is not None and self.collection.is_superusers

    @property
    def id(self) -> str:
        return str(self.record.get("id", ""))

    @property
    def shape(self) -> str:
        """What of the viewer decides the text of a statement: everything else travels as a parameter."""
        return self.collection.id if self.collection else ""

    def is_record(self, collection: Collection, record_id: str) -> bool:
        """Tell whether the viewer is this very record."""
        return self.collection is not None and self.collection.id == collection.id and self.id == record_id


GUEST: Final = Viewer()


class RequestInfo(msgspec.Struct, frozen=True, eq=False):
    """What `@request.*` stands for in rules (A6), and by which clock `@now` and its like go.

    headers: names in lower case, with _ for -
    """

    viewer: Viewer = GUEST
    context: str = "default"
    method: str = "GET"
    query: Mapping[str, str] = {}
    headers: Mapping[str, str] = {}
    body: Mapping[str, Any] = {}
    clock: Clock = SYSTEM_CLOCK

    def lookup(self, path: str) -> RequestValue:
        """Return what `@request.<path>` holds, or `MISSING`. Paths into the viewer's record start with `auth.`."""
        head, _, rest = path.partition(".")
        match head:
            case "context":
                return self.context if not rest else MISSING
            case "method":
                return self.method if not rest else MISSING
            case "query":
                return self.query.get(rest, MISSING)
            case "headers":
                return self.headers.get(rest, MISSING)
            case "body":
                return _dig(self.body, rest)
            case "auth":
                return self._lookup_viewer(rest)
        return MISSING

    def _lookup_viewer(self, name: str) -> RequestValue:
        collection = self.viewer.collection
        if collection is None:
            return MISSING
        if name == "collectionId":
            return collection.id
        if name == "collectionName":
            return collection.name
        return self.viewer.record.get(name, MISSING)


def _dig(value: Any, path: str) -> RequestValue:
    for key in path.split("."):
        if isinstance(value, JsonText):
            value = value.value
        if isinstance(value, Mapping):
            value = value.get(key, MISSING)
        elif isinstance(value, list) and key.isascii() and key.isdigit() and int(key[:9]) < len(value):
            value = value[int(key)]
        else:
            return MISSING
    return value
