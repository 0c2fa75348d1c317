"""When a cron expression is due, by the clock of a time zone.

Where clocks are put forward, what falls into the hour that isn't there runs as if they had not been; where they are put
back, what falls into the hour that comes twice runs the first time. What runs each hour does so each hour.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from datetime import time as clock
from zoneinfo import ZoneInfo

from backstay.settings.cron import CronError, parse_cron

DAYS_MAX = 366 * 41
"""How far it is looked ahead: a weekday comes to February 29 again after 40 years at most."""
_SHIFT_MAX = timedelta(hours=3)
"""More than any clock is put forward or back."""
_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)


class Times:
    """The times of one schedule. Raises ValueError for an expression or a time zone that can't be used."""

    def __init__(self, expression: str, timezone: str = "UTC") -> None:
        try:
            self._slots = parse_cron(expression)
        except CronError as exc:
            raise ValueError(f"the schedule '{expression}' can't be read: {exc}") from exc
        self.expression, self.timezone = expression, timezone
        self._zone = _zone(timezone)
        self._minutes, self._hours = sorted(self._slots.minutes), sorted(self._slots.hours)
        if self.next_after(datetime(2000, 1, 1, tzinfo=UTC)) is None:
            raise ValueError(f"the schedule '{expression}' is never due")

    @property
    def rule(self) -> str:
        """The schedule as text; with another one it begins anew."""
        return f"{self.expression} {self.timezone}"

    def next_after(self, after: datetime) -> datetime | None:
        """Return the first time after an aware one, in UTC; None when there is none for decades."""
        candidates = self._each_hour(after) if len(self._hours) == 24 else self._by_the_clock(after)
        return next((found for found in candidates if found > after), None)

    def _by_the_clock(self, after: datetime) -> Iterator[datetime]:
        for day in self._days(after):
            for hour in self._hours:
                for minute in self._minutes:
                    yield datetime.combine(day, clock(hour, minute), self._zone).astimezone(UTC)

    def _each_hour(self, after: datetime) -> Iterator[datetime]:
        """Yield the times of what is due in all hours of a day, however many those are."""
        earliest = after.astimezone(UTC).replace(second=0, microsecond=0)
        for day in self._days(after):
            instant = max(datetime.combine(day, clock(), self._zone).astimezone(UTC), earliest)
            while (here := instant.astimezone(self._zone)).date() == day:
                if here.minute in self._slots.minutes:
                    yield instant
                instant += _MINUTE

    def _days(self, after: datetime) -> Iterator[date]:
        """Yield the days, from that of a time on, on which it is due."""
        slots, start = self._slots, (after.astimezone(self._zone) - _SHIFT_MAX).date()
        for number in range(DAYS_MAX):
            day = start + number * _DAY
            if day.day in slots.days and day.month in slots.months and day.isoweekday() % 7 in slots.weekdays:
                yield day


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError) as exc:
        raise ValueError(
            f"there is no time zone '{name}' here: give an IANA name like Europe/Berlin; "
            "on a machine without time zones install the package 'tzdata'"
        ) from exc
