"""R1, R2: kill -9 under load. Nothing acknowledged may be lost, nothing torn, and the restart is quick."""

from __future__ import annotations

import asyncio
import random
import statistics
from pathlib import Path

from bench.processes import Launcher, Server
from bench.reliability.journal import Audit, Journal, write_until_broken
from bench.reliability.outcome import Outcome
from bench.reliability.site import open_site

RESTART_MAX_S = 1.2
RESTART_MEDIAN_SHARE = 1 / 1.2


async def crash(
    launcher: Launcher,
    folder: Path,
    *,
    rounds: int = 3,
    acknowledged: int = 0,
    load_s: float = 0.8,
    clients: int = 8,
    restart_max_s: float = RESTART_MAX_S,
) -> Outcome:
    """Load the server, kill it at a random moment, start it again and audit; then once more.

    rounds:       how many kills at least
    acknowledged: go on until so many writes were acknowledged
    load_s:       the longest load of a round
    restart_max_s: how long the longest restart may take; the median a sixth less
    """
    outcome, journal = Outcome(), Journal()
    server = await open_site(launcher, folder / "data")
    restarts_s: list[float] = []
    moments = random.Random()
    try:
        while len(restarts_s) < rounds or journal.acknowledged < acknowledged:
            names = [f"r{len(restarts_s)}c{number}" for number in range(clients)]
            load = [asyncio.create_task(write_until_broken(journal, server.port, name)) for name in names]
            await asyncio.sleep(moments.uniform(load_s / 3, load_s))
            await asyncio.to_thread(server.kill)
            await asyncio.gather(*load)
            server = await asyncio.to_thread(Server, launcher, server.data, port=server.port)
            restarts_s.append(server.start_s)
            audit = Audit(server.database, journal)
            outcome.add_findings(f"after kill {len(restarts_s)}", audit.findings())
            outcome.figures["present though unanswered"] = len(audit.carried_out_unanswered())
    finally:
        server.kill()
    _add_restarts(outcome, restarts_s, restart_max_s)
    outcome.figures["acknowledged"] = journal.acknowledged
    outcome.expect(not journal.refused, f"writes were refused: {dict(journal.refused)}")
    outcome.expect(journal.acknowledged > rounds, "hardly a write was acknowledged: nothing was tested")
    outcome.add_latencies(journal.latencies_s)
    return outcome


def _add_restarts(outcome: Outcome, restarts_s: list[float], max_s: float) -> None:
    median_s, longest_s = statistics.median(restarts_s), max(restarts_s)
    outcome.figures["kills"] = len(restarts_s)
    outcome.figures["restart median ms"] = round(median_s * 1e3)
    outcome.figures["restart max ms"] = round(longest_s * 1e3)
    outcome.expect(median_s < max_s * RESTART_MEDIAN_SHARE, f"the median restart took {median_s:.2f} s")
    outcome.expect(longest_s < max_s, f"the longest restart took {longest_s:.2f} s")
