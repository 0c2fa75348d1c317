"""The filter and rule language: text to tree and back. It knows no schema, no HTTP and no SQL.

`parse` reads, `render` prints. `backstay.plans` gives the names their meaning.
"""

from backstay.filters.errors import FilterSyntaxError
from backstay.filters.parser import COMPARES_MAX, DEPTH_MAX, FILTER_MAX_CHARS, parse
from backstay.filters.printer import Literal, render, skeleton
from backstay.filters.tree import (
    OPERATORS,
    And,
    Call,
    Compare,
    Name,
    Node,
    Number,
    Operand,
    Or,
    Text,
    all_of,
    any_of,
    walk,
)

__all__ = [
    "COMPARES_MAX",
    "DEPTH_MAX",
    "FILTER_MAX_CHARS",
    "OPERATORS",
    "And",
    "Call",
    "Compare",
    "FilterSyntaxError",
    "Literal",
    "Name",
    "Node",
    "Number",
    "Operand",
    "Or",
    "Text",
    "all_of",
    "any_of",
    "parse",
    "render",
    "skeleton",
    "walk",
]
