"""Runs an opened site's jobs and schedules without serving HTTP, until told to stop."""

from __future__ import annotations

import asyncio
import signal

from backstay.site import Site

DRAIN_S = 8.0
"""How long jobs under way may take to end after a stop; then they are put back, to begin anew elsewhere."""


async def work(site: Site, stop: asyncio.Event, *, drain_s: float = DRAIN_S) -> None:
    """Do what is due until `stop` is set; then begin nothing more, and let what is under way end.

    site: opened without `works`, since this starts what that would
    """
    site.start_work()
    await stop.wait()
    await site.stop_work(drain_s=drain_s)


def stop_on_signals() -> asyncio.Event:
    """Return an event which SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop
