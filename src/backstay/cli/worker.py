"""`backstay worker`: do a site's jobs and schedules without serving it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import click

from backstay.cli.settings import data_option, read_options
from backstay.options import DEFAULT_HTTP, DEFAULT_ORIGINS, ServeOptions

if TYPE_CHECKING:
    from backstay.site import Site


@click.command(short_help="Do a site's jobs, schedules and mails without serving it.")
@click.argument("site", default=".", metavar="[SITE]")
@data_option("SITE/data")
@click.option(
    "--drain",
    "drain_s",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    default=8.0,
    envvar="BACKSTAY_DRAIN",
    show_envvar=True,
    show_default=True,
    help="How long jobs under way may take to end after SIGTERM.",
)
def worker(site: str, data: str | None, drain_s: float) -> None:
    """Do the jobs, schedules and mails of the site in the folder SITE (default: this one) until SIGTERM or Ctrl-C.

    Start the server with --no-jobs beside it. There may be several workers; each job is done by one of them.
    """
    import uvloop

    options = read_options(
        site=site, http=DEFAULT_HTTP, data=data, workers="1", origins=DEFAULT_ORIGINS, jobs=False
    )
    uvloop.run(_work(options, drain_s))


async def _work(options: ServeOptions, drain_s: float) -> None:
    from backstay.worker import stop_on_signals, work

    stop = stop_on_signals()
    async with _opened(options) as site:
        click.echo(f"The worker of {options.data}/ is ready; Ctrl-C stops it.")
        await work(site, stop, drain_s=drain_s)


@asynccontextmanager
async def _opened(options: ServeOptions) -> AsyncIterator[Site]:
    """Open the site with its own code as one of several processes, which does not yet work."""
    from backstay.app import load

    async with load(options).open(options) as site:
        site.realtime.start()
        yield site
