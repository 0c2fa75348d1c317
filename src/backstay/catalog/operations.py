"""Operations on a schema: what a migration is made of.

Each is a value which tells in plain words what it does, turns one catalog into the next, without any database, and
knows whether it loses data. Collections and fields are called by their names as they are when the operation's turn
comes; behind the names stand ids, which a new name does not change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, TypeAlias

import msgspec

from backstay.catalog.defaults import blank, completed
from backstay.catalog.fields import Field, Kind
from backstay.catalog.indexes import parse_index
from backstay.catalog.merge import edited, new_draft
from backstay.catalog.model import Catalog, Collection, field_json
from backstay.overlay import Misfit

Json: TypeAlias = Mapping[str, Any]


class Mismatch(Exception):
    """An operation does not fit the catalog that it is for; the text says why, without a full stop."""


class Operation(msgspec.Struct, frozen=True):
    """One step from a catalog to another."""

    destructive: ClassVar[bool] = False

    @property
    def about(self) -> str:
        """The name of the collection, as it is before this step."""
        return str(getattr(self, "collection", ""))

    def applied(self, catalog: Catalog) -> Catalog:
        """Return the catalog after this step. Raises Mismatch."""
        raise AssertionError(f"{type(self).__name__} has no step")

    def loses(self, catalog: Catalog) -> bool:
        """Tell whether this step, made in `catalog`, loses data."""
        return self.destructive


class CreateCollection(Operation, frozen=True):
    """Create a collection from its JSON; the fields that its type always has come first unless they are in it."""

    definition: dict[str, Any]

    def __str__(self) -> str:
        return f"create {self.definition.get('type', 'base')} collection '{self.definition.get('name', '')}'"

    def applied(self, catalog: Catalog) -> Catalog:
        name, type = str(self.definition.get("name", "")), str(self.definition.get("type", "base"))
        taken = catalog.find(name) or catalog.find(str(self.definition.get("id", "")))
        if taken is not None:
            raise Mismatch(f"there is a collection '{taken.name}' already, with this name or id")
        fields = self.definition.get("fields", [])
        if not isinstance(fields, list) or not all(isinstance(field, dict) for field in fields):
            raise Mismatch("'fields' is no list of objects")
        named = {field.get("name") for field in fields}
        given = [field_json(field) for field in blank(type, name, id="").fields if field.name not in named]
        body = {"indexes": [], **self.definition, "fields": [*given, *fields]}
        return Catalog((*catalog, _fitting(lambda: new_draft(catalog, type, name, body, guards=True))))


class DropCollection(Operation, frozen=True):
    """Drop a collection with its records."""

    collection: str
    destructive: ClassVar[bool] = True

    def __str__(self) -> str:
        return f"drop collection '{self.collection}' with its records"

    def applied(self, catalog: Catalog) -> Catalog:
        gone = _collection(catalog, self.collection)
        return Catalog((item for item in catalog if item.id != gone.id), catalog.version)


class RenameCollection(Operation, frozen=True):
    """Give a collection another name; its records, files and relations stay."""

    collection: str
    name: str

    def __str__(self) -> str:
        return f"rename collection '{self.collection}' to '{self.name}'"

    def applied(self, catalog: Catalog) -> Catalog:
        return _changed(catalog, self.collection, {"name": self.name})


class ChangeCollection(Operation, frozen=True):
    """Change rules and options: everything but name, fields and indexes. What `changes` doesn't name stays."""

    collection: str
    changes: dict[str, Any]

    def __str__(self) -> str:
        return f"change {', '.join(sorted(self.changes))} of '{self.collection}'"

    def applied(self, catalog: Catalog) -> Catalog:
        _refuse_keys(self.changes, "id", "name", "type", "system", "fields", "indexes")
        return _changed(catalog, self.collection, self.changes)


class AddField(Operation, frozen=True):
    """Add a field, from its JSON, after those that are there."""

    collection: str
    field: dict[str, Any]

    def __str__(self) -> str:
        return f"add {self.field.get('type')} field '{self.collection}.{self.field.get('name')}'"

    def applied(self, catalog: Catalog) -> Catalog:
        name, id = self.field.get("name"), self.field.get("id")
        fields = _collection(catalog, self.collection).fields
        if any(field.name == name or field.id == id for field in fields):
            raise Mismatch(f"there is a field '{name}' in '{self.collection}' already, or one with its id")
        return _refielded(catalog, self.collection, lambda found: [*found, self.field])


class ChangeField(Operation, frozen=True):
    """Change a field's options. A list that shall hold one value loses all but the last."""

    collection: str
    field: str
    changes: dict[str, Any]

    def __str__(self) -> str:
        return f"change {', '.join(sorted(self.changes))} of field '{self.collection}.{self.field}'"

    def applied(self, catalog: Catalog) -> Catalog:
        _refuse_keys(self.changes, "id", "name", "type")
        return _one_field(catalog, self.collection, self.field, self.changes)

    def loses(self, catalog: Catalog) -> bool:
        old = _field(catalog, self.collection, self.field)
        new = next(
            field
            for field in _collection(self.applied(catalog), self.collection).fields
            if field.id == old.id
        )
        return old.column_kind is Kind.LIST and new.column_kind is not Kind.LIST


class RenameField(Operation, frozen=True):
    """Give a field another name; its values stay."""

    collection: str
    field: str
    name: str

    def __str__(self) -> str:
        return f"rename field '{self.collection}.{self.field}' to '{self.name}'"

    def applied(self, catalog: Catalog) -> Catalog:
        return _one_field(catalog, self.collection, self.field, {"name": self.name})


