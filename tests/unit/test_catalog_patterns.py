"""Matching the patterns that owners write."""

from __future__ import annotations

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from backstay.catalog.fields.text import check_id
from backstay.catalog.patterns import generate, matches

PATTERNS = [
    "^[a-z0-9]+$",
    "^[A-Z_-]*$",
    "^[\\w][\\w\\.\\-]*$",
    "b",
    "^a|b$",
    "[a-z]+",
    "^[z-a]+$",
    "(",
    "^[[:alpha:]]+$",
]


@pytest.mark.parametrize(
    ("pattern", "value", "fits"),
    [
        ("^[a-z0-9]+$", "abc1", True),
        ("^[a-z0-9]+$", "", False),
        ("^[a-z0-9]+$", "abc\n", False),
        ("^[a-z0-9]+$", "aBc", False),
        ("^[a-z0-9]*$", "", True),
        ("^[a-z]+$", "é", False),
        ("b", "abc", True),
        ("^[z-a]+$", "z", False),
        ("(", "(", False),
    ],
)
def test_a_pattern_is_found_or_not(pattern: str, value: str, fits: bool) -> None:
    assert matches(pattern, value) is fits


@given(st.sampled_from(PATTERNS), st.text(alphabet="abzAZ019_-\n é", max_size=6))
def test_all_patterns_are_matched_as_re2_does(pattern: str, value: str) -> None:
    options = re2.Options()
    options.log_errors = False
    try:
        expected = re2.compile(pattern, options).search(value) is not None
    except re2.error:
        expected = False
    assert matches(pattern, value) is expected


def test_generated_text_fits_its_pattern() -> None:
    for _ in range(100):
        assert matches("^[a-z0-9]{15}$", generate("[a-z0-9]{15}"))


@pytest.mark.parametrize("char", [*"./\\|\"'`<>:?*%$", "\n", "\x00", "\x1f", " "])
def test_an_id_is_safe_in_paths(char: str) -> None:
    fault = check_id(f"a{char}b{char}")
    assert fault is not None
    assert (fault.code, fault.params) == ("validation_forbidden_pk_character", {"ch": char})


def test_an_ordinary_id_passes() -> None:
    assert check_id("abc_DEF-123é") is None
