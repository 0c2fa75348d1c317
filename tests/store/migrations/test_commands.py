"""`backstay schema`, as an operator uses it from the first class to a dropped collection."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backstay.cli import run
from backstay.migrations.files import write

CLASS = """
from backstay.declared import Collection, field

class Posts(Collection):
    title: str = field.text()
"""

Say = Callable[..., str]


@pytest.fixture
def say(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Say:
    """Run `backstay schema …` in the site's folder and return what it printed; `code` is what it ends with."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BACKSTAY_DATA", raising=False)

    def call(*arguments: str, code: int = 0) -> str:
        assert run(["schema", *arguments]) == code
        out, err = capsys.readouterr()
        return err if code else out

    return call


def as_json(text: str) -> Any:
    return json.loads(text)


def test_classes_alone(say: Say, tmp_path: Path) -> None:
    write(tmp_path / "collections" / "posts.py", CLASS)
    assert "no data folder" in say("status", code=1)
    assert say("apply") == "Done: create base collection 'posts'.\n"
    assert say("apply") == "Nothing to do.\n"
    write(tmp_path / "collections" / "posts.py", CLASS.replace("title", "label"))
    assert as_json(say("diff", "--json"))["changes"] == [
        {"change": "drop field 'posts.title' with its values", "destructive": True, "from": "classes"},
        {"change": "add text field 'posts.label'", "destructive": False, "from": "classes"},
    ]
    assert "! drop field 'posts.title'" in say("diff")
    assert "2 differences" in say("status")
    assert as_json(say("apply", "--json"))["warnings"] == []


def test_from_classes_to_migrations(say: Say, tmp_path: Path) -> None:
    write(tmp_path / "collections" / "posts.py", CLASS)
    assert "0001_initial.py" in say("make", "initial")
    assert "nothing to write" in say("make", "again", code=1)
    assert "can't name" in say("make", "No-Good", code=1)
    assert say("apply") == "Applied the migration '0001_initial'.\n"
    write(tmp_path / "collections" / "posts.py", CLASS + "    n: float = field.number()\n")
    assert "backstay schema make" in say("apply", code=1)
    say("make", "add_n")
    assert as_json(say("status", "--json")) == {
        "applied": ["0001_initial"],
        "pending": ["0002_add_n"],
        "changed": [],
        "missing": [],
        "differences": ["add number field 'posts.n'"],
    }
    assert as_json(say("diff", "--json"))["changes"] == [
        {"change": "add number field 'posts.n'", "destructive": False, "from": "0002_add_n"}
    ]
    say("apply")
    assert "Nothing" in say("diff")
    (tmp_path / "collections" / "posts.py").unlink()
    assert "nothing to write" in say("make", "gone", code=1), "a class that is gone leaves its collection"
    assert "there is no collection 'nope'" in say("make", "gone", "--drop", "nope", code=1)
    assert "drop collection 'posts'" in say("make", "gone", "--drop", "posts")
    assert say("apply") == "Applied the migration '0003_gone'.\n"


def test_a_pending_migration_that_does_not_fit(say: Say, tmp_path: Path) -> None:
    say("apply")
    text = "from backstay import migrations\noperations = [migrations.RenameField('posts', 'a', 'b')]\n"
    write(tmp_path / "migrations" / "0001_x.py", text)
    for command in ("diff", "apply"):
        assert "there is no collection 'posts'" in say(command, code=1)


def test_shipping(say: Say, tmp_path: Path) -> None:
    assert "nothing to ship" in say("ship", code=1)
    text = (
        "from backstay import migrations\n\nshipped = False\n\noperations: list[migrations.Operation] = []\n"
    )
    write(tmp_path / "migrations" / "0001_changes.py", text)
    write(tmp_path / "collections" / "posts.py", CLASS)
    assert "is not shipped" in say("make", "posts", code=1)
    assert "is not shipped" in say("apply", code=1)
    assert "is shipped" in say("ship")
    say("make", "posts")
    assert say("apply").splitlines() == [
        "Applied the migration '0002_posts'.",
    ]


def test_a_folder_that_is_not_there(say: Say) -> None:
    for command in ("status", "diff", "apply", "ship"):
        assert "there is no site folder" in say(command, "nowhere", code=1)
    assert "there is no site folder" in say("make", "x", "nowhere", code=1)
