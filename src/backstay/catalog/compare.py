"""Comparing two catalogs: which operations lead from one to the other.

Collections and fields are the same when their ids are, whatever they are called, so that a new name is a rename and
never a drop. Not compared are dates, secrets, the order of indexes, and the fields of views, which follow from their
query.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from backstay.catalog.defaults import blank
from backstay.catalog.fields import Field
from backstay.catalog.indexes import parse_index
from backstay.catalog.model import Catalog, Collection, collection_json, field_json
from backstay.catalog.operations import (
    AddField,
    AddIndex,
    ChangeCollection,
    ChangeField,
    CreateCollection,
    DropCollection,
    DropField,
    DropIndex,
    Operation,
    OrderFields,
    RenameCollection,
    RenameField,
    index_key,
)
from backstay.overlay import zero

_OWN_OPERATIONS = frozenset({"id", "name", "type", "system", "fields", "indexes"})
_PASSING = "__moving"
"""What a name ends with while two swap theirs."""


def plain(collection: Collection) -> dict[str, Any]:
    """Return a collection as it is compared: its JSON without dates and secrets."""
    out: dict[str, Any] = _json(collection_json(collection))
    del out["created"], out["updated"]
    out["indexes"] = sorted(str(parse_index(text) or text) for text in collection.indexes)
    if collection.is_view:
        del out["fields"]
    return out


def same(a: Catalog, b: Catalog) -> bool:
    """Tell whether two catalogs differ in nothing that is compared."""
    return {item.id: plain(item) for item in a} == {item.id: plain(item) for item in b}


def diff(a: Catalog, b: Catalog) -> list[Operation]:
    """Return the operations that lead from `a` to `b`."""
    walk = _Walk(a)
    for old in a:
        new = _by_id(b, old.id)
        if new is None or new.type != old.type:
            walk.take(DropCollection(old.name))
    kept = [(old, new) for old in a if (new := _by_id(walk.catalog, old.id)) and (new := _by_id(b, old.id))]
    for was, name in _renames({old.name: new.name for old, new in kept}):
        walk.take(RenameCollection(was, name))
    for new in b:
        if _by_id(walk.catalog, new.id) is None:
            walk.take(CreateCollection(definition(new)))
    for _, new in kept:
        if not new.is_view:
            _fields(walk, new)
            _indexes(walk, new)
        _options(walk, new)
    return walk.operations


class _Walk:
    """The way so far: its operations, and the catalog that they lead to."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.operations: list[Operation] = []

    def take(self, operation: Operation) -> None:
        self.catalog = operation.applied(self.catalog)
        self.operations.append(operation)

    def now(self, new: Collection) -> Collection:
        """Return how the collection that shall become `new` looks by now."""
        found = _by_id(self.catalog, new.id)
        assert found is not None, "it was there, or has been created"
        return found


def _by_id(catalog: Catalog, id: str) -> Collection | None:
    return next((item for item in catalog if item.id == id), None)


def _renames(names: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return old and new names in an order in which no two things are ever called the same."""
    moving = {was: name for was, name in names.items() if was != name}
    taken = set(names) & set(moving.values())
    away = [(was, was + _PASSING) for was in moving if was in taken]
    return away + [(was + _PASSING if was in taken else was, name) for was, name in moving.items()]


def _fields(walk: _Walk, new: Collection) -> None:
    before = {field.id: field for field in walk.now(new).fields}
    wanted = {field.id: field for field in new.fields}
    for id, field in before.items():
        if id not in wanted:
            walk.take(DropField(new.name, field.name))
    names = {field.name: wanted[id].name for id, field in before.items() if id in wanted}
    for was, name in _renames(names):
        walk.take(RenameField(new.name, was, name))
    for id, field in wanted.items():
        if id not in before:
            walk.take(AddField(new.name, brief(field)))
        elif changes := _changes(field_json(before[id]), field_json(field), leave={"name"}):
            walk.take(ChangeField(new.name, field.name, changes))
    order = [field.name for field in new.fields]
    if [field.name for field in walk.now(new).fields] != order:
        walk.take(OrderFields(new.name, order))


def _indexes(walk: _Walk, new: Collection) -> None:
    """Add before dropping: an account's indexes must never be missing, or the default ones come back."""
    had = {index_key(text): str(parse_index(text) or text) for text in walk.now(new).indexes}
    wanted = {index_key(text): text for text in new.indexes}
    for key, text in wanted.items():
        if had.get(key) != str(parse_index(text) or text):
            walk.take(AddIndex(new.name, text))
    for key in had:
        if key not in wanted:
            walk.take(DropIndex(new.name, key))


def _options(walk: _Walk, new: Collection) -> None:
    changes = _changes(plain(walk.now(new)), plain(new), leave=_OWN_OPERATIONS)
    if changes:
        walk.take(ChangeCollection(new.name, changes))


def _changes(old: Mapping[str, Any], new: Mapping[str, Any], *, leave: Iterable[str] = ()) -> dict[str, Any]:
    """Return what has to be laid over `old` to get `new`; objects merge, everything else replaces.

    What `old` alone has is one of our own options, which are left out where they are off.
    """
    out: dict[str, Any] = {}
    old = _json(old)
    off = {key: False if value is True else 0 for key, value in old.items() if key not in new}
    for key, value in (_json(new) | off).items():
        before = old.get(key)
        if key in leave or before == value:
            continue
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            out[key] = _changes(before, value)
        else:
            out[key] = value
    return out


def brief(field: Field) -> dict[str, Any]:
    """Return a field's JSON without what is empty or off."""
    head = {"name": field.name, "type": field.type, "id": field.id}
    return head | _changes(field_json(zero(type(field))), field_json(field), leave=head)


def definition(collection: Collection) -> dict[str, Any]:
    """Return what `CreateCollection` needs to make a collection: its JSON without what it has anyway."""
    fresh = blank(collection.type, collection.name, id=collection.id)
    out: dict[str, Any] = {"name": collection.name, "type": collection.type, "id": collection.id}
    out |= _changes(plain(fresh), plain(collection), leave=_OWN_OPERATIONS)
    if collection.is_view:
        return out
    out["fields"] = [brief(field) for field in _own_fields(collection, fresh)]
    indexes = [text for text in collection.indexes if text not in fresh.indexes]
    return out | ({"indexes": indexes} if indexes else {})


def _own_fields(collection: Collection, fresh: Collection) -> Sequence[Field]:
    """Return the fields after those which every collection of the type has, or all when these are not first."""
    count = len(fresh.fields)
    starts_as_usual = list(map(field_json, collection.fields[:count])) == list(map(field_json, fresh.fields))
    return collection.fields[count:] if starts_as_usual else collection.fields


def _json(value: Any) -> Any:
    """Return a value with nothing but JSON in it, tuples as lists."""
    return json.loads(msgspec.json.encode(value))
