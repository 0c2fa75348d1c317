"""The order of a list: `-created,author.name,@random` (A6)."""

from __future__ import annotations

from sqlalchemy import asc, case, desc, func, not_, select

from backstay.plans.compare import Operand
from backstay.plans.dialects.base import Dialect, Expression
from backstay.plans.errors import TooComplex, UnknownName
from backstay.plans.joins import hang
from backstay.plans.limits import SORT_MAX_TERMS, SORT_TERM_MAX_CHARS
from backstay.plans.operands import path_operand
from backstay.plans.scope import Scope


def parse_sort(text: str) -> tuple[tuple[str, bool], ...]:
    """Return the terms of a sort parameter as (name, descending). Raises TooComplex."""
    if not text:
        return ()
    terms = [term.strip() for term in text.split(",")]
    if len(terms) > SORT_MAX_TERMS:
        raise TooComplex(hint=f"Sort by {SORT_MAX_TERMS} terms at most.", at="sort")
    if any(len(term) > SORT_TERM_MAX_CHARS for term in terms):
        raise TooComplex(hint=f"A sort term may have {SORT_TERM_MAX_CHARS} characters.", at="sort")
    return tuple((term[1:] if term[:1] in {"+", "-"} else term, term.startswith("-")) for term in terms)


def order_by(scope: Scope, terms: tuple[tuple[str, bool], ...]) -> list[Expression]:
    """Turn terms into ORDER BY. Raises UnknownName for a term that does not exist or is not the viewer's to see."""
    keys = [key for name, descending in terms for key in _term(scope, name, descending)]
    base = scope.base
    if any(name == "@rowid" for name, _ in terms):
        return keys
    return keys + scope.frame.dialect.tie_breaks(base.source, is_view=base.collection.is_view)


def _term(scope: Scope, name: str, descending: bool) -> list[Expression]:
    dialect, base = scope.frame.dialect, scope.base
    if name == "@random":
        return [dialect.random]
    if name == "@rowid":
        if base.collection.is_view:
            raise UnknownName(name, base.collection.name)
        return [dialect.ordered(dialect.row_order(base.source), descending=descending, nullable=False)]
    if name.startswith("@request.") and not scope.client:
        raise UnknownName(name, base.collection.name)
    if not name:
        raise UnknownName(name, base.collection.name)
    operand = path_operand(scope, name)
    keys: list[Expression] = dialect.sort_keys(operand)
    if operand.guards:
        guard = operand.guards[0]
        keys = [_guarded(guard, key, dialect) for key in keys]
    if operand.joins:
        keys = [_outermost(scope, operand, keys, position, descending) for position in range(len(keys))]
    is_own = operand.is_column and "." not in name and not base.collection.is_view and not operand.guards
    return [dialect.ordered(key, descending=descending, nullable=not is_own) for key in keys]


def _guarded(guard: Expression, key: Expression, dialect: Dialect) -> Expression:
    return case((guard, key), else_=dialect.null)


def _outermost(
    scope: Scope, operand: Operand, keys: list[Expression], position: int, descending: bool
) -> Expression:
    """Return the key at `position` of the value, out of many, which comes first in a descending or ascending order.

    Values of records that the viewer may not list don't take part.
    """
    dialect, unit = scope.frame.dialect, scope.frame.dialect.unit
    source = hang(unit, operand.joins)
    seen = [scope.joins.guards[join.key] for join in operand.joins if join.key in scope.joins.guards]
    if len(keys) == 1:
        query = (
            select(func.max(keys[0]) if descending else func.min(keys[0])).select_from(source).where(*seen)
        )
    else:
        order = [desc(key) if descending else asc(key) for key in keys]
        query = select(keys[position]).select_from(source).where(not_(dialect.is_null(operand)), *seen)
        query = query.order_by(*order).limit(dialect.number(1))
    return query.correlate_except(unit, *(join.source for join in operand.joins)).scalar_subquery()
