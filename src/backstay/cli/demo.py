"""`backstay demo`: a site with the world's countries and cities, loaded on the first start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click

from backstay.cli.serve import serve_until_stopped
from backstay.cli.settings import (
    data_option,
    database,
    http_option,
    origins_option,
    read_options,
    workers_option,
)

DEMO_DATA = "demo/data"


@click.command(short_help="Serve a site with real data: the world's countries and cities.")
@http_option
@data_option(DEMO_DATA)
@workers_option
@origins_option
@click.option("--load-only", is_flag=True, help="Load the data and end, without serving it.")
def demo(http: str, data: str | None, workers: str, origins: str, load_only: bool) -> int:
    """Serve a site with real data: the world's countries and its 34,000 cities above 15,000 people.

    The data is GeoNames' (geonames.org, CC BY 4.0). It is loaded on the first start, which also makes a superuser
    and prints its password; later starts find it there.
    """
    options = read_options(site=".", http=http, data=data or DEMO_DATA, workers=workers, origins=origins)
    from backstay.demo import CREDIT, is_loaded
    from backstay.server import check_address

    if load_only:
        return _load(options.data)
    check_address(options.address)
    if not is_loaded(options.data):
        _load_apart(options.data)
    return serve_until_stopped(options, more=f"{_requests_to_try(options.address.url)}\n{CREDIT}")


def _requests_to_try(url: str) -> str:
    cities = f"{url}/api/collections/cities/records"
    return (
        "\nTry:\n"
        f"  curl '{cities}?filter=population%3E10000000&sort=-population&expand=country&perPage=3'\n"
        f"  curl -G {cities} -d sort=-population \\\n"
        "    --data-urlencode 'filter=geoDistance(location.lon, location.lat, 13.4, 52.5) < 50'\n"
        f"  curl {url}/api/collections/countries/records/countryjp000000\n"
    )


def _load_apart(data: Path) -> None:
    """Load the demo in a process of its own: parsing takes memory that the server would never give back."""
    command = [sys.executable, "-P", "-m", "backstay", "demo", "--load-only", "--data", str(data)]
    code = subprocess.call(command)  # noqa: S603 - our own program and a path
    if code:
        sys.exit(code)


def _load(data: Path) -> int:
    import asyncio

    from backstay.demo import CREDIT, DEMO_EMAIL, Loaded, is_loaded, load_demo
    from backstay.site import open_site

    if is_loaded(data):
        click.echo(f"The demo is in {data}/ already.")
        return 0

    async def load() -> Loaded:
        async with open_site(data, database=database()) as site:
            return await load_demo(site, data)

    click.echo(f"Loading the world's countries and cities into {data}/ …")
    loaded = asyncio.run(load())
    click.echo(
        f"Loaded {loaded.countries} countries and {loaded.cities:,} cities. {CREDIT}\n\n"
        f"Superuser of this demo: {DEMO_EMAIL}\n"
        f"Password:               {loaded.password}   (printed only this once)\n"
    )
    return 0
