"""Files as rows with their line numbers, and what makes a file or a row unreadable."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from backstay.errors import SetupError
from backstay.importing.sources import CsvSource, JsonSource, Source


def read(source: Source) -> list[tuple[int, dict[str, Any] | str]]:
    """Return line and values of each row, or the code of its fault."""
    return [(row.line, row.fault.code if row.fault else row.values) for row in source.rows()]


def json_file(tmp_path: Path, text: str | bytes) -> JsonSource:
    path = tmp_path / "rows.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return JsonSource(path)


def csv_file(tmp_path: Path, text: str | bytes) -> CsvSource:
    path = tmp_path / "rows.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return CsvSource(path)


def test_a_list_of_objects_over_many_lines(tmp_path: Path) -> None:
    source = json_file(
        tmp_path, '\n[\n  {"a": 1},\n  {\n    "a": 2\n  }, {"a": "3"},\n\n  7,\n  {"a": 4}\n]\n'
    )
    assert read(source) == [
        (3, {"a": 1}),
        (4, {"a": 2}),
        (6, {"a": "3"}),
        (8, "import_no_object"),
        (9, {"a": 4}),
    ]
    assert read(source) == read(source), "a source may be read again"


def test_equal_rows_have_their_own_lines(tmp_path: Path) -> None:
    assert read(json_file(tmp_path, "[{},\n{},\n\n{}]")) == [(1, {}), (2, {}), (4, {})]


def test_json_lines(tmp_path: Path) -> None:
    source = json_file(tmp_path, b'\xef\xbb\xbf{"a": 1}\r\n\n{"a": \n{"a": "\xc3\xa4"}')
    assert read(source) == [(1, {"a": 1}), (3, "import_invalid_json"), (4, {"a": "ä"})]


def test_a_broken_list_tells_its_line(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="at line 3"):
        read(json_file(tmp_path, '[\n{"a": 1},\n{"a" 2}\n]'))


@pytest.mark.parametrize("text", ["", "[]", "\n\n"])
def test_json_without_rows(tmp_path: Path, text: str) -> None:
    assert read(json_file(tmp_path, text)) == []


def test_csv_with_quotes_and_line_breaks_in_cells(tmp_path: Path) -> None:
    text = '\ufeffname,note\r\nann,"one\r\ntwo"\r\n\r\n"b ""x"" o",plain\r\n'
    assert read(csv_file(tmp_path, text)) == [
        (2, {"name": "ann", "note": "one\r\ntwo"}),
        (5, {"name": 'b "x" o', "note": "plain"}),
    ]


def test_ragged_rows_are_faults_of_their_own(tmp_path: Path) -> None:
    assert read(csv_file(tmp_path, "a,b\n1,2\n3\n4,5,6\n7,8\n")) == [
        (2, {"a": "1", "b": "2"}),
        (3, "import_ragged_row"),
        (4, "import_ragged_row"),
        (5, {"a": "7", "b": "8"}),
    ]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters(tmp_path: Path, delimiter: str) -> None:
    text = f'"a,b;c"{delimiter}d\n1{delimiter}2\n'
    assert read(csv_file(tmp_path, text)) == [(2, {"a,b;c": "1", "d": "2"})]


def test_one_column_needs_no_delimiter(tmp_path: Path) -> None:
    assert read(csv_file(tmp_path, "name\nann\n")) == [(2, {"name": "ann"})]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"name\nM\xfcller\n", "UTF-8"),
        (b"a,a\n1,2\n", "twice"),
        (b"a,,b\n1,2,3\n", "name every column"),
        (b"", "name every column"),
        (b'a,b\n"1,2\n', "line"),
    ],
)
def test_csv_files_which_cannot_be_read(tmp_path: Path, text: bytes, why: str) -> None:
    with pytest.raises(SetupError, match=why):
        read(csv_file(tmp_path, text))


@pytest.mark.parametrize("kind", [JsonSource, CsvSource])
def test_a_missing_file(tmp_path: Path, kind: type[JsonSource] | type[CsvSource]) -> None:
    with pytest.raises(SetupError, match="cannot read"):
        read(kind(tmp_path / "none"))
