"""/api/docs in a real browser: it shows what one may use, signs in, tries requests, and runs nothing but its own script."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.live.browser import CHROMIUM, tab
from tests.live.test_commands import backstay, serving

from backstay.options import Address

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed"),
]
SITE = '''
from backstay import Backstay

app = Backstay()


@app.get("/api/hostile", public=True, tags=("odd <b>tag</b>",))
async def hostile(name: str = "<img src=x onerror=alert(1)>") -> dict[str, str]:
    """Hello <img src=x onerror="document.title='taken'"> there."""
    return {"name": name}
'''
CARD = "document.getElementById('{id}')"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_the_page_in_a_browser(tmp_path: Path, address: Address) -> None:
    (tmp_path / "site.py").write_text(SITE)
    done = backstay("superuser", "create", "boss@example.com", "correct horse", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with serving(address, "serve", cwd=tmp_path) as server:
        async with tab(tmp_path / "profile") as page:
            await page.go(f"{server.url}/api/docs")
            await page.until("document.querySelectorAll('#tags a').length > 2")
            tags: list[str] = await page.run(
                "[...document.querySelectorAll('#tags a')].map(a => a.textContent)"
            )
            assert not any(tag.startswith("settings ") for tag in tags), "superusers alone may use it"
            assert any(tag.startswith("odd <b>tag</b> ") for tag in tags)
            await try_hostile(page)
            await sign_in(page)
            assert await page.run("document.querySelectorAll('img').length") == 0
            assert page.said == []


@pytest.mark.parametrize("path", ["/api/docs", "/"])
async def test_a_page_is_sent_once(tmp_path: Path, address: Address, path: str) -> None:
    """Who has it gets 304, also through a proxy that made the tag a weak one; HEAD tells the same of it as GET."""
    with serving(address, "serve", cwd=tmp_path) as server:
        async with aiohttp.ClientSession(server.url) as client:
            whole = await client.get(path)
            size, tag = len(await whole.read()), whole.headers["ETag"]
            head = await client.head(path)
            assert (head.status, head.headers["Content-Length"]) == (200, str(size))
            assert (head.headers["ETag"], await head.read()) == (tag, b"")
            for known in (tag, f'"other", W/{tag}', "*"):
                again = await client.get(path, headers={"If-None-Match": known})
                assert (again.status, await again.read()) == (304, b"")
                assert again.headers["Content-Security-Policy"] == whole.headers["Content-Security-Policy"]
            assert (await client.get(path, headers={"If-None-Match": '"other"'})).status == 200


async def try_hostile(page: Any) -> None:
    """Open an operation, send it, and see its answer; names and words of others stay text."""
    await page.run("location.hash = '#' + encodeURIComponent('get-/api/hostile')")
    card = CARD.format(id="get-/api/hostile")
    await page.until(f"{card}?.open && {card}.querySelector('form')")
    assert "Hello <img src=x" in await page.run(f"{card}.textContent")
    await page.run(f"{card}.querySelector('form button').click()")
    await page.until(f"{card}.querySelector('.output').textContent.includes('200')")
    assert "onerror=alert(1)" in await page.run(f"{card}.querySelector('.output').textContent")
    assert await page.run("document.title") != "taken"


async def sign_in(page: Any) -> None:
    """A superuser sees more, and less again after signing out."""
    await page.run("document.getElementById('identity').value = 'boss@example.com'")
    await page.run("document.getElementById('password').value = 'correct horse'")
    await page.run("document.getElementById('enter').requestSubmit()")
    await page.until("document.getElementById('who').textContent.includes('boss@example.com')")
    await page.until("document.getElementById('tags').textContent.includes('_superusers')")
    assert await page.run("document.getElementById('password').value") == ""
    await page.run("document.getElementById('leave').click()")
    await page.until("!document.getElementById('tags').textContent.includes('_superusers')")
