"""Finds the application of a site: `app` in `site.py` of its folder, or what `module:app` names."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from backstay.errors import SetupError
from backstay.options import ServeOptions

A = TypeVar("A")
SITE_FILE = "site.py"
MODULE = "backstay_site"
"""The name of a site's module: `site` itself is one of the standard library."""


def load_app(options: ServeOptions, kind: type[A]) -> A:
    """Return the application of a site, a plain one where it has no code. Raises SetupError."""
    if options.app:
        module, _, name = options.app.partition(":")
        return _found(_imported(module, options.site), name, options.app, kind)
    path = options.site / SITE_FILE
    if not path.is_file():
        return kind()
    return _found(load_file(path, MODULE), "app", str(path), kind)


def _found(module: ModuleType, name: str, where: str, kind: type[A]) -> A:
    found: Any = getattr(module, name, None)
    if not isinstance(found, kind):
        raise SetupError(
            f"there is no application in {where}",
            why=f"its '{name}' is {'missing' if found is None else type(found).__name__}, not a {kind.__name__}",
            do=f"write '{name} = {kind.__name__}()' there",
        )
    return found


def _imported(name: str, folder: Path) -> ModuleType:
    _first_on_path(folder)
    try:
        return importlib.import_module(name)
    except Exception as exc:
        raise _broken(exc, f"the module '{name}'") from exc


def load_file(path: Path, name: str) -> ModuleType:
    """Return the module in a file; its folder is where it finds others. Raises SetupError with file and line."""
    _first_on_path(path.parent)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except SetupError:
        raise
    except Exception as exc:
        raise _broken(exc, str(path)) from exc
    return module


def _first_on_path(folder: Path) -> None:
    text = str(folder.resolve())
    if text not in sys.path:
        sys.path.insert(0, text)


def _broken(exc: Exception, what: str) -> SetupError:
    frames = traceback.extract_tb(exc.__traceback__)
    last = frames[-1] if frames else None
    where = f"{last.filename}, line {last.lineno}" if last else what
    return SetupError(
        f"cannot load {what}", why=f"{type(exc).__name__}: {exc} ({where})", do="mend it, then start again"
    )
