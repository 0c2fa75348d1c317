"""Options which several commands share, each also an environment variable `BACKSTAY_*`, and their values."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from backstay.folders import check_data_folder, check_site_folder, ensure_data_folder
from backstay.options import (
    DEFAULT_HTTP,
    DEFAULT_ORIGINS,
    ServeOptions,
    parse_address,
    parse_origins,
    parse_workers,
)

_DATABASE = "backstay.database"
Command = TypeVar("Command", bound=Callable[..., Any])

http_option = click.option(
    "--http",
    metavar="HOST:PORT",
    default=DEFAULT_HTTP,
    envvar="BACKSTAY_HTTP",
    show_envvar=True,
    show_default=True,
    help="Where to listen; ':8090' listens on every interface.",
)
workers_option = click.option(
    "--workers",
    metavar="N",
    default="1",
    envvar="BACKSTAY_WORKERS",
    show_envvar=True,
    show_default=True,
    help="Worker processes. One serves most sites best on SQLite.",
)
origins_option = click.option(
    "--origins",
    metavar="LIST",
    default=DEFAULT_ORIGINS,
    envvar="BACKSTAY_ORIGINS",
    show_envvar=True,
    show_default=True,
    help="Web origins whose pages may call the API, separated by commas.",
)
jobs_option = click.option(
    "--jobs/--no-jobs",
    default=True,
    envvar="BACKSTAY_JOBS",
    show_envvar=True,
    show_default=True,
    help="Do jobs, schedules and mails here, or leave them to 'backstay worker'.",
)
dev_option = click.option(
    "--dev",
    is_flag=True,
    envvar="BACKSTAY_DEV",
    show_envvar=True,
    help="Start again when the site's code changes, and record changes of the schema in a migration.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as one line of JSON.")


def data_option(default: str) -> Callable[[Command], Command]:
    """Return the options `--data` and `--database`, which say where a site's data is.

    default: what help says that `--data` is when not given

    A command gets `data`, and asks `database()` for the other one.
    """
    folder = click.option(
        "--data",
        metavar="DIR",
        default=None,
        envvar="BACKSTAY_DATA",
        show_envvar=True,
        show_default=default,
        help="The folder of the database and the files.",
    )
    elsewhere = click.option(
        "--database",
        metavar="URL",
        default="",
        envvar="BACKSTAY_DATABASE",
        show_envvar=True,
        show_default="SQLite in the data folder",
        expose_value=False,
        callback=_remember_database,
        help="The database: postgresql://USER:PASSWORD@HOST/NAME.",
    )
    return lambda command: folder(elsewhere(command))


def _remember_database(context: click.Context, _: click.Parameter, value: str) -> None:
    context.meta[_DATABASE] = value


def database() -> str:
    """Return the database that the command under way works on; '' for SQLite in the data folder."""
    return str(click.get_current_context().meta.get(_DATABASE, ""))


def usable(folder: Path) -> Path:
    """Return the data folder of a site that was started before. Raises SetupError when it was not.

    A machine beside others on one database may have none yet; then it is made.
    """
    (ensure_data_folder if database() else check_data_folder)(folder)
    return folder


def read_options(
    *,
    site: str,
    http: str,
    data: str | None,
    workers: str,
    origins: str,
    jobs: bool = True,
    dev: bool = False,
) -> ServeOptions:
    """Turn texts into `ServeOptions`, with the data folder made and usable. Raises SetupError.

    site: a folder, or `module:name` of an application that is found from this folder
    """
    is_module = ":" in site and not Path(site).exists()
    folder = Path(os.curdir) if is_module else Path(site)
    options = ServeOptions(
        address=parse_address(http),
        app=site if is_module else "",
        site=folder,
        data=Path(data) if data else folder / "data",
        database=database(),
        workers=parse_workers(workers),
        origins=parse_origins(origins),
        jobs=jobs,
        dev=dev,
    )
    check_site_folder(options.site)
    ensure_data_folder(options.data)
    return options


def data_folder(data: str | None) -> Path:
    """Return the data folder a command works on when it isn't told a site."""
    return Path(data) if data else Path(os.curdir) / "data"
