"""A record that is written by one statement: checked, stored, told of and read back.

A row, the record's JSON, means that it is stored; there is none where anything is in the way. Each statement takes the
database values of the fields that it writes by their names, and the catalog's version as `CATALOG`. It is cheap unless
a rule reads other records.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from sqlalchemy import (
    CTE,
    FromClause,
    Select,
    TableClause,
    delete,
    func,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy.sql.dml import Insert, Update
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
"""Makes the statement that follows from a record, which is the only row of the given table if it is stored."""
CATALOG, ROW, ROW_VERSION = " catalog", " row", " version"
"""Names of values; no field has one with a space."""
_CATALOG_VERSION = "(SELECT value FROM _params WHERE id = 'catalogVersion')"


def plan_create(
    frame: Frame, collection: Collection, *, rule: str | None, following: Sequence[Following]
) -> Statement:
    """Plan to store a new record, all of whose fields are given.

    rule: the create rule; None or '' when there is nothing to check
    """
    table, candidate = table_of(collection), candidate_row(frame, collection)
    names = [field.name for field in collection.fields]
    conditions = _conditions(frame, collection, dict(candidate.c), Scope(frame, collection, candidate), rule)
    chosen = select(*(candidate.c[name] for name in names)).where(*conditions)
    storing = insert(table).from_select(names, chosen)
    return _compile(frame, collection, storing, following, is_cheap=_is_cheap(conditions[-1]) or not rule)


def plan_update(
    frame: Frame,
    collection: Collection,
    names: Sequence[str],
    *,
    rule: str | None,
    following: Sequence[Following],
) -> Statement:
    """Plan to set some fields of a record, as long as it is what it was when it was read.

    The statement takes its id as `ROW`, and as `ROW_VERSION` what the dialect's `row_version` was.

    rule: the update rule; None or '' when there is nothing to check
    """
    table, dialect = table_of(collection), frame.dialect
    kinds = {name: collection.by_name[name].column_kind for name in names}
    values = {name: dialect.value(frame.param("given", name), kind) for name, kind in kinds.items()}
    conditions = _conditions(frame, collection, values, Scope(frame, collection, table), rule)
    storing = update(table).where(*_same(frame, table), *conditions)
    storing = storing.ordered_values(*((table.c[name], value) for name, value in values.items()))
    return _compile(frame, collection, storing, following, is_cheap=_is_cheap(conditions[-1]) or not rule)


def plan_delete(
    frame: Frame, collection: Collection, *, rule: str | None, following: Sequence[Following]
) -> Statement:
    """Plan to delete a record to which no other refers, as long as it is what it was when it was read.

    The statement takes its id as `ROW`, and as `ROW_VERSION` what the dialect's `row_version` was; a row means done.

    rule: the delete rule; None or '' when there is nothing to check
    """
    table = table_of(collection)
    conditions = _conditions(frame, collection, {}, Scope(frame, collection, table), rule)
    referring = [
        ~_refers(frame, other, field, number)
        for number, (other, field) in enumerate(frame.catalog.references(collection))
    ]
    gone = (
        delete(table).where(*_same(frame, table), *conditions, *referring).returning(*table.c).cte("stored")
    )
    query = select(frame.dialect.text("1")).select_from(gone).add_cte(*_told(frame, gone, following))
    is_cheap = not referring and _is_cheap(conditions[-1])
    return frame.dialect.compile(query, frame.params, is_cheap=is_cheap)


def _same(frame: Frame, table: TableClause) -> list[Expression]:
    """Return that a row is the one that was read."""
    version = frame.dialect.row_version(table)
    assert version is not None, "the dialect knows versions of rows"
    return [table.c.id == frame.param("given", ROW), version == frame.param("given", ROW_VERSION)]


def _refers(frame: Frame, other: Collection, field: RelationField, number: int) -> Expression:
    """Return that a record's `field` leads to `ROW`. number: tells it from the others"""
    source, target = table_of(other).alias(f"other_{number}"), frame.param("given", ROW)
    there, column = select(frame.dialect.number(1)).select_from(source), source.c[field.name]
    if not field.is_list:
        return there.where(column == target).exists()
    each = frame.dialect.each(column, f"refs_{number}")
    holds = select(frame.dialect.number(1)).select_from(each.source).where(each.value == target)
    return there.where(holds.exists()).exists()


def _conditions(
    frame: Frame, collection: Collection, values: Mapping[str, Expression], scope: Scope, rule: str | None
) -> list[Expression]:
    """Return what must hold: the catalog is the one that was planned with, relations lead somewhere, and last the rule."""
    is_current: Expression = literal_column(_CATALOG_VERSION) == frame.param("given", CATALOG)
    found = [is_current]
    for number, field in enumerate(collection.relation_fields):
        if field.name in values:
            found.append(_leads_somewhere(frame, field, values[field.name], number))
    return [*found, scope.subpredicate(rule)] if rule else found


def _is_cheap(condition: Expression) -> bool:
    return not any(isinstance(part, Select) for part in iterate(condition))


def _leads_somewhere(frame: Frame, field: RelationField, value: Expression, number: int) -> Expression:
    """Return that all records are there which a relation names. number: tells it from the others"""
    dialect, target = frame.dialect, frame.find(field.collectionId)
    if field.is_list:
        length = dialect.length(value)
        if target is None:
            return length == dialect.number(0)
        each = dialect.each(value, f"ids_{number}")
        other = table_of(target).alias(f"of_{number}")
        wanted = select(each.value).select_from(each.source)
        count = select(func.count()).select_from(other).where(other.c.id.in_(wanted)).scalar_subquery()
        return count == length
    is_empty: Expression = value == dialect.text("")
    if target is None:
        return is_empty
    other = table_of(target).alias(f"of_{number}")
    return is_empty | select(dialect.number(1)).select_from(other).where(other.c.id == value).exists()


def _compile(
    frame: Frame,
    collection: Collection,
    storing: Insert | Update,
    following: Sequence[Following],
    *,
    is_cheap: bool,
) -> Statement:
    """Let a statement that writes be followed by others, and give the record's JSON."""
    table = table_of(collection)
    if not frame.dialect.chains_writes:
        assert not following, "what follows is no statement here"
        whole = record_columns(Scope(frame, collection, table), None).whole
        return frame.dialect.compile(storing.returning(whole.label("r")), frame.params, is_cheap=is_cheap)
    stored = storing.returning(*table.c).cte("stored")
    rows = select_rows(Scope(frame, collection, stored), None, None, frame).select_from(stored)
    query = rows.add_cte(*_told(frame, stored, following))
    return frame.dialect.compile(query, frame.params, is_cheap=is_cheap)


def _told(frame: Frame, stored: CTE, following: Sequence[Following]) -> list[CTE]:
    """Return what is run along with a statement that writes the row `stored`."""
    return [
        make(frame, stored).returning(literal_column("1")).cte(f"told{number}")
        for number, make in enumerate(following)
    ]
