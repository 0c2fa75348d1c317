"""The scope of one statement: its base row, its joins, and who may see what on the way.

`Scope.walk` follows a path like `post.author.name` from a row to a column. For paths that clients write it checks on
every step what the viewer may see: hidden fields are refused, and a related collection must be listable; then the
statement gets the condition that a joined record satisfies its list rule (facts of the real server: the whole row
drops out where the joined record is hidden).
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
from sqlalchemy import FromClause, bindparam, or_, select
from sqlalchemy.sql.elements import BindParameter

from backstay.catalog import Catalog, Collection
from backstay.catalog.fields import Field, Kind, PasswordField, RelationField
from backstay.catalog.unique import has_unique_index
from backstay.filters import parse
from backstay.plans.conditions import Condition, Leaf, all_of, close
from backstay.plans.dialects.base import Dialect, Expression
from backstay.plans.errors import NotListable, TooComplex, UnknownName
from backstay.plans.joins import Join, Joins, Names, exists_over
from backstay.plans.limits import PATH_MAX_RELATIONS
from backstay.plans.params import Form, Param, Source, value_class
from backstay.plans.request import RequestInfo, RequestValue
from backstay.plans.tables import table_of

_VIA = re.compile(r"(\w+)_via_(\w+)")


class Place(msgspec.Struct, frozen=True, eq=False):
    """A row on a path: the collection it belongs to, its source, and the join that leads to it."""

    collection: Collection
    source: FromClause
    join: Join | None = None
    key: str = ""
    multiple: bool = False


class Target(msgspec.Struct, frozen=True, eq=False):
    """Where a path ends: a field of a row, and what follows the field (a path into its JSON, a modifier)."""

    place: Place
    field: Field
    rest: tuple[str, ...] = ()
    modifier: str = ""
    value: Expression | None = None

    @property
    def column(self) -> Expression:
        return self.place.source.c[self.field.name] if self.value is None else self.value

    @property
    def joins(self) -> tuple[Join, ...]:
        return self.place.join.needs if self.place.join else ()


class Frame:
    """What all scopes of one statement share: the catalog, the dialect, the request and the parameters."""

    def __init__(self, catalog: Catalog, dialect: Dialect, info: RequestInfo) -> None:
        self.catalog, self.dialect, self.info = catalog, dialect, info
        self.names = Names()
        self.params: dict[str, Param] = {}
        self.consulted: dict[str, str] = {}
        """Which paths of the request decided the statement's text, and the class of their values."""

    def param(self, source: Source, key: object, form: Form = "plain") -> BindParameter[Any]:
        """Return a placeholder whose value comes from `source`."""
        name = f"p{len(self.params)}"
        self.params[name] = Param(source, key, form)
        return bindparam(name, unique=False)

    def request_value(self, path: str) -> RequestValue:
        """Return what `@request.<path>` holds, and remember that the statement depends on its class."""
        value = self.info.lookup(path)
        self.consulted[path] = value_class(value)
        return value

    def find(self, key: str) -> Collection | None:
        return self.catalog.find(key)


