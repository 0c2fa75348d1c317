"""The linear LIKE gives what SQLite's own gives, and takes no longer for hostile patterns."""

from __future__ import annotations

import sqlite3
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstay.stores.base import StoreError
from backstay.stores.like import like

SQLITE = sqlite3.connect(":memory:")
LETTERS = st.text(st.sampled_from("aAbBéÉ%_\\\n🪢"), max_size=12)


@given(text=LETTERS, pattern=LETTERS)
def test_it_agrees_with_sqlite(text: str, pattern: str) -> None:
    (expected,) = SQLITE.execute("SELECT ? LIKE ? ESCAPE '\\'", (text, pattern)).fetchone()
    assert like(text, pattern) == bool(expected)


def test_null_matches_nothing_and_not_nothing() -> None:
    assert like(None, "%") is None
    assert like("a", None) is None


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("a" * 5_000_000, "%" + "a" * 3400 + "b%"),
        ("a" * 5_000_000 + "b", "%" + "a" * 3400 + "b%"),
        ("a" * 5_000_000, "%" + "%".join("a" * 1500) + "%b"),
        ("ab" * 2_500_000, "%" + "ba" * 1700 + "c%"),
        ("a" * 5_000_000, "%" + "_" * 3400 + "b%"),
        ("é" * 2_500_000, "%" + "É" * 1700 + "b%"),
    ],
    ids=["late", "found", "wildcards", "period", "any", "not ascii"],
)
def test_hostile_patterns_take_linear_time(text: str, pattern: str) -> None:
    start = time.perf_counter()
    like(text, pattern)
    assert time.perf_counter() - start < 1


def test_what_would_take_longer_is_refused() -> None:
    start = time.perf_counter()
    with pytest.raises(StoreError):
        like("ab" * 1_000_000, "%" + "a_" * 1700 + "c%")
    assert time.perf_counter() - start < 1
