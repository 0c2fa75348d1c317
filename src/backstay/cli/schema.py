"""`backstay schema`: what a site's folder says about its collections, and what the database has."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from backstay.cli.settings import data_option, database, json_option, usable
from backstay.errors import SetupError
from backstay.folders import check_site_folder, ensure_data_folder

if TYPE_CHECKING:
    from backstay.catalog.operations import Operation
    from backstay.migrations.start import Told
    from backstay.site import Site

site_argument = click.argument("site", default=".", metavar="[SITE]")


@click.group()
def schema() -> None:
    """Compare and change the collections of a site: migrations/, collections/ and the database."""


@schema.command()
@site_argument
@data_option("SITE/data")
@json_option
def status(site: str, data: str | None, as_json: bool) -> None:
    """Tell which migrations are applied, and whether the database is as the classes declare."""
    import asyncio

    found = asyncio.run(_status(Path(site), _data(site, data)))
    if as_json:
        click.echo(json.dumps(found))
        return
    for name in ("applied", "pending", "changed", "missing"):
        names = found[name]
        click.echo(f"{name + ':':<10}{len(names)}" + (f"  {', '.join(names)}" if names else ""))
    count = len(found["differences"])
    more = " (backstay schema diff)" if count else ""
    click.echo(f"classes:  {count} difference{'s' if count != 1 else ''} from the database{more}")


@schema.command()
@site_argument
@data_option("SITE/data")
@json_option
def diff(site: str, data: str | None, as_json: bool) -> None:
    """List what pending migrations and classes would change in the database; ! marks what loses data."""
    import asyncio

    found = asyncio.run(_diff(Path(site), _data(site, data)))
    if as_json:
        click.echo(json.dumps({"changes": found}))
        return
    for change in found:
        click.echo(f"{'!' if change['destructive'] else ' '} {change['change']}  ({change['from']})")
    if not found:
        click.echo("Nothing: the database is as migrations and classes say.")


@schema.command()
@site_argument
@data_option("SITE/data")
@click.option("--allow-drop", is_flag=True, help="Do what loses data too, after a snapshot of the database.")
@json_option
def apply(site: str, data: str | None, allow_drop: bool, as_json: bool) -> None:
    """Apply pending migrations, then the classes of a site without migrations. `serve` does the same at its start."""
    import asyncio

    folder = Path(data) if data else Path(site) / "data"
    check_site_folder(Path(site))
    ensure_data_folder(folder)
    told = asyncio.run(_apply(Path(site), folder, allow_drop=allow_drop))
    if as_json:
        click.echo(json.dumps({"done": told.done, "warnings": told.warnings}))
        return
    for line in told.done + told.warnings or ["Nothing to do."]:
        click.echo(line)


@schema.command()
@click.argument("name")
@site_argument
@click.option(
    "--drop", "drops", multiple=True, metavar="COLLECTION", help="Drop a collection that no class declares."
)
def make(name: str, site: str, drops: tuple[str, ...]) -> None:
    """Write the migration NAME for what the classes declare and no migration does. No database is needed."""
    from backstay.migrations.files import render, write

    check_site_folder(Path(site))
    path, operations = _planned(Path(site), name, drops)
    write(path, render(operations, shipped=True))
    click.echo(f"Wrote {path}:")
    for operation in operations:
        click.echo(f"  {operation}")


@schema.command()
@site_argument
def ship(site: str) -> None:
    """End the recording of the newest migration: from now on it stays as it is, and changes go to a new one."""
    from backstay.migrations.files import MIGRATIONS_FOLDER, load_migrations
    from backstay.migrations.files import ship as ship_file

    check_site_folder(Path(site))
    found = [item for item in load_migrations(Path(site) / MIGRATIONS_FOLDER) if not item.is_shipped]
    if not found:
        raise SetupError("there is nothing to ship", why="no migration says 'shipped = False'", do="nothing")
    ship_file(found[0])
    click.echo(f"{found[0].path} is shipped: it goes into production, and is not to be changed any more.")


def _data(site: str, data: str | None) -> Path:
    folder = Path(data) if data else Path(site) / "data"
    check_site_folder(Path(site))
    usable(folder)
    return folder


async def _status(site_folder: Path, data: Path) -> dict[str, list[str]]:
    from backstay.app import declared_in_code
    from backstay.catalog.compare import diff
    from backstay.declared import target
    from backstay.migrations.start import load_schema, standing
    from backstay.site import open_site

    schema = load_schema(site_folder, declared_in_code(site_folder))
    async with open_site(data, database=database()) as site:
        where = await standing(site, schema)
        differences = [str(item) for item in diff(site.catalog, target(site.catalog, schema.classes))]
    names = {name: list(getattr(where, name)) for name in ("applied", "pending", "changed", "missing")}
    return names | {"differences": differences}


async def _diff(site_folder: Path, data: Path) -> list[dict[str, Any]]:
    from backstay.app import declared_in_code
    from backstay.catalog.compare import diff
    from backstay.catalog.operations import Mismatch, replay
    from backstay.declared import target
    from backstay.migrations.start import load_schema, standing
    from backstay.site import open_site

    schema = load_schema(site_folder, declared_in_code(site_folder))
    async with open_site(data, database=database()) as site:
        pending = (await standing(site, schema)).pending
        steps = [(item.name, item.operations) for item in schema.migrations if item.name in pending]
        try:
            after = replay(site.catalog, [operation for _, operations in steps for operation in operations])
        except Mismatch as exc:
            raise SetupError(
                "the pending migrations don't fit this database", why=str(exc), do="correct the migration"
            ) from exc
        steps.append(("classes", tuple(diff(after, target(after, schema.classes)))))
        return _marked(site, steps)


def _marked(site: Site, steps: list[tuple[str, tuple[Operation, ...]]]) -> list[dict[str, Any]]:
    """Return operations for people, with those marked that lose data where there are records."""
    from backstay.catalog.operations import replay

    catalog = site.catalog
    out: list[dict[str, Any]] = []
    for name, operations in steps:
        for operation in operations:
            destructive = operation.loses(catalog)
            catalog = replay(catalog, [operation])
            out.append({"change": str(operation), "destructive": destructive, "from": name})
    return out


async def _apply(site_folder: Path, data: Path, *, allow_drop: bool) -> Told:
    from backstay.app import declared_in_code
    from backstay.migrations.start import bring_up
    from backstay.site import open_site

    async with open_site(data, database=database()) as site:
        return await bring_up(site, site_folder, allow_drop=allow_drop, more=declared_in_code(site_folder))


def _planned(site_folder: Path, name: str, drops: tuple[str, ...]) -> tuple[Path, list[Operation]]:
    """Return the path and the operations of a new migration. Raises SetupError when there is none to make."""
    from backstay.app import declared_in_code
    from backstay.catalog.operations import DropCollection, Mismatch, replay
    from backstay.migrations.files import MIGRATIONS_FOLDER, next_path, replayed
    from backstay.migrations.start import load_schema, unwritten

    schema = load_schema(site_folder, declared_in_code(site_folder))
    if schema.migrations and not schema.migrations[-1].is_shipped:
        raise SetupError(
            f"the migration '{schema.migrations[-1].name}' is not shipped",
            why="it is still being recorded, and has to be the newest",
            do="backstay schema ship",
        )
    path = next_path(site_folder / MIGRATIONS_FOLDER, schema.migrations, name)
    operations: list[Operation] = [*unwritten(schema), *map(DropCollection, drops)]
    if not operations:
        raise SetupError(
            "there is nothing to write",
            why="the migrations do all that the classes declare",
            do="change a class, or make the change over the API with 'backstay serve --dev'",
        )
    try:
        replay(replayed(schema.migrations), operations)
    except Mismatch as exc:
        raise SetupError(
            "this migration can't be made",
            why=str(exc),
            do="name a collection that a migration has created; others are deleted over the API",
        ) from exc
    return path, operations
