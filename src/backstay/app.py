"""Puts the parts together: the application of a site, and what serves it."""

from __future__ import annotations

from starlette.types import ASGIApp

from backstay.extending.application import Backstay
from backstay.extending.loading import load_app
from backstay.options import ServeOptions

__all__ = ["Backstay", "create_asgi"]


def create_asgi(options: ServeOptions) -> ASGIApp:
    """Return the ASGI application of a site; its lifespan opens the data. Raises SetupError for code that can't be loaded."""
    return load_app(options, Backstay).asgi(options)
