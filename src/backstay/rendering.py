"""Jinja2 environments: the site's own templates first, then those of a package of ours.

Everything that goes into a template is escaped by its kind, and templates reach no Python: an owner's mistake in one
can't open the server.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PackageLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment


def environment(package: str, folders: Sequence[Path] = ()) -> Environment:
    """Return the environment of `package`'s folder `templates`, with `folders` before it."""
    return ImmutableSandboxedEnvironment(
        loader=ChoiceLoader([*map(FileSystemLoader, folders), PackageLoader(package)]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
