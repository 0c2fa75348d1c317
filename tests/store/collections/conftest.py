"""A site of the test's own, and what tests ask of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from backstay.catalog import Collection, collection_json
from backstay.errors import BadRequest
from backstay.plans.params import Statement
from backstay.plans.request import RequestInfo, Viewer
from backstay.records.query import ListQuery, RecordCall
from backstay.site import Site, open_site

SCHEMA = {
    "sqlite": "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name",
    "postgresql": """
        SELECT 'column', table_name, column_name, data_type FROM information_schema.columns
        WHERE table_schema = 'public' UNION ALL
        SELECT 'index', indexname, tablename, indexdef FROM pg_indexes WHERE schemaname = 'public' UNION ALL
        SELECT 'view', viewname, '', definition FROM pg_views WHERE schemaname = 'public' ORDER BY 1, 2, 3""",
}
TABLES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table'",
    "postgresql": "SELECT tablename FROM pg_tables WHERE schemaname = 'public'",
}


class World:
    """A site, as its superuser sees it."""

    def __init__(self, site: Site) -> None:
        self.site = site

    def find(self, name: str) -> Collection:
        found = self.site.catalog.find(name)
        assert found is not None, f"there is no collection {name}"
        return found

    def json(self, name: str) -> dict[str, Any]:
        """Return a collection as a client sees it."""
        plain: dict[str, Any] = json.loads(msgspec.json.encode(collection_json(self.find(name))))
        return plain

    async def create(self, name: str, /, *fields: Mapping[str, Any], **rest: Any) -> Collection:
        return await self.site.changes.create({"name": name, "fields": list(fields), **rest})

    async def view(self, name: str, query: str, **rest: Any) -> Collection:
        return await self.site.changes.create({"name": name, "type": "view", "viewQuery": query, **rest})

    async def change(self, name: str, /, **patch: Any) -> Collection:
        return await self.site.changes.update(self.find(name).id, patch)

    async def edit(self, name: str, edits: Mapping[str, Mapping[str, Any] | None]) -> Collection:
        """Change fields by their name; None removes one, a name that isn't there adds one."""
        fields: list[Mapping[str, Any]] = []
        for field in self.json(name)["fields"]:
            edit = edits.get(field["name"], {})
            if edit is not None:
                fields.append(field | dict(edit))
        known = self.find(name).by_name
        fields += [{"name": key} | dict(value or {}) for key, value in edits.items() if key not in known]
        return await self.change(name, fields=fields)

    async def delete(self, name: str) -> None:
        await self.site.changes.delete(self.find(name).id)

    async def add(self, name: str, **body: Any) -> str:
        call = RecordCall(self.site.catalog, self.find(name), self.info, body=body)
        return str(json.loads(await self.site.writer.create(call))["id"])

    @property
    def info(self) -> RequestInfo:
        return RequestInfo(viewer=Viewer(self.site.superusers))

    async def records(self, name: str, *keys: str, info: RequestInfo | None = None) -> list[Any]:
        """Return the records of a collection in the order of their ids: of each the value of `keys`."""
        page = await self.site.reader.list(
            self.site.catalog,
            self.find(name),
            ListQuery(per_page=500, sort="id"),
            self.info if info is None else info,
        )
        items = json.loads(page)["items"]
        if len(keys) == 1:
            return [item[keys[0]] for item in items]
        return [tuple(item[key] for key in keys) for item in items] if keys else items

    async def rows(self, sql: str) -> list[Any]:
        return await self.site.store.fetch(Statement(sql))

    async def tables(self) -> list[Any]:
        """Return the names of all tables."""
        return await self.rows(TABLES[self.site.store.dialect.name])

    async def indexed(self, index: str) -> str:
        """Return the name of the table that an index is for."""
        names = {
            "sqlite": ("tbl_name", "sqlite_master", "name"),
            "postgresql": ("tablename", "pg_indexes", "indexname"),
        }
        table, source, name = names[self.site.store.dialect.name]
        [(found,)] = await self.rows(f"SELECT {table} FROM {source} WHERE {name} = '{index}'")
        return str(found)

    async def everything(self) -> Any:
        """Return the whole schema and all definitions, to see that nothing changed."""
        schema = await self.rows(SCHEMA[self.site.store.dialect.name])
        return schema, await self.rows("SELECT * FROM _collections ORDER BY id"), self.site.catalog.version


async def refusal(work: Any) -> BadRequest:
    """Return the error with which `work` is refused."""
    with pytest.raises(BadRequest) as caught:
        await work
    return caught.value


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_site(tmp_path / "data") as site:
        yield World(site)
