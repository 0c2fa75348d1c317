"""Two columns, what is asked and the SQL: for SQLite, PostgreSQL and MariaDB.

That the texts also mean the same is the business of `tests/store/test_dialects_live.py`.
"""

from __future__ import annotations

import re

import pytest

from backstay.errors import BadRequest
from backstay.plans.dialects.base import Dialect
from backstay.plans.dialects.mysql import MariadbDialect, MysqlDialect
from backstay.plans.dialects.postgresql import PostgresqlDialect
from backstay.plans.dialects.sqlite import SqliteDialect
from backstay.plans.dialects.typed import NUMERIC_TEXT
from backstay.plans.expand import expand_tree
from backstay.plans.params import MATCHES_NOTHING, Param, Statement, Values, bind, shape_value, value_class
from backstay.plans.read import plan_list
from backstay.plans.request import GUEST, MISSING, RequestInfo, Viewer
from backstay.plans.scope import Frame
from backstay.plans.sort import parse_sort
from tests.unit.plans.cases import FILTERS as ALL_FILTERS
from tests.unit.plans.samples import CATALOG, collection
from tests.unit.plans.texts import BACK_EXPANDS, FILTERS, RECORDS, SORTS

DIALECTS: dict[str, Dialect] = {
    "sqlite": SqliteDialect(),
    "postgresql": PostgresqlDialect(),
    "mysql": MariadbDialect(),
}
ROOT = Viewer(collection("_superusers"), {"id": "root00000000001"})


def rows_of(
    name: str, text: str = "", *, dialect: Dialect, sort: str = "", viewer: Viewer = GUEST
) -> Statement:
    frame = Frame(CATALOG, dialect, RequestInfo(viewer))
    return plan_list(frame, collection(name), rule=text, sort=parse_sort(sort)).rows


def one_line(sql: str) -> str:
    """Return SQL without line breaks, and with short names for the two long texts."""
    sql = " ".join(sql.split())
    for pattern in (NUMERIC_TEXT, NUMERIC_TEXT.replace("\\", "\\\\")):
        sql = sql.replace(f"'{pattern}'", "'NUMERIC'")
    return re.sub(
        r"CASE WHEN length\((?P<x>.+?)\) = char_length\((?P=x)\) THEN lower\((?P=x)\) "
        r"ELSE (replace\(){26}(?P=x)(, '[A-Z]', '[a-z]'\)){26} END",
        r"ascii_lower(\g<x>)",
        sql,
    )


def where_of(text: str, dialect: str) -> str:
    sql = one_line(rows_of("posts", text, dialect=DIALECTS[dialect]).sql)
    return re.sub(r"( ORDER BY posts\.\S+ ASC)? LIMIT .*", "", sql[sql.index(" WHERE ") + 7 :])


def order_of(sort: str, dialect: str) -> str:
    sql = one_line(rows_of("posts", dialect=DIALECTS[dialect], sort=sort).sql)
    return re.sub(r".* FROM posts ?(LEFT.*? )?(ORDER BY )?(.*?) ?LIMIT .*", r"\3", sql)


@pytest.mark.parametrize(("text", "sqlite", "postgresql", "mysql"), FILTERS)
def test_filters(text: str, sqlite: str, postgresql: str, mysql: str) -> None:
    assert [where_of(text, name) for name in DIALECTS] == [sqlite, postgresql, mysql]


@pytest.mark.parametrize(("sort", "sqlite", "postgresql", "mysql"), SORTS)
def test_sorts(sort: str, sqlite: str, postgresql: str, mysql: str) -> None:
    assert [order_of(sort, name) for name in DIALECTS] == [sqlite, postgresql, mysql]


@pytest.mark.parametrize("name", DIALECTS)
def test_record_json(name: str) -> None:
    sql = one_line(rows_of("people", dialect=DIALECTS[name], viewer=ROOT).sql)
    assert sql.split(" AS r ")[0].removeprefix("SELECT ") == RECORDS[name]


