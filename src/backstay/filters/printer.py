"""Writes a tree as text: for people and logs (`render`), and as the key of a cache of plans (`skeleton`)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TypeAlias, assert_never

from backstay.filters.tree import And, Call, Compare, Name, Node, Number, Operand, Or, Text

Literal: TypeAlias = str | int | float

_ESCAPES = str.maketrans({"\\": r"\\", "'": r"\'", "\n": r"\n", "\r": r"\r", "\t": r"\t"})


def render(node: Node) -> str:
    """Write a tree in normal form as text which `parse` reads into an equal tree."""
    return _node(node, _literal)


def skeleton(node: Node) -> tuple[str, tuple[Literal, ...]]:
    """Return the text of a tree with a marker for each literal, and the literals in their order.

    Markers are `?t` for a text, `?e` for an empty one and `?n` for a number. Trees of the same skeleton need the
    same statement and differ only in its parameters. Empty text has its own marker because it also matches null.
    """
    literals: list[Literal] = []

    def mark(operand: Text | Number) -> str:
        literals.append(operand.value)
        if isinstance(operand, Number):
            return "?n"
        return "?t" if operand.value else "?e"

    return _node(node, mark), tuple(literals)


def _node(node: Node, literal: Callable[[Text | Number], str]) -> str:
    match node:
        case Compare(left=left, op=op, right=right):
            return f"{_operand(left, literal)} {op} {_operand(right, literal)}"
        case Or(items=items):
            return " || ".join([_node(item, literal) for item in items])
        case And(items=items):
            return " && ".join(
                [
                    f"({_node(item, literal)})" if isinstance(item, Or) else _node(item, literal)
                    for item in items
                ]
            )
        case _:
            assert_never(node)


def _operand(operand: Operand, literal: Callable[[Text | Number], str]) -> str:
    match operand:
        case Name(path=path):
            return path
        case Call(name=name, args=args):
            return f"{name}({', '.join([_operand(arg, literal) for arg in args])})"
        case Text() | Number():
            return literal(operand)
        case _:
            assert_never(operand)


def _literal(operand: Text | Number) -> str:
    if isinstance(operand, Text):
        return f"'{operand.value.translate(_ESCAPES)}'"
    if isinstance(operand.value, int):
        return str(operand.value)
    return format(Decimal(repr(operand.value)), "f")  # the language has no exponents
