"""The tree that a filter or rule is read into: comparisons joined by And and Or.

The tree holds names as they were written. Which field, relation, macro or function a name means, and whether
the viewer may use it, is decided in `backstay.plans`.

Trees are in normal form: no And directly in an And, no Or directly in an Or, no join of fewer than two items.
`all_of` and `any_of` keep it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from msgspec import Struct


class Text(Struct, frozen=True, tag="text"):
    """A quoted literal, without its quotes and escapes."""

    value: str


class Number(Struct, frozen=True, tag="number"):
    """A number literal; an int when it was written without a point and is within ±2^53."""

    value: int | float


class Name(Struct, frozen=True, tag="name"):
    """An identifier as it was written: `a.b`, `tags:each`, `@request.auth.id`, `@now`, `null`, `true`."""

    path: str


class Call(Struct, frozen=True, tag="call"):
    """A function with its arguments: `geoDistance(geo.lon, geo.lat, 8.5, 47.4)`."""

    name: str
    args: tuple[Operand, ...]


class Compare(Struct, frozen=True, eq=False, tag="compare"):
    """One comparison. `offset`, its place in the text, serves error messages and does not count in equality."""

    left: Operand
    op: str
    right: Operand
    offset: int = 0

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Compare):
            return NotImplemented
        return self.op == other.op and self.left == other.left and self.right == other.right

    def __hash__(self) -> int:
        return hash((self.left, self.op, self.right))


class And(Struct, frozen=True, tag="and"):
    """True where all of two or more items are."""

    items: tuple[Node, ...]


class Or(Struct, frozen=True, tag="or"):
    """True where at least one of two or more items is."""

    items: tuple[Node, ...]


Operand: TypeAlias = Text | Number | Name | Call
Node: TypeAlias = Compare | And | Or

OPERATORS = frozenset(
    any_match + op for any_match in ("", "?") for op in ("=", "!=", ">", ">=", "<", "<=", "~", "!~")
)


def all_of(nodes: Iterable[Node]) -> Node:
    """Join one or more nodes so that all must hold."""
    items = [item for node in nodes for item in (node.items if isinstance(node, And) else (node,))]
    return items[0] if len(items) == 1 else And(tuple(items))


def any_of(nodes: Iterable[Node]) -> Node:
    """Join one or more nodes so that one must hold."""
    items = [item for node in nodes for item in (node.items if isinstance(node, Or) else (node,))]
    return items[0] if len(items) == 1 else Or(tuple(items))


def walk(node: Node) -> Iterator[Compare]:
    """Yield the comparisons of a tree from left to right."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        if isinstance(current, Compare):
            yield current
        else:
            waiting.extend(reversed(current.items))
