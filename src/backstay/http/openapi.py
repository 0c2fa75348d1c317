"""GET /api/openapi.json: the site's API as an OpenAPI 3.1 document, as far as who asks may use it; /api/docs to look at it."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from starlette.routing import BaseRoute

from backstay.http.context import Ask, Door
from backstay.http.own_page import own_page
from backstay.http.replies import Reply, encode, not_modified
from backstay.http.routing import Route
from backstay.openapi import Operation, document
from backstay.openapi.values import Schema
from backstay.plans.request import Viewer

Own = Callable[[Viewer], tuple[list[Operation], dict[str, Schema]]]
"""What the site's own code adds for a viewer: operations, and the schemas that they refer to."""


DOCUMENTS_KEPT_MAX = 64


class _Documents:
    """The documents that were made: one for each catalog and kind of viewer."""

    def __init__(self, own: Own) -> None:
        self._own = own
        self._made: OrderedDict[tuple[object, ...], tuple[bytes, str]] = OrderedDict()

    def of(self, ask: Ask) -> tuple[bytes, str]:
        """Return a document and its entity tag."""
        site, title, server = ask.site, ask.site.settings.meta.app_name, ask.scope.get("root_path", "")
        key = (site.catalog.version, ask.viewer.shape, title, server)
        if key not in self._made:
            operations, schemas = self._own(ask.viewer)
            parts: dict[str, Any] = {
                "title": title,
                "server": server,
                "operations": operations,
                "schemas": schemas,
                "by_code": site.showing.shows,
            }
            body = encode(document(site.catalog, ask.viewer, **parts))
            self._made[key] = (body, f'"{hashlib.sha256(body).hexdigest()[:32]}"')
            if len(self._made) > DOCUMENTS_KEPT_MAX:
                self._made.popitem(last=False)
        return self._made[key]


def openapi_routes(own: Own) -> list[BaseRoute]:
    """Return the doors; `own` tells what the site's code adds."""
    documents = _Documents(own)

    async def show(ask: Ask) -> Reply:
        body, tag = documents.of(ask)
        headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Authorization"}
        return not_modified(ask.scope, headers) or Reply(body, headers=headers)

    async def look(ask: Ask) -> Reply:
        return own_page("docs.html", ask.scope)

    return [
        Route("/api/openapi.json", Door(show), methods=["GET"]),
        Route("/api/docs", Door(look), methods=["GET"]),
    ]
