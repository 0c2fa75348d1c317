"""The public `pocketbase` JavaScript client against a real server process."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from tests.live.smtp import smtp_server
from tests.live.test_server import free_port

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
    http = f"{address.host}:{address.port}"
    with serving(str(tmp_path / "data"), http):
        yield f"http://{http}"


@contextmanager
def serving(data: str, http: str) -> Iterator[None]:
    """Run a server with one superuser."""
    backstay = [sys.executable, "-m", "backstay"]
    subprocess.run(
        [*backstay, "superuser", "upsert", EMAIL, PASSWORD, "--data", data], check=True, timeout=START_S
    )
    with subprocess.Popen([*backstay, "serve", "--data", data, "--http", http]) as process:
        try:
            _wait_for(f"http://{http}/api/health")
            yield
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


def run(scripts: Path, name: str, *arguments: str) -> None:
    """Run a script to its end."""
    command = ["node", name, *arguments]
    done = subprocess.run(command, cwd=scripts, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all passed" in done.stdout


def test_the_client_reads_and_writes_records(scripts: Path, url: str) -> None:
    run(scripts, "records.mjs", url, EMAIL, PASSWORD)


@pytest.fixture
def provider(scripts: Path, url: str) -> Iterator[str]:
    """A real OpenID provider."""
    port = free_port()
    command = ["node", "provider.mjs", str(port), f"{url}/api/oauth2-redirect"]
    with subprocess.Popen(command, cwd=scripts, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            lines = iter(process.stdout.readline, "")
            assert any("ready" in line for line in lines), "the provider did not start"
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def test_accounts_from_sign_up_to_oauth2(scripts: Path, url: str, provider: str, tmp_path: Path) -> None:
    mails = tmp_path / "inbox"
    mails.mkdir()
    with smtp_server(mails) as (_, port):
        run(scripts, "accounts.mjs", url, EMAIL, PASSWORD, str(mails), provider, str(port))


def test_files_and_realtime(scripts: Path, url: str) -> None:
    run(scripts, "files.mjs", url, EMAIL, PASSWORD, "first")
    run(scripts, "files.mjs", url, EMAIL, PASSWORD, "again")


def test_a_restart_between(scripts: Path, tmp_path: Path, address: Address) -> None:
    data, http = str(tmp_path / "data"), f"{address.host}:{address.port}"
    with serving(data, http):
        run(scripts, "files.mjs", f"http://{http}", EMAIL, PASSWORD, "first")
    script = ["node", "files.mjs", f"http://{http}", EMAIL, PASSWORD, "restart"]
    with ExitStack() as stack:
        with serving(data, http):
            client = stack.enter_context(
                subprocess.Popen(
                    script, cwd=scripts, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
                )
            )
            assert client.stdout is not None
            said = client.stdout.readline()
            assert said == "waiting\n", said + client.stdout.read()
        with serving(data, http):
            said = client.stdout.read()
    assert "all passed" in said, said
