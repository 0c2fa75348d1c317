"""Laying JSON over typed values."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from backstay.overlay import Misfit, overlay, zero


class Inner(msgspec.Struct, frozen=True):
    count: int = 7
    ratio: float | None = None


class Outer(msgspec.Struct, frozen=True):
    name: str = "usual"
    on: bool = True
    inner: Inner = Inner()
    many: tuple[Inner, ...] = (Inner(),)
    words: list[str] = msgspec.field(default_factory=lambda: ["a"])
    extra: dict[str, Any] | None = None


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        pytest.param({}, Outer(), id="nothing changes nothing"),
        pytest.param({"later": 1}, Outer(), id="unknown keys are ignored"),
        pytest.param({"name": "x"}, Outer(name="x"), id="texts are replaced"),
        pytest.param({"inner": {"ratio": 0.5}}, Outer(inner=Inner(7, 0.5)), id="objects are merged"),
        pytest.param(
            {"inner": {"ratio": 5.0}}, Outer(inner=Inner(7, 5)), id="a whole float is written without .0"
        ),
        pytest.param({"inner": None}, Outer(inner=Inner(0, None)), id="null is an object of zeros"),
        pytest.param(
            {"many": [{"ratio": 1}, None]}, Outer(many=(Inner(0, 1), Inner(0))), id="items start at zero"
        ),
        pytest.param({"many": None, "words": None}, Outer(many=(), words=[]), id="null is an empty list"),
        pytest.param({"name": None, "on": None}, Outer(name="", on=False), id="null is the zero of its type"),
        pytest.param({"extra": {"a": [1]}}, Outer(extra={"a": [1]}), id="free objects are taken as they are"),
        pytest.param({"NAME": "x"}, Outer(), id="case counts"),
    ],
)
def test_merges(patch: dict[str, Any], expected: Outer) -> None:
    assert overlay(Outer(), patch) == expected


@pytest.mark.parametrize(
    ("patch", "path"),
    [
        ({"name": 5}, "name"),
        ({"on": 1}, "on"),
        ({"on": "true"}, "on"),
        ({"inner": []}, "inner"),
        ({"inner": {"count": "1"}}, "inner.count"),
        ({"inner": {"count": 1.0}}, "inner.count"),
        ({"inner": {"count": True}}, "inner.count"),
        ({"inner": {"count": 2**63}}, "inner.count"),
        ({"inner": {"ratio": "1"}}, "inner.ratio"),
        ({"many": {}}, "many"),
        ({"many": [{}, {"count": "x"}]}, "many.1.count"),
        ({"words": ["a", 1]}, "words.1"),
        ({"extra": []}, "extra"),
    ],
)
def test_refuses_what_does_not_fit(patch: dict[str, Any], path: str) -> None:
    with pytest.raises(Misfit) as misfit:
        overlay(Outer(), patch)
    assert misfit.value.path == path


def test_keys_in_any_case_where_asked_for_but_only_once() -> None:
    assert overlay(Outer(), {"INNER": {"Count": 1}}, fold=True) == Outer(inner=Inner(1))
    with pytest.raises(Misfit, match="only once"):
        overlay(Outer(), {"name": "a", "Name": "b"}, fold=True)


def test_zero_ignores_defaults() -> None:
    assert zero(Outer) == Outer(name="", on=False, inner=Inner(0), many=(), words=[], extra=None)
