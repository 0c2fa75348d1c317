"""LIKE in linear time, for texts and patterns whose product is large.

SQLite compares a pattern of m characters with a text of n by trying each place: n times m steps, which nothing can
interrupt. A text of 'aaaa...' and a pattern of 'aaaa...b', both of which anybody may send, took 17 s. Python's
search is linear in n + m. Short ones stay with SQLite, which is faster for them.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import groupby

import apsw

from backstay.stores.base import StoreError

STEPS_MAX = 200_000
"""Places at which a piece with `_` in it may be tried; each costs about a microsecond."""
ANY = ""
"""In a piece: one character, whichever."""


def add_like(db: apsw.Connection) -> None:
    """Make `like_linear(text, pattern)` known to a connection."""
    db.create_scalar_function("like_linear", like, 2, deterministic=True)


def like(*arguments: object) -> bool | None:
    """Match a text with a pattern as SQLite's LIKE does with `\\` as escape: `%`, `_`, without regard to the case of ASCII letters.

    Raises StoreError for a pattern which would take too long.
    """
    text, pattern = arguments
    if text is None or pattern is None:
        return None
    pieces = _pieces(_folded(str(pattern)))
    if pieces is None:
        return False
    first, middle, last = pieces
    subject = _folded(str(text))
    if last is None:
        return len(subject) == _length(first) and _fits(subject, first, 0)
    end = len(subject) - _length(last)
    start = _length(first)
    if start > end or not _fits(subject, first, 0) or not _fits(subject, last, end):
        return False
    for piece in middle:
        found = _find(subject, piece, start, end)
        if found < 0:
            return False
        start = found + _length(piece)
    return True


def _folded(text: str) -> str:
    """Return `text` with ASCII letters in lower case and all others as they are."""
    return (
        text.lower()
        if text.isascii()
        else text.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")
    )


Piece = tuple[str, ...]
"""What stands between two `%`: texts, and `ANY` for each `_`."""


@lru_cache(maxsize=64)
def _pieces(pattern: str) -> tuple[Piece, tuple[Piece, ...], Piece | None] | None:
    """Cut a pattern at its `%` into what the text starts with, has in between, and ends with (None: no `%`).

    A pattern that ends within an escape is None: it matches nothing.
    """
    pieces: list[list[tuple[bool, str]]] = [[]]
    escaped = False
    for char in pattern:
        if escaped or char not in "%_\\":
            pieces[-1].append((True, char))
            escaped = False
        elif char == "\\":
            escaped = True
        elif char == "%":
            pieces.append([])
        else:
            pieces[-1].append((False, ANY))
    if escaped:
        return None
    first, *rest = [_joined(piece) for piece in pieces]
    if not rest:
        return first, (), None
    return first, tuple(piece for piece in rest[:-1] if piece), rest[-1]


def _joined(piece: list[tuple[bool, str]]) -> Piece:
    out: list[str] = []
    for is_text, chars in groupby(piece, key=lambda item: item[0]):
        texts = [char for _, char in chars]
        out += ["".join(texts)] if is_text else texts
    return tuple(out)


def _length(piece: Piece) -> int:
    return sum(len(part) or 1 for part in piece)


def _fits(text: str, piece: Piece, at: int) -> bool:
    for part in piece:
        if part is not ANY and not text.startswith(part, at):
            return False
        at += len(part) or 1
    return True


def _find(text: str, piece: Piece, start: int, end: int) -> int:
    """Return the first place from `start` at which a piece fits before `end`, or -1."""
    if len(piece) == 1 and piece[0] is not ANY:
        return text.find(piece[0], start, end)
    longest = max(range(len(piece)), key=lambda index: len(piece[index]))
    ahead = _length(piece[:longest])
    last = end - _length(piece)
    for _ in range(STEPS_MAX // len(piece) + 1):
        at = text.find(piece[longest], start + ahead, end) - ahead
        if at < start or at > last:
            return -1
        if _fits(text, piece, at):
            return at
        start = at + 1
    raise StoreError("The pattern has too many '_' for so long a text.")