class Scope:
    """One base row within a statement, and the joins that hang on it.

    client: paths come from a client: hidden fields and unlistable collections are refused
    """

    def __init__(
        self, frame: Frame, collection: Collection, base: FromClause, joins: Joins | None = None
    ) -> None:
        self.frame = frame
        self.base = Place(collection, base)
        self.joins = joins or Joins(frame.names)
        self.client = False

    # -- roots ----------------------------------------------------------------------------------------------

    def viewer_place(self, joins: Joins) -> Place | None:
        """Return the viewer's own record as a joined row; None for guests."""
        collection = self.frame.info.viewer.collection
        if collection is None:
            return None

        def make(alias: str) -> tuple[FromClause, Expression]:
            source = table_of(collection).alias(alias)
            return source, source.c.id == self.frame.param("request", "auth.id")

        join = joins.add("@auth", make, None, scoped=False)
        return Place(collection, join.source, join, "@auth")

    def collection_place(self, joins: Joins, name: str, alias_name: str) -> Place:
        """Return any record of `name`, independent of the base row."""
        collection = self.frame.find(name)
        if collection is None:
            raise UnknownName(f"@collection.{name}", self.base.collection.name)
        key = f"@collection.{alias_name or collection.id}:{collection.id}"
        join = joins.add(key, lambda alias: (table_of(collection).alias(alias), None), None, scoped=True)
        return Place(collection, join.source, join, key, multiple=True)

    def body_place(self, joins: Joins, field: RelationField) -> Place:
        """Return the records which the request's body names in a relation field."""
        collection = self._related(field)
        key, multiple = f"@body.{field.name}", field.is_list

        def make(alias: str) -> tuple[FromClause, Expression]:
            source = table_of(collection).alias(alias)
            ids = self.frame.dialect.each(
                self.frame.param("request", f"body.{field.name}", "list"), f"{alias}_ids"
            )
            return source, source.c.id.in_(select(ids.value).select_from(ids.source))

        join = joins.add(key, make, None, scoped=multiple)
        return Place(collection, join.source, join, key, multiple)

    def _related(self, field: RelationField) -> Collection:
        collection = self.frame.find(field.collectionId)
        if collection is None:
            raise UnknownName(field.name, self.base.collection.name)
        return collection

    # -- paths ----------------------------------------------------------------------------------------------

    def walk(self, start: Place, keys: tuple[str, ...], joins: Joins) -> Target:
        """Follow `keys` from a row. Raises UnknownName, NotListable or TooComplex."""
        place = start
        for position, key in enumerate(keys):
            is_last = position == len(keys) - 1
            name, modifier = _split_modifier(key) if is_last else (key, "")
            field = place.collection.by_name.get(name)
            if field is not None:
                self._check_visible(field, place.collection)
            if is_last:
                if field is None:
                    raise self._unknown(name, place.collection)
                return Target(place, field, modifier=modifier)
            if field is not None and field.column_kind is Kind.JSON:
                return Target(place, field, keys[position + 1 :])
            if position >= PATH_MAX_RELATIONS:
                raise TooComplex(hint=f"A path may lead over {PATH_MAX_RELATIONS} relations at most.")
            is_id = keys[position + 1 :] == ("id",)
            if isinstance(field, RelationField) and is_id and not (self.client and field.is_list):
                return self._own_id(place, field, joins)
            place = self._step(place, key, field, joins)
        raise AssertionError("a path has at least one key")

    def _step(self, place: Place, key: str, field: Field | None, joins: Joins) -> Place:
        if isinstance(field, RelationField):
            return self._guard(self._forward(place, field, joins), joins)
        found = _VIA.fullmatch(key) if field is None else None
        other = self.frame.find(found[1]) if found else None
        back = other.by_name.get(found[2]) if found and other else None
        if other is None or not isinstance(back, RelationField) or back.collectionId != place.collection.id:
            raise self._unknown(key, place.collection)
        self._check_visible(back, other)
        return self._guard(self._backward(place, key, other, back, joins), joins)

    def _forward(self, place: Place, field: RelationField, joins: Joins) -> Place:
        collection = self._related(field)
        key = self._key(place, field.name)
        if not field.is_list:
            return self._join_row(place, key, collection, "id", place.source.c[field.name], joins)
        ids = self.elements(place, field, joins)
        return self._join_row(ids, key, collection, "id", ids.source.c.value, joins)

    def elements(self, place: Place, field: Field, joins: Joins) -> Place:
        """Return the elements of a list field as rows with a column `value`."""
        key = self._key(place, f"{field.name}[]")

        def make(alias: str) -> tuple[FromClause, None]:
            return self.frame.dialect.each(place.source.c[field.name], alias).source, None

        join = joins.add(key, make, place.join, scoped=True)
        return Place(place.collection, join.source, join, key, multiple=True)

    def _own_id(self, place: Place, field: RelationField, joins: Joins) -> Target:
        """End a path in the id of a relation: the row itself holds it, nothing is joined."""
        if not field.is_list:
            return Target(place, field)
        ids = self.elements(place, field, joins)
        return Target(ids, field, value=ids.source.c.value)

    def _join_row(
        self, place: Place, key: str, collection: Collection, column: str, equals: Expression, joins: Joins
    ) -> Place:
        def make(alias: str) -> tuple[FromClause, Expression]:
            source = table_of(collection).alias(alias)
            return source, source.c[column] == equals

        join = joins.add(key, make, place.join, scoped=False)
        return Place(collection, join.source, join, key, place.multiple)

    def _backward(
        self, place: Place, key: str, other: Collection, back: RelationField, joins: Joins
    ) -> Place:
        full_key = self._key(place, key)
        if not back.is_list and has_unique_index(other, back.name):
            return self._join_row(place, full_key, other, back.name, place.source.c.id, joins)

        def make(alias: str) -> tuple[FromClause, Expression]:
            source = table_of(other).alias(alias)
            column = source.c[back.name]
            if not back.is_list:
                return source, column == place.source.c.id
            each = self.frame.dialect.each(column, f"{alias}_ids")
            return source, place.source.c.id.in_(
                select(each.value).select_from(each.source).correlate(source)
            )

        join = joins.add(full_key, make, place.join, scoped=True)
        return Place(other, join.source, join, full_key, multiple=True)

    def _key(self, place: Place, step: str) -> str:
        return f"{place.key}.{step}"

    # -- what the viewer may see ----------------------------------------------------------------------------

    def _check_visible(self, field: Field, collection: Collection) -> None:
        if self.client and (field.hidden or isinstance(field, PasswordField)):
            raise self._unknown(field.name, collection)

    def _unknown(self, name: str, collection: Collection) -> UnknownName:
        visible = (
            field.name
            for field in collection.fields
            if not field.hidden and not isinstance(field, PasswordField)
        )
        return UnknownName(name, collection.name, visible)

    def _guard(self, place: Place, joins: Joins) -> Place:
        """Demand that a joined record on a client's path satisfies its collection's list rule."""
        if not self.client:
            return place
        assert place.join is not None
        rule = place.collection.listRule
        if rule is None:
            raise NotListable(place.collection.name)
        owner = joins if place.join.needs else self.joins
        if rule and place.key not in owner.guards:
            seen = Scope(self.frame, place.collection, place.source).predicate(rule)
            owner.guards[place.key] = or_(place.source.c.id.is_(None), seen)
        return place

    def predicate(self, rule: str) -> Expression:
        """Return `rule` as a condition about this scope's base row alone."""
        from backstay.plans.operands import build

        condition = close(build(self, parse(rule)), self.frame.dialect)
        if not self.joins.outer:
            return condition
        return exists_over(self.frame.dialect, self.joins.outer, condition)

    def subpredicate(self, rule: str) -> Expression:
        """Return `rule` about this scope's base row as a condition with joins of its own."""
        return Scope(self.frame, self.base.collection, self.base.source).predicate(rule)

    def guarded(self, condition: Condition | None) -> Condition | None:
        """Return `condition` with the guards that clients' paths called for."""
        guards = [Leaf(seen, self.joins.find(key).needs) for key, seen in self.joins.guards.items()]
        parts = (*guards, condition) if condition is not None else tuple(guards)
        return all_of(parts) if parts else None


def _split_modifier(key: str) -> tuple[str, str]:
    name, _, modifier = key.partition(":")
    return name, modifier
