"""Runs the tests of sites on each database, and writes what each can do into docs/postgresql.md."""

from __future__ import annotations

import ast
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "postgresql.md"
FOLDERS = ("tests/api", "tests/store", "tests/extending")
DATABASES = ("sqlite", "postgresql")
BEGIN, END = "<!-- table -->", "<!-- end -->"
Counts = dict[str, Counter[str]]


def run(database: str, report: Path) -> Counts:
    """Run the tests on a database; return what came of them by module."""
    command = [sys.executable, "-m", "pytest", *FOLDERS, "-n", "auto", "--dist", "loadgroup"]
    command += ["--database", database, f"--junitxml={report}"]
    subprocess.run(command, cwd=ROOT, check=False)  # noqa: S603 - our own tests
    found: Counts = {}
    for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314 - written a moment ago
        state = "passed"
        for child in case:
            if child.tag in {"failure", "error"}:
                state = "failed"
            elif child.tag == "skipped":
                state = "left out"
        found.setdefault(module_of(case.get("classname", "")), Counter())[state] += 1
    return found


def module_of(name: str) -> str:
    """Return the path of the module in which a test stands."""
    return f"{name.replace('.', '/')}.py"


def title(path: str) -> str:
    """Return the first sentence of a module."""
    text = ast.get_docstring(ast.parse((ROOT / path).read_text())) or path
    return text.split("\n")[0].rstrip(".").replace("|", "\\|")


def cell(counts: Counter[str]) -> str:
    parts = [f"{counts['passed']} passed"] if counts["passed"] else []
    parts += [f"**{counts[state]} {state}**" for state in ("failed",) if counts[state]]
    parts += [f"{counts[state]} {state}" for state in ("left out",) if counts[state]]
    return ", ".join(parts) or "-"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        results = {name: run(name, Path(folder) / f"{name}.xml") for name in DATABASES}
    paths = sorted({path for counts in results.values() for path in counts})
    rows = ["| what is tested | SQLite | PostgreSQL |", "|---|---|---|"]
    rows += [
        f"| {title(path)} | {' | '.join(cell(results[name].get(path, Counter())) for name in DATABASES)} |"
        for path in paths
    ]
    text = PAGE.read_text()
    head, _, rest = text.partition(BEGIN)
    PAGE.write_text(f"{head}{BEGIN}\n{chr(10).join(rows)}\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    main()
