"""Plans of lists and views: one statement whose rows are JSON, one for the total, and those of what is expanded."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any

import msgspec
from sqlalchemy import Select, func, select

from backstay.catalog import Collection
from backstay.catalog.fields import RelationField
from backstay.filters import Node, parse
from backstay.plans.conditions import Condition, all_of, close
from backstay.plans.dialects.base import Expression
from backstay.plans.expand import ExpandPlan, ExpandTree, kept_text, plan_expand
from backstay.plans.operands import Literals, build
from backstay.plans.params import Statement
from backstay.plans.record_json import record_columns
from backstay.plans.scope import Frame, Scope
from backstay.plans.sort import order_by
from backstay.plans.tables import table_of


class ReadPlan(msgspec.Struct, frozen=True, eq=False):
    """How to answer a list or a view.

    rows:   gives the JSON of each record in one column; with `expand` its head, its tail, its id, and the value of
            each forward relation
    count:  gives the number of records; None: all records of the collection count
    """

    rows: Statement
    count: Statement | None
    expand: tuple[ExpandPlan, ...] = ()
    has_expand: bool = False


def plan_list(
    frame: Frame,
    collection: Collection,
    *,
    rule: str | None,
    node: Node | None = None,
    sort: Sequence[tuple[str, bool]] = (),
    picked: Container[str] | None = None,
    tree: ExpandTree | None = None,
) -> ReadPlan:
    """Plan a list. The statement takes `limit` and `offset`; the filter's literals come with each request.

    rule: the list rule; None or '' when there is nothing to check
    """
    table = table_of(collection)
    scope = Scope(frame, collection, table)
    parts: list[Condition] = []
    if rule:
        parts.append(build(scope, parse(rule)))
    scope.client = not frame.info.viewer.is_superuser
    if node is not None:
        parts.append(build(scope, node, Literals()))
    order = order_by(scope, tuple(sort))
    condition = scope.guarded(all_of(parts) if parts else None)
    where = close(condition, frame.dialect) if condition is not None else None
    source = scope.joins.apply(table)
    count = None
    if where is not None or collection.is_view:
        total = select(func.count()).select_from(source)
        total = total.where(where) if where is not None else total
        count = frame.dialect.compile(total, frame.params)
    limit, offset = frame.param("given", "limit"), frame.param("given", "offset")

    def page_of(rows: Select[Any]) -> Select[Any]:
        chosen = rows.select_from(source).order_by(*order).limit(limit).offset(offset)
        return chosen if where is None else chosen.where(where)

    if frame.dialect.writes_skipped:
        page = page_of(select(*table.c)).subquery(collection.name)
        rows = select_rows(Scope(frame, collection, page), picked, tree, frame).select_from(page)
    else:
        rows = page_of(select_rows(scope, picked, tree, frame))
    return ReadPlan(
        frame.dialect.compile(rows, frame.params),
        count,
        plan_expand(frame, collection, tree) if tree else (),
        bool(tree),
    )


def plan_view(
    frame: Frame,
    collection: Collection,
    *,
    rule: str | None,
    picked: Container[str] | None = None,
    tree: ExpandTree | None = None,
) -> ReadPlan:
    """Plan a view. The statement takes `id`."""
    table = table_of(collection)
    scope = Scope(frame, collection, table)
    where = [table.c.id == frame.param("given", "id")]
    if rule:
        where.append(scope.subpredicate(rule))
    query = select_rows(scope, picked, tree, frame).select_from(table).where(*where)
    return ReadPlan(
        frame.dialect.compile(query, frame.params, is_cheap=not rule),
        None,
        plan_expand(frame, collection, tree) if tree else (),
        bool(tree),
    )


def select_rows(
    scope: Scope, picked: Container[str] | None, tree: ExpandTree | None, frame: Frame
) -> Select[tuple[object, ...]]:
    """Return what selects the JSON of the scope's base rows; see `ReadPlan`."""
    columns = record_columns(scope, picked)
    if not tree:
        return select(columns.whole.label("r"))
    table = scope.base.source
    fields = (scope.base.collection.by_name.get(name) for name in sorted(tree))
    forward: list[Expression] = [
        kept_text(frame.dialect, table, field) for field in fields if isinstance(field, RelationField)
    ]
    return select(columns.head.label("h"), columns.tail.label("t"), table.c.id.label("i"), *forward)
