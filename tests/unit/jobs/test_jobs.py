"""Declaring jobs: names, options, and arguments that are checked when they are enqueued."""

from __future__ import annotations

import enum
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from backstay.jobs import ArgumentError, Cron, Job, Jobs, JobTooLarge, NotOpen
from backstay.jobs.arguments import ARGUMENTS_MAX_BYTES, Arguments
from backstay.jobs.job import KEY_MAX_CHARS

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


class Line(msgspec.Struct):
    sku: str
    count: int = 1


class Colour(enum.Enum):
    RED = "red"


async def nothing() -> None:
    """Do nothing."""


async def order(id: int, lines: list[Line], *, at: datetime | None = None, note: str = "none") -> None: ...


async def exact(price: Decimal, colour: Colour, by_number: dict[int, float], raw: bytes, /) -> None: ...


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((1, [Line("a"), Line("b", 2)]), {}),
        ((1, []), {"at": datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC), "note": "ü"}),
        ((), {"id": -(2**60), "lines": []}),
        ((1, []), {"at": None}),
    ],
)
def test_arguments_come_back_as_they_were(args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    arguments = Arguments("order", order)
    given = arguments.decode(arguments.encode(args, kwargs))
    assert (given.args, given.kwargs) == (
        (*args, *(kwargs[name] for name in ("id", "lines") if name in kwargs)),
        {name: value for name, value in kwargs.items() if name not in {"id", "lines"}},
    )


def test_types_of_all_kinds_come_back() -> None:
    arguments, values = Arguments("exact", exact), (Decimal("1.10"), Colour.RED, {7: 1.0}, b"\x00\xff")
    assert arguments.decode(arguments.encode(values, {})).args == values


@pytest.mark.parametrize(
    ("args", "kwargs", "says"),
    [
        (("1", []), {}, "job 'order': Expected `int`, got `str` - at `\\$.id`"),
        ((1, [{"sku": 5}]), {}, "Expected `str`, got `int` - at `\\$.lines\\[0\\].sku`"),
        ((1,), {}, "missing a required argument: 'lines'"),
        ((1, [], 3), {}, "too many positional arguments"),
        ((1, []), {"nope": 1}, "unexpected keyword argument 'nope'"),
        ((1, []), {"at": object()}, "Encoding objects of type object is unsupported"),
        ((float("nan"), []), {}, "Expected `int`, got `null`"),
    ],
)
def test_wrong_arguments_are_told_when_enqueued(
    args: tuple[Any, ...], kwargs: dict[str, Any], says: str
) -> None:
    with pytest.raises(ArgumentError, match=says):
        Arguments("order", order).encode(args, kwargs)


@pytest.mark.parametrize("text", ["x" * (ARGUMENTS_MAX_BYTES + 1), "\ud800"])
def test_what_clients_may_send_is_refused_as_theirs(text: str) -> None:
    with pytest.raises(JobTooLarge):
        Arguments("order", order).encode((1, []), {"note": text})


def test_a_function_may_change_while_jobs_wait() -> None:
    old = Arguments("order", order).encode((1, []), {"note": "x"})

    async def renamed(id: int, lines: list[Line], urgent: bool = False) -> None: ...
    async def more(id: int, lines: list[Line], extra: str) -> None: ...

    given = Arguments("order", renamed).decode(old)
    given.apply_defaults()
    assert given.args == (1, [], False)
    with pytest.raises(ArgumentError, match="missing required field `extra`"):
        Arguments("order", more).decode(old)


async def with_stars(*ids: int) -> None: ...
async def untyped(id) -> None: ...  # type: ignore[no-untyped-def]
async def unkeepable(task: Jobs) -> None: ...
def sync(id: int) -> None: ...


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (with_stars, "job 'with_stars': a job can't take \\*args"),
        (untyped, "job 'untyped': the parameter 'id' needs a type"),
        (unkeepable, "job 'unkeepable': .*Jobs"),
        (sync, "'sync' must be an async function"),
    ],
)
def test_functions_that_can_be_no_job(function: Any, says: str) -> None:
    with pytest.raises(TypeError, match=says):
        Jobs().job(function)


def test_names_are_unique_and_plain() -> None:
    jobs = Jobs()
    jobs.job(nothing)
    with pytest.raises(ValueError, match="two of the name 'nothing'"):
        jobs.job(retries=1)(nothing)
    jobs.job(name="shop.nothing")(nothing)
    jobs.cron("@daily")(nothing)
    with pytest.raises(ValueError, match="two of the name 'nothing'"):
        jobs.cron("@daily")(nothing)
    for name in ("", "a b", "a/b", "é", "x" * 101):
        with pytest.raises(ValueError, match="is no name"):
            jobs.job(name=name)(nothing)


@pytest.mark.parametrize(
    "options",
    [{"retries": -1}, {"timeout_s": 0}, {"concurrency": 0}, {"priority": 101}, {"backoff_s": -1}],
)
def test_options_that_make_no_sense(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        Jobs().job(**options)


def test_options_of_a_call_that_make_no_sense() -> None:
    job = Jobs().job(nothing)
    soon = datetime.now(UTC) + timedelta(seconds=9)
    with pytest.raises(ValueError, match="can't be negative"):
        job.later(delay_s=-1)
    with pytest.raises(ValueError, match="needs a time zone"):
        job.later(at=datetime(2030, 1, 1))
    with pytest.raises(ValueError, match="not both"):
        job.later(at=soon, delay_s=1)
    with pytest.raises(ValueError, match="from -100 to 100"):
        job.later(priority=200)
    with pytest.raises(JobTooLarge):
        job.later(key="x" * (KEY_MAX_CHARS + 1))


def test_a_schedule_that_can_not_be() -> None:
    with pytest.raises(ValueError, match="can't be read"):
        Jobs().cron("every day")
    with pytest.raises(TypeError, match="nobody gives a cron arguments"):
        Jobs().cron("@daily")(order)  # type: ignore[arg-type]


async def test_a_job_runs_in_place() -> None:
    jobs = Jobs()

    @jobs.job(retries=1)
    async def double(number: int) -> int:
        return number * 2

    @jobs.cron("@daily")
    async def nightly() -> str:
        return "done"

    assert isinstance(double, Job)
    assert isinstance(nightly, Cron)
    result: int = await double(21)
    assert (result, await nightly()) == (42, "done")


async def test_before_the_site_is_open_nothing_can_be_enqueued() -> None:
    jobs = Jobs()
    with pytest.raises(NotOpen, match="'nothing' can't be enqueued: the site is not open"):
        await jobs.job(nothing).enqueue()
    with pytest.raises(NotOpen):
        await jobs.cron("@daily")(nothing).enqueue()
