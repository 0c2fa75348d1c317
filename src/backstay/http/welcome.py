"""/: the welcome page of a site which has no pages of its own."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files

from starlette.routing import BaseRoute

from backstay.http.context import Ask, Door
from backstay.http.replies import Reply
from backstay.http.routing import Route

_INLINE = re.compile(rb"<(script|style)>(.*?)</\1>", re.DOTALL)


@cache
def _page() -> tuple[bytes, str]:
    """Return the page and its content security policy, which allows its own script and style alone."""
    page = files("backstay.http").joinpath("welcome.html").read_bytes()
    hashes: dict[bytes, list[str]] = {b"script": [], b"style": []}
    for kind, text in _INLINE.findall(page):
        digest = base64.b64encode(hashlib.sha256(text).digest()).decode()
        hashes[kind].append(f"'sha256-{digest}'")
    policy = (
        f"default-src 'none'; script-src {' '.join(hashes[b'script'])}; style-src {' '.join(hashes[b'style'])}; "
        "connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return page, policy


async def welcome(_: Ask) -> Reply:
    page, policy = _page()
    headers = {"Content-Security-Policy": policy, "Cache-Control": "no-cache"}
    return Reply(page, content_type=b"text/html; charset=utf-8", headers=headers)


routes: list[BaseRoute] = [Route("/", Door(welcome), methods=["GET"])]
