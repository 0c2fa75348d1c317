"""Backstay answers as PocketBase does: the same status and values, and keys in the same order."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet

from tests.conformance.cases import Case
from tests.conformance.conftest import Play
from tests.conformance.deliberate import DELIBERATE, with_own_answers
from tests.conformance.differences import DIFFERENCES


def all_cases() -> Iterator[Case]:
    """Collect `CASES` of each `cases_*.py`; names must differ."""
    seen: set[str] = set()
    for path in sorted(Path(__file__).parent.glob("cases_*.py")):
        for case in import_module(f"tests.conformance.{path.stem}").CASES:
            assert case.name not in seen, f"two cases are called {case.name}"
            seen.add(case.name)
            yield with_own_answers(case)
    assert not DELIBERATE.keys() - seen, f"no case is called {DELIBERATE.keys() - seen}"


def marks_of(case: Case, *, must_differ: bool) -> list[pytest.MarkDecorator]:
    """Mark what differs: within a case as the case says, or the case as a whole."""
    reason = DIFFERENCES.get(case.name)
    if reason is None:
        return [pytest.mark.differs] if case.differs else []
    if must_differ:
        return [pytest.mark.differs, pytest.mark.xfail(reason=reason, strict=True)]
    return [pytest.mark.differs, pytest.mark.xfail(reason=reason, strict=False)]


def cases(*, must_differ: bool) -> list[ParameterSet]:
    """Return the cases with their marks."""
    return [
        pytest.param(case, id=case.name, marks=marks_of(case, must_differ=must_differ))
        for case in all_cases()
    ]


@pytest.mark.parametrize("case", cases(must_differ=True))
def test_answers_are_equal(case: Case, play: Play) -> None:
    """Status and values of every step."""
    differences = play(case).values
    assert not differences, "\n" + "\n".join(differences)


@pytest.mark.parametrize("case", cases(must_differ=False))
def test_keys_stand_in_the_same_order(case: Case, play: Play) -> None:
    """The order of the keys of every object in the answers."""
    differences = play(case).order
    assert not differences, "\n" + "\n".join(differences)
