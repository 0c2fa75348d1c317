"""The commands as an operator runs them: processes, exit codes, what stands on stdout and stderr."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from backstay.options import Address

DEADLINE_S = 60


def backstay(
    *arguments: str, cwd: Path, typed: str | None = None, **env: str
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "backstay", *arguments],
        cwd=cwd,
        input=typed or "",
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        env=surroundings(env),
        check=False,
    )


def surroundings(env: dict[str, str]) -> dict[str, str]:
    """Return this process's environment without its own BACKSTAY_ variables, and with our package in the path."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("BACKSTAY_")}
    return {**kept, "PYTHONPATH": str(Path(__file__).parents[2] / "src"), **env}


class Serving:
    """A running `backstay serve` or `backstay demo`, and what it printed until it was ready."""

    def __init__(self, process: subprocess.Popen[str], url: str, printed: str) -> None:
        self.process, self.url, self.printed = process, url, printed

    def get(self, path: str, **query: str) -> Any:
        """Return the JSON of an answer."""
        text = f"?{urllib.parse.urlencode(query)}" if query else ""
        with urllib.request.urlopen(f"{self.url}/api/{path}{text}", timeout=DEADLINE_S) as answer:
            return json.load(answer)

    def sign_in(self, email: str, password: str) -> str:
        """Sign in as a superuser and return the token."""
        request = urllib.request.Request(
            f"{self.url}/api/collections/_superusers/auth-with-password",
            data=json.dumps({"identity": email, "password": password}).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
            return str(json.load(answer)["token"])

    def stop(self) -> tuple[int, str]:
        """Send SIGTERM and return exit code and stderr."""
        self.process.send_signal(signal.SIGTERM)
        _, err = self.process.communicate(timeout=DEADLINE_S)
        return self.process.returncode, err


@contextmanager
def serving(address: Address, *arguments: str, cwd: Path, **env: str) -> Iterator[Serving]:
    process = subprocess.Popen(
        [sys.executable, "-m", "backstay", *arguments, "--http", f"{address.host}:{address.port}"],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=surroundings(env),
    )
    assert process.stdout is not None
    printed = ""
    try:
        while f"{address.url}/api/" not in printed:
            line = process.stdout.readline()
            assert line, f"it ended: {printed}{process.communicate()[1]}"
            printed += line
        yield Serving(process, address.url, printed)
    finally:
        process.kill()
        process.communicate()


def assert_explains(done: subprocess.CompletedProcess[str], first: str) -> None:
    """Three lines on stderr: what, why, do."""
    lines = done.stderr.splitlines()
    assert [line[:7] for line in lines] == ["error: ", "why:   ", "do:    "], done.stderr
    assert first in lines[0]


def test_serve_makes_its_data_and_stops_cleanly(tmp_path: Path, address: Address) -> None:
    with serving(address, "serve", cwd=tmp_path) as server:
        assert server.get("health")["code"] == 200
        assert server.stop() == (0, "")
    data = tmp_path / "data"
    assert data.stat().st_mode & 0o777 == 0o700
    assert all(file.stat().st_mode & 0o077 == 0 for file in data.iterdir())


def test_options_come_from_the_environment_too(tmp_path: Path, address: Address) -> None:
    with serving(address, "serve", cwd=tmp_path, BACKSTAY_DATA="elsewhere", BACKSTAY_WORKERS="2") as server:
        assert "(2 workers)" in server.printed
        assert server.get("health")["code"] == 200
        assert server.stop() == (0, "")
    assert (tmp_path / "elsewhere").is_dir()


@pytest.mark.parametrize(
    ("arguments", "code", "first"),
    [
        (["serve", "nowhere"], 1, "there is no site folder 'nowhere'"),
        (["serve", "--http", "nonsense"], 1, "'nonsense' is no address"),
        (["serve", "--http", "192.0.2.1:8090"], 1, "cannot listen on 192.0.2.1:8090 (EADDRNOTAVAIL)"),
        (["serve", "--workers", "0"], 1, "'0' is no number of workers"),
        (["serve", "--origins", "example"], 1, "'example' is no web origin"),
        (["serve", "--data", "/proc/x"], 1, "cannot use the data folder '/proc/x'"),
        (["serve", "--nope"], 2, "no such option '--nope'"),
        (["fly"], 2, "no such command 'fly'"),
        (["superuser", "create"], 2, "missing argument 'EMAIL'"),
        (["superuser", "create", "a@example.com"], 1, "there is no password"),
        (["superuser", "create", "nobody", "1234567890"], 1, "cannot create superuser 'nobody'"),
        (["superuser", "update", "a@example.com", "1234567890"], 1, "cannot update superuser"),
        (["import", "csv", "none.csv", "--into", "x"], 1, "cannot read 'none.csv'"),
        (["import", "csv", "none.csv"], 2, "missing option '--into'"),
    ],
)
def test_what_is_wrong_is_said_in_three_lines(
    tmp_path: Path, arguments: list[str], code: int, first: str
) -> None:
    done = backstay(*arguments, cwd=tmp_path)
    assert_explains(done, first)
    assert (done.returncode, done.stdout) == (code, "")


def test_superusers(tmp_path: Path, address: Address) -> None:
    created = backstay("superuser", "create", "ann@example.com", "first password", cwd=tmp_path)
    assert (created.returncode, created.stdout) == (0, "Created superuser ann@example.com.\n")
    again = backstay("superuser", "create", "ann@example.com", "first password", cwd=tmp_path)
    assert_explains(again, "cannot create superuser")
    with serving(address, "serve", cwd=tmp_path) as server:
        assert server.sign_in("ann@example.com", "first password")
        upserted = backstay(
            "superuser", "upsert", "ann@example.com", "-", "--json", cwd=tmp_path, typed="second password\n"
        )
        assert json.loads(upserted.stdout) == {"action": "upsert", "email": "ann@example.com"}
        assert server.sign_in("ann@example.com", "second password"), "the running server knows it at once"
    last = backstay("superuser", "delete", "ann@example.com", cwd=tmp_path)
    assert_explains(last, "cannot delete superuser")


def test_import_tells_what_it_inferred_and_what_it_refused(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("name,price\nA,1\nB,2,3\n")
    refused = backstay("import", "csv", "rows.csv", "--into", "goods", cwd=tmp_path)
    assert refused.returncode == 1
    assert "  price  number    numbers" in refused.stderr
    assert "line 3: 3 cells, where the header has 2." in refused.stdout
    skipped = backstay(
        "import", "csv", "rows.csv", "--into", "goods", "--skip-errors", "--json", cwd=tmp_path
    )
    assert skipped.returncode == 0
    summary = json.loads(skipped.stdout)
    assert (summary["created"], summary["loaded"], summary["refused"]) == (True, 1, 1)
    assert summary["refusals"][0]["line"] == 3


def test_the_demo_serves_the_world(tmp_path: Path, address: Address) -> None:
    with serving(address, "demo", cwd=tmp_path) as server:
        password = re.search(r"Password: +(\S+)", server.printed)
        assert password
        assert "GeoNames" in server.printed
        assert "CC BY 4.0" in server.printed
        assert server.sign_in("demo@example.com", password[1])
        largest = server.get("collections/cities/records", sort="-population", expand="country", perPage="1")
        assert largest["totalItems"] > 25_000
        assert largest["items"][0]["expand"]["country"]["name"]
        near = server.get(
            "collections/cities/records",
            filter="geoDistance(location.lon, location.lat, 13.4, 52.5) < 50",
            sort="-population",
        )
        assert near["items"][0]["name"] == "Berlin"
        assert server.get("collections/countries/records/countryjp000000")["name"] == "Japan"
        assert server.stop() == (0, "")
    with serving(address, "demo", cwd=tmp_path) as server:
        assert "Password" not in server.printed
        assert server.get("collections/countries/records", perPage="1")["totalItems"] > 240


def test_help_and_version_load_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys; from backstay.cli import run; run(['--help']); run(['--version']); run(['serve', '--help']); "
        "heavy = {'sqlalchemy', 'starlette', 'granian', 'rich', 'asyncio'} & set(sys.modules); assert not heavy, heavy"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=surroundings({}),
        check=False,
    )
    assert done.returncode == 0, done.stderr
