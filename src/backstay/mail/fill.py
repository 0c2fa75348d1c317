"""The owners' mail templates: text with the protocol's placeholders (A5), filled in one pass.

What is filled in is never looked at again, so that a name like `{TOKEN}` stays a name. In the body it is escaped for
HTML; a placeholder that nothing is known for stays as it is, so that its owner sees the mistake.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping

_PLACEHOLDER = re.compile(r"\{([A-Z_]+|RECORD:\w+)\}", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]+")
SUBJECT_MAX_CHARS = 200


def fill(text: str, values: Mapping[str, str]) -> str:
    """Return HTML with its placeholders filled."""
    return _PLACEHOLDER.sub(lambda found: _escaped(found, values), text)


def fill_subject(text: str, values: Mapping[str, str]) -> str:
    """Return a subject with its placeholders filled: one line of at most SUBJECT_MAX_CHARS."""
    filled = _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), text)
    return one_line(filled)[:SUBJECT_MAX_CHARS]


def one_line(text: str) -> str:
    """Return text that can stand in a header: without line ends, control characters and changes of direction."""
    return _CONTROL.sub(" ", text).encode("utf-8", "replace").decode().strip()


def _escaped(found: re.Match[str], values: Mapping[str, str]) -> str:
    value = values.get(found[1])
    return found[0] if value is None else html.escape(value)
