"""What fields a new collection gets: careful guesses over all rows."""

from __future__ import annotations

from typing import Any

import pytest

from backstay.importing.infer import infer_columns


def kind(values: list[Any], *, typed: bool) -> str:
    (column,) = infer_columns([{"x": value} for value in values], typed=typed)
    return column.type


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param(["1", "-2.5", "1e3", "0", "0.5"], "number", id="numbers"),
        pytest.param(["1", "", "2"], "number", id="empty cells say nothing"),
        pytest.param(["01234", "99999"], "text", id="leading zeros are post codes"),
        pytest.param(["+4930123"], "text", id="a plus is a phone number"),
        pytest.param(["1234567890123456"], "text", id="16 digits are a card or an id"),
        pytest.param(["1", "n/a"], "text", id="one word makes text"),
        pytest.param(["true", "False"], "bool", id="bool"),
        pytest.param(["yes", "no"], "text", id="yes and no stay text"),
        pytest.param(["0", "1"], "number", id="0 and 1 are numbers"),
        pytest.param(["2024-02-29", "2024-02-29T10:00:00Z"], "date", id="dates"),
        pytest.param(["2024-02-30"], "text", id="no such day"),
        pytest.param(["01/02/2024"], "text", id="which is the month?"),
        pytest.param(["a@b.example", "c@d.example"], "email", id="e-mail"),
        pytest.param(["https://a.example/x?y"], "url", id="url"),
        pytest.param(["a.example"], "text", id="a host alone is text"),
        pytest.param(['["a"]', '{"b": 1}'], "json", id="json in cells"),
        pytest.param(["[draft]"], "text", id="brackets are not JSON"),
        pytest.param(["", ""], "text", id="nothing known"),
    ],
)
def test_cells(values: list[str], expected: str) -> None:
    assert kind(values, typed=False) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([1, 2.5, None], "number", id="numbers"),
        pytest.param(["1", "2"], "text", id="a text of digits was meant as text"),
        pytest.param([1, "2"], "text", id="mixed"),
        pytest.param([True, None], "bool", id="bool"),
        pytest.param([True, 1], "text", id="bool and number"),
        pytest.param([{"lon": 13.4, "lat": 52.5}], "geoPoint", id="geo point"),
        pytest.param([{"lon": 13.4, "lat": 52.5}, {"lon": 200, "lat": 0}], "json", id="no place on earth"),
        pytest.param([{"lon": 1, "lat": 2, "alt": 3}], "json", id="more than a point"),
        pytest.param([["a"], "b"], "json", id="lists and texts"),
        pytest.param(["2024-01-01 10:00:00.000Z"], "date", id="date"),
    ],
)
def test_json_values(values: list[Any], expected: str) -> None:
    assert kind(values, typed=True) == expected


def test_columns_keep_their_order_and_get_names_of_fields() -> None:
    rows = [
        {"First Name": "a", "Größe (cm)": "1"},
        {"expand": "x", "2nd": "y", "first_name": "z", "日本": "q"},
    ]
    columns = infer_columns(rows, typed=False)
    assert [(column.source, column.name) for column in columns] == [
        ("First Name", "First_Name"),
        ("Größe (cm)", "Groe_cm"),
        ("expand", "expand_2"),
        ("2nd", "_2nd"),
        ("first_name", "first_name_2"),
        ("日本", "column"),
    ]


def test_a_long_text_gets_room() -> None:
    (column,) = infer_columns([{"x": "a" * 6000}], typed=True)
    assert column.field == {"name": "x", "type": "text", "max": 16384}


@pytest.mark.parametrize(
    ("ids", "name", "pattern"),
    [
        pytest.param(
            ["abcdefghijklmno", "012345678901234"], "id", "^[a-z0-9]+$", id="as PocketBase makes them"
        ),
        pytest.param([1, 2, 30], "id", "^[a-z0-9]+$", id="numbers"),
        pytest.param(["a-1", "B_2"], "id", "^[A-Za-z0-9_-]+$", id="slugs"),
        pytest.param(["a b", "c"], "source_id", None, id="does not fit a path"),
        pytest.param(["a", ""], "source_id", None, id="not every row has one"),
        pytest.param(["a", "a", "a"], "source_id", None, id="not one for each row"),
        pytest.param([1.5, 2], "source_id", None, id="fractions"),
    ],
)
def test_ids(ids: list[Any], name: str, pattern: str | None) -> None:
    (column,) = infer_columns([{"id": value} for value in ids], typed=True)
    assert column.name == name
    assert column.field.get("pattern") == pattern


def test_an_id_in_only_some_rows_is_no_record_id() -> None:
    columns = infer_columns([{"id": "a", "b": 1}, {"b": 2}], typed=True)
    assert [column.name for column in columns] == ["source_id", "b"]


def test_few_doubles_are_faults_to_report_and_not_another_kind_of_column() -> None:
    rows = [{"id": str(number)} for number in range(500)] + [{"id": "7"}]
    assert infer_columns(rows, typed=False)[0].name == "id"
