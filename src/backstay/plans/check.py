"""Plans that tell whether a record satisfies a rule: one that is stored, or one that is about to be."""

from __future__ import annotations

from typing import Any

from sqlalchemy import FromClause, Select, literal_column, select

from backstay.catalog import Collection
from backstay.plans.params import Statement
from backstay.plans.scope import Frame, Scope
from backstay.plans.tables import table_of


def plan_check(frame: Frame, collection: Collection, rule: str) -> Statement:
    """Plan to ask whether the stored record `id` satisfies `rule`; a row means yes."""
    table = table_of(collection)
    scope = Scope(frame, collection, table)
    query = select(frame.dialect.number(1)).select_from(table)
    query = query.where(table.c.id == frame.param("given", "id"), scope.subpredicate(rule))
    return frame.dialect.compile(query, frame.params)


def plan_candidate(frame: Frame, collection: Collection, rule: str) -> Statement:
    """Plan to ask whether a record that is not stored yet satisfies `rule`; a row means yes.

    The statement takes the record's database values by their field names.
    """
    candidate = candidate_row(frame, collection)
    scope = Scope(frame, collection, candidate)
    query = select(frame.dialect.number(1)).select_from(candidate).where(scope.subpredicate(rule))
    return frame.dialect.compile(query, frame.params)


def candidate_row(frame: Frame, collection: Collection) -> FromClause:
    """Return a record that is given by its values as a table of one row, so that a rule's paths start from it."""
    columns = [
        frame.dialect.value(frame.param("given", field.name), field.column_kind).label(field.name)
        for field in collection.fields
    ]
    return select(*columns).subquery("candidate")


def plan_predicate(frame: Frame, collection: Collection, rule: str) -> Statement:
    """Plan to ask whether a rule holds at all, on an empty record: checks its names when a rule is saved."""
    query: Select[Any] = select(literal_column("1")).where(
        Scope(frame, collection, table_of(collection)).predicate(rule)
    )
    return frame.dialect.compile(query, frame.params)
