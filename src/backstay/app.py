"""Puts the parts together: the application of a site, and what serves it."""

from __future__ import annotations

from pathlib import Path

from starlette.types import ASGIApp

from backstay.declared import Collection
from backstay.extending.application import Backstay
from backstay.extending.loading import load_app
from backstay.options import ServeOptions

__all__ = ["Backstay", "create_asgi", "declared_in_code", "load"]


def load(options: ServeOptions) -> Backstay:
    """Return the application of a site. Raises SetupError for code that can't be loaded."""
    return load_app(options, Backstay)


def create_asgi(options: ServeOptions) -> ASGIApp:
    """Return the ASGI application of a site; its lifespan opens the data. Raises SetupError as `load` does."""
    return load(options).asgi(options)


def declared_in_code(site_folder: Path) -> list[type[Collection]]:
    """Return the classes of collections that a site's application and its plugins declare. Raises SetupError."""
    return load(ServeOptions.of_folder(site_folder / "data", site=site_folder)).classes
