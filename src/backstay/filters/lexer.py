"""Cuts the text of a filter into tokens, as PocketBase does; the order of tokens is the parser's business.

One compiled pattern matches every token. The only state is the number of open groups, because a comment inside
parentheses ends where they end: `(a = 1 // why)` is whole.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import TypeAlias

from backstay.filters.errors import FilterSyntaxError
from backstay.filters.tree import OPERATORS


class Kind(Enum):
    """What a token is, with the pattern that finds it. The order matters: the first that matches is taken."""

    # The part after the first character may hold dots and colons, not end with one.
    NAME = r"(?=[A-Za-z_@#])[@#_]?[\w.:]*\w(?![\w.:@#])"
    SIGN = r"[=!<>~?]+"
    # A quote may be escaped in a literal. The loops are unrolled, so that an unclosed one fails in linear time.
    TEXT = r"""'[^'\\]*(?:\\.[^'\\]*)*'|"[^"\\]*(?:\\.[^"\\]*)*\""""
    NUMBER = r"(?:-?[0-9]+(?:\.[0-9]+)?|-\.[0-9]+)(?![0-9.])"
    JOIN = r"[&|]+"
    OPEN = r"\("
    CLOSE = r"\)"
    COMMA = r","
    COMMENT = r"//"
    END = r"\Z"
    CALL = r"(?!)"  # a NAME directly before a bracket; `Lexer.next` makes it


Token: TypeAlias = tuple[Kind, str, int]
"""Kind, text (a quoted literal still quoted; a call without its bracket), offset."""

_KINDS = tuple(Kind)
_TOKEN = re.compile(
    r"[ \t\n]*(?:" + "|".join(f"({kind.value})" for kind in _KINDS) + ")", re.DOTALL | re.ASCII
)
# What counts when the end of a group is looked for in a comment.
_COMMENT_PART = re.compile(rf"{Kind.TEXT.value}|['\"()\n]", re.DOTALL)
_ESCAPE = re.compile(r"\\([\\'\"nrt])")
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}

_JOIN_HINTS = {"&": "Write '&&' for and.", "|": "Write '||' for or."}
_SIGN_HINTS = {
    "==": "=",
    "===": "=",
    "!==": "!=",
    "<>": "!=",
    "=!": "!=",
    "=>": ">=",
    "=<": "<=",
    "=~": "~",
    "=?": "?=",
    "!?=": "?!=",
}
_CHARACTER_HINTS = {
    "!": "There is no 'not': write the opposite comparison, like 'a != b'.",
    "‘": "Use straight quotes.",
    "’": "Use straight quotes.",
    "“": "Use straight quotes.",
    "”": "Use straight quotes.",
    "'": "This quoted text is not closed.",
    '"': "This quoted text is not closed.",
    "/": "A comment starts with two slashes.",
    "-": "A minus sign must be followed by digits; there is no arithmetic in filters.",
    ".": "A number or name may not start with a point.",
}


class Lexer:
    """Gives one token after the other. The parser keeps `groups`, the number of open groups, up to date."""

    __slots__ = ("groups", "position", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.groups = 0

    def next(self) -> Token:
        """Return the next token; END again and again at the end. Comments are skipped."""
        text = self.text
        while True:
            match = _TOKEN.match(text, self.position)
            if match is None:
                raise self._stray()
            assert match.lastindex is not None, "every alternative of the pattern is a group"
            kind = _KINDS[match.lastindex - 1]
            offset, end = match.span(match.lastindex)
            if kind is Kind.COMMENT:
                self.position = self._comment_end(end)
                continue
            if kind is Kind.NAME and text[end : end + 1] == "(":
                self.position = end + 1
                return Kind.CALL, match[match.lastindex], offset
            self.position = end
            return kind, match[match.lastindex], offset

    def _comment_end(self, start: int) -> int:
        if not self.groups:
            newline = self.text.find("\n", start)
            return len(self.text) if newline < 0 else newline
        depth = 0
        for part in _COMMENT_PART.finditer(self.text, start):
            found = part[0]
            if found == "\n" or (found == ")" and not depth):
                break
            if found in ("(", ")"):
                depth += 1 if found == "(" else -1
            elif len(found) == 1 or "\n" in found:
                raise FilterSyntaxError(
                    "A quote in a comment inside parentheses must be closed.", part.start()
                )
        else:
            raise FilterSyntaxError("This comment hides the closing parenthesis.", start)
        if depth:
            raise FilterSyntaxError("Parentheses in a comment inside parentheses must be closed.", start)
        return part.start()

    def _stray(self) -> FilterSyntaxError:
        text = self.text
        start = self.position
        while text[start] in " \t\n":
            start += 1
        character = text[start]
        if character.isascii() and (character.isdigit() or text[start : start + 2].strip("-").isdigit()):
            explanation = "This is not a number; write it like 12 or -1.5."
        elif character.isascii() and (character.isalpha() or character in "_@#"):
            explanation = (
                "A name is made of letters, digits, '_', '.' and ':', and ends with a letter, digit or '_'."
            )
        else:
            explanation = _CHARACTER_HINTS.get(
                character, f"A filter can't have the character {character!r} here."
            )
        return FilterSyntaxError(explanation, start)


def unquote(literal: str) -> str:
    r"""Return the value of a quoted literal. Known escapes are \\ \' \" \n \r \t; other backslashes stay."""
    body = literal[1:-1]
    if "\\" not in body:
        return body
    return _ESCAPE.sub(lambda found: _ESCAPED.get(found[1], found[1]), body)


def check_sign(sign: str, offset: int) -> None:
    """Raise unless `sign` is an operator."""
    if sign not in OPERATORS:
        near = _SIGN_HINTS.get(sign)
        advice = (
            f"did you mean '{near}'?"
            if near
            else "operators are = != > >= < <= ~ !~ and the same with ? before."
        )
        raise FilterSyntaxError(f"'{sign[:10]}' is no operator; {advice}", offset)


def check_join(join: str, offset: int) -> None:
    """Raise unless `join` is && or ||."""
    if join not in ("&&", "||"):
        raise FilterSyntaxError(_JOIN_HINTS.get(join, "Join comparisons with '&&' or '||'."), offset)
