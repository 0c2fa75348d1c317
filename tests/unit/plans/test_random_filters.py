"""Random filters: the planner's SQL on SQLite finds what the evaluator finds."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backstay.errors import RequestError
from backstay.filters import Node, parse, render
from tests.unit.plans.databases import Asker, Sqlite, fill
from tests.unit.plans.evaluator import Evaluator, like
from tests.unit.plans.samples import CATALOG, Rows, collection, viewers
from tests.unit.plans.strategies import filters

SEEDS = (0, 1, 2)


class Both:
    """The same records for the planner and for the evaluator, as Ann sees them: her record is `@request.auth`."""

    def __init__(self, seed: int) -> None:
        rows = Rows(seed).all(posts=20)
        everybody = viewers(rows)
        database = Sqlite()
        fill(database, rows)
        self._asker = Asker(database, everybody)
        self._evaluator = Evaluator(CATALOG, rows, everybody["ann"])
        self.close = database.close

    def found(self, node: Node) -> list[str]:
        """Return the ids which the planner's statement finds."""
        return self._asker.ids("posts", node, who="ann")

    def expected(self, node: Node) -> list[str]:
        """Return the ids which the evaluator finds."""
        return sorted(self._evaluator.ids(collection("posts"), node))


@pytest.fixture(scope="module")
def sites() -> Iterator[dict[int, Both]]:
    made = {seed: Both(seed) for seed in SEEDS}
    yield made
    for site in made.values():
        site.close()


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(node=filters(), seed=st.sampled_from(SEEDS))
def test_planner_agrees_with_evaluator(sites: dict[int, Both], node: Node, seed: int) -> None:
    try:
        found = sites[seed].found(node)
    except RequestError:
        return  # refused: a path too much, an argument which is none
    assert found == sites[seed].expected(node), render(node)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("editors.age > 5", id="every editor, and there is one"),
        pytest.param("editors.age ?> 5", id="some editor"),
        pytest.param("editors.name ?= 'Ann' && editors.age ?< 40", id="the same editor"),
        pytest.param("editors.team.rank < 'x'", id="an editor without a team fails no order"),
        pytest.param("editors.name != 'Ann'", id="no editor at all is not Ann"),
        pytest.param("comments_via_post.text !~ 'a'", id="no comment has it"),
        pytest.param("next.status:length = 0", id="a record that is not there has nothing selected"),
        pytest.param("next.meta.0 != comments_via_post.text", id="null beside all texts is empty"),
        pytest.param("labels:each = 'a' || labels:each ?= 'b'", id="each label"),
        pytest.param(
            "@collection.teams.rank ?> score && @collection.teams.title ?~ 'a'", id="one team for both"
        ),
        pytest.param(
            "@collection.teams.rank ?> score && @collection.teams:x.title ?~ 'a'", id="a team for each"
        ),
        pytest.param("score > title && title = 7.0 && active = '1'", id="texts beside numbers"),
        pytest.param("meta.a = true || meta < 'x'", id="JSON values have types"),
    ],
)
def test_planner_agrees_on_known_corners(sites: dict[int, Both], text: str) -> None:
    for site in sites.values():
        assert site.found(parse(text)) == site.expected(parse(text))


@pytest.mark.parametrize(
    ("text", "pattern", "matches"),
    [
        ("Abc", "%B%", True),
        ("a%", r"%\%%", True),
        ("ab", r"%\%%", False),
        ("Ä", "ä", False),
        ("x", "%\\", False),
    ],
)
def test_evaluator_matches_as_sqlite(text: str, pattern: str, matches: bool) -> None:
    assert like(text, pattern) is matches
    ((found,),) = _memory().fetch(r"SELECT ? LIKE ? ESCAPE '\'", [text, pattern])
    assert bool(found) is matches


@lru_cache(maxsize=1)
def _memory() -> Sqlite:
    return Sqlite()
