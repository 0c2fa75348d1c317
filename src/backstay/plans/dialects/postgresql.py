"""PostgreSQL 13 and later.

What the statements assume of the tables, which the store makes:

- The columns of each kind have the types text COLLATE "C", double precision, boolean, and json for lists and JSON.
  json and not jsonb: it keeps the text as it was stored, with the keys in the protocol's order, so that a record's
  JSON is put together without parsing, and a list compares with a text as it does on SQLite. An index over the
  elements of a list or over a path can be an expression index on `CAST(column AS jsonb)`.
- The columns of views have the type of their kind as well: what defines a view casts each of its columns.
- Each table has a column `"@rowid" bigint GENERATED ALWAYS AS IDENTITY`, the order of insertion. No field can have
  this name. Lists end their ORDER BY in it: without, rows would move between pages.
- Values are sent by psycopg as they are bound, always with a tuple, also an empty one: per cent signs of the text
  are doubled.
- Texts can't hold the character 0, and numbers out of range are errors of SQLSTATE class 22: both are the client's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Sequence

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Double,
    FromClause,
    Integer,
    Text,
    asc,
    case,
    cast,
    desc,
    func,
    literal_column,
)
from sqlalchemy.dialects.postgresql.base import RESERVED_WORDS, PGDialect

from backstay.catalog.fields import Kind
from backstay.errors import BadRequest
from backstay.plans.dialects import times
from backstay.plans.dialects.base import Each, Expression, Side, is_index
from backstay.plans.dialects.typed import TypedDialect

ROW_ORDER = "@rowid"
PATH_KEYS_MAX = 64
"""Keys of a path into JSON: each is an operator around the one before, and statements are written recursively."""
_QUOTED_TEXT = re.compile(r"('(?:[^']|'')*')")
_NAME = re.compile(r'"(?:[^"]|"")*"|`((?:[^`]|``)+)`|\[([^\]]+)\]|\b([A-Za-z_]\w*)\b(?!\s*\()')
"""A name in quotes of either kind, or a word that is no function."""
_EXACT_MAX = 9e18
"""Whole numbers below it fit bigint, which prints them without an exponent."""


class PostgresqlDialect(TypedDialect):
    """PostgreSQL, by psycopg with positional parameters."""

    name = "postgresql"
    chains_writes = True
    writes_skipped = True  # and an outer query without joins keeps the order of the page

    def __init__(self) -> None:
        self.sql = PGDialect(paramstyle="format")  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it open

    # -- values ---------------------------------------------------------------------------------------------

    @property
    def true(self) -> Expression:
        return literal_column("TRUE", Boolean())

    @property
    def false(self) -> Expression:
        return literal_column("FALSE", Boolean())

    @property
    def unknown(self) -> Expression:
        return cast(self.null, Boolean())

    def owner_sql(self, text: str, *, documents: Container[str] = ()) -> str:
        def respelled(found: re.Match[str]) -> str:
            name = found[3] or found[1] or found[2] or found[0][1:-1]
            return f'("{name}"::text)' if name in documents else _requoted(found)

        parts = _QUOTED_TEXT.split(text)
        return "".join(part if part.startswith("'") else _NAME.sub(respelled, part) for part in parts)

    def value(self, param: Expression, kind: Kind) -> Expression:
        match kind:
            case Kind.NUMBER:
                return cast(param, Double())
            case Kind.BOOL:
                return cast(cast(param, Integer()), Boolean())  # 1 comes as a smallint, which has no cast
            case Kind.LIST | Kind.JSON:
                return cast(param, JSON())
        return cast(param, Text())

    def kept(self, column: Expression, kind: Kind) -> Expression:
        return cast(column, Text()) if kind in {Kind.LIST, Kind.JSON} else column

    def bool_number(self, value: Expression) -> Expression:
        return cast(value, Integer())

    def number_text(self, value: Expression) -> Expression:
        whole = func.trunc(value) == value
        is_small = func.abs(value) < literal_column(repr(_EXACT_MAX))
        return case((whole & is_small, cast(cast(value, BigInteger()), Text())), else_=cast(value, Text()))

    def text_number(self, value: Expression) -> Expression:
        return cast(func.btrim(value, literal_column(r"E' \t\n\r'")), Double())

    def matches(self, value: Expression, pattern: str) -> Expression:
        return value.op("~", is_comparison=True)(self.text(pattern))

    def bytewise(self, value: Expression) -> Expression:
        return value.collate("C")

    def match_like(self, text: Expression, pattern: Expression) -> Expression:
        return text.collate("C").ilike(pattern)  # `\` escapes by itself

    def lower_text(self, text: Expression) -> Expression:
        return func.lower(text.collate("C"))

    # -- lists and JSON -------------------------------------------------------------------------------------

    def each(self, column: Expression, alias: str) -> Each:
        rows = func.json_array_elements_text(cast(column, JSON())).table_valued("value", name=alias)
        return Each(rows, rows.c.value)

    def length(self, column: Expression) -> Expression:
        return func.json_array_length(column)

    def extract(
        self, column: Expression, keys: Sequence[str], const: Callable[[str], Expression]
    ) -> Expression:
        if len(keys) > PATH_KEYS_MAX:
            raise BadRequest(hint=f"A path into JSON has at most {PATH_KEYS_MAX} keys with this database.")
        value = column
        for key in keys:
            step = cast(const(key), Integer() if is_index(key) else Text())
            value = value.op("->", precedence=15)(step)
        return value

    def json_is_null(self, value: Expression) -> Expression:
        return func.coalesce(func.json_typeof(value), self.text("null")) == self.text("null")

    def json_number(self, value: Expression) -> Expression:
        text = _unquoted(value)
        return case(
            (self.text("number"), cast(text, Double())),
            (self.text("boolean"), cast(cast(text, Boolean()), Integer())),
            value=func.json_typeof(value),
        )

    def json_text(self, value: Expression) -> Expression:
        others = [self.text(name) for name in ("string", "array", "object")]
        return case((func.json_typeof(value).in_(others), _unquoted(value)))

    def json_any_text(self, value: Expression) -> Expression:
        text = _unquoted(value)
        flag = cast(cast(cast(text, Boolean()), Integer()), Text())
        return case((func.json_typeof(value) == self.text("boolean"), flag), else_=text)

    def member(self, column: Expression, kind: Kind, *, trusted: bool) -> Expression:
        match kind:
            case Kind.BOOL:
                return case((column, self.text("true")), else_=self.text("false"))
            case Kind.NUMBER:
                return self.number_text(column if trusted else func.coalesce(column, self.number(0)))
            case Kind.LIST:
                text = cast(column, Text())
                return text if trusted else func.coalesce(text, self.text("[]"))
            case Kind.JSON:
                return func.coalesce(cast(column, Text()), self.text("null"))
        return cast(func.to_json(column if trusted else func.coalesce(column, self.text(""))), Text())

    # -- functions ------------------------------------------------------------------------------------------

    def clamp(self, value: Expression) -> Expression:
        # least() and greatest() leave NULL out: an unknown distance would be none.
        over, under = value > self.number(1), value < self.number(-1)
        return case((over, self.number(1)), (under, self.number(-1)), else_=value)

    def strftime(self, arguments: Sequence[Side], now: Callable[[], Expression]) -> Expression:
        return times.PostgresqlTimes(self).strftime(arguments, now)

    # -- order ----------------------------------------------------------------------------------------------

    def row_version(self, table: FromClause) -> Expression:
        """Return the transaction that wrote the row: what another one reads of a row is all of that transaction's doing."""
        name = self.sql.identifier_preparer.quote(str(table.name))  # type: ignore[attr-defined]
        return literal_column(f"CAST({name}.xmin AS TEXT)")

    def row_order(self, table: FromClause) -> Expression:
        name = self.sql.identifier_preparer.quote
        return literal_column(f"{name(str(table.name))}.{name(ROW_ORDER)}")  # type: ignore[attr-defined]

    def tie_breaks(self, table: FromClause, *, is_view: bool) -> list[Expression]:
        return [asc(table.c.id if is_view else self.row_order(table))]

    def ordered(self, key: Expression, *, descending: bool, nullable: bool) -> Expression:
        if not nullable:  # plain, so that an index can serve it
            return desc(key) if descending else asc(key)
        return desc(key).nulls_last() if descending else asc(key).nulls_first()


def _requoted(found: re.Match[str]) -> str:
    """Return a name in the standard's quotes: words of both cases as well, which PostgreSQL would read in lower case."""
    word = found[3]
    if found[0].startswith('"') or (
        word and (word in {word.lower(), word.upper()} or word.lower() in RESERVED_WORDS)
    ):
        return found[0]
    return '"' + (word or found[1] or found[2]).replace("``", "`").replace('"', '""') + '"'


def _unquoted(value: Expression) -> Expression:
    """Return a JSON value as text: a text without its quotes, null as NULL."""
    return value.op("#>>", precedence=15)(literal_column("'{}'"))
