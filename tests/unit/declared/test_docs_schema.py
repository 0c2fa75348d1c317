"""Each snippet of docs/schema.md does what the text says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from backstay.catalog import Catalog
from backstay.catalog.compare import diff
from backstay.catalog.operations import OPERATIONS
from backstay.declared import declared_in, field, target
from backstay.migrations.data import Data
from backstay.migrations.files import first_catalog, render, write
from backstay.migrations.modules import load_file, python_files
from backstay.migrations.start import bring_up
from backstay.plans.params import Statement
from backstay.site import Site, open_site
from backstay.stores.base import Transaction

TEXT = (Path(__file__).parents[3] / "docs" / "schema.md").read_text()
CLASSES, OBJECT, RENAMED, MIGRATION = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


def declared(folder: Path, text: str, catalog: Catalog) -> Catalog:
    write(folder / "collections" / "all.py", text)
    [path] = python_files(folder / "collections")
    return target(catalog, declared_in(load_file(path, "documented")))


def test_an_object_is_a_record(capsys: pytest.CaptureFixture[str]) -> None:
    exec(CLASSES + OBJECT, {"__name__": "documented"})
    wanted = OBJECT.partition("# ")[2].strip()
    assert capsys.readouterr().out.strip() == wanted


def test_new_names_keep_data(tmp_path: Path) -> None:
    before = declared(tmp_path, CLASSES, first_catalog())
    renames = [str(item) for item in diff(before, declared(tmp_path, RENAMED, before))]
    assert "rename collection 'posts' to 'articles'" in renames
    assert "rename field 'articles.title' to 'headline'" in renames


async def fill(site: Site) -> None:
    async def job(tx: Transaction) -> None:
        values = {"title": "one two three", "slug": "s", "views": 7, "tags": ["news"]}
        await Data(tx, site.catalog, site.writer).records("posts").create(values)

    await site.store.write(job)


@pytest.mark.anyio
async def test_the_migration_follows_the_classes(tmp_path: Path) -> None:
    after = declared(tmp_path, CLASSES, first_catalog())
    async with open_site(tmp_path / "data") as site:
        await bring_up(site, tmp_path)
        assert diff(site.catalog, after) == []
        await fill(site)
        write(tmp_path / "migrations" / "0001_posts.py", render(diff(first_catalog(), after), shipped=True))
        (tmp_path / "collections" / "all.py").unlink()
        assert (await bring_up(site, tmp_path)).done == [], "its result is there already"
        write(tmp_path / "migrations" / "0002_words.py", MIGRATION)
        assert len((await bring_up(site, tmp_path, allow_drop=True)).done) == 2
        rows = await site.store.fetch(Statement("SELECT words, reads, status FROM posts"))
        assert rows == [(3, 7, "draft")]


def test_every_operation_and_type_is_named() -> None:
    assert [item.__name__ for item in OPERATIONS if f"`{item.__name__}`" not in TEXT] == []
    types = [
        name for name, value in vars(field).items() if callable(value) and name.islower() and name[0] != "_"
    ]
    own = [name for name in types if getattr(field, name).__module__ == field.__name__]
    assert [name for name in own if f"`{name}`" not in TEXT] == []
    assert len(own) == 14
