"""The jobs and schedules that an application declares. No site is needed to declare them; `bind` gives them one."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, TypeVar, overload

from backstay.jobs.job import Cron, Job, JobLimits, Opened
from backstay.jobs.schedules import Missed, Schedule, Schedules
from backstay.jobs.times import Times
from backstay.outbox import Outbox
from backstay.stores.base import Store

P = ParamSpec("P")
R = TypeVar("R")

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")


class Jobs:
    """The jobs of one application.

    Names are unique among jobs, and among schedules: ValueError when a function is declared. They are kept with what
    waits, so a new name for a job is a new job.
    """

    def __init__(self) -> None:
        self.opened: Opened | None = None
        self._jobs: dict[str, Job[Any, Any]] = {}
        self._schedules: dict[str, Schedule] = {}

    # -- declaring ------------------------------------------------------------------------------------------

    @overload
    def job(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> Job[P, R]: ...

    @overload
    def job(
        self,
        *,
        retries: int = 5,
        backoff_s: float = 5.0,
        timeout_s: float = 60.0,
        concurrency: int | None = None,
        priority: int = 0,
        name: str | None = None,
    ) -> Callable[[Callable[P, Coroutine[Any, Any, R]]], Job[P, R]]: ...

    def job(
        self,
        function: Callable[..., Coroutine[Any, Any, Any]] | None = None,
        *,
        retries: int = 5,
        backoff_s: float = 5.0,
        timeout_s: float = 60.0,
        concurrency: int | None = None,
        priority: int = 0,
        name: str | None = None,
    ) -> Any:
        """Make an async function a job: `@jobs.job`, or `@jobs.job(retries=3)`.

        retries:     tries after the first one; then it is kept as failed
        backoff_s:   seconds before the first retry; twice as long before each further one, up to an hour, give or
                     take a fifth
        timeout_s:   seconds that one try may take; then it is stopped, and counts as failed
        concurrency: how many may run at once over all processes of the site; None: 8 in each process
        priority:    -100 to 100; the higher begins first
        name:        by default the function's own

        Raises ValueError for a name that is taken or an option that makes no sense, TypeError for a function that is
        not async or whose arguments can't be kept.
        """
        limits = JobLimits(
            retries=retries,
            backoff_s=backoff_s,
            timeout_s=timeout_s,
            concurrency=concurrency,
            priority=priority,
        )

        def declare(function: Callable[P, Coroutine[Any, Any, R]]) -> Job[P, R]:
            job = Job(self, _name_of(function, name, self._jobs), function, limits)
            self._jobs[job.name] = job
            if self.opened is not None:
                _register(job, self.opened.outbox)
            return job

        return declare if function is None else declare(function)

    def cron(
        self,
        expression: str,
        *,
        missed: Missed = "run_once",
        timezone: str = "UTC",
        retries: int = 3,
        backoff_s: float = 5.0,
        timeout_s: float = 300.0,
        name: str | None = None,
    ) -> Callable[[Callable[[], Coroutine[Any, Any, R]]], Cron[R]]:
        """Let the clock start an async function without parameters: `@jobs.cron("0 8 * * *")`.

        expression: minute, hour, day of the month, month, day of the week (0 is Sunday); all five must hold. Or a
                    macro: @hourly, @daily, @weekly, @monthly, @yearly
        missed:     what follows when nobody ran at the time: one run at the next start, or none ("skip")
        timezone:   whose clock, by its IANA name
        retries, backoff_s, timeout_s: as for jobs, for each run

        A run that is not over, its retries included, is not joined by a second one: that one is left out.
        Raises ValueError for an expression, a time zone or a name that can't be used, TypeError for a function that is
        not async or wants arguments.
        """
        limits = JobLimits(retries=retries, backoff_s=backoff_s, timeout_s=timeout_s)
        times = Times(expression, timezone)

        def declare(function: Callable[[], Coroutine[Any, Any, R]]) -> Cron[R]:
            if inspect.signature(function).parameters:
                raise TypeError(f"{function.__qualname__}: nobody gives a cron arguments")
            found = _name_of(function, name, self._schedules)
            self._add(Schedule(found, times, function, missed, limits.retry, timeout_s))
            return Cron(self, found, expression, function)

        return declare

    def _add(self, schedule: Schedule) -> None:
        self._schedules[schedule.name] = schedule
        if self.opened is not None and self._site_schedules is not None:
            self._site_schedules.add(schedule)

    _site_schedules: Schedules | None = None

    # -- running --------------------------------------------------------------------------------------------

    def bind(self, outbox: Outbox, store: Store, schedules: Schedules) -> None:
        """Let a site that is being opened do these jobs. Raises ValueError for a schedule whose name the site has."""
        for job in self._jobs.values():
            _register(job, outbox)
        for schedule in self._schedules.values():
            schedules.add(schedule)
        self._site_schedules = schedules
        self.opened = Opened(outbox, store, schedules.run)

    def unbind(self, outbox: Outbox) -> None:
        """Forget a site that is closed, unless another one was opened since."""
        if self.opened is not None and self.opened.outbox is outbox:
            self.opened = self._site_schedules = None


def _register(job: Job[Any, Any], outbox: Outbox) -> None:
    limits = job.limits
    outbox.handle(
        job.topic, job.handle, limits.retry, timeout_s=limits.timeout_s, concurrency=limits.concurrency
    )


def _name_of(function: Callable[..., object], given: str | None, taken: dict[str, Any]) -> str:
    """Return the name of a job or a schedule. Raises ValueError, TypeError."""
    name = given if given is not None else str(getattr(function, "__name__", ""))
    if not inspect.iscoroutinefunction(function):
        raise TypeError(f"'{name}' must be an async function: write 'async def'")
    if not _NAME.fullmatch(name):
        raise ValueError(f"'{name}' is no name: up to 100 letters, digits, '_', '.', '-'")
    if name in taken:
        raise ValueError(f"there are two of the name '{name}'; give one of them another: name=\"...\"")
    return name
