"""Code of a site between the records that a viewer may see and what is sent: mostly there is none, and no record is touched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

import msgspec

from backstay.catalog import Catalog, Collection
from backstay.plans.request import RequestInfo

Shown: TypeAlias = dict[str, Any]
"""A record as it is about to be sent: the fields that its viewer may see, and what was expanded."""
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class ReadingHooks(Protocol):
    """What a site's own code does about records that are sent."""

    def shows(self, collection: Collection) -> bool:
        """Tell whether there is anything for a collection; asked for each answer, so it must be quick."""
        ...

    async def show(self, collection: Collection, records: list[Shown], info: RequestInfo) -> None:
        """Change records of one collection, all of one answer at once."""
        ...


class Showing:
    """The reading hooks of one site, as those who read ask for them."""

    def __init__(self) -> None:
        self.hooks: ReadingHooks | None = None

    def shows(self, collection: Collection) -> bool:
        """Tell whether a collection has code for its reading."""
        return self.hooks is not None and self.hooks.shows(collection)

    def picked(
        self, collection: Collection, picked: frozenset[str] | None, *, by_code: bool = False
    ) -> frozenset[str] | None:
        """Return the keys that the database may pick by itself: none where code is to see the whole record."""
        return None if not by_code and self.shows(collection) else picked

    async def change(
        self, catalog: Catalog, collection: Collection, texts: list[str], info: RequestInfo, *, expands: bool
    ) -> list[str]:
        """Return the JSON of records as they are sent.

        texts:   their JSON, with what is expanded
        expands: there may be records of other collections within them

        Raises what a hook raises.
        """
        if self.hooks is None or not (expands or self.hooks.shows(collection)):
            return texts
        records: list[Shown] = [_decode(text) for text in texts]
        found: dict[str, list[Shown]] = {}
        _gather(records, found)
        is_changed = False
        for id, some in found.items():
            owner = catalog.find(id)
            if owner is not None and self.hooks.shows(owner):
                await self.hooks.show(owner, some, info)
                is_changed = True
        return [_encode(record).decode() for record in records] if is_changed else texts


def _gather(records: Sequence[Any], found: dict[str, list[Shown]]) -> None:
    """Sort records and those that are expanded in them by their collections."""
    for record in records:
        if isinstance(record, dict) and "collectionId" in record:
            found.setdefault(str(record["collectionId"]), []).append(record)
            for inner in (record.get("expand") or {}).values():
                _gather(inner if isinstance(inner, list) else [inner], found)
