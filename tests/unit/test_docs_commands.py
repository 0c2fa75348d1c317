"""Every command and option stands in the reference."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from backstay.cli import backstay

REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "commands.md"


def commands(group: click.Group, path: str) -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


ALL = dict(commands(backstay, "backstay"))


@pytest.mark.parametrize("path", ALL)
def test_options_are_documented(path: str) -> None:
    text = REFERENCE.read_text()
    for option in ALL[path].params:
        if not isinstance(option, click.Option):
            continue
        missing = [name for name in option.opts if f"`{name}" not in text]
        assert not missing
        if option.envvar:
            assert f"`{option.envvar}`" in text


def test_commands_are_documented() -> None:
    headings = "\n".join(line for line in REFERENCE.read_text().splitlines() if line.startswith("## "))
    missing = [path for path in ALL if not all(word in headings for word in path.split())]
    assert not missing


def test_every_option_says_what_it_does() -> None:
    silent = [
        (path, option.name)
        for path, command in ALL.items()
        for option in command.params
        if isinstance(option, click.Option) and not option.help
    ]
    assert not silent
