"""The ASGI application: routes, and what every answer has in common."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from starlette.routing import BaseRoute, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from backstay.errors import NotFound, RequestError
from backstay.http import (
    account_pages,
    auth,
    batch,
    collections,
    crons,
    files,
    jobs,
    oauth2,
    realtime,
    records,
    recovery,
    settings,
    welcome,
)
from backstay.http.rate_limits import RateLimiter
from backstay.http.replies import COMMON_HEADERS, Reply, encode, error_reply
from backstay.http.route_table import RouteTable
from backstay.site import Site

log = logging.getLogger("backstay")

SECURITY_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"x-xss-protection", b"1; mode=block"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
)
METHODS = b"GET,HEAD,PUT,PATCH,POST,DELETE"


class ServerFault(RequestError):
    """Something of ours went wrong; the cause is in the log."""

    status = 500


class Common:
    """Adds what every answer carries, answers CORS requests, and is the last resort for what nobody caught.

    origins: which may read answers in browsers; `*` means all. Credentials are never allowed, since tokens travel in
    a header
    """

    def __init__(self, routes: _Routes, origins: Sequence[str]) -> None:
        self._routes = routes
        self._all = "*" in origins
        self._origins = {origin.encode() for origin in origins}
        self._open_headers = [*SECURITY_HEADERS, (b"access-control-allow-origin", b"*")]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._routes(scope, receive, send)
            return
        scope[COMMON_HEADERS] = self._open_headers if self._all else [*SECURITY_HEADERS, *self._cors(scope)]
        try:
            if scope["method"] == "OPTIONS":
                await self._preflight(scope)(scope, receive, send)
            else:
                await self._routes.app(scope, receive, send)
        except Exception:
            log.exception("request failed", extra={"path": scope["path"], "method": scope["method"]})
            if COMMON_HEADERS in scope:
                await error_reply(ServerFault())(scope, receive, send)

    def _cors(self, scope: Scope) -> list[tuple[bytes, bytes]]:
        """Return what lets the asking origin read the answer, when it is one of those which may."""
        origin = next((value for name, value in scope["headers"] if name == b"origin"), b"")
        found = [(b"vary", b"Origin")]
        if origin in self._origins:
            found.append((b"access-control-allow-origin", origin))
        return found

    def _preflight(self, scope: Scope) -> Reply:
        asked = next(
            (value for name, value in scope["headers"] if name == b"access-control-request-headers"), b""
        )
        reply = Reply(b"", 204)
        reply.headers = [
            (b"access-control-allow-methods", METHODS),
        ]
        if asked:
            reply.headers.append((b"access-control-allow-headers", asked))
        return reply


async def not_found(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer for paths that lead nowhere: for those which are read, they are files that are not there."""
    if scope["type"] == "websocket":
        await WebSocketClose()(scope, receive, send)
        return
    message = "File not found." if scope["method"] in {"GET", "HEAD"} else None
    await error_reply(NotFound(message))(scope, receive, send)


class _Routes(Router):
    """Routes whose misses are answered as the protocol does: a wrong method is a path that is not there."""

    def __init__(self, routes: Sequence[BaseRoute], lifespan: Any) -> None:
        super().__init__(routes=routes, redirect_slashes=False, lifespan=lifespan)
        self._table = RouteTable(self.routes)

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.lifespan(scope, receive, send)
            return
        found = self._table.find(scope) if scope["type"] == "http" else None
        if found is None:
            await not_found(scope, receive, send)
            return
        route, more = found
        scope.update(more)
        await (route.app if isinstance(route, Route) else route.handle)(scope, receive, send)


def _own_routes() -> list[BaseRoute]:
    """Return the doors of the protocol and our own."""
    return [
        *records.routes,
        *auth.routes,
        *recovery.routes,
        *oauth2.routes,
        *collections.routes,
        *settings.routes,
        *crons.routes,
        *jobs.routes,
        *batch.routes,
        *files.routes,
        *realtime.routes,
        *account_pages.routes,
        *welcome.routes,
    ]


def takes(method: str, path: str) -> bool:
    """Tell whether a path, with its parameters' names, is one of Backstay's own."""
    return any(
        isinstance(route, Route) and route.path == path and method in (route.methods or ())
        for route in _own_routes()
    )


def create_application(
    site: AbstractAsyncContextManager[Site],
    *,
    origins: Sequence[str] = ("*",),
    extra: Sequence[BaseRoute] = (),
) -> ASGIApp:
    """Return the application which serves a site while its lifespan lasts."""

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[dict[str, Any]]:
        async with site as opened:
            limiter, sharing = RateLimiter(), None
            if opened.is_shared:
                sharing = asyncio.create_task(limiter.share_forever(opened.store), name="rate limits")
            try:
                yield {"site": opened, "limiter": limiter, "on_drain": opened.realtime.close_all}
            finally:
                if sharing is not None:
                    sharing.cancel()
                    await asyncio.gather(sharing, return_exceptions=True)

    routes = [*_own_routes(), *extra]
    return Common(_Routes(routes, lifespan), origins)


__all__ = ["create_application", "encode"]
