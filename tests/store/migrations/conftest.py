"""What tests of migrations share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from backstay.catalog.operations import Operation
from backstay.migrations.files import Migration, load_migrations, next_path, render, write


def written(folder: Path, operations: Sequence[Operation], slug: str = "test", more: str = "") -> Migration:
    """Write a migration file after those that are there, and load it again."""
    path = next_path(folder, load_migrations(folder), slug)
    write(path, render(operations, shipped=True) + more)
    return load_migrations(folder)[-1]
