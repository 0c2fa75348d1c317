"""A tree of conditions, and where its EXISTS stand.

A leaf may need scoped joins (see `joins`). `close` wraps as little as possible: OR distributes over EXISTS, parts of
an AND which share no join get an EXISTS each, and what needs no join stays outside, where an index can serve it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import msgspec
from sqlalchemy import and_, or_

from backstay.plans.dialects.base import Dialect, Expression
from backstay.plans.joins import Join, exists_over


class Leaf(msgspec.Struct, frozen=True, eq=False):
    """One condition and the scoped joins it needs."""

    sql: Expression
    joins: tuple[Join, ...] = ()


class All(msgspec.Struct, frozen=True, eq=False):
    items: tuple[Condition, ...]


class Any(msgspec.Struct, frozen=True, eq=False):
    items: tuple[Condition, ...]


Condition: TypeAlias = "Leaf | All | Any"


def all_of(items: Iterable[Condition]) -> Condition:
    """Join one or more conditions; an AND in an AND is taken apart."""
    flat = tuple(part for item in items for part in (item.items if isinstance(item, All) else (item,)))
    return flat[0] if len(flat) == 1 else All(flat)


def needed(condition: Condition) -> dict[str, Join]:
    """Return the scoped joins of a condition, by alias, in the order of their first use."""
    if isinstance(condition, Leaf):
        return {str(join.source.name): join for join in condition.joins}  # type: ignore[attr-defined]
    out: dict[str, Join] = {}
    for item in condition.items:
        out |= needed(item)
    return out


def close(condition: Condition, dialect: Dialect) -> Expression:
    """Return a condition about the base row alone."""
    joins = needed(condition)
    if not joins:
        return plain(condition)
    match condition:
        case Leaf(sql=sql):
            return exists_over(dialect, list(joins.values()), sql)
        case Any(items=items):
            return or_(*(close(item, dialect) for item in items))
        case All(items=items):
            return and_(*(_close_group(group, dialect) for group in _groups(items)))


def plain(condition: Condition) -> Expression:
    """Return a condition as it stands, its joins being in scope."""
    match condition:
        case Leaf(sql=sql):
            return sql
        case All(items=items):
            return and_(*(plain(item) for item in items))
        case Any(items=items):
            return or_(*(plain(item) for item in items))


def _close_group(group: Sequence[Condition], dialect: Dialect) -> Expression:
    if len(group) == 1:
        return close(group[0], dialect)
    whole = All(tuple(group))
    return exists_over(dialect, list(needed(whole).values()), plain(whole))


def _groups(items: Sequence[Condition]) -> list[list[Condition]]:
    """Split the parts of an AND into groups that share joins; a part without joins is a group by itself."""
    groups: list[tuple[set[str], list[Condition]]] = []
    for item in items:
        keys = set(needed(item))
        merged: list[Condition] = []
        rest: list[tuple[set[str], list[Condition]]] = []
        for names, members in groups:
            if keys and names & keys:
                keys |= names
                merged += members
            else:
                rest.append((names, members))
        groups = [*rest, (keys, [*merged, item])]
    return [members for _, members in groups]
