"""Comparisons: one operator between two operands, with the protocol's treatment of empty values and lists (A6)."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec
from sqlalchemy import and_, func, literal_column, not_, or_

from backstay.catalog.fields import Kind
from backstay.plans.conditions import Leaf
from backstay.plans.dialects.base import Dialect, Expression
from backstay.plans.joins import Join, exists_over

State: TypeAlias = Literal["open", "empty", "known"]
"""What is known of an operand before the statement runs: nothing, that it is NULL or '', or that it is neither."""


class Many(msgspec.Struct, frozen=True, eq=False):
    """All values of a multi-valued operand, reached over joins of their own.

    doubts: conditions that a value must meet to be seen by the viewer at all
    """

    sql: Expression
    joins: tuple[Join, ...]
    doubts: tuple[Expression, ...] = ()


class Operand(msgspec.Struct, frozen=True, eq=False):
    """One side of a comparison.

    like:    the operand as a pattern of LIKE, when its value is a parameter
    is_json: it comes out of JSON, where NULL and '' are different
    joins:   the scoped joins that `sql` needs
    guards:  conditions without which the viewer may not use the value
    """

    sql: Expression
    kind: Kind | None = None
    state: State = "open"
    like: Expression | None = None
    is_json: bool = False
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
    """Tell whether some value fails. A value that the viewer can't see fails always, whatever it is."""
    sides = [side.many for side in (left, right) if side.many]
    fails = [not_(_compare_one(_all_of(left), op, _all_of(right), dialect))]
    if op not in {"=", "!="}:
        fails += [side.sql.is_(None) for side in sides]
    fails += [not_(doubt) for side in sides for doubt in side.doubts]
    joins = _merge(sides[0].joins, sides[-1].joins)
    return exists_over(dialect, joins, or_(*fails))


def _all_of(side: Operand) -> Operand:
    if side.many is None:
        return side
    return Operand(side.many.sql, side.kind, is_json=side.is_json)


def _compare_one(left: Operand, op: str, right: Operand, dialect: Dialect) -> Expression:
    match op:
        case "=" | "!=":
            return _equality(left, right, dialect, equal=op == "=")
        case "~":
            return _like(left, right, dialect)
        case "!~":
            return not_(_like(left, right, dialect))
    lhs, rhs = _alike(left, right, dialect)
    match op:
        case "<":
            return lhs < rhs
        case "<=":
            return lhs <= rhs
        case ">":
            return lhs > rhs
        case _:
            return lhs >= rhs


def _alike(left: Operand, right: Operand, dialect: Dialect) -> tuple[Expression, Expression]:
    return dialect.alike(left.sql, right.sql, same_kind=left.kind == right.kind and left.kind is not None)


def _like(left: Operand, right: Operand, dialect: Dialect) -> Expression:
    if right.like is not None:
        return dialect.like(left.sql, right.like)
    percent: Expression = literal_column("'%'")
    return dialect.like(left.sql, percent.concat(right.sql).concat(percent))


def _equality(left: Operand, right: Operand, dialect: Dialect, *, equal: bool) -> Expression:
    """Compare so that '' and NULL are the same, in a form which an index can serve where there is one."""
    if left.is_json or right.is_json:
        lhs, rhs = _alike(left, right, dialect)
        return dialect.same(lhs, rhs) if equal else dialect.differs(lhs, rhs)
    if left.state == "empty" and right.state == "empty":
        return dialect.true if equal else dialect.false
    if left.state == "empty" or right.state == "empty":
        value = right if left.state == "empty" else left
        return _is_empty(value, dialect) if equal else not_(_is_empty(value, dialect))
    lhs, rhs = _alike(left, right, dialect)
    if left.state == "known" or right.state == "known":
        return dialect.equal(lhs, rhs) if equal else dialect.differs(lhs, rhs)
    empty: Expression = literal_column("''")
    lhs, rhs = func.coalesce(lhs, empty), func.coalesce(rhs, empty)
    return dialect.equal(lhs, rhs) if equal else dialect.differs(lhs, rhs)


def _is_empty(value: Operand, dialect: Dialect) -> Expression:
    if value.state == "known":
        return dialect.false
    if value.kind in {Kind.NUMBER, Kind.BOOL}:
        lhs, rhs = dialect.alike(value.sql, literal_column("''"), same_kind=False)
        return or_(dialect.equal(lhs, rhs), value.sql.is_(None))
    return or_(value.sql == literal_column("''"), value.sql.is_(None))
