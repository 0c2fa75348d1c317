"""Cron expressions. What is refused stands among the facts of the settings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstay.settings import CronError, parse_cron


def test_reads_lists_ranges_steps_and_wildcards() -> None:
    schedule = parse_cron("*/20 1,5-7 10-20/5 * 0")
    assert schedule.minutes == {0, 20, 40}
    assert schedule.hours == {1, 5, 6, 7}
    assert schedule.days == {10, 15, 20}
    assert schedule.months == set(range(1, 13))
    assert schedule.weekdays == {0}


@pytest.mark.parametrize(
    ("macro", "expression"),
    [
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
        ("@monthly", "0 0 1 * *"),
        ("@weekly", "0 0 * * 0"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@hourly", "0 * * * *"),
    ],
)
def test_macros(macro: str, expression: str) -> None:
    assert parse_cron(macro) == parse_cron(expression)


@given(st.text(alphabet="0123456789*/-, @x+", max_size=30))
def test_anything_is_read_or_refused(text: str) -> None:
    try:
        schedule = parse_cron(text)
    except CronError:
        return
    assert schedule.minutes <= set(range(60))
    assert schedule.weekdays <= set(range(7))
