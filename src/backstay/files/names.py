"""Names of stored files: what is left of the original one, ten random characters, the ending (protocol A4).

Made of ASCII letters, digits, `_`, and dots of the ending, so that no name means anything to a file system.
"""

from __future__ import annotations

import re
import secrets
import string
import unicodedata

STEM_MIN_CHARS, STEM_MAX_CHARS = 3, 100
ENDING_MAX_CHARS = 20
RANDOM_CHARS = 10
_DOUBLE_ENDING = re.compile(r"\.tar(\.\w{1,6})$", re.ASCII | re.IGNORECASE)
_NOT_IN_ENDING = re.compile(r"[^A-Za-z0-9.]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NOT_IN_STEM = re.compile(r"[^A-Za-z0-9]+")
_LETTERS = string.ascii_letters + string.digits


def stored_name(original: str, guessed_ending: str = "") -> str:
    """Return a new name for a file that was called `original`.

    guessed_ending: of the content's type, for originals without one
    """
    base = original.replace("\\", "/").rpartition("/")[2]
    double = _DOUBLE_ENDING.search(base)
    at = double.start() if double else base.rfind(".")
    stem, ending = (base[:at], base[at:]) if at > 0 else (base.lstrip("."), "")
    ending = _NOT_IN_ENDING.sub("", ending)
    if len(ending) < 2:
        ending = guessed_ending
    return f"{_stem(stem)}_{random_text(RANDOM_CHARS)}{ending[-ENDING_MAX_CHARS:]}"


def _stem(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    snake = _NOT_IN_STEM.sub("_", _CAMEL.sub("_", plain)).strip("_").lower()[:STEM_MAX_CHARS]
    return snake if len(snake) >= STEM_MIN_CHARS else snake + random_text(RANDOM_CHARS)


def random_text(length: int) -> str:
    """Return random letters and digits."""
    return "".join(secrets.choice(_LETTERS) for _ in range(length))
