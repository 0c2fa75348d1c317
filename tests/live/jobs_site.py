"""A server with jobs: `python jobs_site.py serve FOLDER PORT`, or `... worker FOLDER`.

Each job appends its number to FOLDER/ran.txt, and then takes some time, in which it can be killed. It prints `ready`
when it has begun. `record` is how a test records jobs in a site that nobody serves.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from backstay.http.application import create_application
from backstay.jobs import Jobs
from backstay.options import Address, ServeOptions
from backstay.outbox import Effect
from backstay.server import run
from backstay.site import Site, open_site
from backstay.stores.base import Transaction
from backstay.worker import stop_on_signals, work

HOOK = "hook:posts.created"
"""A topic as hooks have it that run once a write is on disk."""


class Told:
    """The file in which jobs are told that ran."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "ran.txt"

    def tell(self, text: str) -> None:
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, f"{text}\n".encode())
        os.close(file)

    def read(self) -> list[str]:
        return self.path.read_text().split() if self.path.exists() else []


def jobs_of(told: Told) -> Jobs:
    """Return the jobs of the site."""
    jobs = Jobs()

    @jobs.job
    async def note(number: int) -> None:
        told.tell(f"job{number}")
        await asyncio.sleep(0.002)

    @jobs.job(timeout_s=30)
    async def slow(number: int) -> None:
        told.tell(f"began{number}")
        await asyncio.sleep(1.0)
        told.tell(f"ended{number}")

    return jobs


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Site]:
    """Open the site, with its jobs; what waits is not begun yet."""
    told = Told(folder)

    async def hook(effect: Effect) -> None:
        told.tell(f"hook{effect.payload['number']}")
        await asyncio.sleep(0.002)

    async with open_site(folder / "data", shared=True) as site:
        site.use_jobs(jobs_of(told))
        site.outbox.handle(HOOK, hook)
        yield site


async def record(folder: Path, topic: str, numbers: Iterable[int]) -> None:
    """Record effects, all in one transaction."""
    async with opened(folder) as site:

        async def job(tx: Transaction) -> None:
            for number in numbers:
                await site.outbox.add(tx, topic, {"number": number})

        await site.store.write(job)


def serve(folder: Path, port: int) -> int:
    @asynccontextmanager
    async def serving() -> AsyncIterator[Site]:
        async with opened(folder) as site:
            site.start_work()
            yield site

    options = ServeOptions(address=Address("127.0.0.1", port), data=folder / "data", site=folder)
    return run(
        options, create=lambda _: create_application(serving()), ready=lambda: print("ready", flush=True)
    )


async def be_worker(folder: Path) -> int:
    stop = stop_on_signals()
    async with opened(folder) as site:
        print("ready", flush=True)
        await work(site, stop)
    return 0


if __name__ == "__main__":
    mode, where, *more = sys.argv[1:]
    sys.exit(serve(Path(where), int(more[0])) if mode == "serve" else asyncio.run(be_worker(Path(where))))
