"""A file that comes with a record's body: named, measured, waiting on disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import msgspec


class Upload(msgspec.Struct, frozen=True):
    """A file that was sent.

    name: as it will be stored, made here and told to nobody yet
    kind: its MIME type, told by its content
    path: where it waits; whoever stores it may move it from there
    """

    name: str
    original: str
    size: int
    kind: str
    path: Path


Uploads: TypeAlias = Mapping[str, Upload]
"""The files of one body by their stored names."""
