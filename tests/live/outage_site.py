"""A server on PostgreSQL with jobs and a schedule that is due each second: `python outage_site.py FOLDER DATABASE PORT`.

What ran is told in FOLDER/ran.txt, as `jobs_site.py` has it, whichever server it ran in.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path

from tests.live.jobs_site import HOOK, Told

from backstay.http.application import create_application
from backstay.jobs import Jobs
from backstay.jobs.schedules import Schedule
from backstay.jobs.times import Times
from backstay.options import Address, ServeOptions
from backstay.outbox import Effect
from backstay.plans.request import RequestInfo, Viewer
from backstay.records.query import RecordCall
from backstay.server import run
from backstay.site import Site, open_site

JOB_S = 0.05


class EachSecond(Times):
    """What a cron expression can't say."""

    def __init__(self) -> None:
        super().__init__("* * * * *")

    def next_after(self, after: datetime) -> datetime:
        return after.replace(microsecond=0) + timedelta(seconds=1)


def prepare(site: Site, told: Told) -> None:
    """Add a job that needs no database while it runs, one that writes, an effect as hooks have it, and the schedule."""
    jobs = Jobs()

    @jobs.job
    async def note(number: int) -> None:
        await asyncio.sleep(JOB_S)
        told.tell(f"note{number}")

    @jobs.job(backoff_s=0.5)
    async def write(number: int) -> None:
        items = site.catalog.find("items")
        assert items is not None
        body = {"who": "job", "n": number}
        info = RequestInfo(viewer=Viewer(site.superusers))
        await site.writer.create(RecordCall(site.catalog, items, info, body=body))
        told.tell(f"write{number}")

    async def hook(effect: Effect) -> None:
        await asyncio.sleep(JOB_S)
        told.tell(f"hook{effect.payload['number']}")

    async def tick() -> None:
        told.tell("tick")

    site.use_jobs(jobs)
    site.outbox.handle(HOOK, hook)
    site.schedules.add(Schedule("tick", EachSecond(), tick))


def serve(folder: Path, database: str, port: int) -> int:
    data, told = folder / f"data{port}", Told(folder)

    @asynccontextmanager
    async def serving() -> AsyncIterator[Site]:
        async with open_site(
            data, database=database, works=True, prepare=lambda site: prepare(site, told)
        ) as site:
            yield site

    options = ServeOptions(address=Address("127.0.0.1", port), data=data, site=folder)
    return run(options, create=lambda _: create_application(serving()), ready=lambda: None)


if __name__ == "__main__":
    where, database, port = sys.argv[1:]
    sys.exit(serve(Path(where), database, int(port)))
