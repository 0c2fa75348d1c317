"""The site under attack: built once, copied for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api.site import Served, build, serve
from tests.databases import DATABASES


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
async def template(tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> Path:
    """A data folder that nobody serves."""
    folder = tmp_path_factory.mktemp("template")
    await build(folder)
    return folder


@pytest.fixture
async def site(template: Path, tmp_path: Path) -> AsyncIterator[Served]:
    """A site of the test's own, served in process."""
    folder = tmp_path / "data"
    DATABASES.copy(template, folder)
    async with serve(folder) as served:
        yield served


@pytest.fixture
async def two(template: Path, tmp_path: Path) -> AsyncIterator[tuple[Served, Served]]:
    """Two processes' worth of server on one database."""

    folder = tmp_path / "data"
    DATABASES.copy(template, folder)
    async with serve(folder, shared=True) as first, serve(folder, shared=True) as second:
        yield first, second
