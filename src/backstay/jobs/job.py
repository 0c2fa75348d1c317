"""One job, one cron: what decorated functions become."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, Generic, ParamSpec, Protocol, TypeVar

import msgspec

from backstay.jobs.arguments import Arguments, JobTooLarge
from backstay.outbox import Effect, Outbox, Queued, Retry
from backstay.outbox.lanes import PRIORITY_MAX
from backstay.stores.base import Store

P = ParamSpec("P")
R = TypeVar("R")

KEY_MAX_CHARS = 1000
TOPIC = "job:"


class NotOpen(RuntimeError):
    """A job was enqueued while its site is not open: at import, or after the end."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"'{name}' can't be enqueued: the site is not open. Enqueue from hooks, endpoints, jobs and tests, "
            "not while site.py is imported."
        )


class Opened(msgspec.Struct, frozen=True):
    """The site that jobs go to."""

    outbox: Outbox
    store: Store
    run_schedule: Callable[[str], Coroutine[Any, Any, Queued]]


class Home(Protocol):
    """Who knows the site that is open, if any."""

    opened: Opened | None


class JobLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How a job is done; see `Jobs.job`. Raises ValueError for what makes no sense."""

    retries: int = 5
    backoff_s: float = 5.0
    timeout_s: float = 60.0
    concurrency: int | None = None
    priority: int = 0

    def __post_init__(self) -> None:
        if self.retries < 0 or self.backoff_s < 0:
            raise ValueError("retries and backoff_s can't be negative")
        if self.timeout_s <= 0:
            raise ValueError("timeout_s must be above 0")
        if self.concurrency is not None and self.concurrency < 1:
            raise ValueError("concurrency must be 1 or more, or None")
        check_priority(self.priority)

    @property
    def retry(self) -> Retry:
        return Retry(attempts=self.retries + 1, first_s=self.backoff_s)


def check_priority(priority: int) -> None:
    """Raise ValueError for a priority that is none."""
    if abs(priority) > PRIORITY_MAX:
        raise ValueError(f"a priority is from -{PRIORITY_MAX} to {PRIORITY_MAX}, not {priority}")


class Later(msgspec.Struct, frozen=True):
    """When and how one call of a job is done; see `Job.later`."""

    delay_s: float = 0.0
    at: datetime | None = None
    key: str = ""
    priority: int | None = None

    def wait_s(self, now: float) -> float:
        """Return how long to wait from a time on."""
        return self.delay_s if self.at is None else max(self.at.timestamp() - now, 0.0)


class Order(Generic[P]):
    """A job with options, ready to be enqueued."""

    def __init__(self, job: Job[P, Any], later: Later) -> None:
        self._job, self._later = job, later

    async def enqueue(self, *args: P.args, **kwargs: P.kwargs) -> Queued:
        """As `Job.enqueue`, with the options."""
        return await self._job._add(self._later, args, kwargs)


class Job(Generic[P, R]):
    """A function that can be put off. Made by `@jobs.job`."""

    def __init__(
        self, home: Home, name: str, function: Callable[P, Coroutine[Any, Any, R]], limits: JobLimits
    ) -> None:
        self._home, self._function = home, function
        self.name, self.limits = name, limits
        self.topic = TOPIC + name
        self._arguments = Arguments(name, function)
        self.__doc__ = function.__doc__

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the function here and now: nothing is enqueued, nothing tried again."""
        return await self._function(*args, **kwargs)

    async def enqueue(self, *args: P.args, **kwargs: P.kwargs) -> Queued:
        """Let the job run soon. Within a transaction: once that is on disk, and not at all when it is undone.

        Raises ArgumentError, JobTooLarge, NotOpen.
        """
        return await self._add(Later(), args, kwargs)

    def later(
        self,
        *,
        delay_s: float = 0.0,
        at: datetime | None = None,
        key: str = "",
        priority: int | None = None,
    ) -> Order[P]:
        """Return the job with options: `await job.later(delay_s=60, key="daily").enqueue(...)`.

        delay_s:  seconds to wait at least; 0 to begin at once
        at:       begin at this time, which has a time zone, instead; one that is past means at once
        key:      up to 1,000 characters; when a call of this job with the same key waits, nothing is added, and the
                  result has `is_new=False`. One that is running does not count: it may have read old data
        priority: -100 to 100; of what is due, the higher begins first. Default: the job's own

        Raises ValueError for what makes no sense, JobTooLarge for a key over its limit.
        """
        if at is not None:
            if delay_s:
                raise ValueError("give 'delay_s' or 'at', not both")
            if at.tzinfo is None:
                raise ValueError("'at' needs a time zone: datetime.now(UTC) + ... has one")
        if delay_s < 0:
            raise ValueError("'delay_s' can't be negative")
        if len(key) > KEY_MAX_CHARS:
            raise JobTooLarge(hint=f"The key of a job may have {KEY_MAX_CHARS} characters.")
        check_priority(priority or 0)
        return Order(self, Later(delay_s, at, key, priority))

    async def _add(self, later: Later, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Queued:
        opened = self._home.opened
        if opened is None:
            raise NotOpen(self.name)
        kept = self._arguments.encode(args, kwargs)
        priority = self.limits.priority if later.priority is None else later.priority
        return await opened.store.write(
            lambda tx: opened.outbox.add(
                tx,
                self.topic,
                kept,
                delay_s=later.wait_s(opened.outbox.now()),
                key=later.key,
                unique=bool(later.key),
                priority=priority,
            )
        )

    async def handle(self, effect: Effect) -> None:
        """Run what was enqueued: the outbox's handler."""
        given = self._arguments.decode(effect.payload)
        await self._function(*given.args, **given.kwargs)


class Cron(Generic[R]):
    """A function that the clock starts. Made by `@jobs.cron`."""

    def __init__(
        self, home: Home, name: str, expression: str, function: Callable[[], Coroutine[Any, Any, R]]
    ) -> None:
        self._home, self._function = home, function
        self.name, self.expression = name, expression
        self.__doc__ = function.__doc__

    async def __call__(self) -> R:
        """Run the function here and now, whatever the schedule says."""
        return await self._function()

    async def enqueue(self) -> Queued:
        """Let it run soon, besides its schedule; a run that is under way ends first. Raises NotOpen."""
        if self._home.opened is None:
            raise NotOpen(self.name)
        return await self._home.opened.run_schedule(self.name)
