"""Puts the parts together."""

from __future__ import annotations

from starlette.types import ASGIApp

from backstay.http.application import create_application
from backstay.options import ServeOptions
from backstay.site import open_site


def create_asgi(options: ServeOptions) -> ASGIApp:
    """Return the ASGI application of a site; its lifespan opens the data."""
    site = open_site(
        options.data,
        shared=options.shared,
        works=True,
        jobs=options.jobs,
        templates=[options.site / "templates"],
    )
    return create_application(site, origins=options.origins)
