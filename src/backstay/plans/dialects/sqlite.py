"""SQLite."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import FromClause, Numeric, Text, case, cast, func, literal_column, type_coerce
from sqlalchemy.dialects.sqlite import pysqlite

from backstay.catalog.fields import Kind
from backstay.plans.dialects.base import Dialect, Each, Expression, JsonPart


class SqliteDialect(Dialect):
    """SQLite 3.45 and later."""

    name = "sqlite"

    def __init__(self) -> None:
        self.sql = pysqlite.dialect(paramstyle="qmark")

    def like(self, left: Expression, pattern: Expression) -> Expression:
        return type_coerce(left, Text()).like(pattern, escape="\\")

    def as_number(self, value: Expression) -> Expression:
        return cast(value, Numeric)

    def lower(self, value: Expression) -> Expression:
        return func.lower(value)

    def each(self, column: Expression, alias: str) -> Each:
        rows = func.json_each(column).table_valued("value", name=alias)
        return Each(rows, rows.c.value)

    def length(self, column: Expression) -> Expression:
        return func.json_array_length(column)

    def extract(self, column: Expression, path: Expression) -> Expression:
        return func.json_extract(column, path)

    def record(self, parts: Sequence[JsonPart], *, trusted: bool) -> Expression:
        """Concatenate the object's text: measured at half the time of `json_object` for ten fields."""
        out: Expression | None = None
        fixed = "{"
        for position, (key, value, kind) in enumerate(parts):
            fixed += ("," if position else "") + f'"{key}":'
            if isinstance(value, str) or kind is None:
                fixed += str(value)
                continue
            piece = _member(value, kind) if trusted else _doubtful_member(value, kind)
            lead = self.text(fixed)
            out = (lead if out is None else out.concat(lead)).concat(piece)
            fixed = ""
        end = self.text(f"{fixed}}}")
        return end if out is None else out.concat(end)

    def distance_km(
        self, lon_a: Expression, lat_a: Expression, lon_b: Expression, lat_b: Expression
    ) -> Expression:
        cosine = func.cos(func.radians(lat_a)) * func.cos(func.radians(lat_b)) * func.cos(
            func.radians(lon_b) - func.radians(lon_a)
        ) + func.sin(func.radians(lat_a)) * func.sin(func.radians(lat_b))
        clamped = func.max(self.number(-1), func.min(self.number(1), cosine))
        return literal_column("6371") * func.acos(clamped)

    def strftime(self, arguments: Sequence[Expression]) -> Expression:
        return func.strftime(*arguments)

    @property
    def random(self) -> Expression:
        return func.random()

    def row_order(self, table: FromClause) -> Expression:
        return literal_column(f"{self.sql.identifier_preparer.quote(str(table.name))}.rowid")  # type: ignore[attr-defined]


def _member(value: Expression, kind: Kind) -> Expression:
    match kind:
        case Kind.BOOL:
            return case((value, literal_column("'true'")), else_=literal_column("'false'"))
        case Kind.LIST:
            return value
        case Kind.JSON:
            return func.ifnull(value, literal_column("'null'"))
    return func.json_quote(value)


def _doubtful_member(value: Expression, kind: Kind) -> Expression:
    """Write a view's column: it may be NULL, or of a type that the view did not promise."""
    match kind:
        case Kind.BOOL:
            return case((value, literal_column("'true'")), else_=literal_column("'false'"))
        case Kind.NUMBER:
            return func.json_quote(func.ifnull(value, literal_column("0")))
        case Kind.LIST:
            return case(
                (func.ifnull(value, literal_column("''")) == literal_column("''"), literal_column("'[]'")),
                (func.json_valid(value), func.json(value)),
                else_=func.json_array(value),
            )
        case Kind.JSON:
            return case(
                (value.is_(None), literal_column("'null'")),
                (func.json_valid(value), func.json(value)),
                else_=func.json_quote(value),
            )
    return func.json_quote(func.ifnull(cast(value, Text), literal_column("''")))
