"""A real Chromium without a window, driven over its own protocol (https://chromedevtools.github.io/devtools-protocol/)."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
OPTIONS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --remote-debugging-port=0 about:blank"
)
DEADLINE_S = 20.0


class Tab:
    """One tab. `said`: what the page wrote into its console, faults and refusals of its policy included."""

    def __init__(self, link: aiohttp.ClientWebSocketResponse) -> None:
        self._link = link
        self._numbers = count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self.said: list[str] = []

    async def listen(self) -> None:
        async for message in self._link:
            told = json.loads(message.data)
            if "id" in told:
                self._answers.pop(told["id"]).set_result(told)
            elif told.get("method") in {
                "Log.entryAdded",
                "Runtime.exceptionThrown",
                "Runtime.consoleAPICalled",
            }:
                self.said.append(json.dumps(told["params"]))

    async def call(self, method: str, **params: Any) -> Any:
        number = next(self._numbers)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._answers[number] = answer
        await self._link.send_json({"id": number, "method": method, "params": params})
        return (await asyncio.wait_for(answer, DEADLINE_S)).get("result")

    async def run(self, script: str) -> Any:
        """Return what an expression of the page gives."""
        found = await self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def until(self, condition: str) -> None:
        """Wait until an expression of the page is true."""
        async with asyncio.timeout(DEADLINE_S):
            while not await self.run(condition):
                await asyncio.sleep(0.05)

    async def go(self, url: str) -> None:
        await self.call("Page.navigate", url=url)


@asynccontextmanager
async def tab(folder: Path) -> AsyncIterator[Tab]:
    """Open a browser with one tab."""
    command = [CHROMIUM, f"--user-data-dir={folder}", *OPTIONS.split()]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        place = folder / "DevToolsActivePort"
        async with asyncio.timeout(DEADLINE_S):
            while not place.exists() or "\n" not in place.read_text():
                await asyncio.sleep(0.05)
        port = place.read_text().split("\n")[0]
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/json/list") as reply:
                pages = [item for item in await reply.json() if item["type"] == "page"]
            async with session.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=0) as link:
                found = Tab(link)
                listening = asyncio.create_task(found.listen())
                for domain in ("Page", "Runtime", "Log"):
                    await found.call(f"{domain}.enable")
                yield found
                listening.cancel()
    finally:
        process.terminate()
        process.wait()
