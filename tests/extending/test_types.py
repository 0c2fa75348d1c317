"""A user's site under strict pyright: what `backstay new` makes, and the snippets of the documentation beside it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from backstay.cli import run

ROOT = Path(__file__).parents[2]
SETTINGS = {"typeCheckingMode": "strict", "pythonVersion": "3.11", "extraPaths": [str(ROOT / "src")]}


def snippets(name: str) -> str:
    found = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / f"{name}.md").read_text(), re.DOTALL)
    assert found, f"docs/{name}.md has no snippets"
    return "\n".join(found)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    assert run(["new", "my-site"]) == 0
    site = tmp_path / "my-site"
    for name in ("extending", "schema"):
        (site / f"docs_{name}.py").write_text(snippets(name))
    jobs = "async def example() -> None:\n" + textwrap.indent(snippets("jobs"), "    ")
    (site / "docs_jobs.py").write_text(f"from backstay import Backstay\n\napp = Backstay()\n\n\n{jobs}")
    (site / "pyrightconfig.json").write_text(json.dumps(SETTINGS))
    return site


def faults(folder: Path) -> list[str]:
    """Return what pyright finds, by file and line."""
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    report: dict[str, Any] = json.loads(done.stdout)
    assert report["summary"]["filesAnalyzed"] >= 6, done.stdout
    return [
        f"{Path(found['file']).name}:{found['range']['start']['line'] + 1} {found['message']}"
        for found in report["generalDiagnostics"]
    ]


def test_a_site_and_the_documentation_have_no_faults(folder: Path) -> None:
    assert faults(folder) == []


def test_the_editor_knows_the_fields_of_records(folder: Path) -> None:
    file = folder / "docs_extending.py"
    wrong = (
        "\n\nasync def wrong() -> None:\n    await app.records(Products).get(7)\n    print(Products.stok)\n"
    )
    file.write_text(file.read_text() + wrong)
    found = faults(folder)
    assert len(found) >= 2
    assert all(fault.startswith("docs_extending.py") for fault in found)
    assert any("stok" in fault for fault in found)
