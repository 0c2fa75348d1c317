"""The Range header (RFC 9110, section 14.2)."""

from __future__ import annotations

import re
from itertools import pairwise

import msgspec

RANGES_MAX = 5
"""Ranges in one request; who asks for more gets the whole file."""
HEADER_MAX_CHARS = 200
_ONE = re.compile(r"\s*(\d{0,18})-(\d{0,18})\s*", re.ASCII)


class Span(msgspec.Struct, frozen=True):
    """A part of a file, both ends included."""

    start: int
    end: int

    @property
    def length(self) -> int:
        return self.end - self.start + 1


def parse_ranges(header: str, size: int) -> list[Span] | None:
    """Return the parts that are asked for, the whole file where the header makes no sense, None where none is there.

    Parts that overlap, or are more than the file in all, give the whole file: nobody needs them but an attacker.
    """
    whole = [Span(0, size - 1)]
    unit, _, rest = header.partition("=")
    items = rest.split(",")
    if unit.strip().lower() != "bytes" or len(header) > HEADER_MAX_CHARS or len(items) > RANGES_MAX:
        return whole
    spans: list[Span] = []
    for item in items:
        found = _ONE.fullmatch(item)
        if found is None or not (found[1] or found[2]):
            return whole
        span = _span(found[1], found[2], size)
        if span is not None:
            spans.append(span)
    if not spans:
        return None
    ordered = sorted(spans, key=lambda span: span.start)
    overlap = any(left.end >= right.start for left, right in pairwise(ordered))
    return whole if overlap else spans


def _span(first: str, last: str, size: int) -> Span | None:
    """Return one range within a file, or None when it lies behind its end."""
    if not first:
        length = min(int(last), size)
        return Span(size - length, size - 1) if length else None
    start = int(first)
    end = min(int(last), size - 1) if last else size - 1
    return Span(start, end) if start < size and start <= end else None
