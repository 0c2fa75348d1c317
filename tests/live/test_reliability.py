"""A real server is killed, stopped, locked out and run out of disk; what it acknowledged must be there afterwards.

The experiments live in `bench/reliability`; these are their short forms (`make reliability` runs the long ones).
Times are held to more than is promised, since tests may share the machine; the long forms hold them to the promise.

LIVE_SERVER=pocketbase points them at the real PocketBase, which does not keep all of these promises.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from bench.measure import LAUNCHERS
from bench.processes import Launcher
from bench.reliability.crash import crash
from bench.reliability.full_disk import full_disk
from bench.reliability.large_upload import large_upload
from bench.reliability.locked import locked_database
from bench.reliability.lost_updates import lost_updates
from bench.reliability.outcome import CannotRun, Outcome
from bench.reliability.schema import schema_changes
from bench.reliability.slow_clients import slow_clients
from bench.reliability.stop import stop
from bench.reliability.stuck_readers import stuck_readers
from bench.reliability.syncs import syncs
from bench.reliability.uploads import uploads


@pytest.fixture
def launcher() -> Launcher:
    return LAUNCHERS[os.environ.get("LIVE_SERVER", "backstay")]


def run(experiment: Coroutine[Any, Any, Outcome]) -> Outcome:
    """Run an experiment to its end; skip, and say why, where this machine can't do it."""
    try:
        return asyncio.run(experiment)
    except CannotRun as exc:
        pytest.skip(f"NOT TESTED: {exc}")


def test_kill_under_load_loses_nothing_and_restarts_quickly(launcher: Launcher, tmp_path: Path) -> None:
    outcome = run(crash(launcher, tmp_path, rounds=3, restart_max_s=4.0))
    assert not outcome.findings, outcome.figures


def test_kill_under_uploads_leaves_no_orphan(launcher: Launcher, tmp_path: Path) -> None:
    outcome = run(uploads(launcher, tmp_path))
    assert not outcome.findings, outcome.figures


def test_a_large_upload_is_not_kept_in_memory(launcher: Launcher, tmp_path: Path) -> None:
    outcome = run(large_upload(launcher, tmp_path))
    assert not outcome.findings, outcome.figures


def test_stuck_subscribers_are_cut_and_hold_up_nobody(launcher: Launcher, tmp_path: Path) -> None:
    outcome = run(stuck_readers(launcher, tmp_path, write_max_ms=500, memory_max_mb=60))
    assert not outcome.findings, outcome.figures


def test_slow_clients_are_cut_and_hold_up_nobody(launcher: Launcher, tmp_path: Path) -> None:
    outcome = run(slow_clients(launcher, tmp_path, slow=50, others_max_ms=1000))
    assert not outcome.findings, outcome.figures


def test_stop_under_load_answers_what_is_in_flight(launcher: Launcher, tmp_path: Path) -> None:
    outcome = run(stop(launcher, tmp_path, rounds=2, p99_max_ms=400))
    assert not outcome.findings, outcome.figures


def test_no_write_is_answered_before_its_sync(launcher: Launcher, tmp_path: Path) -> None:
    outcome = run(syncs(launcher, tmp_path))
    assert not outcome.findings, outcome.figures


def test_full_disk_refuses_writes_and_nothing_else(launcher: Launcher, tmp_path: Path) -> None:
    outcome = run(full_disk(launcher, tmp_path))
    assert not outcome.findings, outcome.figures


@pytest.mark.parametrize(
    ("kind", "held_s"),
    [
        pytest.param("EXCLUSIVE", 1.5, id="a short exclusive lock"),
        pytest.param("IMMEDIATE", 6.5, id="a lock longer than a writer waits"),
    ],
)
def test_locked_database_is_answered_in_time(
    launcher: Launcher, tmp_path: Path, kind: str, held_s: float
) -> None:
    outcome = run(locked_database(launcher, tmp_path, held_s=held_s, kind=kind))
    assert not outcome.findings, outcome.figures


def test_schema_changes_happen_wholly_or_not_at_all(launcher: Launcher, tmp_path: Path) -> None:
    outcome = run(schema_changes(launcher, tmp_path))
    assert not outcome.findings, outcome.figures


def test_no_acknowledged_update_is_lost_to_another(launcher: Launcher, tmp_path: Path) -> None:
    outcome = run(lost_updates(launcher, tmp_path))
    assert not outcome.findings, outcome.figures
