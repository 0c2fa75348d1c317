"""After any edits the schema is what it would be had it been made that way at once."""

from __future__ import annotations

import asyncio
import random
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.store.collections.conftest import World

from backstay.errors import BadRequest
from backstay.site import Site, open_site

KINDS: list[dict[str, Any]] = [
    {"type": "text"},
    {"type": "number"},
    {"type": "bool"},
    {"type": "json"},
    {"type": "geoPoint"},
    {"type": "date"},
    {"type": "select", "values": ["a", "b", "c"], "maxSelect": 1},
    {"type": "select", "values": ["a", "b", "c"], "maxSelect": 3},
    {"type": "file", "maxSelect": 5},
]
NAMES = ["a", "b", "c", "order", "Group", "d"]
EDITS = 12


def edited(fields: list[dict[str, Any]], chance: random.Random) -> list[dict[str, Any]]:
    """Return fields after one random edit, names unique."""
    fields = [dict(field) for field in fields]
    own = [field for field in fields if field["name"] != "id"]
    free = [name for name in NAMES if name not in {field["name"] for field in fields}]
    match chance.choice(["add", "drop", "rename", "swap", "kind", "shuffle"]):
        case "add" if free:
            fields.append({"name": chance.choice(free), **chance.choice(KINDS)})
        case "drop" if own:
            fields.remove(chance.choice(own))
        case "rename" if own and free:
            chance.choice(own)["name"] = chance.choice(free)
        case "swap" if len(own) > 1:
            one, two = chance.sample(own, 2)
            one["name"], two["name"] = two["name"], one["name"]
        case "kind":
            for field in own:
                if field["type"] == "select":
                    field["maxSelect"] = chance.choice([1, 3])
        case _:
            chance.shuffle(fields)
    return fields


async def schema(site: Site, name: str) -> tuple[list[Any], list[Any], list[Any]]:
    """Return a table's columns by name, and its indexes and triggers without its name."""
    world = World(site)
    columns = await world.rows(
        f"SELECT name, type, \"notnull\", dflt_value, pk FROM pragma_table_info('{name}') ORDER BY name"
    )
    indexes = await world.rows(
        f"SELECT l.\"unique\", group_concat(i.name) FROM pragma_index_list('{name}') l, "
        "pragma_index_info(l.name) i GROUP BY l.name ORDER BY 2"
    )
    triggers = await world.rows(
        f"SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND tbl_name = '{name}'"
    )
    return columns, indexes, triggers


async def play(data: Path, seed: int) -> None:
    chance = random.Random(seed)
    async with open_site(data) as site:
        world = World(site)
        name = "things"
        await world.create(name, {"name": "kept", "type": "text"})
        await world.add(name, id="thing0000000001", kept="kept")
        kept = world.find(name).by_name["kept"].id
        for _ in range(EDITS):
            fields = edited(world.json(name)["fields"], chance)
            if all(field.get("id") != kept for field in fields):
                continue
            new_name = chance.choice(["things", "Things", "stuff", name])
            indexed = [field["name"] for field in fields if field["type"] in {"text", "number"}][:2]
            indexes = [f'CREATE INDEX "by_{column}_x" ON {new_name} ("{column}")' for column in indexed]
            try:
                await world.change(name, name=new_name, fields=fields, indexes=indexes)
            except BadRequest as exc:
                raise AssertionError((fields, exc.body())) from exc
            name = new_name
        found = world.find(name)
        [value] = await world.records(name, next(field.name for field in found.fields if field.id == kept))
        assert value == "kept"
        bare = world.json(name)["fields"]
        texts = [text.replace("by_", "other_").replace(name, "scratch") for text in found.indexes]
        await world.create("scratch", *bare, indexes=texts)
        assert await schema(site, name) == await schema(site, "scratch")


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32))
@pytest.mark.sqlite_only("it looks into SQLite's own tables")
def test_edited_equals_made_from_scratch(seed: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(Path(folder) / "data", seed))
