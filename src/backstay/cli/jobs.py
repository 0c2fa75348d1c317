"""`backstay jobs`: what waits to be done, is being done, or has failed; trying it again, deleting it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

import click

from backstay.cli.settings import data_folder, data_option, database, json_option, usable
from backstay.errors import SetupError

if TYPE_CHECKING:
    from backstay.outbox.ledger import Count, Entry, Ledger, Outcome

T = TypeVar("T")
LIMIT = 50
UNFIT = {
    "retry": "it is being done, or waits for its first try",
    "delete": "it is being done; wait until it ends",
}


@click.group()
def jobs() -> None:
    """Look at jobs, mails and other things that are done after a write; retry or delete them."""


@jobs.command("list")
@click.option(
    "--state", type=click.Choice(["waiting", "running", "failed"]), help="Only those in this state."
)
@click.option("--topic", default="", metavar="TOPIC", help="Only those of a topic, like job:send or mail.")
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=LIMIT, show_default=True, help="How many at most."
)
@data_option("data")
@json_option
def list_jobs(state: str | None, topic: str, limit: int, data: str | None, as_json: bool) -> None:
    """List them, the newest first."""
    entries, total = _with_ledger(
        data, lambda ledger: ledger.page(state=state or "", topic=topic, limit=limit)
    )
    if as_json:
        click.echo(json.dumps({"total": total, "jobs": [entry.json() for entry in entries]}))
        return
    for entry in entries:
        click.echo(_line(entry))
    click.echo(f"{len(entries):,} of {total:,}.")


@jobs.command()
@click.argument("ids", nargs=-1, type=int, metavar="[ID]...")
@click.option("--topic", default="", metavar="TOPIC", help="All of this topic that have failed.")
@data_option("data")
@json_option
def retry(ids: tuple[int, ...], topic: str, data: str | None, as_json: bool) -> None:
    """Try again what has failed, by ids or a whole topic; a server or worker that runs does it."""
    if bool(ids) == bool(topic):
        raise click.UsageError("Give ids, or --topic.")
    if topic:
        count = _with_ledger(data, lambda ledger: ledger.retry_all(topic))
    else:
        count = _each("retry", ids, data, lambda ledger, id: ledger.retry(id))
    click.echo(json.dumps({"retried": count}) if as_json else f"{count:,} will be tried again.")


@jobs.command()
@click.argument("ids", nargs=-1, type=int, required=True, metavar="ID...")
@data_option("data")
@json_option
def delete(ids: tuple[int, ...], data: str | None, as_json: bool) -> None:
    """Delete what waits or has failed, by ids."""
    count = _each("delete", ids, data, lambda ledger, id: ledger.delete(id))
    click.echo(json.dumps({"deleted": count}) if as_json else f"Deleted {count:,}.")


@jobs.command()
@data_option("data")
@json_option
def stats(data: str | None, as_json: bool) -> None:
    """Count them by topic and state."""
    counts: list[Count] = _with_ledger(data, lambda ledger: ledger.counts())
    if as_json:
        found = [{"topic": item.topic, "state": item.state, "count": item.count} for item in counts]
        click.echo(json.dumps(found))
        return
    for item in counts:
        click.echo(f"{item.count:>8,}  {item.state:<8} {item.topic}")
    if not counts:
        click.echo("Nothing waits, runs or has failed.")


def _each(
    verb: str, ids: tuple[int, ...], data: str | None, act: Callable[[Ledger, int], Awaitable[Outcome]]
) -> int:
    """Do something with each id; return with how many. Raises SetupError when there are some it can't be done with."""

    async def all_of_them(ledger: Ledger) -> dict[int, Outcome]:
        return {id: await act(ledger, id) for id in ids}

    outcomes = _with_ledger(data, all_of_them)
    why = {"missing": "there is none", "unfit": UNFIT[verb]}
    faults = [f"{id}: {why[outcome]}" for id, outcome in outcomes.items() if outcome != "done"]
    if faults:
        raise SetupError(
            f"can't {verb} {len(faults)} of {len(ids)}",
            why="; ".join(faults),
            do="backstay jobs list shows ids and states; the others are done",
        )
    return len(outcomes)


def _with_ledger(data: str | None, act: Callable[[Ledger], Awaitable[T]]) -> T:
    import asyncio

    folder = data_folder(data)
    usable(folder)

    async def run() -> T:
        from backstay.site import open_site

        async with open_site(folder, database=database()) as site:
            return await act(site.ledger)

    return asyncio.run(run())


def _line(entry: Entry) -> str:
    tries = f"{entry.attempts} tries" if entry.attempts != 1 else "1 try"
    error = f"  {_printable(entry.error)[:200]}" if entry.error else ""
    return f"{entry.id:>8}  {entry.state:<8} {entry.topic}  due {_date(entry.due)}, {tries}{error}"


def _printable(text: str) -> str:
    """Return a text as one line; what would move the cursor of a terminal is blank."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _date(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(" ", "seconds").replace("+00:00", "Z")
