"""Pages that come with the package: each is sent as one file, which may do what stands in it and nothing else.

A page may have its style and its scripts in files beside it. They are put in where it names them, so that the policy
holds their hashes and a page is never sent with the script of another version.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files

from starlette.types import Scope

from backstay.http.replies import Reply, not_modified

_NAMED = re.compile(
    rb'<link rel="stylesheet" href="(?P<style>[a-z_]+\.css)">|<script src="(?P<script>[a-z_]+\.js)"></script>'
)
_INLINE = re.compile(rb"<(script|style)>(.*?)</\1>", re.DOTALL)


def _file(name: str) -> bytes:
    return files("backstay.http").joinpath(name).read_bytes()


def _put_in(found: re.Match[bytes]) -> bytes:
    """Return an element with the file that another element names."""
    kind = found.lastgroup or ""
    text = _file(found[kind].decode())
    return b"<%b>\n%b</%b>" % (kind.encode(), text, kind.encode())


@cache
def _page(name: str) -> tuple[bytes, dict[str, str]]:
    """Return a page and its headers; its policy allows its own script and style, and requests to this server."""
    page = _NAMED.sub(_put_in, _file(name))
    hashes: dict[bytes, list[str]] = {b"script": [], b"style": []}
    for kind, text in _INLINE.findall(page):
        digest = base64.b64encode(hashlib.sha256(text).digest()).decode()
        hashes[kind].append(f"'sha256-{digest}'")
    policy = (
        f"default-src 'none'; script-src {' '.join(hashes[b'script'])}; style-src {' '.join(hashes[b'style'])}; "
        "connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    tag = f'"{hashlib.sha256(page).hexdigest()[:32]}"'
    return page, {"Content-Security-Policy": policy, "Cache-Control": "no-cache", "ETag": tag}


def own_page(name: str, scope: Scope) -> Reply:
    """Return the answer with a page of ours, or 304 to who has it."""
    page, headers = _page(name)
    whole = Reply(page, content_type=b"text/html; charset=utf-8", headers=headers)
    return not_modified(scope, headers) or whole
