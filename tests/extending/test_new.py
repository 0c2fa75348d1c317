"""`backstay new` makes a site whose own tests pass and whose types hold, with the test kit of the package."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from backstay.cli import run

SOURCE = Path(__file__).parents[2] / "src"


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    assert run(["new", "my-site"]) == 0
    return tmp_path / "my-site"


def start(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("PYTEST_ADDOPTS", None)
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_its_tests_pass(made: Path) -> None:
    done = start(made, "pytest", "-q", "-p", "no:randomly", "-W", "error")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


def test_a_broken_promise_fails_its_tests(made: Path) -> None:
    site = made / "site.py"
    site.write_text(site.read_text().replace("https://.", "ftp://."))
    done = start(made, "pytest", "-q", "-p", "no:randomly")
    assert done.returncode == 1
    assert "1 failed, 2 passed" in done.stdout


def test_its_schema_can_be_shipped(made: Path) -> None:
    assert run(["schema", "make", "first", str(made)]) == 0
    assert run(["schema", "apply", str(made)]) == 0
    assert run(["schema", "status", str(made)]) == 0


@pytest.mark.parametrize("name", ["My Site", "1site", "", "a_b"])
def test_names_that_are_none(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["new", name]) != 0
    assert "is no name for a site" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_over(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (made / "site.py").read_text()
    assert run(["new", "my-site"]) == 1
    assert "is there already" in capsys.readouterr().err
    assert (made / "site.py").read_text() == before
