"""Regular expressions which owners write: matched in linear time, and turned into random text.

RE2 has the syntax that collections from PocketBase use, and no input can make it slow (ReDoS).
"""

from __future__ import annotations

import re as std_re
import secrets
import string
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

import re2
import rstr

_SIMPLE = std_re.compile(r"\[([a-zA-Z0-9-]+)\]\{(\d+)\}")
_random = rstr.Rstr(secrets.SystemRandom())
_QUIET = re2.Options()
_QUIET.log_errors = False


_REASONS = {
    "missing )": "missing closing )",
    "missing ]": "missing closing ]",
    "no argument for repetition operator": "missing argument to repetition operator",
    "bad repetition operator": "invalid nested repetition operator",
    "invalid repetition size": "invalid repeat count",
    "invalid named capture group": "invalid named capture",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "trailing \\": "trailing backslash at end of expression",
}
"""What RE2 says, and what Go's regexp, which has the same syntax, calls it."""


def check_pattern(pattern: str) -> str | None:
    """Return why `pattern` can't be used, in the protocol's words, or None."""
    try:
        re2.compile(pattern, _QUIET)
    except re2.error as exc:
        text = exc.args[0] if exc.args else ""
        said, _, where = (text.decode(errors="replace") if isinstance(text, bytes) else str(text)).partition(
            ": "
        )
        return f"Error parsing regexp: {_REASONS.get(said, said)}: `{where}`."
    return None


_ANCHORS = {"^": 9, "$": 10, r"\A": 9, r"\z": 10, r"\b": 11, r"\B": 12}
_PIECES = std_re.compile(r"\\Q.*?\\E|\\.|\[\^?\]?(?:\\.|\[:\w+:\]|[^\]\\])*\]|.", std_re.DOTALL)


def check_generator(pattern: str) -> str | None:
    """Return why no text can be made from `pattern`, in the protocol's words, or None: anchors can't be made."""
    for piece in _PIECES.findall(pattern):
        if piece in _ANCHORS:
            return f"Unsupported pattern operator {_ANCHORS[piece]}."
    return None


_ONE_CLASS = std_re.compile(r"\^(\[[A-Za-z0-9_-]+\][+*])\$")
_NOTHING = std_re.compile("(?!)")


@lru_cache(maxsize=512)
def _matcher(pattern: str) -> Callable[[str], object]:
    """Return what finds a pattern in a text.

    The patterns of ids and tokens, one class of ASCII characters from start to end, go to the standard library: they
    are linear there too, and a call costs a tenth of what RE2's costs from Python.
    """
    try:
        searched = re2.compile(pattern, _QUIET).search
    except re2.error:
        return _NOTHING.search
    simple = _ONE_CLASS.fullmatch(pattern)
    return std_re.compile(simple[1]).fullmatch if simple else searched


def matches(pattern: str, value: str) -> bool:
    """Tell whether `pattern` is found in `value`; a pattern that does not compile matches nothing."""
    return _matcher(pattern)(value) is not None


class _Alphabet(NamedTuple):
    """How to make text from random bytes in C: a byte's character, and the bytes that would favour some of them."""

    table: bytes
    unfair: bytes
    length: int


@lru_cache(maxsize=256)
def _alphabet(pattern: str) -> _Alphabet | None:
    found = _SIMPLE.fullmatch(pattern)
    if not found:
        return None
    chars = found[1]
    for short, full in (
        ("a-z", string.ascii_lowercase),
        ("A-Z", string.ascii_uppercase),
        ("0-9", string.digits),
    ):
        chars = chars.replace(short, full)
    if "-" in chars:
        return None
    fair = 256 - 256 % len(chars)
    table = bytes(ord(chars[byte % len(chars)]) for byte in range(256))
    return _Alphabet(table, bytes(range(fair, 256)), int(found[2]))


def generate(pattern: str) -> str:
    """Return random text which matches `pattern`, from the system's source of randomness."""
    simple = _alphabet(pattern)
    if simple is None:
        return _random.xeger(pattern)
    text = b""
    while len(text) < simple.length:
        text += secrets.token_bytes(simple.length + 8).translate(simple.table, simple.unfair)
    return text[: simple.length].decode()
