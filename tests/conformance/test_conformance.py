"""Backstay answers as PocketBase does: the same status and values, and keys in the same order."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from tests.conformance.cases import Case
from tests.conformance.conftest import Play
from tests.conformance.differences import DIFFERENCES, with_own_answers


def all_cases() -> Iterator[Case]:
    """Collect `CASES` of each `cases_*.py`; names must differ."""
    seen: set[str] = set()
    for path in sorted(Path(__file__).parent.glob("cases_*.py")):
        for case in import_module(f"tests.conformance.{path.stem}").CASES:
            assert case.name not in seen, f"two cases are called {case.name}"
            seen.add(case.name)
            yield with_own_answers(case)
    assert not DIFFERENCES.keys() - seen, f"no case is called {DIFFERENCES.keys() - seen}"


CASES = [
    pytest.param(case, id=case.name, marks=[pytest.mark.differs] if case.differs else [])
    for case in all_cases()
]


@pytest.mark.parametrize("case", CASES)
def test_answers_are_equal(case: Case, play: Play) -> None:
    """Status and values of every step."""
    differences = play(case).values
    assert not differences, "\n" + "\n".join(differences)


@pytest.mark.parametrize("case", CASES)
def test_keys_stand_in_the_same_order(case: Case, play: Play) -> None:
    """The order of the keys of every object in the answers."""
    differences = play(case).order
    assert not differences, "\n" + "\n".join(differences)
