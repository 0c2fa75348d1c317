"""A collection as SQLAlchemy sees it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import FromClause
from sqlalchemy.types import TypeEngine

from backstay.catalog import Collection
from backstay.catalog.fields import Kind
from backstay.plans.dialects.base import Expression

_TYPES: Mapping[Kind, TypeEngine[Any]] = {
    Kind.TEXT: sa.Text(),
    Kind.NUMBER: sa.Float(),
    Kind.BOOL: sa.Boolean(),
    Kind.LIST: sa.Text(),
    Kind.JSON: sa.Text(),
}


def table_of(collection: Collection) -> sa.TableClause:
    """Return the table (or view) which holds a collection's records."""
    return _table_of(collection.name, tuple((field.name, field.column_kind) for field in collection.fields))


@lru_cache(maxsize=1024)
def _table_of(name: str, columns: tuple[tuple[str, Kind], ...]) -> sa.TableClause:
    return sa.table(name, *(sa.column(column, _TYPES[kind]) for column, kind in columns))


def column_of(source: FromClause, name: str) -> Expression:
    """Return a column of a table, an alias or a subquery."""
    return source.c[name]
