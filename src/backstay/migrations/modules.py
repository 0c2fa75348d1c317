"""Loads the Python files of a site's folders, each as a module of its own."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType

from backstay.declared import Collection, declared_in
from backstay.errors import SetupError

COLLECTIONS_FOLDER = "collections"


def load_file(path: Path, package: str) -> ModuleType:
    """Run a file as the module `package.STEM` and return it. Raises SetupError with the line that failed."""
    name = f"{package}.{path.stem}"
    found = importlib.util.spec_from_file_location(name, path)
    assert found is not None, "a path that ends with .py has a loader"
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module  # annotations are looked up there
    try:
        # compiled here, not from __pycache__: a file may change twice within a second
        exec(compile(path.read_bytes(), str(path), "exec", dont_inherit=True), module.__dict__)  # noqa: S102
    except SetupError:
        raise
    except (Exception, SystemExit) as exc:
        raise SetupError(
            f"cannot load '{path}'",
            why=f"line {line_of(exc, path)}: {type(exc).__name__}: {exc}",
            do="correct that line",
        ) from exc
    return module


def line_of(exc: BaseException, path: Path) -> int:
    """Return the line of a file at which it failed, 1 when that can't be told."""
    if isinstance(exc, SyntaxError) and exc.lineno:
        return exc.lineno
    frames = traceback.extract_tb(exc.__traceback__)
    return next((frame.lineno or 1 for frame in reversed(frames) if frame.filename == str(path)), 1)


def python_files(folder: Path) -> list[Path]:
    """Return the Python files of a folder in the order of their names, without those that start with `_` or `.`."""
    return sorted(path for path in folder.glob("*.py") if not path.name.startswith(("_", ".")))


def load_classes(site_folder: Path) -> list[type[Collection]]:
    """Return the collections that a site declares in `collections/`. Raises SetupError."""
    return [
        cls
        for path in python_files(site_folder / COLLECTIONS_FOLDER)
        for cls in declared_in(load_file(path, "site_collections"))
    ]
