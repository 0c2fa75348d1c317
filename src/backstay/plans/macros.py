"""The time macros of the filter language (A6). All are in UTC."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from backstay.catalog.casts import format_date

_DAY = timedelta(days=1)


def _start(now: datetime) -> str:
    return format_date(now.replace(hour=0, minute=0, second=0, microsecond=0))


def _month_end(now: datetime) -> str:
    following = (now.replace(day=28) + timedelta(days=4)).replace(day=1)
    return _end(following - _DAY)


def _end(now: datetime) -> str:
    return format_date(now.replace(hour=23, minute=59, second=59, microsecond=999000))


MACROS: dict[str, Callable[[datetime], str | int]] = {
    "@now": format_date,
    "@yesterday": lambda now: format_date(now - _DAY),
    "@tomorrow": lambda now: format_date(now + _DAY),
    "@second": lambda now: now.second,
    "@minute": lambda now: now.minute,
    "@hour": lambda now: now.hour,
    "@day": lambda now: now.day,
    "@month": lambda now: now.month,
    "@weekday": lambda now: (now.weekday() + 1) % 7,
    "@year": lambda now: now.year,
    "@todayStart": _start,
    "@todayEnd": _end,
    "@monthStart": lambda now: _start(now.replace(day=1)),
    "@monthEnd": _month_end,
    "@yearStart": lambda now: _start(now.replace(month=1, day=1)),
    "@yearEnd": lambda now: _end(now.replace(month=12, day=31)),
}


NUMBER_MACROS = frozenset({"@second", "@minute", "@hour", "@day", "@month", "@weekday", "@year"})
"""The macros whose value is a number; the others are dates."""


def macro_value(name: str, now: datetime) -> str | int:
    """Return what `name` stands for at `now`; weeks start on Sunday, which is 0."""
    return MACROS[name](now)
