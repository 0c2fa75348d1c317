"""The words of the pages: a TOML file for each language, ours or in the site's `templates/languages/`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

FALLBACK = "en"
ACCEPTED_MAX = 20
"""Languages of one Accept-Language header that are looked at."""
_ITEM = re.compile(
    r"\s*([A-Za-z]{1,8})(?:-[A-Za-z0-9-]{1,32})?\s*(?:;\s*q=([01](?:\.\d{0,3})?))?\s*", re.ASCII
)

Words = Mapping[str, str]


def load_languages(folders: Sequence[Path] = ()) -> dict[str, Words]:
    """Return the words of each language by its code; a site's own file changes or adds words."""
    ours = files("backstay.pages").joinpath("languages")
    found = {
        item.name.removesuffix(".toml"): tomllib.loads(item.read_text("utf-8")) for item in ours.iterdir()
    }
    for folder in reversed(folders):
        for path in sorted((folder / "languages").glob("*.toml")):
            code = path.stem.lower()
            found[code] = {**found.get(code, {}), **tomllib.loads(path.read_text("utf-8"))}
    return {code: {**found[FALLBACK], **words} for code, words in found.items()}


def choose(accepted: str, known: Mapping[str, Words]) -> str:
    """Return the known language that an Accept-Language header likes best (RFC 9110, section 12.5.4)."""
    best, best_weight = FALLBACK, 0.0
    for item in accepted.split(",")[:ACCEPTED_MAX]:
        match = _ITEM.fullmatch(item)
        code = match[1].lower() if match else ""
        weight = float(match[2] or 1) if match else 0.0
        if code in known and weight > best_weight:
            best, best_weight = code, weight
    return best
