"""MariaDB 10.6 and later, MySQL 8.0.4 and later.

What the statements assume of the tables and sessions, which the store makes:

- The columns of each kind have the types longtext, double, boolean, and longtext for lists and JSON (with a check of
  json_valid). Not MySQL's json: it sorts the keys of objects by length and writes spaces between them, while
  longtext keeps the text as it was stored, so that a record's JSON is put together without parsing. Ids and
  whatever has a unique index have to be varchar.
- Texts are utf8mb4 with the dialect's `collation`, which compares bytes and counts trailing spaces; sessions have the
  same one (`SET NAMES utf8mb4 COLLATE ...`), so that literals and parameters compare alike. sql_mode is without
  ANSI_QUOTES and NO_BACKSLASH_ESCAPES.
- The columns of views have the type of their kind as well: what defines a view casts each of its columns.
- Each table has a column `@rowid` bigint AUTO_INCREMENT, the order of insertion; as the primary key it also keeps
  inserts at the end of the table. No field can have this name.
- Values are sent as they are bound, always with a tuple, also an empty one: per cent signs of the text are doubled.

MySQL itself, not MariaDB, prints a list or an object inside a JSON value with spaces: there `meta.tags = '["a","b"]'`
does not match, as it does elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from string import ascii_uppercase

from sqlalchemy import BigInteger, Double, FromClause, asc, case, cast, func, literal_column, type_coerce
from sqlalchemy.dialects.mysql.base import MySQLDialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction

from backstay.catalog.fields import Kind
from backstay.plans.dialects import times
from backstay.plans.dialects.base import Each, Expression, Side, is_index, json_path
from backstay.plans.dialects.typed import TypedDialect

ROW_ORDER = "@rowid"
_EXACT_MAX = 9e18
"""Whole numbers below it fit bigint, which prints them without an exponent."""
_NUMBERS = ("INTEGER", "UNSIGNED INTEGER", "DOUBLE", "DECIMAL")


_REPLACE = "replace(" * len(ascii_uppercase)
_LETTERS = "".join(f", '{letter}', '{letter.lower()}')" for letter in ascii_uppercase)


class JsonRows(GenericFunction[str]):
    """JSON_TABLE with a row for each element of a list, in a column `value`."""

    name = "backstay_json_rows"
    inherit_cache = True


@compiles(JsonRows, "mysql")
def _json_rows(element: JsonRows, compiler, **kw):  # type: ignore[no-untyped-def]  # SQLAlchemy's own types are open
    return f"JSON_TABLE({compiler.process(element.clauses, **kw)})"


class AsciiLower(GenericFunction[str]):
    """A text with its ASCII letters in lower case: LOWER changes all, so a text with others goes letter by letter."""

    name = "backstay_ascii_lower"
    inherit_cache = True


@compiles(AsciiLower, "mysql")
def _ascii_lower(element: AsciiLower, compiler, **kw):  # type: ignore[no-untyped-def]  # as above
    def text() -> str:  # anew for each place, so that each gets its parameters
        return str(compiler.process(element.clauses, **kw))

    is_ascii = f"length({text()}) = char_length({text()})"
    return f"CASE WHEN {is_ascii} THEN lower({text()}) ELSE {_REPLACE}{text()}{_LETTERS} END"


class MysqlDialect(TypedDialect):
    """MySQL, by a driver with `%s` parameters."""

    name = "mysql"
    collation = "utf8mb4_0900_bin"

    def __init__(self) -> None:
        self.sql = MySQLDialect(paramstyle="format")

    # -- values ---------------------------------------------------------------------------------------------

    def text(self, value: str) -> Expression:
        return literal_column("'" + value.replace("\\", "\\\\").replace("'", "''") + "'")

    def bool_number(self, value: Expression) -> Expression:
        return value

    def number_text(self, value: Expression) -> Expression:
        is_whole = func.floor(value) == value
        is_small = func.abs(value) < literal_column(repr(_EXACT_MAX))
        return case((is_whole & is_small, func.concat(cast(value, BigInteger()))), else_=func.concat(value))

    def text_number(self, value: Expression) -> Expression:
        return _double(value)

    def matches(self, value: Expression, pattern: str) -> Expression:
        return value.op("REGEXP", is_comparison=True)(self.text(pattern))

    def bytewise(self, value: Expression) -> Expression:
        return value

    def concat(self, pieces: Sequence[Expression]) -> Expression:
        return func.concat(*pieces)

    def match_like(self, text: Expression, pattern: Expression) -> Expression:
        return self.lower_text(text).like(pattern)  # `\` escapes by itself

    def lower_text(self, text: Expression) -> Expression:
        return AsciiLower(text)

    # -- lists and JSON -------------------------------------------------------------------------------------

    def each(self, column: Expression, alias: str) -> Each:
        columns = f"'$[*]' COLUMNS (value LONGTEXT CHARACTER SET utf8mb4 COLLATE {self.collation} PATH '$')"
        rows = JsonRows(column, literal_column(columns)).table_valued("value", name=alias)
        return Each(rows, rows.c.value)

    def length(self, column: Expression) -> Expression:
        return func.json_length(column)

    def extract(
        self, column: Expression, keys: Sequence[str], const: Callable[[str], Expression]
    ) -> Expression:
        if not keys:
            return func.json_extract(column, self.text("$"))
        value, steps = column, list(keys)
        while steps:
            # `[0]` of what is no list would be the value itself.
            names = steps[: _first_index(steps)]
            if names:
                value = func.json_extract(value, const(json_path(names)))
                steps = steps[len(names) :]
            else:
                is_list = func.json_type(value) == self.text("ARRAY")
                value = case((is_list, func.json_extract(value, const(json_path(steps[:1])))))
                steps = steps[1:]
        return value

    def json_is_null(self, value: Expression) -> Expression:
        return func.coalesce(func.json_type(value), self.text("NULL")) == self.text("NULL")

    def json_number(self, value: Expression) -> Expression:
        kind = func.json_type(value)
        return case(
            (kind == self.text("BOOLEAN"), self._unquoted(value) == self.text("true")),
            (kind.in_([self.text(name) for name in _NUMBERS]), _double(value)),
        )

    def json_text(self, value: Expression) -> Expression:
        kind = func.json_type(value)
        return case(
            (kind == self.text("STRING"), self._unquoted(value)),
            (kind.in_([self.text("ARRAY"), self.text("OBJECT")]), self.compact(value)),
        )

    def json_any_text(self, value: Expression) -> Expression:
        kind = func.json_type(value)
        return case(
            (kind == self.text("BOOLEAN"), func.concat(self._unquoted(value) == self.text("true"))),
            (kind.in_([self.text("ARRAY"), self.text("OBJECT")]), self.compact(value)),
            (kind != self.text("NULL"), self._unquoted(value)),
        )

    def compact(self, value: Expression) -> Expression:
        """Return a list or an object as text without spaces."""
        return self._unquoted(value)

    def _unquoted(self, value: Expression) -> Expression:
        return func.json_unquote(value).collate(self.collation)

    def member(self, column: Expression, kind: Kind, *, trusted: bool) -> Expression:
        match kind:
            case Kind.BOOL:
                return case((column, self.text("true")), else_=self.text("false"))
            case Kind.NUMBER:
                return self.number_text(column if trusted else func.coalesce(column, self.number(0)))
            case Kind.LIST:
                return column if trusted else func.coalesce(column, self.text("[]"))
            case Kind.JSON:
                return func.coalesce(column, self.text("null"))
        text = column if trusted else func.coalesce(column, self.text(""))
        return func.json_quote(text).collate(self.collation)

    # -- functions ------------------------------------------------------------------------------------------

    def clamp(self, value: Expression) -> Expression:
        return func.greatest(self.number(-1), func.least(self.number(1), value))

    def strftime(self, arguments: Sequence[Side], now: Callable[[], Expression]) -> Expression:
        return times.MysqlTimes(self).strftime(arguments, now)

    # -- order ----------------------------------------------------------------------------------------------

    @property
    def random(self) -> Expression:
        return func.rand()

    def row_order(self, table: FromClause) -> Expression:
        name = self.sql.identifier_preparer.quote
        return literal_column(f"{name(str(table.name))}.{name(ROW_ORDER)}")  # type: ignore[attr-defined]

    def tie_breaks(self, table: FromClause, *, is_view: bool) -> list[Expression]:
        return [asc(table.c.id if is_view else self.row_order(table))]


class MariadbDialect(MysqlDialect):
    """MariaDB."""

    collation = "utf8mb4_nopad_bin"

    def compact(self, value: Expression) -> Expression:
        return func.json_compact(value).collate(self.collation)


def _first_index(keys: Sequence[str]) -> int:
    return next((position for position, key in enumerate(keys) if is_index(key)), len(keys))


def _double(value: Expression) -> Expression:
    """Return a text or a JSON number as a double; casting to it is not in every version that is served."""
    return type_coerce(value, Double()) + literal_column("0e0", Double())
