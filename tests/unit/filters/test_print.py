"""Printing, the skeleton, and properties of random trees and random texts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstay.filters import (
    OPERATORS,
    Call,
    Compare,
    FilterSyntaxError,
    Literal,
    Name,
    Node,
    Number,
    Operand,
    Text,
    all_of,
    any_of,
    parse,
    render,
    skeleton,
    walk,
)

RENDERED = [
    ("a=1||b='x'&&(c~\"it's\"||d!=null)", r"a = 1 || b = 'x' && (c ~ 'it\'s' || d != null)"),
    ("((a=1)) (b = -1.50) // c", "a = 1 && b = -1.5"),
    ("b='\\\\' && b=\"\n\t\"", r"b = '\\' && b = '\n\t'"),
    ("f( a , 'x',)>123456789012345678901234567890", "f(a, 'x') > 123456789012345680000000000000"),
]


@pytest.mark.parametrize(("text", "printed"), RENDERED, ids=[text for text, _ in RENDERED])
def test_render(text: str, printed: str) -> None:
    assert render(parse(text)) == printed
    assert parse(printed) == parse(text)


SKELETONS: list[tuple[str, str, tuple[Literal, ...]]] = [
    ("a='x'", "a = ?t", ("x",)),
    ('a = "y" // other', "a = ?t", ("y",)),
    ("a=''", "a = ?e", ("",)),
    ("a=1 && 2.5<b", "a = ?n && ?n < b", (1, 2.5)),
    ("a=@request.auth.id", "a = @request.auth.id", ()),
    (
        "'l'=f('x',a,g(1),'') || (c=2 || d='?n')",
        "?t = f(?t, a, g(?n), ?e) || c = ?n || d = ?t",
        ("l", "x", 1, "", 2, "?n"),
    ),
    ("(a=1||b=2)&&c=3", "(a = ?n || b = ?n) && c = ?n", (1, 2, 3)),
]


@pytest.mark.parametrize(("text", "form", "literals"), SKELETONS, ids=[text for text, _, _ in SKELETONS])
def test_skeleton(text: str, form: str, literals: tuple[Literal, ...]) -> None:
    assert skeleton(parse(text)) == (form, literals)


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
names = st.from_regex(r"\A[@#_]?[a-zA-Z][\w.:]{0,10}\w\Z").filter(str.isascii)
leaves: st.SearchStrategy[Operand] = texts.map(Text) | numbers.map(Number) | names.map(Name)
inner_calls: st.SearchStrategy[Operand] = st.builds(Call, names, st.lists(leaves, max_size=3).map(tuple))
operands: st.SearchStrategy[Operand] = (
    leaves | inner_calls | st.builds(Call, names, st.lists(leaves | inner_calls, max_size=3).map(tuple))
)
compares: st.SearchStrategy[Node] = st.builds(Compare, operands, st.sampled_from(sorted(OPERATORS)), operands)


def joined(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    items = st.lists(inner, min_size=2, max_size=4)
    return items.map(all_of) | items.map(any_of)


trees = st.recursive(compares, joined, max_leaves=12)


@given(trees)
def test_print_and_parse_again_gives_the_same_tree(tree: Node) -> None:
    assert parse(render(tree)) == tree


@given(trees, trees)
def test_trees_of_one_skeleton_differ_only_in_literals(one: Node, other: Node) -> None:
    form, literals = skeleton(one)
    assert (skeleton(other)[0] == form) == (blank(other) == blank(one))
    assert len(literals) == form.count("?t") + form.count("?e") + form.count("?n")


@given(trees)
def test_walk_meets_every_comparison_from_left_to_right(tree: Node) -> None:
    offsets = [compare.offset for compare in walk(parse(render(tree)))]
    assert offsets == sorted(set(offsets))
    assert len(offsets) == len(list(walk(tree)))


def blank(node: Node) -> list[object]:
    """Return a tree as nested lists in which literals are replaced by their class."""
    if isinstance(node, Compare):
        return [blank_operand(node.left), node.op, blank_operand(node.right)]
    return [type(node), *[blank(item) for item in node.items]]


def blank_operand(operand: Operand) -> object:
    match operand:
        case Text(value=value):
            return (Text, bool(value))
        case Number():
            return Number
        case Name(path=path):
            return path
        case Call(name=name, args=args):
            return [name, *[blank_operand(arg) for arg in args]]


# fmt: off
pieces = st.sampled_from([
    "a", "b.c:d", "@now", "1", "-", "-1.5", ".", "@", "#", "_", ":", "=", "?=", "!", "~", "&&", "||", "&", "(", ")",
    "((", "f(", ",", "'", '"', "'x'", "\\", "//", " ", "\n", "\r", "\0", "\ud800", "é", "𝔸",
])
# fmt: on


@given(st.lists(pieces, max_size=40).map("".join) | st.text(max_size=40))
def test_any_text_gives_a_tree_or_a_syntax_error(text: str) -> None:
    try:
        tree = parse(text)
    except FilterSyntaxError as error:
        offset = error.offset
    else:
        offset = next(walk(tree)).offset
        assert parse(render(tree)) == tree
    assert 0 <= offset <= len(text)


@pytest.mark.parametrize(
    "text", ["(" * 100_000, "f(" * 100_000, "(a=1 && " * 50_000, "(" * 5000 + "a=1" + ")" * 5000]
)
def test_deep_nesting_is_a_syntax_error(text: str) -> None:
    with pytest.raises(FilterSyntaxError, match="deep"):
        parse(text)
