"""Text and tree, in two columns. What is accepted and refused was seen on PocketBase 0.40.6."""

from __future__ import annotations

import pytest

from backstay.errors import BadRequest
from backstay.filters import (
    COMPARES_MAX,
    DEPTH_MAX,
    FILTER_MAX_CHARS,
    OPERATORS,
    And,
    Call,
    Compare,
    FilterSyntaxError,
    Name,
    Node,
    Number,
    Operand,
    Or,
    Text,
    all_of,
    any_of,
    parse,
    walk,
)


def is_(name: str, value: int | str) -> Compare:
    return Compare(Name(name), "=", Text(value) if isinstance(value, str) else Number(value))


A, B, C, D = is_("a", 1), is_("b", 2), is_("c", 3), is_("d", 4)

TREES: list[tuple[str, Node]] = [
    ("a=1", A),
    (" \t\na =\n1 ", A),
    ("(a=1)", A),
    ("((a = 1))", A),
    # && binds tighter than ||
    ("a=1 || b=2 && c=3", Or((A, And((B, C))))),
    ("a=1 && b=2 || c=3", Or((And((A, B)), C))),
    ("a=1&&b=2||c=3&&d=4", Or((And((A, B)), And((C, D))))),
    ("(a=1 || b=2) && c=3", And((Or((A, B)), C))),
    ("a=1 && (b=2 || c=3) && d=4", And((A, Or((B, C)), D))),
    # joins of the same kind are one
    ("a=1 && (b=2 && (c=3 && d=4))", And((A, B, C, D))),
    ("(a=1 || b=2) || c=3", Or((A, B, C))),
    # a group may follow without a join, and takes the one used last
    ("a=1 (b=2)", And((A, B))),
    ("(a=1)(b=2)", And((A, B))),
    ("a=1 || c=3 (b=2)", Or((A, C, B))),
    ("(a=1) || (b=2) (c=3)", Or((A, B, C))),
    ("a=1 && (b=2) || (c=3) (d=4)", Or((And((A, B)), C, D))),
    # comments
    ("a=1 // it's", A),
    ("// x\na=1", A),
    ("a // c\n=// d // e\n1//", A),
    ("a=1 //a\n//b\n&&b=2", And((A, B))),
    ("a=f(// it's )\n)", Compare(Name("a"), "=", Call("f", ()))),
    ("(a=1 // )", A),
    ("(a=1 // (x)\n && b=2)", And((A, B))),
    ("(a=1 // 'x)(' \"y\"\n && b=2)", And((A, B))),
]


@pytest.mark.parametrize(("text", "tree"), TREES, ids=[text for text, _ in TREES])
def test_tree(text: str, tree: Node) -> None:
    assert parse(text) == tree


OPERANDS: list[tuple[str, Operand]] = [
    ("''", Text("")),
    ('""', Text("")),
    ("'x'", Text("x")),
    ("'é日本😀'", Text("é日本😀")),
    ("'a//b'", Text("a//b")),
    ("'a\nb'", Text("a\nb")),
    ("'a\"b'", Text('a"b')),
    (r"'a\'b'", Text("a'b")),
    (r"'a\"b'", Text('a"b')),
    (r'"a\"b"', Text('a"b')),
    (r'"a\'b"', Text("a'b")),
    (r"'\\'", Text("\\")),
    (r"'a\\\'b'", Text(r"a\'b")),
    (r"'\n\r\t'", Text("\n\r\t")),
    (r"'\\n'", Text(r"\n")),
    (r"'\x\0\u0041\%\b'", Text(r"\x\0\u0041\%\b")),
    ("0", Number(0)),
    ("01", Number(1)),
    ("-01", Number(-1)),
    ("-1.5", Number(-1.5)),
    ("-.5", Number(-0.5)),
    ("1.50", Number(1.5)),
    ("9007199254740992", Number(2**53)),
    ("9007199254740993", Number(float(2**53))),
    ("123456789012345678901234567890", Number(1.2345678901234568e29)),
    ("null", Name("null")),
    ("TRUE", Name("TRUE")),
    ("@now", Name("@now")),
    ("_x", Name("_x")),
    ("#x", Name("#x")),
    ("a.b.c", Name("a.b.c")),
    ("meta.a.0.b", Name("meta.a.0.b")),
    ("tags:each", Name("tags:each")),
    ("@request.headers.x_y:lower", Name("@request.headers.x_y:lower")),
    ("@collection.posts:alias.title", Name("@collection.posts:alias.title")),
    ("comments_via_post.text", Name("comments_via_post.text")),
    (
        "geoDistance( g.lon,\n\tg.lat , -1 , 2.5 )",
        Call("geoDistance", (Name("g.lon"), Name("g.lat"), Number(-1), Number(2.5))),
    ),
    (
        "strftime('%Y)', @now, // one day\n'+1 day',)",
        Call("strftime", (Text("%Y)"), Name("@now"), Text("+1 day"))),
    ),
    ("f(g(1))", Call("f", (Call("g", (Number(1),)),))),
    ("f()", Call("f", ())),
]


