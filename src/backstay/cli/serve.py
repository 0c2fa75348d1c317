"""`backstay serve`: serve a site until SIGTERM or Ctrl-C."""

from __future__ import annotations

import click

from backstay import __version__
from backstay.cli.settings import (
    data_option,
    dev_option,
    http_option,
    jobs_option,
    origins_option,
    read_options,
    workers_option,
)
from backstay.options import ServeOptions


@click.command()
@click.argument("site", default=".", metavar="[SITE]")
@http_option
@data_option("SITE/data")
@workers_option
@origins_option
@jobs_option
@dev_option
def serve(site: str, http: str, data: str | None, workers: str, origins: str, jobs: bool, dev: bool) -> int:
    """Serve the site in the folder SITE (default: this one), or the application that SITE names as `module:name`.

    The folder's own code is `app` in `site.py`, where there is one.
    Everything is made on the first start: the data folder, the database in it, the system collections.
    SIGTERM and Ctrl-C let requests in flight finish, for 1.5 s, and end with exit code 0.
    """
    options = read_options(
        site=site, http=http, data=data, workers=workers, origins=origins, jobs=jobs, dev=dev
    )
    if dev:
        from backstay.reloading import is_watched, run_again_on_change

        if not is_watched():
            return run_again_on_change(options.site, but=options.data)
    return serve_until_stopped(options)


def serve_until_stopped(options: ServeOptions, *, more: str = "") -> int:
    """Run the server, say where it is once it answers, and return its exit code.

    more: lines to print below that
    """
    from backstay.server import run

    return run(options, ready=lambda: click.echo(_welcome(options) + more))


def _welcome(options: ServeOptions) -> str:
    workers = f" ({options.workers} workers)" if options.workers > 1 else ""
    return (
        f"Backstay {__version__} is ready{workers}; Ctrl-C stops it.\n"
        f"  API:   {options.address.url}/api/\n"
        f"  start: {options.address.url}/\n"
        f"  data:  {options.data}/\n"
    )
