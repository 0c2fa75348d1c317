"""What the databases do differently, a method each. What they share is SQLAlchemy's business.

SQLite is the reference: a filter means on every database what it means there, down to how texts compare with
numbers. `Dialect` itself states SQLite's way; `typed.TypedDialect` spells it out for databases whose columns have
one type each.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from typing import Any, Literal, TypeAlias

import msgspec
from sqlalchemy import ColumnElement, FromClause, asc, desc, func, literal_column, not_, or_, select
from sqlalchemy.engine.interfaces import Dialect as SqlDialect

from backstay.catalog.fields import Kind
from backstay.plans.params import Form, Param, Statement

Expression: TypeAlias = ColumnElement[Any]
JsonPart: TypeAlias = "tuple[str, Expression, Kind] | tuple[str, str, None]"
"""A key of a record's JSON with a column and how it is kept, or with fixed JSON text."""
State: TypeAlias = Literal["open", "empty", "known"]
"""What is known of a value before the statement runs: nothing, that it is NULL or '', or that it is neither."""
Order: TypeAlias = Literal["<", "<=", ">", ">="]


class Each(msgspec.Struct, frozen=True, eq=False):
    """The elements of a list as rows: what to join, and the column with an element."""

    source: FromClause
    value: Expression


class Side(msgspec.Struct, frozen=True, eq=False):
    """One side of a comparison.

    kind:      None: NULL where the state is 'empty', else a value out of a JSON document, of any type
    form:      gives the value in another form, when it is a parameter
    is_json:   it comes out of JSON, where NULL and '' are different
    is_column: it is a column of a table; the other side is read as this one's kind where that is possible
               (SQLite's affinity, https://sqlite.org/datatype3.html#type_conversions_prior_to_comparison)
    """

    sql: Expression
    kind: Kind | None = None
    state: State = "open"
    form: Callable[[Form], Expression] | None = None
    is_json: bool = False
    is_column: bool = False

    @property
    def is_null(self) -> bool:
        """True for the word `null` and whatever else is known to be NULL."""
        return self.kind is None and self.state == "empty"