@pytest.mark.parametrize(("text", "operand"), OPERANDS, ids=[text for text, _ in OPERANDS])
def test_operand(text: str, operand: Operand) -> None:
    assert parse(f"{text}={text}") == Compare(operand, "=", operand)
    assert parse(f"({text} ?!~ {text})") == Compare(operand, "?!~", operand)


def test_a_whole_number_is_an_int() -> None:
    compare = parse("1 = 1.0")
    assert isinstance(compare, Compare)
    assert isinstance(compare.left, Number)
    assert isinstance(compare.right, Number)
    assert [type(compare.left.value), type(compare.right.value)] == [int, float]


@pytest.mark.parametrize("op", sorted(OPERATORS))
def test_operator(op: str) -> None:
    assert op.removeprefix("?") in ("=", "!=", ">", ">=", "<", "<=", "~", "!~")
    assert parse(f"a{op}1") == parse(f"a {op} 1") == Compare(Name("a"), op, Number(1))


REFUSED: list[tuple[str, int, str]] = [
    ("", 0, "no comparison"),
    ("  \n", 0, "no comparison"),
    ("// x", 0, "no comparison"),
    ("()", 0, "no comparison"),
    ("a=1 && ()", 7, "no comparison"),
    ("() && a=1", 0, "no comparison"),
    ("a", 1, "operator"),
    ("a=", 2, "found the end"),
    ("=1", 0, "found ="),
    ("a=1 &&", 6, "'&&' needs a comparison"),
    ("a=1 || // c", 11, "'||' needs a comparison"),
    ("(a=1 && ) b=2", 8, "'&&' needs a comparison"),
    ("&& a=1", 0, "found &&"),
    ("a=1 & b=2", 4, "'&&' for and"),
    ("a=1 | b=2", 4, "'||' for or"),
    ("a=1 &&& b=2", 4, "'&&' or '||'"),
    ("a=1 &&|| b=2", 4, "'&&' or '||'"),
    ("a=1 and b=2", 4, "Write '&&' instead of 'and'"),
    ("a=1 OR(b=2)", 4, "Write '||' instead of 'OR'"),
    ("a=1 b=2", 4, "'&&' or '||'"),
    ("(a=1) b=2", 6, "'&&' or '||'"),
    ("a=1=1", 3, "'&&' or '||'"),
    ("1a=1", 1, "operator"),
    ("a='1'b", 5, "'&&' or '||'"),
    ("(a=1", 0, "not closed"),
    ("(a=1 && (b=2)", 0, "not closed"),
    ("a=1)", 3, "closes nothing"),
    ("(a=1 // it's\n)", 10, "quote in a comment"),
    ("(a=1 // (\n) && b=2)", 7, "in a comment"),
    ("(a=1 // (x", 7, "hides"),
    ("b='1", 2, "not closed"),
    ("b='1\"", 2, "not closed"),
    (r"b='\'", 2, "not closed"),
    ("b=‘1’", 2, "straight quotes"),
    ("a==1", 1, "did you mean '='?"),
    ("a <> 1", 2, "did you mean '!='?"),
    ("a => 1", 2, "did you mean '>='?"),
    ("a =? 1", 2, "did you mean '?='?"),
    ("a ?? 1", 2, "operators are"),
    ("a > = 1", 2 + 2, "found ="),
    ("a ! = 1", 2, "no operator"),
    ("not a=1", 4, "no 'not'"),
    ("a= - 1", 3, "minus"),
    ("a=--1", 2, "minus"),
    ("a=1-1", 3, "'&&' or '||'"),
    ("a-b=1", 1, "minus"),
    ("a=+1", 2, "'+'"),
    ("a=1.", 2, "not a number"),
    ("a=-1.", 2, "not a number"),
    ("a=1.5.1", 2, "not a number"),
    ("a=.5", 2, "point"),
    ("a=1e5", 3, "'&&' or '||'"),
    ("a=1_000", 3, "'&&' or '||'"),
    ("a=" + "9" * 400, 2, "too large"),
    ("é=1", 0, "'é'"),
    ("a.=1", 0, "A name"),
    ("b:='1'", 0, "A name"),
    (":b='1'", 0, "':'"),
    ("@='1'", 0, "A name"),
    ("a@b=1", 0, "A name"),
    ("##a=1", 0, "A name"),
    ("a%b=1", 1, "'%'"),
    ("a=1;", 3, "';'"),
    ("a=1\r\n", 3, r"'\r'"),
    ("a=1\u00a0", 3, "character"),
    ("\ufeffa=1", 0, "character"),
    ("a=1 / x", 4, "two slashes"),
    ("f(1=1", 3, "',' or ')'"),
    ("f(1 2)=1", 4, "',' or ')'"),
    ("f(,1)=1", 2, "found ,"),
    ("f(1,,2)=1", 4, "found ,"),
    ("f((1),2)=1", 2, "found ("),
    ("f (1)=1", 2, "operator"),
    ("f(1", 3, "found the end"),
    ("f(" + "1," * 21 + ")=1", 0, "at most 20 arguments"),
    ("f(g(h(1)))=1", 4, "nested 2 deep"),
    ("b='\ud800'", 3, "Unicode"),
    # stricter than PocketBase, which ignores the operand before a group, and all that follows NUL
    ("not (a=1)", 4, "no 'not'"),
    ("a (b=1)", 2, "join and a group"),
    ("a = (b=1)", 4, "found ("),
    ("c=1 && a = (b=1)", 11, "found ("),
    ("a=1\0", 3, "NUL"),
]


