"""GET /api/openapi.json: the site's API as an OpenAPI 3.1 document, as far as who asks may use it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from starlette.routing import BaseRoute

from backstay.http.context import Ask, Door
from backstay.http.replies import Reply, encode
from backstay.http.routing import Route
from backstay.openapi import Operation, document
from backstay.openapi.values import Schema
from backstay.plans.request import Viewer

Own = Callable[[Viewer], tuple[list[Operation], dict[str, Schema]]]
"""What the site's own code adds for a viewer: operations, and the schemas that they refer to."""


def openapi_routes(own: Own) -> list[BaseRoute]:
    """Return the door; `own` tells what the site's code adds."""

    async def show(ask: Ask) -> Reply:
        operations, schemas = own(ask.viewer)
        body = encode(
            document(
                ask.site.catalog,
                ask.viewer,
                title=ask.site.settings.meta.app_name,
                server=ask.scope.get("root_path", ""),
                operations=operations,
                schemas=schemas,
            )
        )
        tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        headers = {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Authorization"}
        known = next((value for name, value in ask.scope["headers"] if name == b"if-none-match"), b"")
        return Reply(b"", 304, headers=headers) if known == tag.encode() else Reply(body, headers=headers)

    return [Route("/api/openapi.json", Door(show), methods=["GET"])]
