"""Imports point one way: a part may use what stands on a lower rung, and features don't know each other."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import backstay

ROOT = Path(backstay.__file__).parent

LADDER = (
    ("annotations", "clock", "errors"),
    ("faults", "overlay", "checks", "options", "folders", "strict_json", "rendering", "outbound"),
    ("settings", "filters"),
    ("catalog",),
    ("plans",),
    ("stores",),
    ("outbox", "moments"),
    ("records",),
    (
        "accounts",
        "collections",
        "declared",
        "files",
        "importing",
        "demo",
        "jobs",
        "mail",
        "moving",
        "oauth2",
        "pages",
        "realtime",
    ),
    ("duties", "openapi"),
    ("site",),
    ("migrations",),
    ("http",),
    ("lifespan", "reloading", "supervisor", "worker"),
    ("extending",),
    ("app",),
    ("testing",),
    ("server",),
    ("cli",),
    ("__main__",),
)
"""From the bottom to the top. Parts on one rung are features: they meet in `site`, and must not import each other."""

HEIGHT = {part: height for height, rung in enumerate(LADDER) for part in rung}


def part_of(file: Path) -> str:
    return file.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(file: Path) -> Iterator[str]:
    """Yield the parts that a file imports, also inside functions and for types only."""
    for node in ast.walk(ast.parse(file.read_text())):
        match node:
            case ast.Import(names=names):
                modules = [alias.name for alias in names]
            case ast.ImportFrom(module="backstay", names=names):
                modules = [f"backstay.{alias.name}" for alias in names if not alias.name.startswith("__")]
            case ast.ImportFrom(module=str(module), level=0):
                modules = [module]
            case ast.ImportFrom():
                raise AssertionError(f"{file}: relative imports hide where they lead")
            case _:
                continue
        yield from (module.split(".")[1] for module in modules if module.startswith("backstay."))


FILES = sorted(file for file in ROOT.rglob("*.py") if file != ROOT / "__init__.py")


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_imports_point_down_the_ladder(file: Path) -> None:
    part = part_of(file)
    assert part in HEIGHT, f"'{part}' has no place on the ladder"
    wrong = {used for used in imports(file) if used != part and HEIGHT[used] >= HEIGHT[part]}
    assert not wrong, f"{part} stands below or beside {', '.join(sorted(wrong))}"


def test_every_rung_exists() -> None:
    parts = {part_of(file) for file in FILES}
    assert parts == set(HEIGHT)