@pytest.mark.parametrize(
    ("text", "offset", "part"), REFUSED, ids=[ascii(text[:20]) for text, _, _ in REFUSED]
)
def test_refused(text: str, offset: int, part: str) -> None:
    with pytest.raises(FilterSyntaxError) as caught:
        parse(text)
    assert part in caught.value.explanation
    assert caught.value.offset == offset
    assert len(caught.value.explanation) < 150


def test_client_sees_the_protocols_message_and_our_hint() -> None:
    with pytest.raises(BadRequest) as caught:
        parse("a == 1")
    assert caught.value.body() == {
        "data": {},
        "message": "Something went wrong while processing your request.",
        "status": 400,
        "hint": "'==' is no operator; did you mean '='?",
        "at": "filter:2",
    }


def test_offset_is_where_a_comparison_starts_and_does_not_count_in_equality() -> None:
    tree = parse("a=1 && (b=2)")
    assert [compare.offset for compare in walk(tree)] == [0, 8]
    assert tree == And((A, B))
    assert hash(tree) == hash(And((A, B)))
    assert Compare(Name("a"), "=", Number(1)) != Compare(Name("a"), "!=", Number(1))
    assert Compare(Name("a"), "=", Text("1")) != Compare(Name("a"), "=", Name("1"))


def accepted(text: str, max_chars: int | None = None) -> bool:
    try:
        parse(text, max_chars=max_chars)
    except FilterSyntaxError:
        return False
    return True


@pytest.mark.parametrize(
    ("at_limit", "over_limit"),
    [
        pytest.param(
            " && ".join(["a=1"] * COMPARES_MAX), " && ".join(["a=1"] * (COMPARES_MAX + 1)), id="comparisons"
        ),
        pytest.param(
            f"({'a=1||' * 199}a=1)", f"({'a=1||' * 99}a=1)&&({'a=1||' * 100}a=1)", id="comparisons in groups"
        ),
        pytest.param(
            "(" * DEPTH_MAX + "a=1" + ")" * DEPTH_MAX, "(" * (DEPTH_MAX + 1) + "a=1" + ")" * 21, id="depth"
        ),
        pytest.param("f(" + "1," * 20 + ")=1", "f(" + "1," * 20 + "1)=1", id="arguments"),
        pytest.param("f(g(1))=1", "f(g(h(1)))=1", id="depth of functions"),
    ],
)
def test_limit(at_limit: str, over_limit: str) -> None:
    assert accepted(at_limit)
    assert not accepted(over_limit)


@pytest.mark.parametrize("letter", ["x", "é", "日"])
def test_length_is_counted_in_bytes(letter: str) -> None:
    room = FILTER_MAX_CHARS - len("b=''")
    longest = f"b='{letter * (room // len(letter.encode()))}'"
    assert accepted(longest, FILTER_MAX_CHARS)
    assert not accepted(longest + " " * 3, FILTER_MAX_CHARS)
    assert accepted(longest + " " * 3)


def test_all_of_and_any_of_keep_the_normal_form() -> None:
    assert all_of([A]) == any_of([A]) == A
    assert all_of([A, And((B, C))]) == And((A, B, C))
    assert any_of([Or((A, B)), And((B, C))]) == Or((A, B, And((B, C))))
    assert all_of([Or((A, B)), C]) == And((Or((A, B)), C))
