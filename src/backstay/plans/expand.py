"""The `expand` parameter: which related records are sent along (A6).

Paths that do not exist, or lead over a collection whose view rule is for superusers only, are left out as the
protocol has it. Every relation costs one statement for the whole answer, whatever the number of records.
"""

from __future__ import annotations

import re

import msgspec
from sqlalchemy import FromClause, select

from backstay.catalog import Catalog, Collection
from backstay.catalog.fields import RelationField
from backstay.catalog.unique import has_unique_index
from backstay.plans.dialects.base import Dialect, Expression
from backstay.plans.errors import TooComplex
from backstay.plans.limits import EXPAND_RECORDS_MAX, EXPAND_RELATIONS_MAX, PATH_MAX_RELATIONS
from backstay.plans.params import Statement
from backstay.plans.record_json import record_columns
from backstay.plans.request import Viewer
from backstay.plans.scope import Frame, Scope
from backstay.plans.tables import table_of

_VIA = re.compile(r"(\w+)_via_(\w+)")
ExpandTree = dict[str, "ExpandTree"]


class Relation(msgspec.Struct, frozen=True, eq=False):
    """One step of an expand: from a collection to another by a relation field of either.

    is_back:  the field belongs to the target and points here
    is_list:  the answer holds an array
    """

    name: str
    field: RelationField
    target: Collection
    is_back: bool
    is_list: bool


class ExpandPlan(msgspec.Struct, frozen=True, eq=False):
    """One relation to expand, its statement, and what to expand of its records.

    The statement takes `ids` (JSON list) and gives: the id that a record is found by (its own, or for a back-relation
    the JSON or text of the field which points here), its id, the head and the tail of its JSON, and the value of
    each forward relation of `children`, in their order.
    """

    relation: Relation
    statement: Statement
    children: tuple[ExpandPlan, ...] = ()

    @property
    def name(self) -> str:
        return self.relation.name


def relation_of(catalog: Catalog, collection: Collection, name: str) -> Relation | None:
    """Return what `name` leads to from `collection`, or None."""
    field = collection.by_name.get(name)
    if isinstance(field, RelationField):
        target = catalog.find(field.collectionId)
        return Relation(name, field, target, is_back=False, is_list=field.is_list) if target else None
    found = _VIA.fullmatch(name) if field is None else None
    other = catalog.find(found[1]) if found else None
    back = other.by_name.get(found[2]) if found and other else None
    if other is None or not isinstance(back, RelationField) or back.collectionId != collection.id:
        return None
    is_list = back.is_list or not has_unique_index(other, back.name)
    return Relation(name, back, other, is_back=True, is_list=is_list)


def expand_tree(catalog: Catalog, collection: Collection, text: str, viewer: Viewer) -> ExpandTree:
    """Read an expand parameter into a tree of the paths which exist and which the viewer may follow.

    A path ends after PATH_MAX_RELATIONS steps, whatever follows. Raises TooComplex when it names too many relations.
    """
    tree: ExpandTree = {}
    relations = 0
    for raw in text.split(","):
        keys = [key.strip() for key in raw.strip().strip(".").split(".")]
        del keys[PATH_MAX_RELATIONS:]
        if _is_open(catalog, collection, keys, viewer):
            branch = tree
            for key in keys:
                relations += key not in branch
                branch = branch.setdefault(key, {})
            if relations > EXPAND_RELATIONS_MAX:
                raise TooComplex(hint=f"Expand {EXPAND_RELATIONS_MAX} relations at most.", at="expand")
    return tree


def _is_open(catalog: Catalog, collection: Collection, keys: list[str], viewer: Viewer) -> bool:
    for key in keys:
        relation = relation_of(catalog, collection, key)
        if relation is None:
            return False
        if not viewer.is_superuser:
            hidden = relation.field.hidden
            if hidden or relation.target.viewRule is None:
                return False
        collection = relation.target
    return True


def kept_text(dialect: Dialect, table: FromClause, field: RelationField) -> Expression:
    """Return what a relation field holds: an id, or the JSON of ids."""
    return dialect.kept(table.c[field.name], field.column_kind)


def plan_expand(frame: Frame, collection: Collection, tree: ExpandTree) -> tuple[ExpandPlan, ...]:
    """Plan the statements of a tree. The frame's parameters are only looked at, each statement has a frame of its own."""
    return tuple(_plan_relation(frame, collection, name, sub) for name, sub in sorted(tree.items()))


def _plan_relation(outer: Frame, collection: Collection, name: str, tree: ExpandTree) -> ExpandPlan:
    relation = relation_of(outer.catalog, collection, name)
    assert relation is not None, "expand_tree keeps only what exists"
    frame = Frame(outer.catalog, outer.dialect, outer.info)
    frame.consulted = outer.consulted
    target, table = relation.target, table_of(relation.target)
    scope = Scope(frame, target, table)
    ids = frame.dialect.each(frame.param("given", "ids"), "ids")
    wanted = select(ids.value).select_from(ids.source)
    key = table.c[relation.field.name] if relation.is_back else table.c.id
    if relation.is_back and relation.field.is_list:
        each = frame.dialect.each(key, "refs")
        chosen: Expression = (
            select(frame.dialect.number(1)).select_from(each.source).where(each.value.in_(wanted)).exists()
        )
    else:
        chosen = key.in_(wanted)
    columns = record_columns(scope, None)
    children = plan_expand(outer, target, tree)
    dialect = frame.dialect
    forward = [
        kept_text(dialect, table, child.relation.field) for child in children if not child.relation.is_back
    ]
    found_by = kept_text(dialect, table, relation.field) if relation.is_back else key
    query = select(
        found_by.label("k"), table.c.id.label("i"), columns.head.label("h"), columns.tail.label("t"), *forward
    )
    query = (
        query.select_from(scope.joins.apply(table))
        .where(chosen)
        .order_by(*dialect.tie_breaks(table, is_view=target.is_view))
        .limit(frame.dialect.number(EXPAND_RECORDS_MAX + 1))
    )
    rule = target.viewRule
    if rule and not frame.info.viewer.is_superuser:
        query = query.where(scope.subpredicate(rule))
    return ExpandPlan(relation, frame.dialect.compile(query, frame.params), children)
