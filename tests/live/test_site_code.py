"""A site's own code under `backstay serve`: killed while effects are due, started again when it changes."""

from __future__ import annotations

import json
import socket
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.live.test_commands import serving

from backstay.options import Address

SITE = """
import asyncio
from pathlib import Path
from backstay import Backstay, Collection, Event, field

app = Backstay()
TOLD = Path(__file__).with_name("told.txt")


@app.collection
class Letters(Collection):
    number: float = field.number()


@app.committed(Letters, "create")
async def tell(event: Event) -> None:
    await asyncio.sleep(0.002)
    with TOLD.open("a") as file:
        file.write(f"{event.record['number']:g}\\n")


@app.post("/api/letters/{count}", public=True, in_transaction=True)
async def write(count: int) -> int:
    for number in range(count):
        await app.records(Letters).create(number=number)
    return count
"""
EFFECTS = 1000
DEADLINE_S = 60.0


def ask(address: Address, method: str, path: str) -> Any:
    with urllib.request.urlopen(urllib.request.Request(f"{address.url}{path}", method=method)) as reply:
        return json.load(reply)


def told(folder: Path) -> list[str]:
    file = folder / "told.txt"
    return file.read_text().split("\n")[:-1] if file.exists() else []


def wait_for(holds: Callable[[], bool]) -> None:
    ends_s = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < ends_s, "it did not happen in time"
        time.sleep(0.01)


def is_free(address: Address) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((address.host, address.port)) != 0


def test_of_a_thousand_committed_effects_none_is_lost(tmp_path: Path, address: Address) -> None:
    (tmp_path / "site.py").write_text(SITE)
    with serving(address, "serve", str(tmp_path), cwd=tmp_path) as server:
        assert ask(address, "POST", f"/api/letters/{EFFECTS}") == EFFECTS
        wait_for(lambda: len(told(tmp_path)) > 50)
        server.process.kill()
    before = len(set(told(tmp_path)))
    assert before < EFFECTS, "it was killed too late: nothing was tested"
    with serving(address, "serve", str(tmp_path), cwd=tmp_path):
        wait_for(lambda: len(set(told(tmp_path))) == EFFECTS)
    assert len(told(tmp_path)) <= EFFECTS + 32, "only what was under way ran twice"


def test_in_development_a_change_of_the_code_is_served(tmp_path: Path, address: Address) -> None:
    file = tmp_path / "site.py"
    hello = """
from backstay import Backstay
app = Backstay()

@app.get("/api/hello", public=True)
async def hello() -> str:
    return "first"
"""
    file.write_text(hello)
    with serving(address, "serve", str(tmp_path), "--dev", cwd=tmp_path):
        assert ask(address, "GET", "/api/hello") == "first"
        file.write_text(hello.replace("first", "second"))

        def is_second() -> bool:
            try:
                return bool(ask(address, "GET", "/api/hello") == "second")
            except OSError:
                return False

        wait_for(is_second)
    wait_for(lambda: is_free(address))  # the process that is started again goes with the one that starts it
