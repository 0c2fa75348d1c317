"""Files into collections, on a real site: new and existing collections, refusals, all or nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from backstay.errors import SetupError
from backstay.importing import Column, CsvSource, JsonSource, Outcome, load_file
from backstay.plans.params import Statement
from backstay.site import open_site


class Silent:
    """Nobody wants to know."""

    def inferred(self, columns: Sequence[Column]) -> None: ...
    def counted(self, rows: int) -> None: ...
    def advanced(self, rows: int) -> None: ...


class Folder:
    """A site's folder with files to load beside it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self, text: str, into: str = "things", *, skip_errors: bool = False) -> Outcome:
        """Load a text, CSV unless it looks like JSON."""
        file = self.path / "rows"
        file.write_text(text)
        source = JsonSource(file) if text[0] in "[{" else CsvSource(file)

        async def inside() -> Outcome:
            async with open_site(self.path / "data") as site:
                return await load_file(site, source, into, steps=Silent(), skip_errors=skip_errors)

        return asyncio.run(inside())

    def fetch(self, sql: str) -> list[Any]:
        async def inside() -> list[Any]:
            async with open_site(self.path / "data") as site:
                return await site.store.fetch(Statement(sql))

        return asyncio.run(inside())

    def create(self, definition: dict[str, Any]) -> None:
        async def inside() -> None:
            async with open_site(self.path / "data") as site:
                await site.create_collection(definition)

        asyncio.run(inside())

    def collections(self) -> set[str]:
        return {
            row[0]
            for row in self.fetch("SELECT name FROM _collections WHERE name NOT LIKE '\\_%' ESCAPE '\\'")
        }


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_csv_makes_a_collection_of_typed_fields(folder: Folder) -> None:
    outcome = folder.load(
        'id,Name,price,sold,added,zip\na1,"Müller, ""Ann""",1.50,true,2024-02-29,01234\nb2,Ben,,false,,\n'
    )
    assert (outcome.created, outcome.read, outcome.loaded, outcome.refused) == (True, 2, 2, 0)
    assert folder.fetch('SELECT id, "Name", price, sold, added, zip FROM things ORDER BY id') == [
        ("a1", 'Müller, "Ann"', 1.5, 1, "2024-02-29 00:00:00.000Z", "01234"),
        ("b2", "Ben", 0, 0, "", ""),
    ]
    rules = folder.fetch(
        'SELECT "listRule", "viewRule", "createRule" FROM _collections WHERE name = \'things\''
    )
    assert rules == [(None, None, None)], "a new collection is closed"


def test_json_keeps_lists_points_and_texts(folder: Folder) -> None:
    rows = [{"code": "7", "tags": ["x"], "at": {"lon": 1, "lat": 2}}, {"code": "8", "extra": 1}]
    folder.load(json.dumps(rows))
    assert folder.fetch("SELECT code, tags, at, extra FROM things ORDER BY code") == [
        ("7", '["x"]', '{"lon":1,"lat":2}', 0),
        ("8", None, '{"lon":0,"lat":0}', 1),
    ]


def test_one_bad_row_means_that_nothing_stays(folder: Folder) -> None:
    outcome = folder.load(
        "id,n\na,1\nb,2,3\n" + "".join(f"c{number},1\n" for number in range(3000)) + "a,4\n"
    )
    assert (outcome.loaded, outcome.refused, outcome.created) == (0, 2, False)
    assert [refusal.line for refusal in outcome.refusals] == [3, 3004]
    assert outcome.refusals[1].faults["id"]["code"] == "validation_not_unique"
    assert "things" not in folder.collections(), "a collection made for the import goes again"


def test_skip_errors_keeps_the_good_rows(folder: Folder) -> None:
    outcome = folder.load('{"a": 1}\n{"a": \n7\n{"a": 2}\n', skip_errors=True)
    assert (outcome.loaded, outcome.refused) == (2, 2)
    assert [refusal.line for refusal in outcome.refusals] == [2, 3]
    assert folder.fetch("SELECT count(*) FROM things") == [(2,)]


def test_an_existing_collection_keeps_its_fields(folder: Folder) -> None:
    fields = [{"name": "n", "type": "number"}, {"name": "kind", "type": "select", "values": ["x", "y, z"]}]
    folder.create({"name": "things", "type": "base", "fields": fields})
    folder.load("n,kind\n1,x\n")
    outcome = folder.load('n,kind\n2,"y, z"\nmany,x\n3,q\n', skip_errors=True)
    assert (outcome.created, outcome.loaded) == (False, 1)
    assert [(refusal.line, next(iter(refusal.faults))) for refusal in outcome.refusals] == [
        (3, ""),
        (4, "kind"),
    ]
    assert folder.fetch("SELECT n, kind FROM things ORDER BY n") == [(1, "x"), (2, "y, z")]


def test_a_column_without_a_field_stops_the_import(folder: Folder) -> None:
    folder.create({"name": "things", "type": "base", "fields": [{"name": "n", "type": "number"}]})
    with pytest.raises(SetupError, match="'m'"):
        folder.load("n,m\n1,2\n")


@pytest.mark.parametrize("text", ["[]", "a,b\n"])
def test_a_file_without_rows_is_an_error(folder: Folder, text: str) -> None:
    with pytest.raises(SetupError, match="nothing to load"):
        folder.load(text)


def test_a_view_cannot_be_loaded_into(folder: Folder) -> None:
    folder.load("n\n1\n")
    folder.create({"name": "seen", "type": "view", "viewQuery": "SELECT id, n FROM things"})
    with pytest.raises(SetupError, match="view"):
        folder.load("n\n1\n", into="seen")
