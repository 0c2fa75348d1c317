"""The order of a list: `-created,author.name,@random` (A6)."""

from __future__ import annotations

from sqlalchemy import asc, case, desc, func, select

from backstay.plans.dialects.base import Expression
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
    return [
        desc(sql) if descending else asc(sql)
        for name, descending in terms
        if (sql := _term(scope, name, descending)) is not None
    ]


def _term(scope: Scope, name: str, descending: bool) -> Expression | None:
    dialect = scope.frame.dialect
    if name == "@random":
        return dialect.random
    if name == "@rowid":
        if scope.base.collection.is_view:
            raise UnknownName(name, scope.base.collection.name)
        return dialect.row_order(scope.base.source)
    if name.startswith("@request.") and not scope.client:
        raise UnknownName(name, scope.base.collection.name)
    if not name:
        raise UnknownName(name, scope.base.collection.name)
    operand = path_operand(scope, name)
    sql = operand.sql
    if operand.guards:
        sql = case((operand.guards[0], sql), else_=dialect.null)
    if not operand.joins:
        return sql
    best = func.max(sql) if descending else func.min(sql)
    unit = dialect.unit
    query = select(best).select_from(hang(unit, operand.joins))
    return query.correlate_except(unit, *(join.source for join in operand.joins)).scalar_subquery()
