"""Reading and writing `CREATE INDEX`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstay.catalog.indexes import Column, Index, find_unique, on_table, parse_index, refused
from backstay.errors import Fault

NORMAL = [
    ("create index i1 on x (a)", "CREATE INDEX `i1` ON `x` (`a`)"),
    (
        "CREATE UNIQUE INDEX IF NOT EXISTS [i1] ON \"x\" ('a')",
        "CREATE UNIQUE INDEX IF NOT EXISTS `i1` ON `x` (`a`)",
    ),
    ("create index main.i1 on x(a desc)", "CREATE INDEX `main`.`i1` ON `x` (`a` DESC)"),
    ("create index i1 on x (a collate nocase)", "CREATE INDEX `i1` ON `x` (`a` COLLATE nocase)"),
    ("create index i on x (a,\n b asc)", "CREATE INDEX `i` ON `x` (\n  `a`,\n  `b` ASC\n)"),
    ("create index i on x (lower( a ), b)", "CREATE INDEX `i` ON `x` (\n  lower( a ),\n  `b`\n)"),
    ("create index i on x (a || b)", "CREATE INDEX `i` ON `x` (a || b)"),
    ("create index i on x (json_extract(a, '$.b,c'))", "CREATE INDEX `i` ON `x` (json_extract(a, '$.b,c'))"),
    ("create index i on x (a) where a != ') ;'", "CREATE INDEX `i` ON `x` (`a`) WHERE a != ') ;'"),
    ("create /* a */ index i -- b\non x (a /* c */)", "CREATE INDEX `i` ON `x` (`a`)"),
    ("create index i on x (a,,b,)", "CREATE INDEX `i` ON `x` (\n  `a`,\n  `b`\n)"),
]


@pytest.mark.parametrize(("text", "normal"), NORMAL)
def test_normal_form(text: str, normal: str) -> None:
    assert str(parse_index(text)) == normal
    assert str(parse_index(normal)) == normal


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nope",
        "drop index i",
        "create index on x (a)",
        "create index i on x",
        "create index i on x ()",
        "create index i on x (a) where",
        "create index i on x (a",
        "create index i on x (a))",
        "create index i on x (a); drop table users",
        "create index i on x (a) where 1); drop table users; --",
        "create index i on x (a) where (1",
        "create index i on x (a ; b)",
        "create index i on x (a) b",
        "create index `i 1` on x (a)",
        "create index i on `x``y` (a)",
        "create index i on x (`a)",
        "create index i on x (``)",
        "explain create index i on x (a)",
    ],
)
def test_refuses_what_is_no_index(text: str) -> None:
    assert parse_index(text) is None


NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,12}", fullmatch=True)
COLUMNS = st.builds(
    Column,
    name=NAMES,
    collate=st.sampled_from(["", "NOCASE", "binary"]),
    sort=st.sampled_from(["", "ASC", "DESC"]),
)
INDEXES = st.builds(
    Index,
    name=NAMES,
    table=NAMES,
    columns=st.lists(COLUMNS, min_size=1, max_size=4).map(tuple),
    unique=st.booleans(),
    optional=st.booleans(),
    schema=st.just("") | NAMES,
    where=st.sampled_from(["", "a != ''", "(a > 1) AND `b` IS NOT NULL"]),
)


@given(INDEXES)
def test_print_and_parse_again_gives_the_same(index: Index) -> None:
    assert parse_index(str(index)) == index


@given(st.text(alphabet="creatindxonwhu UNIQUE()`\"'[];,.-/*\nab", max_size=60))
def test_anything_is_read_or_refused(text: str) -> None:
    for start in ("", "create index i on x "):
        index = parse_index(start + text)
        assert index is None or index.columns


def test_an_index_follows_its_table_and_keeps_its_text_when_it_can() -> None:
    assert on_table("create  index i on x (a)", "x") == "create  index i on x (a)"
    assert on_table("create  index i on x (a)", "y") == "CREATE INDEX `i` ON `y` (`a`)"
    assert on_table("nope", "y") == "nope"


def test_finds_the_unique_index_of_one_column() -> None:
    texts = [
        "create index i on x (a)",
        "create unique index j on x (a, b)",
        "create unique index k on x (A) where b",
    ]
    found = find_unique(texts, "a")
    assert found is not None
    assert found.name == "k"
    assert find_unique(texts, "b") is None


def test_what_the_database_refuses_is_told_at_its_place() -> None:
    faults = refused(2, "i1", "no such column: zzz")
    message = "Failed to create index i1 - no such column: zzz."
    assert faults == {"indexes": {"2": Fault("validation_invalid_index_expression", message)}}
