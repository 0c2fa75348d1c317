"""Cron expressions: five fields of lists, ranges and steps, or a macro like `@daily`. UTC.

This reads them; running jobs is the business of others. The messages are those of the protocol, sentence-cased as
clients see them.
"""

from __future__ import annotations

import re

import msgspec

MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}

_BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
_INT64_MAX = 2**63 - 1


class CronError(ValueError):
    """A cron expression can't be read."""


class Schedule(msgspec.Struct, frozen=True):
    """The times at which something is due: all five must hold. Days of the week count from Sunday = 0."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]


def parse_cron(expression: str) -> Schedule:
    """Read a cron expression. Raises CronError, whose text may be shown to the one who wrote it."""
    fields = MACROS.get(expression, expression).split(" ")
    if len(fields) != 5:
        raise CronError(
            "Invalid cron expression - must be a valid macro or to have exactly 5 space separated segments."
        )
    return Schedule(*(_field(field, low, high) for field, (low, high) in zip(fields, _BOUNDS, strict=True)))


def _field(field: str, low: int, high: int) -> frozenset[int]:
    return frozenset(slot for part in field.split(",") for slot in _slots(part, low, high))


def _slots(part: str, low: int, high: int) -> range:
    span, *steps = part.split("/")
    if len(steps) > 1:
        raise CronError("Invalid segment step format - must be in the format */n or 1-30/n.")
    step = _step(steps[0], high) if steps else 1
    if span == "*":
        return range(low, high + 1, step)
    first, *rest = span.split("-")
    if len(rest) > 1:
        raise CronError("Invalid segment range format - the range must have 1 or 2 parts.")
    if rest:
        return _range(first, rest[0], low, high, step)
    if step != 1:
        raise CronError(
            "Invalid segment step - step > 1 could be used only with the wildcard or range format."
        )
    value = _number(first)
    if not low <= value <= high:
        raise CronError("Invalid segment value - must be between the min and max of the segment.")
    return range(value, value + 1)


def _step(text: str, high: int) -> int:
    step = _number(text)
    if not 1 <= step <= high:
        raise CronError(f"Invalid segment step boundary - the step must be between 1 and the {high}.")
    return step


def _range(first: str, last: str, low: int, high: int, step: int) -> range:
    start = _number(first)
    if not low <= start <= high:
        raise CronError(f"Invalid segment range minimum - must be between {low} and {high}.")
    stop = _number(last)
    if not start <= stop <= high:
        raise CronError(f"Invalid segment range maximum - must be between {start} and {high}.")
    return range(start, stop + 1, step)


def _number(text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]+", text):
        raise CronError(f'Strconv.Atoi: parsing "{text}": invalid syntax.')
    # a length first: int() of very long texts is slow
    if len(text) > 20 or abs(value := int(text)) > _INT64_MAX:
        raise CronError(f'Strconv.Atoi: parsing "{text}": value out of range.')
    return value
