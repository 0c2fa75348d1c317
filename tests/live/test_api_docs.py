"""/api/docs in a real browser: it shows what one may use, signs in, tries requests, and runs nothing but its own script."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from tests.live.browser import CHROMIUM, DEADLINE_S, Tab, tab
from tests.live.docs_stage import FORM, choose_body, example, opened, sent
from tests.live.test_commands import backstay, serving, surroundings

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


async def test_a_token_that_is_refused(tmp_path: Path, address: Address) -> None:
    """A pasted token which the server doesn't take is told; one that it takes shows more."""
    boss = ("boss@example.com", "correct horse")
    done = backstay("superuser", "create", *boss, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with serving(address, "serve", cwd=tmp_path) as server:
        async with aiohttp.ClientSession(server.url) as client, tab(tmp_path / "profile") as page:
            token = server.sign_in(*boss)
            await page.go(f"{server.url}/api/docs")
            await page.until("document.querySelectorAll('#tags a').length > 2")
            for bad, told in ((token + "x", "doesn't know this token"), ("käse", "A token has none but")):
                await use_token(page, bad)
                await page.until(f'document.getElementById("fault").textContent.includes("{told}")')
                assert await page.run("document.getElementById('account').open")
                assert await page.run("document.getElementById('leave').hidden")
                assert "everybody" in await page.run("document.getElementById('who').textContent")
            await use_token(page, token)
            await page.until("document.getElementById('who').textContent.includes('one of _superusers')")
            assert await page.run("document.getElementById('fault').textContent") == ""
            assert page.said == []
            # Superusers may come from elsewhere only: the token is good, and is refused all the same.
            settings = {"superuserIPs": ["192.0.2.1"]}
            await client.patch("/api/settings", json=settings, headers={"Authorization": token})
            await page.run("document.getElementById('leave').click()")
            await page.until("document.getElementById('leave').hidden")
            await use_token(page, token)
            await page.until("document.getElementById('fault').textContent.includes('may not come from')")
            assert ["403" in said for said in page.said] == [True], "the browser tells of the refusal"


async def use_token(page: Tab, token: str) -> None:
    await page.run(f"document.getElementById('token').value = {json.dumps(token)}")
    await page.run("document.getElementById('use').click()")


OUTER = """
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.routing import Mount

from backstay import Backstay

app = Backstay(data="data")


@asynccontextmanager
async def lifespan(_):
    async with app.running():
        yield


outer = Starlette(routes=[Mount("/back/office", app)], lifespan=lifespan)
"""


async def test_a_site_under_a_prefix(tmp_path: Path, address: Address) -> None:
    """Mounted in another application, the page finds its document and sends its requests under the prefix."""
    (tmp_path / "outer.py").write_text(OUTER)
    command = [sys.executable, "-m", "granian", "--interface", "asgi", "--host", address.host]
    command += ["--port", str(address.port), "outer:outer"]
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, cwd=tmp_path, env=surroundings({}), stdout=quiet, stderr=quiet)
    try:
        await answering(f"{address.url}/back/office/api/health")
        async with tab(tmp_path / "profile") as page:
            await page.go(f"{address.url}/back/office/api/docs")
            await page.until("document.querySelectorAll('#tags a').length > 2")
            card = await opened(page, "get-/api/health")
            url = f"{address.url}/back/office/api/health"
            assert await example(page, card, "curl") == f"curl '{url}'"
            assert (await sent(page, card))["code"] == 200
            assert page.said == []
    finally:
        process.terminate()
        process.wait()


async def answering(url: str) -> None:
    """Wait until there is an answer."""
    async with asyncio.timeout(DEADLINE_S), aiohttp.ClientSession() as client:
        while True:
            try:
                async with client.get(url) as reply:
                    if reply.status == 200:
                        return
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(0.05)


MANY, SHOWN_WITHIN_S, FROZEN_MAX_MS = 200, 5.0, 1000
FREEZES = """
    window.frozen = 0;
    new PerformanceObserver(list => {
        for (const task of list.getEntries()) window.frozen = Math.max(window.frozen, task.duration);
    }).observe({ type: "longtask", buffered: true });
"""


