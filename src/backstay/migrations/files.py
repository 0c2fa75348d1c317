"""Migration files: `SITE/migrations/NNNN_slug.py`, loaded, written, and rewritten.

A file is shipped unless it says `shipped = False`, as the one does which is being recorded in development. Only the
newest may be unshipped. A shipped file is not to be changed: databases remember the checksum of what they applied.
"""

from __future__ import annotations

import ast
import hashlib
import os
import re
from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias

import msgspec

from backstay.catalog import Catalog
from backstay.catalog.operations import Mismatch, Operation, replay
from backstay.catalog.system import first_collections
from backstay.errors import SetupError
from backstay.migrations.data import Data
from backstay.migrations.literals import STEP, WIDTH, literal, one_line
from backstay.migrations.modules import load_file, python_files

MIGRATIONS_FOLDER = "migrations"
RECORDED_SLUG = "changes"

DataStep: TypeAlias = Callable[[Data], Awaitable[None]]

_NAME = re.compile(r"(\d{4})_[a-z0-9_]+")
_UNSHIPPED = re.compile(r"^shipped(?:: bool)? *= *False[ \t]*(?:#.*)?\n\n?", re.MULTILINE)


class Migration(msgspec.Struct, frozen=True, eq=False):
    """One file. `checksum` is of its text, whether shipped or not."""

    name: str
    path: Path
    operations: tuple[Operation, ...]
    data: DataStep | None
    is_shipped: bool
    checksum: str

    @property
    def number(self) -> int:
        return int(self.name[:4])


def load_migrations(folder: Path) -> list[Migration]:
    """Return the migrations in a folder, in their order. Raises SetupError when one can't be used."""
    found = [_load(path) for path in python_files(folder)]
    for before, after in pairwise(found):
        if before.number == after.number:
            raise SetupError(
                f"two migrations have the number {after.name[:4]}",
                why=f"the order of '{before.name}' and '{after.name}' can't be told",
                do="give the one that came later the next free number",
            )
        if not before.is_shipped:
            raise SetupError(
                f"the migration '{before.name}' is not shipped, and '{after.name}' comes after it",
                why="only the newest migration may still change",
                do=f"take 'shipped = False' out of {before.path}, or give it a later number",
            )
    return found


def _load(path: Path) -> Migration:
    if not _NAME.fullmatch(path.stem):
        raise SetupError(
            f"'{path}' has no name of a migration",
            why="names are four digits, _ and small letters, which tell the order",
            do=f"rename it, like {path.with_name('0001_' + RECORDED_SLUG + '.py')}",
        )
    module = load_file(path, "site_migrations")
    operations = getattr(module, "operations", None)
    if not isinstance(operations, list | tuple) or not all(
        isinstance(item, Operation) for item in operations
    ):
        raise SetupError(
            f"'{path}' is no migration",
            why="it has no list 'operations' with nothing but operations of backstay.migrations in it",
            do="give it one; it may be empty where there is only a data step",
        )
    _check_types(path, operations)
    return Migration(
        path.stem,
        path,
        tuple(operations),
        getattr(module, "data", None),
        getattr(module, "shipped", True) is not False,
        checksum(path.read_text()),
    )


def _check_types(path: Path, operations: Sequence[Operation]) -> None:
    for operation in operations:
        try:
            msgspec.convert(msgspec.to_builtins(operation), type(operation))
        except (msgspec.ValidationError, TypeError) as exc:
            raise SetupError(
                f"'{path}' has an operation of {type(operation).__name__} that can't be used",
                why=str(exc),
                do="give it what 'pydoc backstay.migrations' says",
            ) from exc


def checksum(text: str) -> str:
    """Return what tells whether a file was changed; shipping it is no change."""
    return hashlib.sha256(_UNSHIPPED.sub("", text).encode()).hexdigest()


def first_catalog() -> Catalog:
    """Return the catalog of a new site, from which all migrations start."""
    return Catalog(first_collections(now="", secret=str))


def replayed(migrations: Sequence[Migration]) -> Catalog:
    """Return the catalog that a new site has after some migrations. Raises SetupError."""
    catalog = first_catalog()
    for migration in migrations:
        try:
            catalog = replay(catalog, migration.operations)
        except Mismatch as exc:
            raise SetupError(
                f"the migration '{migration.name}' can't follow the ones before it",
                why=str(exc),
                do=f"correct {migration.path}",
            ) from exc
    return catalog


def next_path(folder: Path, migrations: Sequence[Migration], slug: str) -> Path:
    """Return the path of a new migration. Raises SetupError when `slug` is no good name."""
    number = migrations[-1].number + 1 if migrations else 1
    name = f"{number:04}_{slug}"
    if not _NAME.fullmatch(name):
        raise SetupError(
            f"'{slug}' can't name a migration",
            why="a name is small letters, digits and _",
            do="give one like add_views",
        )
    return folder / f"{name}.py"


def render(operations: Sequence[Operation], *, shipped: bool) -> str:
    """Return the text of a new migration file."""
    about = "; ".join(str(operation) for operation in operations[:3]) + ("; …" if len(operations) > 3 else "")
    title = (about[:1].upper() + about[1:]).replace("\\", "").replace('"', "'")
    head = f'"""{title}."""\n\nfrom backstay import migrations\n\n'
    return head + ("" if shipped else "shipped = False\n\n") + render_operations(operations) + "\n"


def render_operations(operations: Sequence[Operation]) -> str:
    """Return the assignment of `operations`."""
    if not operations:
        return "operations: list[migrations.Operation] = []"
    lines = [f"    {_call(operation)},\n" for operation in operations]
    return f"operations: list[migrations.Operation] = [\n{''.join(lines)}]"


def _call(operation: Operation) -> str:
    name = f"migrations.{type(operation).__name__}"
    values = [getattr(operation, field) for field in operation.__struct_fields__]
    short = f"{name}({', '.join(map(one_line, values))})"
    if STEP + len(short) < WIDTH:
        return short
    inner = 2 * STEP
    return f"{name}(\n" + "".join(f"{' ' * inner}{literal(value, inner)},\n" for value in values) + "    )"


def rewritten(text: str, operations: Sequence[Operation]) -> str:
    """Return the text of a migration file with other operations; all else in it stays. Raises ValueError."""
    for node in ast.parse(text).body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(target, ast.Name) and target.id == "operations" and node.end_lineno is not None:
            lines = text.splitlines()
            new = [*lines[: node.lineno - 1], render_operations(operations), *lines[node.end_lineno :]]
            return "\n".join(new) + "\n"
    raise ValueError("the file assigns no 'operations'")


def ship(migration: Migration) -> None:
    """Say in its file that a migration is shipped."""
    write(migration.path, _UNSHIPPED.sub("", migration.path.read_text()))


def write(path: Path, text: str) -> None:
    """Write a file so that it is there wholly or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    with part.open("w") as out:
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    part.rename(path)
