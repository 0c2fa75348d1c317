"""What one `before` hook costs a write: creates with and without it, in turn, in one process without a server around it."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from backstay import Backstay, Event
from backstay.catalog import Collection
from backstay.options import ServeOptions
from backstay.plans.request import RequestInfo
from backstay.records.query import RecordCall
from backstay.site import Site

CREATES = 1500
WARM_UP = 100
_OPEN = dict.fromkeys(("listRule", "viewRule", "createRule", "updateRule", "deleteRule"), "")


def hook_cost_us() -> float:
    """Return by how many microseconds the median of creates is longer with a hook."""
    with tempfile.TemporaryDirectory(prefix="bench-hooks-") as folder:
        return asyncio.run(_measure(Path(folder)))


async def _measure(folder: Path) -> float:
    app = Backstay()

    @app.before("hooked", "create")
    async def hook(event: Event) -> None:
        event.record["n"] = event.record["n"] + 1

    times: dict[str, list[float]] = {"plain": [], "hooked": []}
    async with app.open(ServeOptions.of_folder(folder / "data")) as site:
        for name in times:
            fields = [{"name": "title", "type": "text"}, {"name": "n", "type": "number"}]
            await site.create_collection({"name": name, "type": "base", "fields": fields, **_OPEN})
        for number in range(CREATES + WARM_UP):
            for name, found in times.items():
                took_us = await _create(site, site.catalog.find(name))
                if number >= WARM_UP:
                    found.append(took_us)
    return statistics.median(times["hooked"]) - statistics.median(times["plain"])


async def _create(site: Site, collection: Collection | None) -> float:
    assert collection is not None, "it was made a moment ago"
    call = RecordCall(site.catalog, collection, RequestInfo(), body={"title": "a", "n": 1})
    began = time.perf_counter()
    await site.writer.create(call)
    return (time.perf_counter() - began) * 1e6
