"""When schedules are due: lists, steps, rare days, and the nights on which clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstay.jobs.times import Times
from backstay.settings.cron import parse_cron


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        ("* * * * *", "2026-03-01 10:00:00", "2026-03-01 10:01"),
        ("* * * * *", "2026-03-01 10:00:59", "2026-03-01 10:01"),
        ("*/15 * * * *", "2026-03-01 10:46", "2026-03-01 11:00"),
        ("0 8 * * *", "2026-03-01 08:00", "2026-03-02 08:00"),
        ("0 8 * * *", "2026-03-01 07:59:59.999", "2026-03-01 08:00"),
        ("30 6,18 * * 1-5", "2026-03-06 18:30", "2026-03-09 06:30"),
        ("0 0 31 * *", "2026-03-31 00:00", "2026-05-31 00:00"),
        ("0 0 29 2 *", "2026-03-01 00:00", "2028-02-29 00:00"),
        ("0 0 29 2 1", "2026-03-01 00:00", "2044-02-29 00:00"),
        ("@hourly", "2026-12-31 23:30", "2027-01-01 00:00"),
        ("@daily", "2026-03-01 00:00", "2026-03-02 00:00"),
        ("@midnight", "2026-03-01 00:00", "2026-03-02 00:00"),
        ("@weekly", "2026-03-01 00:00", "2026-03-08 00:00"),
        ("@monthly", "2026-03-01 00:00", "2026-04-01 00:00"),
        ("@yearly", "2026-03-01 00:00", "2027-01-01 00:00"),
    ],
)
def test_the_next_time(expression: str, after: str, expected: str) -> None:
    assert Times(expression).next_after(at(after)) == at(expected)


SPRING = "2026-03-29"  # at 02:00 in Berlin clocks are put forward, at 01:00 UTC
AUTUMN = "2026-10-25"  # at 03:00 they are put back, at 01:00 UTC


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        pytest.param("0 8 * * *", "2026-01-01 00:00", ["2026-01-01 07:00"], id="winter"),
        pytest.param("0 8 * * *", "2026-07-01 00:00", ["2026-07-01 06:00"], id="summer"),
        pytest.param("0 23 * * *", "2026-07-01 20:59", ["2026-07-01 21:00"], id="late"),
        pytest.param("0 0 * * 3", "2026-06-30 21:59", ["2026-06-30 22:00"], id="its weekday is the zone's"),
        pytest.param(
            "30 2 * * *",
            f"{SPRING} 00:59",
            [f"{SPRING} 01:30", "2026-03-30 00:30"],
            id="an hour that isn't there",
        ),
        pytest.param("30 2 * * *", f"{SPRING} 01:10", [f"{SPRING} 01:30"], id="and looked at late"),
        pytest.param(
            "30 2 * * *", "2026-10-24 12:00", [f"{AUTUMN} 00:30", "2026-10-26 01:30"], id="an hour twice"
        ),
        pytest.param(
            "0 * * * *",
            f"{AUTUMN} 00:00",
            [f"{AUTUMN} 01:00", f"{AUTUMN} 02:00", f"{AUTUMN} 03:00"],
            id="hourly in the hour that comes twice",
        ),
        pytest.param(
            "0 * * * *",
            f"{SPRING} 00:00",
            [f"{SPRING} 01:00", f"{SPRING} 02:00"],
            id="hourly in the hour that isn't there",
        ),
    ],
)
def test_the_clock_of_a_zone(expression: str, after: str, expected: list[str]) -> None:
    times, now = Times(expression, "Europe/Berlin"), at(after)
    for one in expected:
        assert times.next_after(now) == at(one)
        now = at(one)


@pytest.mark.parametrize(
    ("expression", "timezone", "says"),
    [
        ("* * *", "UTC", "exactly 5 space separated segments"),
        ("61 * * * *", "UTC", "between the min and max"),
        ("", "UTC", "can't be read"),
        ("0 0 31 2 *", "UTC", "never due"),
        ("0 0 30 2 *", "UTC", "never due"),
        ("* * * * *", "Mars/Olympus", "no time zone 'Mars/Olympus'"),
        ("* * * * *", "../../etc/passwd", "no time zone"),
        ("* * * * *", "", "no time zone"),
    ],
)
def test_what_can_not_be_used(expression: str, timezone: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Times(expression, timezone)


FIELDS = (
    st.sampled_from(["*", "0", "*/7", "5,50", "10-20/5"]),
    st.sampled_from(["*", "0", "*/5", "2", "1-3", "23"]),
    st.sampled_from(["*", "1", "*/10", "28-31"]),
    st.sampled_from(["*", "2,3,10,11", "*/2"]),
    st.sampled_from(["*", "0", "1-5"]),
)


@given(
    st.tuples(*FIELDS).map(" ".join),
    st.datetimes(datetime(2025, 1, 1), datetime(2030, 1, 1)),
)
def test_no_time_is_left_out_and_none_is_wrong(expression: str, start: datetime) -> None:
    slots, after = parse_cron(expression), start.replace(tzinfo=UTC)
    found = Times(expression).next_after(after)
    assert found is not None
    minute = after.replace(second=0, microsecond=0)
    until = min(found, after + timedelta(days=2))
    while (minute := minute + timedelta(minutes=1)) <= until:
        fits = (
            minute.minute in slots.minutes
            and minute.hour in slots.hours
            and minute.day in slots.days
            and minute.month in slots.months
            and minute.isoweekday() % 7 in slots.weekdays
        )
        assert fits == (minute == found)
