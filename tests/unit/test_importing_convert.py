"""Cells become what fields take; what doesn't fit is a fault and never a zero."""

from __future__ import annotations

from typing import Any

import pytest

from backstay.importing.convert import UnfitError, convert_row, converter


@pytest.mark.parametrize(
    ("kind", "given", "sent"),
    [
        ("number", "12", 12),
        ("number", "-1.50", -1.5),
        ("number", 3, 3),
        ("bool", "TRUE", True),
        ("bool", "no", False),
        ("bool", 0, False),
        ("date", "2024-02-29", "2024-02-29 00:00:00.000Z"),
        ("text", 5, "5"),
        ("text", True, "true"),
        ("text", {"a": 1}, '{"a":1}'),
        ("json", '{"a": 1}', {"a": 1}),
        ("json", "plain", "plain"),
        ("geoPoint", '{"lon": 1, "lat": 2}', {"lon": 1, "lat": 2}),
        ("select", "a, b", ["a", "b"]),
        ("select", '["a,b"]', ["a,b"]),
    ],
)
def test_fits(kind: str, given: Any, sent: Any) -> None:
    convert = converter(kind)
    assert convert is not None
    assert convert(given) == sent


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("number", "abc"),
        ("number", "1_000"),
        ("number", "nan"),
        ("bool", "maybe"),
        ("date", "soon"),
        ("geoPoint", "1,2"),
    ],
)
def test_does_not_fit(kind: str, given: Any) -> None:
    with pytest.raises(UnfitError, match=f"x: '{given}'"):
        convert_row({"x": given}, {"x": ("x", converter(kind))})


def test_a_row_gets_the_fields_names_and_leaves_out_what_is_empty() -> None:
    plan = {"First Name": ("first_name", None), "age": ("age", converter("number")), "note": ("note", None)}
    row = {"First Name": "Ann", "age": "31", "note": ""}
    assert convert_row(row, plan) == {"first_name": "Ann", "age": 31}
