"""Plain-text excerpts of HTML, for `fields=body:excerpt(200,true)`."""

from __future__ import annotations

import html
import re

import nh3

_BREAKS = re.compile(
    r"</?(?:p|div|br|li|ul|ol|h[1-6]|tr|td|th|table|blockquote|pre|section|article|header|footer|figure|hr)\b[^>]*>",
    re.IGNORECASE,
)
_SPACE = re.compile(r"\s+")


def excerpt_text(text: str, max_chars: int, *, ellipsis: bool) -> str:
    """Return the first `max_chars` characters of the text in `text`, which may be HTML.

    Tags, scripts and styles are dropped, white space is folded; `...` follows a cut when `ellipsis`.
    """
    if "<" in text:
        text = nh3.clean(_BREAKS.sub(" ", text), tags=set())
    plain = _SPACE.sub(" ", html.unescape(text)).strip()
    if len(plain) <= max_chars:
        return plain
    return plain[:max_chars].strip() + ("..." if ellipsis else "")
