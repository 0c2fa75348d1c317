"""Sizes of thumbnails, as their addresses name them (protocol A9)."""

from __future__ import annotations

import re
from typing import Literal, TypeAlias, cast

import msgspec

Fit: TypeAlias = Literal["", "t", "b", "f"]
"""How an image fills its frame: cut from the centre, the top or the bottom, or fitted in whole."""

DEFAULT_THUMB = "100x100"
"""Every image has this one."""
SIDE_MAX_PIXELS = 10_000
_SIZE = re.compile(r"(\d{1,5})x(\d{1,5})([tbf]?)", re.ASCII)


class ThumbSize(msgspec.Struct, frozen=True):
    """width, height: pixels, 0 for whatever keeps the proportions; never both 0."""

    width: int
    height: int
    fit: Fit = ""


def parse_size(text: str) -> ThumbSize | None:
    """Return the size that a text names, or None when it is none."""
    found = _SIZE.fullmatch(text)
    if found is None:
        return None
    width, height = int(found[1]), int(found[2])
    if not 0 < max(width, height) <= SIDE_MAX_PIXELS:
        return None
    return ThumbSize(width, height, cast("Fit", found[3]))
