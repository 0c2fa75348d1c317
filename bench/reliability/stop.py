"""R3, R4: SIGTERM under load. What is in flight is answered, the server ends with 0 and soon; writes are quick till then."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from bench.processes import Launcher, Server
from bench.reliability.journal import Audit, Journal, write_until_broken
from bench.reliability.outcome import WRITE_P99_MAX_MS, Outcome
from bench.reliability.site import open_site

STOP_MAX_S = 2.0
READ_WITHIN_S = 0.005
"""A request younger than this may lie unread in the socket; HTTP has no way to keep such a one from being dropped."""


async def stop(
    launcher: Launcher,
    folder: Path,
    *,
    rounds: int = 2,
    load_s: float = 1.0,
    clients: int = 8,
    p99_max_ms: float = WRITE_P99_MAX_MS,
) -> Outcome:
    """Stop the loaded server by SIGTERM, audit, start it again; then once more."""
    outcome, journal = Outcome(), Journal()
    server = await open_site(launcher, folder / "data")
    longest_s = 0.0
    try:
        for number in range(rounds):
            if number:
                server = await asyncio.to_thread(Server, launcher, server.data)
            names = [f"r{number}c{client}" for client in range(clients)]
            load = [asyncio.create_task(write_until_broken(journal, server.port, name)) for name in names]
            await asyncio.sleep(load_s)
            asked_at = time.monotonic()
            code, took_s = await asyncio.to_thread(server.terminate)
            await asyncio.gather(*load)
            longest_s = max(longest_s, took_s)
            outcome.expect(code == 0, f"the exit code was {code}")
            _audit(outcome, Audit(server.database, journal), journal, asked_at)
    finally:
        server.kill()
    outcome.expect(longest_s < STOP_MAX_S, f"the stop took {longest_s:.2f} s")
    outcome.figures |= {"acknowledged": journal.acknowledged, "longest stop ms": round(longest_s * 1e3)}
    outcome.figures["refused while stopping"] = journal.refused.total()
    outcome.expect(journal.acknowledged > clients, "hardly a write was acknowledged: nothing was tested")
    outcome.add_latencies(journal.latencies_s)
    p99_ms = outcome.figures.get("write p99 ms", 0)
    outcome.expect(p99_ms < p99_max_ms, f"the write latency p99 was {p99_ms} ms")
    return outcome


def _audit(outcome: Outcome, audit: Audit, journal: Journal, asked_at: float) -> None:
    """Judge one stop. A request sent after SIGTERM may find the door shut, but then it must not be carried out."""
    outcome.findings += audit.findings()
    dropped = [subject for subject, sent_at in journal.unsure.items() if sent_at < asked_at - READ_WITHIN_S]
    outcome.expect(not dropped, f"{len(dropped)} requests in flight got no answer")
    silent = audit.carried_out_unanswered()
    outcome.expect(not silent, f"{len(silent)} writes were carried out and not answered")
    journal.unsure.clear()
