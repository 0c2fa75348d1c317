"""strftime for databases which have none: times out of text, modifiers, formats.

A time is read from `YYYY-MM-DD`, with `HH:MM`, seconds and their fraction, and `Z`; other texts give NULL. As on
SQLite a month may have 31 days: 30 February is 1 or 2 March.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sqlalchemy import DateTime, Float, Integer, Interval, Text, case, cast, func, literal_column
from sqlalchemy.dialects.mysql import DATETIME

from backstay.catalog.fields import Kind
from backstay.plans.dialects.base import Expression, Side
from backstay.plans.params import Form
from backstay.plans.time_words import EPOCH, MILLIS, WEEKDAY, WEEKDAY_7, UntranslatableTime

if TYPE_CHECKING:
    from backstay.plans.dialects.typed import TypedDialect

TIME_TEXT = (
    "^([1-9][0-9]{3}|0[0-9]{2}[1-9]|0[0-9][1-9]0|0[1-9]00)-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    "([ T]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,6})?)?)?Z?$"
)

MODIFIERS_MAX = 2
"""Each stands three times in the text for the one before it."""


class Times:
    """The parts of strftime that the databases share."""

    format_form: Form

    def __init__(self, dialect: TypedDialect) -> None:
        self.dialect = dialect

    def strftime(self, arguments: Sequence[Side], now: Callable[[], Expression]) -> Expression:
        """Return strftime(format, time, modifier ...). Raises UntranslatableTime."""
        pattern, *rest = arguments
        if len(rest) > 1 + MODIFIERS_MAX:
            raise UntranslatableTime(f"more than {MODIFIERS_MAX} modifiers")
        time = self._time(rest[0]) if rest else now()
        moment = self.read(time)
        for modifier in rest[1:]:
            moment = self.shift(moment, lambda form, side=modifier: _in_form(side, form))  # type: ignore[misc]
        return self.write(moment, _in_form(pattern, self.format_form))

    def _time(self, side: Side) -> Expression:
        if side.kind in {Kind.NUMBER, Kind.BOOL}:
            raise UntranslatableTime("a number")
        return side.form("time") if side.form else self.dialect.as_text(side)

    def read(self, text: Expression) -> Expression:
        """Return the time that a text stands for, else NULL."""
        raise AssertionError(self.dialect.name)

    def shift(self, moment: Expression, argument: Callable[[Form], Expression]) -> Expression:
        """Return a time after one modifier."""
        raise AssertionError(self.dialect.name)

    def write(self, moment: Expression, pattern: Expression) -> Expression:
        """Return a time as text by a translated format."""
        raise AssertionError(self.dialect.name)


def _in_form(side: Side, form: Form) -> Expression:
    if side.form is None or side.state == "empty":
        raise UntranslatableTime("a field as its format or modifier")
    return side.form(form)


class PostgresqlTimes(Times):
    """By timestamp, interval and to_char."""

    format_form: Form = "to_char"

    def read(self, text: Expression) -> Expression:
        number, fixed = self.dialect.number, self.dialect.text
        month = cast(func.substr(text, number(1), number(7)).concat(fixed("-01")), DateTime())
        days = cast(func.substr(text, number(9), number(2)), Integer()) - number(1)
        clock = func.nullif(func.replace(func.substr(text, number(12)), fixed("Z"), fixed("")), fixed(""))
        moment = month + self._interval(days=days) + cast(func.coalesce(clock, fixed("00:00")), Interval())
        return case((self.dialect.matches(text, TIME_TEXT), moment))

    def _interval(
        self,
        *,
        months: Expression | None = None,
        days: Expression | None = None,
        seconds: Expression | None = None,
    ) -> Expression:
        none = self.dialect.number(0)
        parts = [part if part is not None else none for part in (months, days, seconds)]
        return func.make_interval(none, parts[0], none, parts[1], none, none, parts[2])

    def shift(self, moment: Expression, argument: Callable[[Form], Expression]) -> Expression:
        start = func.date_trunc(cast(argument("start_of"), Text()), moment)
        months = self._interval(months=cast(argument("months"), Integer()))
        seconds = self._interval(seconds=cast(argument("seconds"), Float(53)))
        first = func.date_trunc(self.dialect.text("month"), start)
        return first + months + (start - first) + seconds

    def write(self, moment: Expression, pattern: Expression) -> Expression:
        out = func.to_char(moment, cast(pattern, Text()))
        weekday = cast(func.date_part(self.dialect.text("dow"), moment), Text())
        seconds = func.trunc(func.date_part(self.dialect.text("epoch"), moment))
        for mark, value in ((WEEKDAY, weekday), (EPOCH, self.dialect.number_text(seconds))):
            out = func.replace(out, self.mark(mark), value)
        return out

    def mark(self, mark: str) -> Expression:
        return func.chr(self.dialect.number(ord(mark)))


class MysqlTimes(Times):
    """By datetime and date_format."""

    format_form: Form = "date_format"

    def read(self, text: Expression) -> Expression:
        number, fixed = self.dialect.number, self.dialect.text
        month = cast(func.concat(func.left(text, number(7)), fixed("-01")), DATETIME(fsp=3))
        days = cast(func.substr(text, number(9), number(2)), Integer()) - number(1)
        clock = func.nullif(func.replace(func.substr(text, number(12)), fixed("Z"), fixed("")), fixed(""))
        moment = func.addtime(self._add("DAY", days, month), func.coalesce(clock, fixed("00:00:00")))
        return case((self.dialect.matches(text, TIME_TEXT), moment))

    def _add(self, unit: str, amount: Expression, moment: Expression) -> Expression:
        return func.timestampadd(literal_column(unit), amount, moment)

    def shift(self, moment: Expression, argument: Callable[[Form], Expression]) -> Expression:
        start = cast(func.date_format(moment, argument("start_format")), DATETIME(fsp=3))
        first = cast(func.date_format(start, self.dialect.text("%Y-%m-01")), DATETIME(fsp=3))
        month = self._add("MONTH", argument("months"), first)
        day = self._add("DAY", func.dayofmonth(start) - self.dialect.number(1), month)
        return self._add("SECOND", argument("seconds"), func.addtime(day, func.time(start)))

    def write(self, moment: Expression, pattern: Expression) -> Expression:
        number, fixed = self.dialect.number, self.dialect.text
        out = func.date_format(moment, pattern)
        zero = cast(fixed("1970-01-01 00:00:00"), DATETIME())
        seconds = func.timestampdiff(literal_column("SECOND"), zero, moment)
        millis = func.lpad(func.floor(func.microsecond(moment) / number(1000)), number(3), fixed("0"))
        weekday = func.weekday(moment) + number(1)
        for mark, value in ((EPOCH, seconds), (MILLIS, millis), (WEEKDAY_7, weekday)):
            out = func.replace(out, func.char(number(ord(mark))), value)
        return out
