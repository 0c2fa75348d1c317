"""schemathesis asks the demo and the RealWorld back end what their OpenAPI documents say: no 5xx, no status or type unheard of,
and no answer that is not as its schema says.

BACKSTAY_FUZZ_EXAMPLES sets how many requests it makes for an operation (default: a few, always the same ones).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.live.test_commands import backstay, serving, surroundings

from backstay.options import Address

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = os.environ.get("BACKSTAY_FUZZ_EXAMPLES", "")
HOOKS = Path(__file__).with_name("fuzz_hooks.py")
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,answers_as_described"
STREAMS = "^/api/realtime$"
OWN_GROUND = r"^/api/(settings|collections(/import|/meta/.*|/\{collection\}.*)?$|collections/_superusers)|^/api/realtime$"
"""What a superuser would take away the ground with under the requests that follow."""
DEADLINE_S = 600


@pytest.fixture
def demo(tmp_path: Path, address: Address) -> Iterator[str]:
    """The address of a served demo site, with a superuser."""
    assert backstay("demo", "--load-only", cwd=tmp_path).returncode == 0
    made = backstay(
        "superuser", "create", "boss@example.com", "correct horse", "--data", "demo/data", cwd=tmp_path
    )
    assert made.returncode == 0, made.stderr
    with serving(address, "demo", cwd=tmp_path) as server:
        yield server.url


@pytest.fixture
def conduit(tmp_path: Path, address: Address) -> Iterator[str]:
    site = str(ROOT / "examples" / "conduit")
    with serving(address, "serve", site, "--data", str(tmp_path / "data"), cwd=tmp_path) as server:
        yield server.url


def fuzz(
    url: str, folder: Path, *, without: str, token: str = "", scheme: str = "", more: tuple[str, ...] = ()
) -> None:
    """Let schemathesis ask; fail with what it found."""
    command = [str(Path(sys.executable).parent / "schemathesis"), "run", f"{url}/api/openapi.json"]
    command += ["--checks", CHECKS, "--exclude-path-regex", without, "--phases", "fuzzing", "--no-color"]
    command += (
        ["--max-examples", EXAMPLES] if EXAMPLES else ["--max-examples", "3", "--generation-deterministic"]
    )
    command += ["--header", f"Authorization: {scheme}{token}"] if token else []
    command += more
    done = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
        env=surroundings({"SCHEMATHESIS_HOOKS": str(HOOKS)}),
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


def sign_in(url: str, path: str, body: dict[str, object]) -> dict[str, object]:
    data = json.dumps(body).encode()
    request = urllib.request.Request(f"{url}{path}", data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as reply:
        found: dict[str, object] = json.load(reply)
        return found


def test_the_demo_as_everybody(demo: str, tmp_path: Path) -> None:
    fuzz(demo, tmp_path, without=STREAMS)


def test_the_demo_as_its_owner(demo: str, tmp_path: Path) -> None:
    body: dict[str, object] = {"identity": "boss@example.com", "password": "correct horse"}
    token = sign_in(demo, "/api/collections/_superusers/auth-with-password", body)["token"]
    fuzz(demo, tmp_path, without=STREAMS, token=str(token), more=("--include-method", "GET"))
    fuzz(demo, tmp_path, without=OWN_GROUND, token=str(token))


def test_conduit_as_everybody(conduit: str, tmp_path: Path) -> None:
    fuzz(conduit, tmp_path, without=STREAMS)


def test_conduit_as_somebody(conduit: str, tmp_path: Path) -> None:
    body = {"user": {"username": "ann", "email": "ann@example.com", "password": "correct horse"}}
    user = sign_in(conduit, "/api/users", {**body})["user"]
    assert isinstance(user, dict)
    fuzz(conduit, tmp_path, without=STREAMS, token=str(user["token"]), scheme="Token ")
