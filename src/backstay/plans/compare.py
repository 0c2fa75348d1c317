"""Comparisons: one operator between two operands, with the protocol's treatment of empty values and lists (A6)."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace
from sqlalchemy import and_, not_, or_

from backstay.plans.conditions import Leaf
from backstay.plans.dialects.base import Dialect, Expression, Order, Side
from backstay.plans.joins import Join, exists_over

_ORDERS: dict[str, Order] = {"<": "<", "<=": "<=", ">": ">", ">=": ">="}


class Many(msgspec.Struct, frozen=True, eq=False):
    """All values of a multi-valued operand, reached over joins of their own.

    doubts:  conditions that a value must meet to be seen by the viewer at all; one that doesn't fails always
    visible: conditions that a record on the way must meet; one that doesn't is as if it were not there
    """

    sql: Expression
    joins: tuple[Join, ...]
    doubts: tuple[Expression, ...] = ()
    visible: tuple[Expression, ...] = ()


class Operand(Side, frozen=True, eq=False):
    """One side of a comparison, and what it hangs on.

    joins:   the scoped joins that `sql` needs
    guards:  conditions without which the viewer may not use the value
    """

    joins: tuple[Join, ...] = ()
    many: Many | None = None
    guards: tuple[Expression, ...] = ()


def compare(left: Operand, op: str, right: Operand, dialect: Dialect) -> Leaf:
    """Return the condition `left op right`.

    A plain operator holds when every value of a multi-valued side meets it; with `?` one value is enough.
    """
    condition = _compare_one(left, op.lstrip("?"), right, dialect)
    if not op.startswith("?") and (left.many or right.many):
        condition = and_(condition, not_(_violated(left, op, right, dialect)))
    guards = (*left.guards, *right.guards)
    if guards:
        condition = and_(condition, *guards)
    return Leaf(condition, _merge(left.joins, right.joins))


def _merge(left: tuple[Join, ...], right: tuple[Join, ...]) -> tuple[Join, ...]:
    return tuple({id(join): join for join in (*left, *right)}.values())


def _violated(left: Operand, op: str, right: Operand, dialect: Dialect) -> Expression:
    """Tell whether some value fails. One that the viewer can't see fails always, a missing one by nothing but `=`."""
    sides = [side.many for side in (left, right) if side.many]
    one, other = _all_of(left), _all_of(right)
    condition = _compare_one(one, op, other, dialect)
    fails = [not_(condition) if op in {"=", "!="} else dialect.fails(condition, one, other)]
    fails += [not_(doubt) for side in sides for doubt in side.doubts]
    joins = _merge(sides[0].joins, sides[-1].joins)
    visible = [condition for side in sides for condition in side.visible]
    return exists_over(dialect, joins, and_(or_(*fails), *visible))


def _all_of(side: Operand) -> Operand:
    """Return an operand with all its values. Beside them JSON is compared like the rest: null and '' are the same."""
    if side.many is None:
        return replace(side, is_json=False)
    return Operand(side.many.sql, side.kind, is_json=side.is_json, is_column=side.is_column)


def _compare_one(left: Operand, op: str, right: Operand, dialect: Dialect) -> Expression:
    match op:
        case "=" | "!=":
            return _equality(left, right, dialect, equal=op == "=")
        case "~":
            return dialect.like(left, right)
        case "!~":
            return not_(dialect.like(left, right))
    return dialect.compares(left, _ORDERS[op], right)


def _equality(left: Operand, right: Operand, dialect: Dialect, *, equal: bool) -> Expression:
    """Compare so that '' and NULL are the same, in a form which an index can serve where there is one."""
    if left.is_json or right.is_json:
        return dialect.same(left, right) if equal else dialect.differs(left, right)
    if left.state == "empty" and right.state == "empty":
        return dialect.true if equal else dialect.false
    if left.state == "empty" or right.state == "empty":
        found = dialect.is_empty(right if left.state == "empty" else left)
        return found if equal else not_(found)
    if left.state == "known" or right.state == "known":
        return dialect.equals(left, right) if equal else dialect.differs(left, right)
    found = dialect.same_or_empty(left, right)
    return found if equal else not_(found)