async def test_a_site_of_many_collections(tmp_path: Path, address: Address) -> None:
    """It is shown soon, doesn't freeze when one looks for something, and fits a phone."""
    boss = ("boss@example.com", "correct horse")
    done = backstay("superuser", "create", *boss, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with serving(address, "serve", cwd=tmp_path) as server:
        async with aiohttp.ClientSession(server.url) as client, tab(tmp_path / "profile") as page:
            headers = {"Authorization": server.sign_in(*boss)}
            many = {"collections": [wide(number) for number in range(MANY)]}
            reply = await client.put("/api/collections/import", json=many, headers=headers)
            assert reply.status == 204, await reply.text()
            await page.call("Page.addScriptToEvaluateOnNewDocument", source=FREEZES)
            phone = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
            await page.call("Emulation.setDeviceMetricsOverride", **phone)
            await fits_and_is_quick(page, server.url)
            await page.run(f"(enter({json.dumps(headers['Authorization'])}), null)")
            await page.until("!document.getElementById('leave').hidden")
            await look_around(page)
            assert await page.run("window.frozen") < FROZEN_MAX_MS
            assert page.said == []


def wide(number: int) -> dict[str, Any]:
    """Return a collection with long names and twenty fields, files among them."""
    name = f"collection_with_a_long_name_{number}"
    fields: list[dict[str, Any]] = [
        {"name": f"{'a_field_with_a_long_name_' * 2}{at}", "type": "text"} for at in range(19)
    ]
    fields.append({"name": "papers", "type": "file", "maxSelect": 5})
    rules = dict.fromkeys(("listRule", "viewRule", "createRule", "updateRule", "deleteRule"), "")
    return {"name": name, "type": "base", "fields": fields, **rules}


async def fits_and_is_quick(page: Tab, url: str) -> None:
    began = time.monotonic()
    await page.go(f"{url}/api/docs")
    await page.until(f"document.querySelectorAll('#tags a').length > {MANY}")
    assert time.monotonic() - began < SHOWN_WITHIN_S
    assert await page.run("document.documentElement.scrollWidth") <= 390


async def look_around(page: Tab) -> None:
    """Open a card with all its parts, send something, look for something; nothing is wider than the phone."""
    name = f"collection_with_a_long_name_{MANY - 1}"
    card = await opened(page, f"post-/api/collections/{name}/records")
    await choose_body(page, card, FORM)
    for language in ("JavaScript", "curl"):
        await example(page, card, language)
        assert await page.run("document.documentElement.scrollWidth") <= 390, language
    await page.run(f"{card}.querySelector('form').requestSubmit()")
    await page.until(f"{card}.querySelector('.output details') !== null")
    await page.run(f"{card}.querySelectorAll('details').forEach(part => {{ part.open = true; }})")
    assert await page.run("document.documentElement.scrollWidth") <= 390
    await page.run("(at('find').value = 'with_a_long_name_77', show())")
    await page.until("document.querySelectorAll('#tags a').length === 1")
    await page.run("(at('find').value = '', show())")
    await page.until(f"document.querySelectorAll('#tags a').length > {MANY}")


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


async def try_hostile(page: Tab) -> None:
    """Open an operation, send it, and see its answer; names and words of others stay text."""
    await page.run("location.hash = '#' + encodeURIComponent('get-/api/hostile')")
    card = CARD.format(id="get-/api/hostile")
    await page.until(f"{card}?.open && {card}.querySelector('form')")
    assert "Hello <img src=x" in await page.run(f"{card}.textContent")
    await page.run(f"{card}.querySelector('form button').click()")
    await page.until(f"{card}.querySelector('.output').textContent.includes('200')")
    assert "onerror=alert(1)" in await page.run(f"{card}.querySelector('.output').textContent")
    assert await page.run("document.title") != "taken"


async def sign_in(page: Tab) -> None:
    """A superuser sees more, and less again after signing out."""
    await page.run("document.getElementById('identity').value = 'boss@example.com'")
    await page.run("document.getElementById('password').value = 'correct horse'")
    await page.run("document.getElementById('enter').requestSubmit()")
    await page.until("document.getElementById('who').textContent.includes('boss@example.com')")
    await page.until("document.getElementById('tags').textContent.includes('_superusers')")
    assert await page.run("document.getElementById('password').value") == ""
    await page.run("document.getElementById('leave').click()")
    await page.until("!document.getElementById('tags').textContent.includes('_superusers')")
