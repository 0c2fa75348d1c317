"""Plain-text excerpts of HTML, for `fields=body:excerpt(200,true)`."""

from __future__ import annotations

import html
import re

import nh3

# A tag ends at the next '<' too: looking for '>' from each of many open tags would take quadratic time.
_TAG = re.compile(r"</?([a-zA-Z][a-zA-Z0-9]*)\b[^<>]*>")
_INLINE = frozenset(
    [
        "a",
        "abbr",
        "acronym",
        "b",
        "bdo",
        "big",
        "br",
        "button",
        "cite",
        "code",
        "em",
        "i",
        "label",
        "q",
        "small",
        "span",
        "strong",
        "strike",
        "sub",
        "sup",
        "time",
    ]
)
"""Tags which stand within a word; all others part words."""
_SPACE = re.compile(r"[ \t\n\f\r]+")


_START_CHARS = 4096
_CHARS_PER_CHAR = 8
_ROOM_CHARS = 32
"""Where a text is cut there may stand half a tag or half an entity; no entity is longer."""


def excerpt_text(text: str, max_chars: int, *, ellipsis: bool) -> str:
    """Return the first `max_chars` characters of the text in `text`, which may be HTML.

    Tags, scripts and styles are dropped, white space is folded where HTML folds it; `...` follows a cut when `ellipsis`.
    Of a long text only as much is read as is likely to be needed.
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
        text = nh3.clean(_TAG.sub(_part_words, text), tags=set())
    return _SPACE.sub(" ", html.unescape(text)).strip()


def _part_words(tag: re.Match[str]) -> str:
    return tag[0] if tag[1].lower() in _INLINE else f" {tag[0]}"
