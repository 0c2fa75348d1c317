"""Reads the text of a filter or rule into a tree.

It accepts and refuses what PocketBase does, with three exceptions, each stricter. PocketBase ignores an operand
which stands before a group, so that `not (hidden = true)` means `hidden = true` there; we refuse it. NUL ends its
reading; we refuse it. It nests parentheses without limit; we stop at DEPTH_MAX.

`&&` binds tighter than `||`. A group which follows a comparison or another group without a join takes the join
used last at its level, at first `&&`.
"""

from __future__ import annotations

from backstay.filters.errors import FilterSyntaxError
from backstay.filters.lexer import Kind, Lexer, Token, check_join, check_sign, unquote
from backstay.filters.tree import Call, Compare, Name, Node, Number, Operand, Text, all_of, any_of

FILTER_MAX_CHARS = 3500
"""Length limit of a filter sent by a client, in UTF-8 bytes, as PocketBase counts. Rules have none."""

COMPARES_MAX = 200
DEPTH_MAX = 20
CALL_DEPTH_MAX = 2
CALL_ARGS_MAX = 20

_EXACT_INT_MAX = 2**53
_SHOWN_MAX = 40
_WORD_JOINS = {"and": "&&", "or": "||"}


def parse(text: str, *, max_chars: int | None = None) -> Node:
    """Read a filter or rule.

    max_chars: refuse a longer text; FILTER_MAX_CHARS for what clients send

    Raises FilterSyntaxError, also for a text that holds nothing but spaces and comments.
    """
    _check_text(text, max_chars)
    return _Parser(text).tree()


def _check_text(text: str, max_chars: int | None) -> None:
    if not text.isascii():
        try:
            size = len(text.encode())
        except UnicodeEncodeError as exc:
            raise FilterSyntaxError("A filter must be valid Unicode.", exc.start) from exc
    else:
        size = len(text)
    if max_chars is not None and size > max_chars:
        raise FilterSyntaxError(f"A filter may have at most {max_chars} characters.", 0)
    nul = text.find("\0")
    if nul >= 0:
        raise FilterSyntaxError("A filter can't hold NUL characters.", nul)


class _Level:
    """What was read so far between two parentheses: alternatives, each a list of nodes that must all hold."""

    __slots__ = ("alternatives", "join", "offset", "wants_node")

    def __init__(self, offset: int) -> None:
        self.alternatives: list[list[Node]] = [[]]
        self.join = "&&"
        self.offset = offset
        self.wants_node = True

    def add(self, node: Node) -> None:
        if self.join == "||":
            self.alternatives.append([node])
        else:
            self.alternatives[-1].append(node)
        self.wants_node = False

    def tree(self) -> Node:
        return any_of(all_of(alternative) for alternative in self.alternatives)


