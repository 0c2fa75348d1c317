"""Other applications within a site: they are told who asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from backstay.errors import RequestError, SetupError
from backstay.http.context import Ask
from backstay.http.replies import COMMON_HEADERS, error_reply
from backstay.plans.request import Viewer

WsgiApp: TypeAlias = Callable[[dict[str, Any], Any], Iterable[bytes]]
"""A WSGI application (PEP 3333)."""
WSGI_THREADS = 10


def from_wsgi(app: WsgiApp, threads: int = WSGI_THREADS) -> ASGIApp:
    """Return a WSGI application, run in threads, that finds the viewer in `environ["backstay.viewer"]`.

    Raises SetupError where a2wsgi is not installed.
    """
    try:
        from a2wsgi import WSGIMiddleware
    except ImportError as exc:
        raise SetupError(
            "mounting a WSGI application needs the package a2wsgi",
            why="it translates between WSGI and ASGI",
            do="pip install 'backstay[wsgi]'",
        ) from exc

    def told(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        environ["backstay.viewer"] = environ["asgi.scope"]["state"]["viewer"]
        return app(environ, start_response)

    adapted: Any = WSGIMiddleware(told, workers=threads)  # type: ignore[arg-type]  # typed by TypedDicts of its own
    return adapted  # type: ignore[no-any-return]


def mounted_viewer(request: HTTPConnection) -> Viewer:
    """Return who asks a mounted Starlette or FastAPI application; as a dependency: `Depends(mounted_viewer)`.

    Raises LookupError where the application is not mounted in a site: it must not take everybody for a guest.
    """
    viewer = request.scope.get("state", {}).get("viewer")
    if not isinstance(viewer, Viewer):
        raise LookupError(
            "nobody knows who asks: the application is not mounted with `app.mount(path, other)`"
        )
    return viewer


def with_viewer(app: ASGIApp) -> ASGIApp:
    """Return an application that finds the viewer of each request in `scope["state"]["viewer"]`."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            ask = Ask(scope["state"]["site"], scope, receive)
            try:
                await ask.site.refresh()
                await ask.identify()
            except RequestError as exc:
                await error_reply(exc)(scope, receive, send)
                return
            scope["state"]["viewer"] = ask.viewer
            scope.pop(COMMON_HEADERS, None)
        await app(scope, receive, send)

    return answer
