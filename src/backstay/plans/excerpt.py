"""Plain-text excerpts of HTML, for `fields=body:excerpt(200,true)`."""

from __future__ import annotations

import html
import re

import nh3

# A tag ends at the next '<' too: looking for '>' from each of many open tags would take quadratic time.
_BREAKS = re.compile(
    r"</?(?:p|div|li|ul|ol|h[1-6]|tr|td|th|table|blockquote|pre|section|article|header|footer|figure|hr)\b[^<>]*>",
    re.IGNORECASE,
)
_SPACE = re.compile(r"[ \t\n\f\r]+")


_START_CHARS = 4096
_CHARS_PER_CHAR = 8
_ROOM_CHARS = 32
"""Where a text is cut there may stand half a tag or half an entity; no entity is longer."""


def excerpt_text(text: str, max_chars: int, *, ellipsis: bool) -> str:
    """Return the first `max_chars` characters of the text in `text`, which may be HTML.

    Tags, scripts and styles are dropped, white space is folded where HTML folds it; `...` follows a cut when `ellipsis`. Of a long text
    only as much is read as is likely to be needed.
    """
    start = text[: _START_CHARS + _CHARS_PER_CHAR * max_chars]
    plain = _plain(start)
    if len(start) < len(text) and len(plain) < max_chars + _ROOM_CHARS:
        plain = _plain(text)
    if len(plain) <= max_chars:
        return plain
    return plain[:max_chars].strip() + ("..." if ellipsis else "")


def _plain(text: str) -> str:
    if "<" in text:
        text = nh3.clean(_BREAKS.sub(" ", text), tags=set())
    return _SPACE.sub(" ", html.unescape(text)).strip()
