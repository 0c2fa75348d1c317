"""R8: kill -9 while the schema changes. Each change is there wholly or not at all, and its data with it."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
from pathlib import Path
from typing import Any

from bench.client import Client, ConnectionBroken, Reply
from bench.dataset import Field, expect_ok, open_rules, sign_in_superuser
from bench.processes import Launcher, Server
from bench.reliability.outcome import Outcome
from bench.reliability.site import open_site

KEPT = "kept"  # the value of the one record of each collection, which must outlive every change

Shape = tuple[str, frozenset[str]]  # the collection's name and fields
Shapes = dict[str, set[Shape | None]]  # collection id -> how it may look now; None: it may not exist


class Refused(Exception):
    """The server refused a change that is right."""


class Changes:
    """What was asked for. While a request is out both the old and the new shape are allowed."""

    def __init__(self) -> None:
        self.allowed: Shapes = {}
        self.acknowledged = 0
        self.refused: list[str] = []

    async def ask(
        self, client: Client, request: tuple[str, str, object], *, identity: str, new: Shape | None
    ) -> dict[str, Any]:
        """Send a change of collection `identity` to the shape `new`; give the answer.

        request: method, path and body
        Raises ConnectionBroken; Refused, with the shape as it was before.
        """
        method, path, body = request
        before = self.allowed.get(identity, {None})
        self.allowed[identity] = before | {new}
        reply = await client.request(method, path, body)
        self.allowed[identity] = {new} if reply.ok else before
        self.check(reply, f"{method} {path}")
        self.acknowledged += 1
        return dict(reply.json()) if reply.body else {}

    def check(self, reply: Reply, request: str) -> None:
        """Note an answer that refuses. Raises Refused."""
        if not reply.ok:
            self.refused.append(f"{request}: {reply.status} {reply.body[:300]!r}")
            raise Refused


async def schema_changes(
    launcher: Launcher, folder: Path, *, rounds: int = 4, load_s: float = 0.5, clients: int = 2
) -> Outcome:
    """Create, widen, rename, narrow and delete collections, kill the server in it, start it and compare."""
    outcome, changes = Outcome(), Changes()
    server = await open_site(launcher, folder / "data")
    moments = random.Random()
    try:
        for number in range(rounds):
            names = [f"r{number}c{client}" for client in range(clients)]
            load = [asyncio.create_task(_change_until_broken(changes, server.port, name)) for name in names]
            await asyncio.sleep(moments.uniform(load_s / 3, load_s))
            await asyncio.to_thread(server.kill)
            await asyncio.gather(*load)
            server = await asyncio.to_thread(Server, launcher, server.data, port=server.port)
            found = compare_catalog(await _catalog(server.port), server.database, changes.allowed)
            outcome.add_findings(f"after kill {number + 1}", found)
    finally:
        server.kill()
    outcome.findings += [f"refused: {text}" for text in changes.refused[:5]]
    outcome.figures |= {"kills": rounds, "changes acknowledged": changes.acknowledged}
    outcome.figures["changes refused"] = len(changes.refused)
    outcome.expect(changes.acknowledged > rounds, "hardly a change was acknowledged: nothing was tested")
    return outcome


async def _change_until_broken(changes: Changes, port: int, name: str) -> None:
    try:
        async with Client(port) as client:
            await sign_in_superuser(client)
            number = 0
            while len(changes.refused) < 50:
                number += 1
                with contextlib.suppress(Refused):
                    await _one_life(changes, client, f"{name}n{number}")
    except ConnectionBroken:
        return


async def _one_life(changes: Changes, client: Client, name: str) -> None:
    """Lead one collection through its life: every kind of change once."""
    identity = f"pbc_{name}"
    path = f"/api/collections/{identity}"

    async def change(new_name: str, fields: list[Field], *, indexes: list[str] | None = None) -> list[Field]:
        body: dict[str, object] = {"name": new_name, "fields": fields}
        if indexes is not None:
            body["indexes"] = indexes
        shape = (new_name, frozenset(str(field["name"]) for field in fields))
        answer = await changes.ask(client, ("PATCH", path, body), identity=identity, new=shape)
        return list(answer["fields"])

    fields: list[Field] = [{"name": "first", "type": "text"}, {"name": "second", "type": "number"}]
    created = {"id": identity, "name": name, "type": "base", "fields": fields, **open_rules()}
    shape = (name, frozenset({"id", "first", "second"}))
    answer = await changes.ask(client, ("POST", "/api/collections", created), identity=identity, new=shape)
    fields = list(answer["fields"])
    reply = await client.request("POST", f"{path}/records", {"first": KEPT, "second": 7})
    changes.check(reply, f"POST {path}/records")
    index = [f"CREATE INDEX idx_{name} ON {name} (first)"]
    fields = await change(name, [*fields, {"name": "third", "type": "json"}], indexes=index)
    fields = await change(name, [_renamed(field, "first", "renamed") for field in fields], indexes=[])
    fields = await change(name, [field for field in fields if field["name"] != "second"])
    await change(f"{name}_moved", fields)
    await changes.ask(client, ("DELETE", path, None), identity=identity, new=None)


def _renamed(field: Field, old: str, new: str) -> Field:
    return {**field, "name": new} if field["name"] == old else field


async def _catalog(port: int) -> list[dict[str, Any]]:
    async with Client(port) as client:
        await sign_in_superuser(client)
        reply = await client.request("GET", "/api/collections?perPage=500&skipTotal=1")
        return list(expect_ok(reply).json()["items"])


def compare_catalog(catalog: list[dict[str, Any]], database: Path, allowed: Shapes) -> list[str]:
    """Compare what the server says with the tables and with what was asked for. Gives the differences."""
    link = sqlite3.connect(database)
    tables = {
        str(row[0])
        for row in link.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        )
    }
    stored = [collection for collection in catalog if collection["type"] != "view"]
    found = [f"integrity: {row[0]}" for row in link.execute("PRAGMA integrity_check") if row[0] != "ok"]
    orphans = {name for name in tables if not name.startswith("_")} - {str(c["name"]) for c in stored}
    found += [f"table '{name}' belongs to no collection" for name in sorted(orphans)]
    for collection in stored:
        found += _compare_table(link, collection, tables)
    link.close()
    return found + _compare_shapes(stored, allowed)


def _compare_table(link: sqlite3.Connection, collection: dict[str, Any], tables: set[str]) -> list[str]:
    name = str(collection["name"])
    if name not in tables:
        return [f"collection '{name}' has no table"]
    columns = {str(row[0]) for row in link.execute("SELECT name FROM pragma_table_info(?)", (name,))}
    fields = {str(field["name"]) for field in collection["fields"]}
    if columns != fields:
        return [f"collection '{name}' has the fields {sorted(fields)} and the columns {sorted(columns)}"]
    indexes = link.execute("SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name = ?", (name,))
    missing = len(collection["indexes"]) - sum(not str(row[0]).startswith("sqlite_") for row in indexes)
    found = [f"collection '{name}' lacks {missing} indexes"] if missing else []
    for field in fields & {"first", "renamed"}:
        values = {row[0] for row in link.execute(f'SELECT "{field}" FROM "{name}"')}
        if values - {KEPT}:
            found.append(f"collection '{name}' lost its data: {values}")
    return found


def _compare_shapes(stored: list[dict[str, Any]], allowed: Shapes) -> list[str]:
    shapes: dict[str, Shape] = {
        str(collection["id"]): (
            str(collection["name"]),
            frozenset(str(field["name"]) for field in collection["fields"]),
        )
        for collection in stored
    }
    return [
        f"collection {identity} is {shapes.get(identity)}, not one of {choices}"
        for identity, choices in allowed.items()
        if shapes.get(identity) not in choices
    ]
