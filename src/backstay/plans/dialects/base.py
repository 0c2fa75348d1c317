"""What the databases do differently, a method each. What they share is SQLAlchemy's business."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import msgspec
from sqlalchemy import ColumnElement, FromClause, Select, literal_column, select
from sqlalchemy.engine.interfaces import Dialect as SqlDialect

from backstay.catalog.fields import Kind
from backstay.plans.params import Param, Statement

Expression: TypeAlias = ColumnElement[Any]
JsonPart: TypeAlias = "tuple[str, Expression, Kind] | tuple[str, str, None]"
"""A key of a record's JSON with a column and how it is kept, or with fixed JSON text."""


class Each(msgspec.Struct, frozen=True, eq=False):
    """The elements of a list as rows: what to join, and the column with an element."""

    source: FromClause
    value: Expression


class Dialect:
    """How statements are written for one kind of database."""

    name: str
    sql: SqlDialect

    # -- values ---------------------------------------------------------------------------------------------

    def number(self, value: int) -> Expression:
        """Return a small constant, written into the text."""
        return literal_column(str(int(value)))

    def text(self, value: str) -> Expression:
        """Return a fixed text of ours, written into the text of the statement."""
        return literal_column("'" + value.replace("'", "''") + "'")

    @property
    def null(self) -> Expression:
        return literal_column("NULL")

    @property
    def true(self) -> Expression:
        return self.number(1)

    @property
    def false(self) -> Expression:
        return self.number(0)

    def boolean(self, column: Expression) -> Expression:
        """Return a boolean column as it is compared with parameters (1 and 0)."""
        return column

    def as_number(self, value: Expression) -> Expression:
        """Return a parameter that is compared as a numeric column is."""
        return value

    # -- comparing ------------------------------------------------------------------------------------------

    def alike(self, left: Expression, right: Expression, *, same_kind: bool) -> tuple[Expression, Expression]:
        """Return both sides so that the database may compare them, whatever their kinds."""
        return left, right

    def equal(self, left: Expression, right: Expression) -> Expression:
        return left == right

    def differs(self, left: Expression, right: Expression) -> Expression:
        """`!=` which counts NULL as a value."""
        return left.is_distinct_from(right)

    def same(self, left: Expression, right: Expression) -> Expression:
        """`=` which counts NULL as a value."""
        return left.is_not_distinct_from(right)

    def like(self, left: Expression, pattern: Expression) -> Expression:
        """Match without regard to the case of ASCII letters; `\\` escapes."""
        raise AssertionError(self.name)

    def lower(self, value: Expression) -> Expression:
        raise AssertionError(self.name)

    # -- lists and JSON -------------------------------------------------------------------------------------

    def each(self, column: Expression, alias: str) -> Each:
        """Return the elements of a JSON list (a list column, or a parameter) as rows."""
        raise AssertionError(self.name)

    def length(self, column: Expression) -> Expression:
        """Return how many elements a list column holds."""
        raise AssertionError(self.name)

    def extract(self, column: Expression, path: Expression) -> Expression:
        """Return the value at a path of a JSON column as SQL: texts unquoted, numbers as numbers."""
        raise AssertionError(self.name)

    def path(self, keys: Sequence[str]) -> str:
        """Return the path for `extract`, to be sent as a parameter."""
        out = "$"
        for key in keys:
            out += f"[{key}]" if key.isascii() and key.isdigit() else '."' + key.replace('"', "") + '"'
        return out

    def record(self, parts: Sequence[JsonPart], *, trusted: bool) -> Expression:
        """Return a JSON object as text, its keys in the given order.

        trusted: columns are ours: texts never NULL, JSON always well-formed; false for the columns of views
        """
        raise AssertionError(self.name)

    # -- functions ------------------------------------------------------------------------------------------

    def distance_km(
        self, lon_a: Expression, lat_a: Expression, lon_b: Expression, lat_b: Expression
    ) -> Expression:
        """Return the great-circle distance (spherical law of cosines, radius 6,371 km)."""
        raise AssertionError(self.name)

    def strftime(self, arguments: Sequence[Expression]) -> Expression:
        raise AssertionError(self.name)

    @property
    def random(self) -> Expression:
        raise AssertionError(self.name)

    def row_order(self, table: FromClause) -> Expression:
        """Return what orders a table by insertion."""
        raise AssertionError(self.name)

    # -- statements -----------------------------------------------------------------------------------------

    @property
    def unit(self) -> FromClause:
        """A table of one row, for outer joins to hang on."""
        return select(literal_column("1").label("one")).subquery("unit")

    def compile(self, query: Any, params: dict[str, Param], *, is_cheap: bool = False) -> Statement:
        """Turn a query into text; `params` names where each bound parameter comes from."""
        compiled = query.compile(dialect=self.sql)
        names = compiled.positiontup or ()
        used = tuple(params.get(name) or Param("const", compiled.binds[name].value, "raw") for name in names)
        return Statement(str(compiled), used, is_cheap)


def scalar(query: Select[Any]) -> Expression:
    """Return a one-column query as an expression."""
    return query.scalar_subquery()
