"""SQLite.

A record's JSON is concatenated: measured at half the time of `json_object` for ten fields.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Boolean, FromClause, Numeric, Text, case, cast, func, literal_column, type_coerce
from sqlalchemy.dialects.sqlite import pysqlite

from backstay.catalog.fields import Kind
from backstay.plans.dialects.base import Dialect, Each, Expression, Side, json_path

CHAIN_MAX = 200
"""Texts in one chain of `||`; SQLite's limit on the depth of an expression is 1,000."""


LIKE_WORK_MAX = 50_000
"""Characters of a text times those of a pattern, above which SQLite's LIKE is not asked: about 50 microseconds."""


class SqliteDialect(Dialect):
    """SQLite 3.45 and later."""

    name = "sqlite"

    def __init__(self) -> None:
        self.sql = pysqlite.dialect(paramstyle="qmark")

    def like(self, left: Side, right: Side) -> Expression:
        """Leave short texts to SQLite's own LIKE; it takes the product of both lengths, ours their sum."""
        text: Expression = type_coerce(left.sql, Text())  # SQLite matches numbers as well
        percent = self.text("%")
        pattern = right.form("like") if right.form is not None else self.concat([percent, right.sql, percent])
        own = text.like(pattern, escape="\\")
        if left.kind in {Kind.NUMBER, Kind.BOOL}:
            return own
        work = (func.octet_length(text) + self.number(1)) * func.octet_length(pattern)
        is_long = work > self.number(LIKE_WORK_MAX)
        linear = func.like_linear(text, pattern, type_=Boolean())
        return case((is_long, linear), else_=own)

    def lower(self, side: Side) -> Expression:
        return func.lower(side.sql)

    def concat(self, pieces: Sequence[Expression]) -> Expression:
        """Join texts with `||`; very many in parts, since SQLite takes chains of 1,000 at most."""
        if len(pieces) <= CHAIN_MAX:
            return super().concat(pieces)
        parts = [pieces[start : start + CHAIN_MAX] for start in range(0, len(pieces), CHAIN_MAX)]
        return func.concat(*(super(SqliteDialect, self).concat(part) for part in parts))

    def numeric(self, param: Expression) -> Expression:
        return cast(param, Numeric)

    def each(self, column: Expression, alias: str) -> Each:
        rows = func.json_each(column).table_valued("value", name=alias)
        return Each(rows, rows.c.value)

    def length(self, column: Expression) -> Expression:
        return func.json_array_length(column)

    def extract(
        self, column: Expression, keys: Sequence[str], const: Callable[[str], Expression]
    ) -> Expression:
        return func.json_extract(column, const(json_path(keys)) if keys else self.text("$"))

    def member(self, column: Expression, kind: Kind, *, trusted: bool) -> Expression:
        return _member(column, kind) if trusted else _doubtful_member(column, kind)

    def clamp(self, value: Expression) -> Expression:
        return func.max(self.number(-1), func.min(self.number(1), value))

    def strftime(self, arguments: Sequence[Side], now: Callable[[], Expression]) -> Expression:
        return func.strftime(*(argument.sql for argument in arguments))

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
