"""The public `pocketbase` JavaScript client against a real server process."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from backstay.options import Address

SCRIPTS = Path(__file__).parent / "javascript"
EMAIL, PASSWORD = "root@example.com", "root-password-1"
START_S = 20.0
INSTALL_S = 120.0

pytestmark = pytest.mark.skipif(
    shutil.which("node") is None or shutil.which("npm") is None, reason="Node.js and npm are not installed"
)


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the scripts and the client that they use."""
    folder = tmp_path_factory.mktemp("javascript")
    for script in SCRIPTS.iterdir():
        if script.is_file():
            shutil.copy(script, folder)
    command = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--loglevel=error"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_S, check=False)
    if done.returncode:
        pytest.skip(f"the pocketbase client can't be installed: {done.stderr[-300:]}")
    return folder


@pytest.fixture
def url(tmp_path: Path, address: Address) -> Iterator[str]:
    """A running server with one superuser."""
    backstay = [sys.executable, "-m", "backstay"]
    data = str(tmp_path / "data")
    subprocess.run(
        [*backstay, "superuser", "upsert", EMAIL, PASSWORD, "--data", data], check=True, timeout=START_S
    )
    http = f"{address.host}:{address.port}"
    with subprocess.Popen([*backstay, "serve", "--data", data, "--http", http]) as process:
        try:
            _wait_for(f"http://{http}/api/health")
            yield f"http://{http}"
        finally:
            process.terminate()
            assert process.wait(START_S) == 0


def _wait_for(health: str) -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            if httpx.get(health).status_code == 200:
                return
        except httpx.TransportError:
            assert time.monotonic() < deadline, "the server did not answer in time"
            time.sleep(0.02)


def test_the_client_reads_and_writes_records(scripts: Path, url: str) -> None:
    command = ["node", "records.mjs", url, EMAIL, PASSWORD]
    done = subprocess.run(command, cwd=scripts, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all passed" in done.stdout