@pytest.mark.parametrize("name", DIALECTS)
def test_back_relations_are_expanded_by_one_statement(name: str) -> None:
    people = collection("people")
    tree = expand_tree(CATALOG, people, "posts_via_editors", GUEST)
    plan = plan_list(Frame(CATALOG, DIALECTS[name], RequestInfo()), people, rule="", tree=tree)
    assert one_line(plan.expand[0].statement.sql).split(" FROM posts")[1].strip() == BACK_EXPANDS[name]


@pytest.mark.parametrize("dialect", [*DIALECTS.values(), MysqlDialect()], ids=[*DIALECTS, "mysql8"])
def test_every_statement_has_a_value_for_each_place(dialect: Dialect) -> None:
    mark = "?" if dialect.name == "sqlite" else "%s"
    for text in ALL_FILTERS:
        try:
            statement = rows_of("posts", text, dialect=dialect, sort="-meta,title")
        except BadRequest:
            continue
        bare = statement.sql.replace("%%", "")
        assert bare.count(mark) == len(statement.params), text
        assert mark == "?" or bare.count("%") == len(statement.params), text
        assert len(bind(statement, Values(RequestInfo(), given={"limit": 1, "offset": 0}))) == len(
            statement.params
        )


def test_page_comes_in_the_order_of_its_places() -> None:
    keys = {
        name: [param.key for param in rows_of("posts", dialect=it).params] for name, it in DIALECTS.items()
    }
    assert keys == {
        "sqlite": ["limit", "offset"],
        "postgresql": ["limit", "offset"],
        "mysql": ["offset", "limit"],
    }


def test_texts_are_quoted_as_the_database_reads_them() -> None:
    texts = {name: str(it.text("it's 5% \\")) for name, it in DIALECTS.items()}
    assert texts == {
        "sqlite": "'it''s 5% \\'",
        "postgresql": "'it''s 5% \\'",
        "mysql": "'it''s 5% \\\\'",
    }


@pytest.mark.parametrize(
    ("raw", "form", "value"),
    [
        (7, "text", "7.0"),
        (7.5, "text", "7.5"),
        (1e21, "text", "1.0e+21"),
        (True, "text", "1"),
        ("A%b", "like", "a%b"),
        ("A_Ä", "like", "%a\\_Ä%"),
        ("%ends\\", "like", MATCHES_NOTHING),
        ("7", "number", 7.0),
        ("nan", "number", "nan"),
        ("%Y-%m", "to_char", 'YYYY"-"MM'),
        ("%d.%f%%", "date_format", "%d.%s.\x03%%"),
        ("%!", "to_char", None),
        ("start of month", "start_of", "month"),
        ("+2 years", "months", 24),
        ("-1.5 hours", "seconds", -5400.0),
    ],
)
def test_values_are_sent_in_their_form(raw: object, form: str, value: object) -> None:
    assert shape_value(raw, form) == value  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("raw", "form"), [("%W", "to_char"), ("weekday 1", "start_of"), ("+1 fortnight", "months")]
)
def test_times_without_a_translation_are_refused(raw: str, form: str) -> None:
    with pytest.raises(BadRequest) as refused:
        shape_value(raw, form)  # type: ignore[arg-type]
    assert refused.value.hint is not None
    assert raw in refused.value.hint


@pytest.mark.parametrize("name", ["postgresql", "mysql"])
@pytest.mark.parametrize(
    "text",
    [
        "strftime(title, published) = '1'",
        "strftime('%Y', score) = '1'",
        "strftime('%Y', published, '+1 day', '+1 day', '+1 day') = '1'",
    ],
)
def test_times_that_need_too_much_are_refused(name: str, text: str) -> None:
    with pytest.raises(BadRequest):
        rows_of("posts", text, dialect=DIALECTS[name])


def test_request_values_decide_by_their_type() -> None:
    raws: list[object] = [MISSING, None, "", "7", "nan", "x", 7, True, [], {"a": 1}]
    assert "".join(value_class(raw) for raw in raws) == "-0edttnntt"


def test_params_know_where_their_values_come_from() -> None:
    statement = rows_of(
        "posts", "title ~ 'A' && author = @request.auth.id", dialect=DIALECTS["sqlite"], viewer=ROOT
    )
    assert dict.fromkeys(statement.params[:4]) == dict.fromkeys(
        (Param("const", "A", "like"), Param("request", "auth.id", "plain"))
    )
