"""Random filters over the posts of `samples`."""

from __future__ import annotations

from hypothesis import strategies as st

from backstay.filters import And, Call, Compare, Name, Node, Number, Or, Text
from backstay.filters import Operand as Token
from tests.unit.plans.samples import TEXTS

OPERATORS = ("=", "!=", ">", ">=", "<", "<=", "~", "!~")
_JSON = ("", ".a", ".b", ".a.b", ".a.0", ".a.2.b", ".0", ".1", ".c.1")
_ROW = (
    "title",
    "other",
    "title:lower",
    "status",
    "labels",
    "score",
    "views",
    "active",
    "published",
    "status:length",
)
_POST = (
    *_ROW,
    *(f"meta{path}" for path in _JSON),
    "meta:lower",
    "geo.lon",
    "geo.lat",
    "labels:length",
    "author",
    "next",
)
_PERSON = (
    "name",
    "age",
    "verified",
    "name:lower",
    "skills:length",
    "team",
    "team.rank",
    "team.title",
    "email",
    "id",
)
_COMMENT = ("text", "likes", "flags:length", "author.name", "id")
SINGLE = (
    *_POST,
    "author.id",
    *(f"author.{key}" for key in _PERSON),
    *(f"next.{key}" for key in _POST),
    "next.next.title",
    "details_via_post.note",
)
MULTIPLE = (
    "labels:each",
    "editors.skills:each",
    "next.labels:each",
    "author.skills:each",
    "details_via_post.readers.name",
    "author.posts_via_author.score",
    *(f"editors.{key}" for key in _PERSON),
    *(f"comments_via_post.{key}" for key in _COMMENT),
    "comments_via_post.flags:each",
    "comments_via_post.author.team.title",
    "posts_via_next.title",
    "posts_via_next.meta.a",
    "@collection.teams.title",
    "@collection.teams.rank",
    "@collection.teams:x.title",
    "@collection.teams.colors:each",
)
_REQUEST = ("@request.auth.id", "@request.auth.name", "@request.auth.age", "@request.auth.team.rank")
_LITERALS = (
    *TEXTS,
    "go",
    "red",
    "spam",
    "Ann",
    "ANN",
    "person000000001",
    "open",
    "1",
    "3",
    "%",
    "a%",
    "_",
    "[]",
)


def names(paths: tuple[str, ...]) -> st.SearchStrategy[Token]:
    return st.sampled_from(paths).map(Name)


def _numbers() -> st.SearchStrategy[Token]:
    return st.sampled_from((0, 1, -1, 7, 7.5, 0.5, 3, 1000, 40, 47.37)).map(Number)


def distances() -> st.SearchStrategy[Token]:
    degrees = st.one_of(names(("geo.lon", "geo.lat", "score", "meta.a", "author.age")), _numbers())
    return st.tuples(degrees, degrees, degrees, degrees).map(lambda found: Call("geoDistance", found))


def operands() -> st.SearchStrategy[Token]:
    """Fields, what they lead to, literals, words."""
    return st.one_of(
        names(SINGLE),
        names(MULTIPLE),
        names(_POST),
        names((*_REQUEST, "null", "true", "false")),
        st.sampled_from(_LITERALS).map(Text),
        _numbers(),
    )


def comparisons() -> st.SearchStrategy[Node]:
    operators = st.sampled_from([*OPERATORS, "=", "!=", *(f"?{op}" for op in OPERATORS)])
    likely = st.one_of(names(SINGLE), names(MULTIPLE))
    by_order = st.sampled_from(
        ("<", "<=", ">", ">=")
    )  # the last digits of a sum of cosines are nobody's business
    return st.one_of(
        st.builds(Compare, likely, operators, operands()),
        st.builds(Compare, operands(), operators, operands()),
        st.builds(Compare, distances(), by_order, st.sampled_from((0.5, 100, 4000)).map(Number)),
    )


def filters() -> st.SearchStrategy[Node]:
    """Comparisons, and one or two levels of AND and OR over them."""
    pairs = st.lists(comparisons(), min_size=2, max_size=3).map(tuple)
    joined = st.one_of(pairs.map(And), pairs.map(Or))
    mixed = st.tuples(comparisons(), pairs.map(And)).map(Or)
    other = st.tuples(comparisons(), pairs.map(Or)).map(And)
    return st.one_of(comparisons(), comparisons(), joined, mixed, other)
