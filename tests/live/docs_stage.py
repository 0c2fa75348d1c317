"""A stage for the page /api/docs: it shows a document made by hand, and /api/echo tells what the page has sent."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import BodyPartReader, web
from tests.live.browser import Tab, tab

from backstay.http.own_page import own_page

JSON, FORM = "application/json", "multipart/form-data"


def document(paths: dict[str, Any], schemas: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a document with these paths, for a guest."""
    info = {"title": "Stage", "version": "1", "x-viewer": None}
    return {"openapi": "3.1.0", "info": info, "paths": paths, "components": {"schemas": schemas or {}}}


def echo(
    content: dict[str, Any] | None = None, *, method: str = "post", required: bool = True, **more: Any
) -> dict[str, Any]:
    """Return the paths of a document with one operation: /api/echo, with a body of these media types."""
    body: dict[str, Any] = {}
    if content:
        told = {media: {"schema": schema} for media, schema in content.items()}
        body = {"requestBody": {"required": required, "content": told}}
    return {"/api/echo": {method: {"summary": "Echo", "tags": ["stage"], "responses": {}, **body, **more}}}


async def _echo(request: web.Request) -> web.Response:
    parts: list[list[str]] = []
    if request.content_type == FORM:
        async for part in await request.multipart():
            assert isinstance(part, BodyPartReader)
            parts.append([part.name or "", part.filename or "", await part.text()])
    told = {
        "method": request.method,
        "query": list(request.query.items()),
        "headers": {name.lower(): value for name, value in request.headers.items()},
        "parts": parts,
        "text": "" if parts else await request.text(),
    }
    return web.json_response(told, headers={"X-Odd": "<b>odd</b>"})


@asynccontextmanager
async def stage(shown: dict[str, Any], folder: Path) -> AsyncIterator[Tab]:
    """Open the page in a browser with a document."""
    page = own_page("docs.html", {"type": "http", "headers": []})
    headers = {name.decode(): value.decode() for name, value in page.headers}

    async def docs(_: web.Request) -> web.Response:
        return web.Response(body=page.body, headers=headers)

    async def openapi(_: web.Request) -> web.Response:
        return web.json_response(shown)

    site = web.Application()
    site.router.add_get("/api/docs", docs)
    site.router.add_get("/api/openapi.json", openapi)
    site.router.add_route("*", "/api/echo", _echo)
    runner = web.AppRunner(site)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        async with tab(folder / "profile") as found:
            await found.go(f"http://{host}:{port}/api/docs")
            await found.until("document.querySelectorAll('#tags a').length > 0")
            yield found
    finally:
        await runner.cleanup()


def card(operation: str) -> str:
    """Return the expression of an operation's card."""
    return f"document.getElementById({json.dumps(operation)})"


async def opened(page: Tab, operation: str) -> str:
    """Open an operation; return the expression of its card."""
    found = card(operation)
    await page.run(f"location.hash = '#' + encodeURIComponent({json.dumps(operation)})")
    await page.until(f"Boolean({found}?.open && {found}.querySelector('form'))")
    return found


async def fill(page: Tab, within: str, name: str, value: str) -> None:
    """Put a value into an input as a person would."""
    await page.run(
        f"{{ const input = {within}.querySelector('[name={json.dumps(name)}]'); input.value = {json.dumps(value)};"
        " input.dispatchEvent(new Event('input', {bubbles: true})); }"
    )


async def choose_body(page: Tab, within: str, media: str) -> None:
    await page.run(
        f"{{ const input = {within}.querySelector('select.media'); input.value = {json.dumps(media)};"
        " input.dispatchEvent(new Event('input', {bubbles: true})); }"
    )


async def example(page: Tab, within: str, language: str) -> str:
    """Return the request as curl or as JavaScript."""
    await page.run(
        f"[...{within}.querySelectorAll('.bar button')].find(b => b.textContent === {json.dumps(language)}).click()"
    )
    text: str = await page.run(f"{within}.querySelector('.example').textContent")
    return text


async def sent(page: Tab, within: str) -> Any:
    """Send a request; return what arrived."""
    await page.run(f"{within}.querySelector('.output').replaceChildren()")
    await page.run(f"{within}.querySelector('form').requestSubmit()")
    await page.until(f"{within}.querySelector('.output > pre, .output .is-bad') !== null")
    text: str = await page.run(f"{within}.querySelector('.output').lastChild.textContent")
    return json.loads(text)
