"""A new record in one statement: checked, stored, told of and read back, where the database can do that."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from sqlalchemy import CTE, FromClause, Select, func, insert, literal_column, select
from sqlalchemy.sql.dml import Insert
from sqlalchemy.sql.visitors import iterate

from backstay.catalog import Collection
from backstay.catalog.fields import RelationField
from backstay.plans.check import candidate_row
from backstay.plans.dialects.base import Expression
from backstay.plans.params import Statement
from backstay.plans.read import select_rows
from backstay.plans.record_json import record_columns
from backstay.plans.scope import Frame, Scope
from backstay.plans.tables import table_of

Following: TypeAlias = Callable[[Frame, FromClause], Insert]
"""Makes the statement that follows from a new record, which is the only row of the given table if it is stored."""
_VERSION = "(SELECT value FROM _params WHERE id = 'catalogVersion')"


def plan_create(
    frame: Frame,
    collection: Collection,
    *,
    rule: str | None,
    following: Sequence[Following],
) -> Statement:
    """Plan to store a record. A row, its JSON, means that it is stored; there is none where anything is wrong with it.

    It is cheap unless the rule reads other records.

    The statement takes the record's database values by their field names, and as `catalog` the catalog's version.

    rule: the create rule; None or '' when there is nothing to check
    """
    table, candidate = table_of(collection), candidate_row(frame, collection)
    is_current: Expression = literal_column(_VERSION) == frame.param("given", CATALOG)
    conditions = [is_current, *_relations_hold(frame, collection, candidate)]
    is_cheap = True
    if rule:
        satisfied = Scope(frame, collection, candidate).subpredicate(rule)
        is_cheap = not any(isinstance(part, Select) for part in iterate(satisfied))
        conditions.append(satisfied)
    names = [field.name for field in collection.fields]
    chosen = select(*(candidate.c[name] for name in names)).where(*conditions)
    storing = insert(table).from_select(names, chosen)
    if not frame.dialect.chains_writes:
        assert not following, "what follows is no statement here"
        whole = record_columns(Scope(frame, collection, table), None).whole
        return frame.dialect.compile(storing.returning(whole.label("r")), frame.params, is_cheap=is_cheap)
    stored = storing.returning(*table.c).cte("stored")
    rows = select_rows(Scope(frame, collection, stored), None, None, frame).select_from(stored)
    told: list[CTE] = [
        make(frame, stored).returning(literal_column("1")).cte(f"told{number}")
        for number, make in enumerate(following)
    ]
    return frame.dialect.compile(rows.add_cte(*told), frame.params, is_cheap=is_cheap)


CATALOG = " catalog"
"""No field has a name with a space."""


def _relations_hold(frame: Frame, collection: Collection, candidate: FromClause) -> list[Expression]:
    """Return that all records are there which a record's relations name."""
    found: list[Expression] = []
    for field in collection.relation_fields:
        target = frame.find(field.collectionId)
        value = candidate.c[field.name]
        if target is None:
            found.append(_is_empty(frame, field, value))
            continue
        other = table_of(target).alias(f"of_{len(found)}")
        if field.is_list:
            each = frame.dialect.each(value, f"ids_{len(found)}")
            wanted = select(each.value).select_from(each.source)
            count = select(func.count()).select_from(other).where(other.c.id.in_(wanted)).scalar_subquery()
            found.append(count == frame.dialect.length(value))
        else:
            there = select(frame.dialect.number(1)).select_from(other).where(other.c.id == value).exists()
            found.append(_is_empty(frame, field, value) | there)
    return found


def _is_empty(frame: Frame, field: RelationField, value: Expression) -> Expression:
    if field.is_list:
        return frame.dialect.length(value) == frame.dialect.number(0)
    return value == frame.dialect.text("")
