"""`backstay new NAME`: a folder with a small site in it, whose tests pass."""

from __future__ import annotations

import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

import click

from backstay.errors import SetupError

_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
_HIDDEN = {"gitignore.in": ".gitignore", "dockerignore.in": ".dockerignore"}


@click.command()
@click.argument("name")
def new(name: str) -> None:
    """Make a folder NAME with a small site: a collection, a hook, a job, an endpoint, their tests, a Dockerfile."""
    folder = Path(name)
    if not _NAME.fullmatch(folder.name):
        raise SetupError(
            f"'{folder.name}' is no name for a site",
            why="it is also the name of a Python project: small letters, digits and '-', a letter first",
            do="backstay new my-site",
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SetupError(
            f"'{folder}' is there already",
            why="nothing that exists is written over",
            do="choose another name, or an empty folder",
        )
    try:
        _copy(files("backstay.cli").joinpath("new_site"), folder, folder.name)
    except OSError as exc:
        raise SetupError(
            f"cannot make '{folder}'",
            why=exc.strerror or str(exc),
            do="choose a folder that you may write to",
        ) from exc
    click.echo(f"{folder}/ is ready. Next:\n  cd {folder}\n  backstay serve --dev")


def _copy(source: Traversable, target: Path, name: str) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for item in source.iterdir():
        if item.is_dir():
            _copy(item, target / item.name, name)
        elif item.name.endswith(".in"):
            file = target / _HIDDEN.get(item.name, item.name.removesuffix(".in"))
            file.write_text(item.read_text().replace("NAME", name))
            file.chmod(0o644)
    target.chmod(0o755)
