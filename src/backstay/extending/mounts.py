"""Other applications within a site: they are told who asks."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from backstay.errors import RequestError
from backstay.http.context import Ask
from backstay.http.replies import COMMON_HEADERS, error_reply


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