class Dialect:
    """How statements are written for one kind of database."""

    name: str
    sql: SqlDialect
    chains_writes = False
    """A statement that writes may stand in a WITH clause of another, which sees the rows that it returns."""
    writes_skipped = False
    """Rows that OFFSET skips are put together all the same, so a list chooses its page before it writes JSON."""

    # -- values ---------------------------------------------------------------------------------------------

    def number(self, value: int) -> Expression:
        """Return a small constant, written into the text."""
        return literal_column(str(int(value)))

    def text(self, value: str) -> Expression:
        """Return a fixed text of ours, written into the text of the statement."""
        return literal_column("'" + value.replace("'", "''") + "'")

    def owner_sql(self, text: str, *, documents: Container[str] = ()) -> str:
        """Return SQL of an owner's, written for SQLite, with its names in this database's quotes.

        documents: columns that are JSON; on SQLite they are texts
        """
        return text

    @property
    def null(self) -> Expression:
        return literal_column("NULL")

    @property
    def true(self) -> Expression:
        """True, both as a value and as a condition."""
        return self.number(1)

    @property
    def false(self) -> Expression:
        """False, both as a value and as a condition."""
        return self.number(0)

    def is_true(self, column: Expression) -> Expression:
        """Tell whether a boolean column holds true."""
        return column == self.true

    def numeric(self, param: Expression) -> Expression:
        """Return a parameter which is compared as a numeric column is, with texts as well."""
        return param

    def value(self, param: Expression, kind: Kind) -> Expression:
        """Return a parameter as a value of `kind`, for databases that must know its type beforehand."""
        return param

    def kept(self, column: Expression, kind: Kind) -> Expression:
        """Return a column as its field loads it: lists and JSON as text."""
        return column

    def collated(self, value: Expression, collation: str) -> Expression:
        """Return a text as an index with one of SQLite's collations compares it; '' is BINARY."""
        return value.collate(collation) if collation else value

    # -- comparing ------------------------------------------------------------------------------------------

    def is_null(self, side: Side) -> Expression:
        return side.sql.is_(None)

    def is_empty(self, side: Side) -> Expression:
        """Tell whether a value is NULL or ''."""
        if side.state == "known":
            return self.false
        return or_(side.sql == self.text(""), side.sql.is_(None))

    def equals(self, left: Side, right: Side) -> Expression:
        """`=` where one side is neither NULL nor ''."""
        return left.sql == right.sql

    def same(self, left: Side, right: Side) -> Expression:
        """`=` which counts NULL as a value."""
        return left.sql.is_not_distinct_from(right.sql)

    def differs(self, left: Side, right: Side) -> Expression:
        """`!=` which counts NULL as a value."""
        return left.sql.is_distinct_from(right.sql)

    def same_or_empty(self, left: Side, right: Side) -> Expression:
        """`=` for which NULL and '' are the same."""
        empty = self.text("")
        return func.coalesce(left.sql, empty) == func.coalesce(right.sql, empty)

    def compares(self, left: Side, op: Order, right: Side) -> Expression:
        """Compare by order: numbers, then texts by their bytes; not true of NULL."""
        return apply_order(left.sql, op, right.sql)

    def fails(self, condition: Expression, left: Side, right: Side) -> Expression:
        """Tell whether a comparison by order or LIKE is false, which with NULL it never is."""
        return not_(condition)

    def like(self, left: Side, right: Side) -> Expression:
        """Match without regard to the case of ASCII letters; `\\` escapes. A parameter comes as a pattern."""
        raise AssertionError(self.name)

    def lower(self, side: Side) -> Expression:
        """Return a value as text with its ASCII letters in lower case."""
        raise AssertionError(self.name)

    # -- lists and JSON -------------------------------------------------------------------------------------

    def each(self, column: Expression, alias: str) -> Each:
        """Return the elements of a JSON list (a list column, or a parameter) as rows."""
        raise AssertionError(self.name)

    def length(self, column: Expression) -> Expression:
        """Return how many elements a list column holds."""
        raise AssertionError(self.name)

    def extract(
        self, column: Expression, keys: Sequence[str], const: Callable[[str], Expression]
    ) -> Expression:
        """Return the value at a path of a JSON column, for a `Side` without a kind; keys of digits count in lists.

        const: makes a parameter
        """
        raise AssertionError(self.name)

    def record(self, parts: Sequence[JsonPart], *, trusted: bool) -> Expression:
        """Return a JSON object as text, its keys in the given order.

        trusted: columns are ours: texts never NULL, JSON always well-formed; false for the columns of views
        """
        pieces: list[Expression] = []
        fixed = "{"
        for position, (key, value, kind) in enumerate(parts):
            fixed += ("," if position else "") + f'"{key}":'
            if isinstance(value, str) or kind is None:
                fixed += str(value)
                continue
            pieces += [self.text(fixed), self.member(value, kind, trusted=trusted)]
            fixed = ""
        return self.concat([*pieces, self.text(f"{fixed}}}")])

    def member(self, column: Expression, kind: Kind, *, trusted: bool) -> Expression:
        """Return the JSON text of a column's value."""
        raise AssertionError(self.name)

    def concat(self, pieces: Sequence[Expression]) -> Expression:
        """Join texts."""
        out = pieces[0]
        for piece in pieces[1:]:
            out = out.concat(piece)
        return out

    # -- functions ------------------------------------------------------------------------------------------

    def as_number(self, side: Side) -> Expression:
        """Return a value for arithmetic; what is no number becomes NULL."""
        return side.sql

    def clamp(self, value: Expression) -> Expression:
        """Return a number cut to -1 to 1; NULL stays NULL."""
        raise AssertionError(self.name)

    def distance_km(self, lon_a: Side, lat_a: Side, lon_b: Side, lat_b: Side) -> Expression:
        """Return the great-circle distance (spherical law of cosines, radius 6,371 km)."""
        east, north, east_b, north_b = (
            func.radians(self.as_number(side)) for side in (lon_a, lat_a, lon_b, lat_b)
        )
        cosine = func.cos(north) * func.cos(north_b) * func.cos(east_b - east)
        cosine = cosine + func.sin(north) * func.sin(north_b)
        return literal_column("6371") * func.acos(self.clamp(cosine))

    def strftime(self, arguments: Sequence[Side], now: Callable[[], Expression]) -> Expression:
        """Return SQLite's strftime(format, time, modifier ...).

        now: makes a parameter with the present time
        Raises BadRequest for what the database has no words for.
        """
        raise AssertionError(self.name)

    # -- order ----------------------------------------------------------------------------------------------

    @property
    def random(self) -> Expression:
        return func.random()

    def row_version(self, table: FromClause) -> Expression | None:
        """Return a text that is another one whenever a row was written in between; None where there is none."""
        return None

    def row_order(self, table: FromClause) -> Expression:
        """Return what orders a table by insertion."""
        raise AssertionError(self.name)

    def tie_breaks(self, table: FromClause, *, is_view: bool) -> list[Expression]:
        """Return what orders the rows where a list's sort leaves it open, so that they keep their pages."""
        return []

    def sort_keys(self, side: Side) -> list[Expression]:
        """Return what to sort by so that values come in the order of `compares`."""
        return [side.sql]

    def ordered(self, key: Expression, *, descending: bool, nullable: bool) -> Expression:
        """Return a term of ORDER BY; NULL is less than all else."""
        return desc(key) if descending else asc(key)

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
        return Statement(str(compiled), used, is_cheap, is_compiled=True)


def apply_order(left: Expression, op: Order, right: Expression) -> Expression:
    """Return `left op right`."""
    match op:
        case "<":
            return left < right
        case "<=":
            return left <= right
        case ">":
            return left > right
        case ">=":
            return left >= right


def is_index(key: str) -> bool:
    """Tell whether a key of a JSON path counts in a list."""
    return key.isascii() and key.isdigit() and len(key) < 10


def json_path(keys: Sequence[str]) -> str:
    """Return keys as a JSON path in SQLite's and MySQL's notation."""
    out = "$"
    for key in keys:
        out += f"[{key}]" if is_index(key) else '."' + key.replace('"', "") + '"'
    return out
