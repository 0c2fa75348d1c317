"""Comparisons for databases whose columns have one type each, with the results that SQLite gives.

SQLite compares values of any types: NULL is less than numbers, numbers are less than texts, and before that a
column's type decides how the other side is read. Here the planner knows the kind of most values, so that texts meet
texts and numbers meet numbers in plain comparisons which an index can serve. What is left, values out of JSON and
texts beside numbers, is taken apart into a number and a text, of which at most one is not NULL.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from sqlalchemy import and_, case, func, not_, true

from backstay.catalog.fields import Kind
from backstay.plans.dialects.base import Dialect, Expression, Order, Side, apply_order

NUMERIC_TEXT = r"^[ \t\n\r]*[+-]?([0-9]{1,200}([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]{1,2})?[ \t\n\r]*$"
"""Texts which count as numbers beside a column of numbers. Those that a double can't hold are left out."""
Test = Callable[[Expression, Expression], Expression]


class Parts(msgspec.Struct, frozen=True, eq=False):
    """A value taken apart: its number, or NULL; its text, or NULL. None: it is never a number, or never a text."""

    number: Expression | None = None
    text: Expression | None = None

    @property
    def is_plain(self) -> bool:
        """True when it is known which of the two the value is."""
        return self.number is None or self.text is None


class TypedDialect(Dialect):
    """What such databases share. Each says how it reads JSON, numbers and texts."""

    # -- what each database says ----------------------------------------------------------------------------

    def json_is_null(self, value: Expression) -> Expression:
        raise AssertionError(self.name)

    def json_number(self, value: Expression) -> Expression:
        """Return a number as it is, booleans as 1 and 0, NULL for all else."""
        raise AssertionError(self.name)

    def json_text(self, value: Expression) -> Expression:
        """Return a text as it is, lists and objects as their JSON, NULL for all else."""
        raise AssertionError(self.name)

    def json_any_text(self, value: Expression) -> Expression:
        """Return any value as text: booleans as 1 and 0, NULL for null."""
        raise AssertionError(self.name)

    def bool_number(self, value: Expression) -> Expression:
        """Return a boolean as 1 or 0."""
        raise AssertionError(self.name)

    def number_text(self, value: Expression) -> Expression:
        """Return a number as text, without a trailing `.0`."""
        raise AssertionError(self.name)

    def text_number(self, value: Expression) -> Expression:
        """Return the number that a text of the form `NUMERIC_TEXT` stands for."""
        raise AssertionError(self.name)

    def matches(self, value: Expression, pattern: str) -> Expression:
        """Tell whether a text matches a regular expression of ours."""
        raise AssertionError(self.name)

    def bytewise(self, value: Expression) -> Expression:
        """Return a text so that it is ordered by its bytes."""
        raise AssertionError(self.name)

    def match_like(self, text: Expression, pattern: Expression) -> Expression:
        """LIKE without regard to the case of ASCII letters; the pattern has none in upper case."""
        raise AssertionError(self.name)

    def lower_text(self, text: Expression) -> Expression:
        """Return a text with its ASCII letters in lower case."""
        raise AssertionError(self.name)

    @property
    def unknown(self) -> Expression:
        """A condition which is neither true nor false."""
        return self.null

    # -- values ---------------------------------------------------------------------------------------------

    def as_text(self, side: Side) -> Expression:
        """Return a value as text."""
        match side.kind:
            case Kind.NUMBER:
                return side.form("text") if side.form else self.number_text(side.sql)
            case Kind.BOOL:
                return self.number_text(self.bool_number(side.sql))
            case None if not side.is_null:
                return self.json_any_text(side.sql)
        return side.sql

    def as_number(self, side: Side) -> Expression:
        match side.kind:
            case Kind.NUMBER:
                return side.sql
            case Kind.BOOL:
                return self.bool_number(side.sql)
        text = self.as_text(side)
        return case((self.matches(text, NUMERIC_TEXT), self.text_number(text)))

    def _parts(self, side: Side) -> Parts:
        match side.kind:
            case Kind.NUMBER | Kind.BOOL:
                return Parts(number=self.as_number(side))
            case None:
                return Parts(self.json_number(side.sql), self.json_text(side.sql))
        return Parts(text=side.sql)

    def _numeric(self, side: Side) -> Parts:
        """Read texts as numbers where they look like ones, as beside a column of numbers."""
        if side.kind in {Kind.NUMBER, Kind.BOOL}:
            return self._parts(side)
        text = self.as_text(side)
        return Parts(self.as_number(side), case((not_(self.matches(text, NUMERIC_TEXT)), text)))

    def _aligned(self, left: Side, right: Side) -> tuple[Parts, Parts]:
        """Return both sides as SQLite compares them: a column's type decides how the other side is read."""
        match _affinity(left), _affinity(right):
            case (Kind.NUMBER, Kind.TEXT | None):
                return self._parts(left), self._numeric(right)
            case (Kind.TEXT | None, Kind.NUMBER):
                return self._numeric(left), self._parts(right)
            case (Kind.TEXT, None):
                return self._parts(left), Parts(text=self.as_text(right))
            case (None, Kind.TEXT):
                return Parts(text=self.as_text(left)), self._parts(right)
        return self._parts(left), self._parts(right)

    def collated(self, value: Expression, collation: str) -> Expression:
        match collation.upper():
            case "NOCASE":
                return self.lower_text(value)
            case "RTRIM":
                return func.rtrim(value, self.text(" "))
        return value

    # -- comparing ------------------------------------------------------------------------------------------

    def is_null(self, side: Side) -> Expression:
        if side.kind is None and not side.is_null:
            return self.json_is_null(side.sql)
        return side.sql.is_(None)

    def is_empty(self, side: Side) -> Expression:
        if side.kind is Kind.TEXT or side.state != "open":
            return super().is_empty(side)
        if side.kind is None:
            return func.coalesce(self.json_any_text(side.sql), self.text("")) == self.text("")
        return side.sql.is_(None)

    def equals(self, left: Side, right: Side) -> Expression:
        if left.kind is Kind.BOOL and right.kind is Kind.BOOL:
            return left.sql == right.sql
        tests = _by_type(*self._aligned(left, right), lambda a, b: a == b)
        if len(tests) == 1:
            return tests[0]
        both = and_(not_(self.is_null(left)), not_(self.is_null(right)))
        return func.coalesce(*tests, case((both, self.false)))

    def same(self, left: Side, right: Side) -> Expression:
        if left.is_null or right.is_null:
            return self.is_null(right if left.is_null else left)
        one, other = self._aligned(left, right)
        tests = _by_type(one, other, lambda a, b: a.is_not_distinct_from(b))
        is_sure = (left.state == "known" and one.is_plain) or (right.state == "known" and other.is_plain)
        if len(tests) == 1 and (is_sure or (one.is_plain and other.is_plain)):
            return tests[0]
        tests = _by_type(one, other, lambda a, b: a == b)
        both_null = and_(self.is_null(left), self.is_null(right))
        return func.coalesce(*tests, both_null) if tests else both_null

    def differs(self, left: Side, right: Side) -> Expression:
        return not_(self.same(left, right))

    def same_or_empty(self, left: Side, right: Side) -> Expression:
        one, other = self._parts(left), self._parts(right)
        if one.number is None and other.number is None:
            empty = self.text("")
            return func.coalesce(one.text, empty) == func.coalesce(other.text, empty)
        both_empty = and_(self.is_empty(left), self.is_empty(right))
        tests = _by_type(one, other, lambda a, b: a == b)
        return func.coalesce(*tests, both_empty) if tests else both_empty

    def compares(self, left: Side, op: Order, right: Side) -> Expression:
        if left.is_null or right.is_null:
            return self.unknown
        one, other = self._aligned(left, right)
        tests = _by_type(
            Parts(one.number, None if one.text is None else self.bytewise(one.text)),
            other,
            lambda a, b: apply_order(a, op, b),
        )
        less, more = (one, other) if op in {"<", "<="} else (other, one)
        if less.number is not None and more.text is not None:
            tests.append(and_(less.number.is_not(None), more.text.is_not(None)))
        return func.coalesce(*tests) if len(tests) > 1 else tests[0] if tests else self.unknown

    def fails(self, condition: Expression, left: Side, right: Side) -> Expression:
        if left.is_null or right.is_null:
            return self.false
        return and_(condition.is_not(true()), not_(self.is_null(left)), not_(self.is_null(right)))

    def like(self, left: Side, right: Side) -> Expression:
        if right.is_null:
            return self.unknown
        if right.form is not None:
            return self.match_like(self.as_text(left), right.form("like"))
        percent = self.text("%")
        pattern = self.concat([percent, self.as_text(right), percent])
        return self.match_like(self.as_text(left), self.lower_text(pattern))

    def lower(self, side: Side) -> Expression:
        return self.lower_text(self.as_text(side))

    def sort_keys(self, side: Side) -> list[Expression]:
        match side.kind:
            case None:
                number, text = self.json_number(side.sql), self.json_text(side.sql)
                is_text = case((text.is_not(None), self.number(1)), else_=self.number(0))
                return [is_text, number, self.bytewise(text)]
            case Kind.NUMBER | Kind.BOOL:
                return [self.as_number(side)]
        return [self.bytewise(side.sql)]


def _by_type(one: Parts, other: Parts, test: Test) -> list[Expression]:
    """Return a test of the numbers, and one of the texts, where both sides may have them."""
    out: list[Expression] = []
    if one.number is not None and other.number is not None:
        out.append(test(one.number, other.number))
    if one.text is not None and other.text is not None:
        out.append(test(one.text, other.text))
    return out


def _affinity(side: Side) -> Kind | None:
    """Return what a column makes of the other side, or None."""
    if not side.is_column:
        return None
    return Kind.NUMBER if side.kind is Kind.BOOL else side.kind