class _Parser:
    """Keeps open levels on a list of its own, so that deep nesting meets our limit and not Python's."""

    __slots__ = ("compares", "lexer")

    def __init__(self, text: str) -> None:
        self.lexer = Lexer(text)
        self.compares = 0

    def tree(self) -> Node:
        level = _Level(0)
        outer: list[_Level] = []
        lexer = self.lexer
        while True:
            token = lexer.next()
            kind, text, offset = token
            if kind is Kind.OPEN:
                if len(outer) == DEPTH_MAX:
                    raise FilterSyntaxError(f"Parentheses may be nested {DEPTH_MAX} deep.", offset)
                outer.append(level)
                level = _Level(offset)
            elif kind is Kind.CLOSE:
                if not outer:
                    raise FilterSyntaxError("This parenthesis closes nothing.", offset)
                node = _finish(level, offset)
                level = outer.pop()
                level.add(node)
            elif kind is Kind.END:
                if outer:
                    raise FilterSyntaxError("This parenthesis is not closed.", level.offset)
                return _finish(level, offset)
            elif level.wants_node:
                level.add(self._compare(token))
            else:
                check_join(*_join(kind, text, offset))
                level.join = text
                level.wants_node = True
            lexer.groups = len(outer)

    def _compare(self, token: Token) -> Compare:
        offset = token[2]
        self.compares += 1
        if self.compares > COMPARES_MAX:
            raise FilterSyntaxError(f"A filter may have at most {COMPARES_MAX} comparisons.", offset)
        left = self._operand(token)
        kind, sign, sign_offset = self.lexer.next()
        if kind is not Kind.SIGN:
            raise FilterSyntaxError(_no_sign(kind, token[1]), sign_offset)
        check_sign(sign, sign_offset)
        return Compare(left, sign, self._operand(self.lexer.next()), offset)

    def _operand(self, token: Token, call_depth: int = 0) -> Operand:
        kind, text, offset = token
        if kind is Kind.NAME:
            return Name(text)
        if kind is Kind.TEXT:
            return Text(unquote(text))
        if kind is Kind.NUMBER:
            return Number(_number(text, offset))
        if kind is Kind.CALL:
            if call_depth == CALL_DEPTH_MAX:
                raise FilterSyntaxError(f"Functions may be nested {CALL_DEPTH_MAX} deep.", offset)
            return Call(text, self._arguments(offset, call_depth + 1))
        raise FilterSyntaxError(f"Expected a field, a quoted text or a number, found {_shown(text)}.", offset)

    def _arguments(self, offset: int, call_depth: int) -> tuple[Operand, ...]:
        """Read up to the closing parenthesis. A comma may follow the last argument."""
        arguments: list[Operand] = []
        while True:
            token = self.lexer.next()
            if token[0] is Kind.CLOSE:
                return tuple(arguments)
            if len(arguments) == CALL_ARGS_MAX:
                raise FilterSyntaxError(f"A function may have at most {CALL_ARGS_MAX} arguments.", offset)
            arguments.append(self._operand(token, call_depth))
            kind, text, after = self.lexer.next()
            if kind is Kind.CLOSE:
                return tuple(arguments)
            if kind is not Kind.COMMA:
                raise FilterSyntaxError(
                    f"Expected ',' or ')' after an argument, found {_shown(text)}.", after
                )


def _finish(level: _Level, offset: int) -> Node:
    """Return the tree of a level that ends at `offset`."""
    if not level.wants_node:
        return level.tree()
    if level.alternatives == [[]]:
        raise FilterSyntaxError("There is no comparison here.", level.offset)
    raise FilterSyntaxError(f"'{level.join}' needs a comparison after it.", offset)


def _join(kind: Kind, text: str, offset: int) -> tuple[str, int]:
    if kind is Kind.JOIN:
        return text, offset
    if kind in (Kind.NAME, Kind.CALL) and text.lower() in _WORD_JOINS:
        raise FilterSyntaxError(f"Write '{_WORD_JOINS[text.lower()]}' instead of '{text}'.", offset)
    raise FilterSyntaxError(f"Expected '&&' or '||', found {_shown(text)}.", offset)


def _no_sign(kind: Kind, before: str) -> str:
    if before.lower() == "not":
        return "There is no 'not': write the opposite comparison, like 'a != b'."
    if kind is Kind.OPEN:
        return "A comparison needs an operator before this parenthesis; nothing may stand between a join and a group."
    return f"Expected an operator like '=' after {_shown(before)}."


def _shown(token: str) -> str:
    """Show a token in a hint, cut to a length that fits one."""
    if not token:
        return "the end"
    return token if len(token) <= _SHOWN_MAX else f"{token[:_SHOWN_MAX]}…"


def _number(literal: str, offset: int) -> int | float:
    """Return what PocketBase, which computes in float64, sees; whole numbers as int while that is exact."""
    value = float(literal)
    if value in (float("inf"), float("-inf")):
        raise FilterSyntaxError("This number is too large.", offset)
    if "." not in literal and abs(value) <= _EXACT_INT_MAX:
        return int(value)
    return value
