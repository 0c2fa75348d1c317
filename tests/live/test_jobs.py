"""Jobs in processes that are killed, stopped, and that share the work; and the commands around them."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.live.jobs_site import HOOK, Told, opened, record
from tests.live.test_commands import backstay, serving, surroundings

from backstay.options import Address
from backstay.outbox.ledger import Entry
from backstay.outbox.outbox import AT_ONCE_MAX

SCRIPT = Path(__file__).with_name("jobs_site.py")
DEADLINE_S = 60.0
KILLS = 4


@contextmanager
def process(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run a process of the site; yield it when it is ready."""
    root = str(Path(__file__).parents[2])
    env = surroundings({})
    env["PYTHONPATH"] += f":{root}"
    running = subprocess.Popen(
        [sys.executable, str(SCRIPT), *arguments], stdout=subprocess.PIPE, text=True, env=env, cwd=root
    )
    try:
        assert running.stdout is not None
        assert running.stdout.readline() == "ready\n"
        yield running
    finally:
        running.kill()
        running.wait()
        assert running.stdout is not None
        running.stdout.close()


def wait_for(holds: Callable[[], object]) -> None:
    deadline_s = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < deadline_s, "it did not happen in time"
        time.sleep(0.01)


def _more_than(told: Told, count: int) -> Callable[[], bool]:
    return lambda: len(told.read()) > count


async def left(folder: Path) -> list[Entry]:
    """Return what is in the outbox."""
    async with opened(folder) as site:
        return (await site.ledger.page())[0]


def test_of_a_thousand_effects_none_is_lost_by_kills(tmp_path: Path, address: Address) -> None:
    asyncio.run(record(tmp_path, "job:note", range(700)))
    asyncio.run(record(tmp_path, HOOK, range(300)))
    told = Told(tmp_path)
    expected = {f"job{number}" for number in range(700)} | {f"hook{number}" for number in range(300)}
    for _ in range(KILLS):
        before = len(told.read())
        with process("serve", str(tmp_path), str(address.port)) as server:
            wait_for(_more_than(told, before + 60))
            server.kill()
            server.wait()
    assert len(set(told.read())) < 1000, "it was killed too late: nothing was tested"
    with process("serve", str(tmp_path), str(address.port)):
        wait_for(lambda: set(told.read()) == expected)
        wait_for(lambda: not asyncio.run(left(tmp_path)))
    again = [name for name, count in Counter(told.read()).items() if count > 1]
    assert len(again) <= KILLS * AT_ONCE_MAX, "only what was under way is done again"


def test_processes_share_the_work(tmp_path: Path, address: Address) -> None:
    asyncio.run(record(tmp_path, "job:note", range(200)))
    told = Told(tmp_path)
    with process("serve", str(tmp_path), str(address.port)), process("worker", str(tmp_path)):
        wait_for(lambda: len(told.read()) >= 200)
    assert Counter(told.read()) == Counter(f"job{number}" for number in range(200))


def test_a_worker_lets_jobs_end_when_it_is_told_to_stop(tmp_path: Path) -> None:
    asyncio.run(record(tmp_path, "job:slow", range(20)))
    told = Told(tmp_path)
    with process("worker", str(tmp_path)) as worker:
        wait_for(told.read)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(DEADLINE_S) == 0
    began = {name.removeprefix("began") for name in told.read() if name.startswith("began")}
    ended = {name.removeprefix("ended") for name in told.read() if name.startswith("ended")}
    assert began == ended
    entries = asyncio.run(left(tmp_path))
    assert len(entries) == 20 - len(began)
    assert {(entry.state, entry.attempts) for entry in entries} == {("waiting", 0)}


# -- the commands ------------------------------------------------------------------------------------------


def ask(url: str, token: str, method: str = "GET") -> Any:
    request = urllib.request.Request(url, method=method, headers={"Authorization": token})
    with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
        text = answer.read()
        return json.loads(text) if text else None


@pytest.mark.parametrize("way", ["option", "environment"])
def test_a_server_leaves_jobs_to_a_worker(tmp_path: Path, address: Address, way: str) -> None:
    made = backstay("superuser", "create", "a@example.com", "1234567890", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    options = ["--no-jobs"] if way == "option" else []
    env = {} if way == "option" else {"BACKSTAY_JOBS": "off"}
    with serving(address, "serve", *options, cwd=tmp_path, **env) as server:
        token = server.sign_in("a@example.com", "1234567890")
        url = f"{server.url}/api"
        ask(f"{url}/crons/__pbDBOptimize__", token, "POST")
        time.sleep(
            1.5
        )  # longer than the outbox looks away: nothing may happen, so there is nothing to wait for
        assert [item["state"] for item in ask(f"{url}/jobs", token)["items"]] == ["waiting"]
        with subprocess.Popen(
            [sys.executable, "-m", "backstay", "worker"],
            cwd=tmp_path,
            env=surroundings({}),
            stdout=subprocess.PIPE,
            text=True,
        ) as worker:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "The worker of data/ is ready; Ctrl-C stops it.\n"
            try:
                wait_for(lambda: not ask(f"{url}/jobs", token)["items"])
                worker.send_signal(signal.SIGTERM)
                assert worker.wait(DEADLINE_S) == 0
            finally:
                worker.kill()


def test_jobs_are_listed_retried_and_deleted(tmp_path: Path) -> None:
    asyncio.run(record(tmp_path, "job:note", range(3)))
    asyncio.run(record(tmp_path, "mail", range(1)))

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return backstay("jobs", *words, cwd=tmp_path)

    listed = json.loads(run("list", "--json", "--limit", "2").stdout)
    assert listed["total"] == 4
    mail, note = listed["jobs"]
    assert (mail["topic"], mail["state"], "payload" in mail) == ("mail", "waiting", False)
    assert note["payload"] == {"number": 2}
    text = run("list", "--topic", "mail").stdout
    assert "waiting  mail  due " in text
    assert text.endswith("1 of 1.\n")
    counts = json.loads(run("stats", "--json").stdout)
    assert counts == [
        {"topic": "job:note", "state": "waiting", "count": 3},
        {"topic": "mail", "state": "waiting", "count": 1},
    ]
    assert json.loads(run("delete", str(mail["id"]), "--json").stdout) == {"deleted": 1}
    refused = run("retry", str(note["id"]), "999")
    assert refused.returncode == 1
    assert "error: can't retry 2 of 2\n" in refused.stderr
    assert "999: there is none" in refused.stderr
    assert json.loads(run("retry", "--topic", "job:note", "--json").stdout) == {"retried": 0}
    assert run("retry").returncode == 2
    assert run("list", "--state", "lost").returncode == 2
    assert backstay("jobs", "list", cwd=tmp_path / "data").returncode == 1, "there is no site"


def test_a_switch_that_is_neither_on_nor_off(tmp_path: Path) -> None:
    refused = backstay("serve", cwd=tmp_path, BACKSTAY_JOBS="maybe")
    assert refused.returncode == 2
    assert "BACKSTAY_JOBS" in refused.stderr or "maybe" in refused.stderr
