"""Runs `backstay.server` with an application that needs no data: `python trivial_site.py PORT WORKERS`.

It prints `ready` when the server does, `stopped` when the application was stopped, and answers with its process id.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from starlette.types import Receive, Scope, Send

from backstay.errors import SetupError
from backstay.options import Address, ServeOptions
from backstay.server import run


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer at once, slowly (`/slow`), for ever (`/stream`), or with 200 MB (`/flood`)."""
    if scope["type"] == "lifespan":
        await live(scope, receive, send)
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    match scope["path"]:
        case "/slow":
            print("slow", flush=True)
            await asyncio.sleep(0.5)
        case "/stream":
            while True:
                await send({"type": "http.response.body", "body": b"tick\n", "more_body": True})
                await asyncio.sleep(0.05)
        case "/flood":
            for _ in range(2000):
                await send({"type": "http.response.body", "body": bytes(100_000), "more_body": True})
    body = f"{os.getpid()} {scope['state'].get('started', '')}".encode()
    await send({"type": "http.response.body", "body": body})


async def live(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    if os.environ.get("FAIL") == "setup":
        raise SetupError("the site is broken", why="the test wants it", do="nothing")
    scope["state"]["started"] = "yes"
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})
    print("stopped", flush=True)


if __name__ == "__main__":
    port, workers = map(int, sys.argv[1:])
    options = ServeOptions(
        address=Address("127.0.0.1", port), data=Path("data"), site=Path(), workers=workers
    )
    try:
        code = run(options, create=lambda _: app, ready=lambda: print("ready", flush=True))
    except SetupError as exc:
        sys.exit(str(exc))
    sys.exit(code)