class DropField(Operation, frozen=True):
    """Drop a field with its values."""

    collection: str
    field: str
    destructive: ClassVar[bool] = True

    def __str__(self) -> str:
        return f"drop field '{self.collection}.{self.field}' with its values"

    def applied(self, catalog: Catalog) -> Catalog:
        gone = _field(catalog, self.collection, self.field).id
        return _refielded(
            catalog, self.collection, lambda found: [field for field in found if field["id"] != gone]
        )


class OrderFields(Operation, frozen=True):
    """Put a collection's fields into an order; those that are not named come last."""

    collection: str
    fields: list[str]

    def __str__(self) -> str:
        return f"order the fields of '{self.collection}'"

    def applied(self, catalog: Catalog) -> Catalog:
        place = {name: at for at, name in enumerate(self.fields)}
        return _refielded(
            catalog,
            self.collection,
            lambda found: sorted(found, key=lambda field: place.get(field["name"], len(place))),
        )


class AddIndex(Operation, frozen=True):
    """Add an index, from its `CREATE INDEX`, in place of one with its name."""

    collection: str
    index: str

    def __str__(self) -> str:
        return f"add index '{index_key(self.index)}' to '{self.collection}'"

    def applied(self, catalog: Catalog) -> Catalog:
        key = index_key(self.index)
        return _reindexed(
            catalog,
            self.collection,
            lambda found: [*(text for text in found if index_key(text) != key), self.index],
        )


class DropIndex(Operation, frozen=True):
    """Drop an index, by its name."""

    collection: str
    index: str

    def __str__(self) -> str:
        return f"drop index '{self.index}' of '{self.collection}'"

    def applied(self, catalog: Catalog) -> Catalog:
        if all(index_key(text) != self.index for text in _collection(catalog, self.collection).indexes):
            raise Mismatch(f"there is no index '{self.index}' in '{self.collection}'")
        return _reindexed(
            catalog, self.collection, lambda found: [text for text in found if index_key(text) != self.index]
        )


OPERATIONS: tuple[type[Operation], ...] = (
    *(CreateCollection, DropCollection, RenameCollection, ChangeCollection),
    *(AddField, ChangeField, RenameField, DropField, OrderFields, AddIndex, DropIndex),
)


def index_key(text: str) -> str:
    """Return the name of an index; of one that can't be read its whole text."""
    index = parse_index(text)
    return index.name if index else text


def replay(catalog: Catalog, operations: Iterable[Operation]) -> Catalog:
    """Return the catalog after all operations. Raises Mismatch, which names the operation."""
    for operation in operations:
        try:
            catalog = operation.applied(catalog)
        except Mismatch as exc:
            raise Mismatch(f"can't {operation}: {exc}") from exc
    return catalog


def losses(catalog: Catalog, operations: Iterable[Operation]) -> list[tuple[Operation, str]]:
    """Return those of some operations, made one after the other, which lose data. Raises Mismatch.

    With each comes the id of the collection whose records lose it.
    """
    found: list[tuple[Operation, str]] = []
    for operation in operations:
        after = replay(catalog, [operation])
        if operation.loses(catalog):
            found.append((operation, _collection(catalog, operation.about).id))
        catalog = after
    return found


def _collection(catalog: Catalog, name: str) -> Collection:
    found = next((item for item in catalog if item.name == name), None)
    if found is None:
        raise Mismatch(f"there is no collection '{name}'")
    return found


def _field(catalog: Catalog, collection: str, name: str) -> Field:
    found = [field for field in _collection(catalog, collection).fields if field.name == name]
    if len(found) != 1:
        raise Mismatch(f"there is {'more than one' if found else 'no'} field '{name}' in '{collection}'")
    return found[0]


def _refuse_keys(changes: Json, *keys: str) -> None:
    """Raise Mismatch for changes that would make another thing of it, or have an operation of their own."""
    wrong = [key for key in keys if key in changes]
    if wrong:
        raise Mismatch(f"'{wrong[0]}' is not changed like that")


def _changed(catalog: Catalog, name: str, patch: Json) -> Catalog:
    old = _collection(catalog, name)
    new = _fitting(lambda: completed(edited(old, patch), old=old, guards=True))
    return catalog.having(new)


def _refielded(
    catalog: Catalog, name: str, change: Callable[[Sequence[dict[str, Any]]], Iterable[Json]]
) -> Catalog:
    fields = [field_json(field) for field in _collection(catalog, name).fields]
    return _changed(catalog, name, {"fields": list(change(fields))})


def _one_field(catalog: Catalog, collection: str, name: str, changes: Json) -> Catalog:
    id = _field(catalog, collection, name).id
    return _refielded(
        catalog,
        collection,
        lambda found: [{**field, **changes} if field["id"] == id else field for field in found],
    )


def _reindexed(catalog: Catalog, name: str, change: Callable[[Sequence[str]], Iterable[str]]) -> Catalog:
    return _changed(catalog, name, {"indexes": list(change(_collection(catalog, name).indexes))})


def _fitting(make: Callable[[], Collection]) -> Collection:
    """Return what `make` makes. Raises Mismatch where a value has the wrong type."""
    try:
        return make()
    except Misfit as exc:
        raise Mismatch(str(exc).removesuffix(".")) from exc
