"""Pages that come with the package: one file each, which may do what stands in it and nothing else."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files

from backstay.http.replies import Reply

_INLINE = re.compile(rb"<(script|style)>(.*?)</\1>", re.DOTALL)


@cache
def _page(name: str) -> tuple[bytes, dict[str, str]]:
    """Return a page and its headers; its policy allows its own script and style, and requests to this server."""
    page = files("backstay.http").joinpath(name).read_bytes()
    hashes: dict[bytes, list[str]] = {b"script": [], b"style": []}
    for kind, text in _INLINE.findall(page):
        digest = base64.b64encode(hashlib.sha256(text).digest()).decode()
        hashes[kind].append(f"'sha256-{digest}'")
    policy = (
        f"default-src 'none'; script-src {' '.join(hashes[b'script'])}; style-src {' '.join(hashes[b'style'])}; "
        "connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return page, {"Content-Security-Policy": policy, "Cache-Control": "no-cache"}


def own_page(name: str) -> Reply:
    """Return the answer with a page of ours."""
    page, headers = _page(name)
    return Reply(page, content_type=b"text/html; charset=utf-8", headers=headers)
