"""The plan of an event: a record as a write has left it, for one who may see it, or no row.

The record is given by its values: by the time that anybody is told of it, the database may be further.
"""

from __future__ import annotations

from collections.abc import Container

from backstay.catalog import Collection
from backstay.filters import Node, parse
from backstay.plans.check import candidate_row
from backstay.plans.conditions import Condition, all_of, close
from backstay.plans.expand import ExpandTree, plan_expand
from backstay.plans.operands import Literals, build
from backstay.plans.read import ReadPlan, select_rows
from backstay.plans.scope import Frame, Scope


def plan_event(
    frame: Frame,
    collection: Collection,
    *,
    rule: str | None,
    node: Node | None = None,
    picked: Container[str] | None = None,
    tree: ExpandTree | None = None,
) -> ReadPlan:
    """Plan to show a record as it was written. The statement takes its database values by field.

    rule: None or '' when there is nothing to check
    node: the subscriber's filter, for whom the same restrictions hold as for one that lists
    """
    candidate = candidate_row(frame, collection)
    scope = Scope(frame, collection, candidate)
    parts: list[Condition] = []
    if rule:
        parts.append(build(scope, parse(rule)))
    scope.client = not frame.info.viewer.is_superuser
    if node is not None:
        parts.append(build(scope, node, Literals()))
    condition = scope.guarded(all_of(parts) if parts else None)
    query = select_rows(scope, picked, tree, frame).select_from(scope.joins.apply(candidate))
    if condition is not None:
        query = query.where(close(condition, frame.dialect))
    expand = plan_expand(frame, collection, tree) if tree else ()
    return ReadPlan(frame.dialect.compile(query, frame.params), None, expand, bool(tree))
