"""Files as rows: a list of objects in JSON, one object a line (JSON lines), or CSV with a header.

Each row knows the line it starts on. A row that can't be read is a row with a fault, so that the others still load;
a file that can't be read at all is a `SetupError`. A source may be read several times.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import msgspec

from backstay.errors import Fault, SetupError

CELL_MAX_CHARS = 16 << 20
"""The longest cell of a CSV file; the module's own limit of 131,072 is too little for articles."""

_decode = msgspec.json.Decoder().decode
_decode_rows = msgspec.json.Decoder(list[msgspec.Raw]).decode
_BOM = b"\xef\xbb\xbf"
_AT_BYTE = re.compile(r"byte (\d+)")


class Row(NamedTuple):
    """One row as the file has it. With a `fault` it has no values."""

    line: int
    values: dict[str, Any]
    fault: Fault | None = None


class Source(Protocol):
    """A file of rows."""

    @property
    def typed(self) -> bool:
        """Whether values have types of their own. Cells of a CSV file are all text."""
        ...

    def rows(self) -> Iterator[Row]:
        """Read the file from its start. Raises SetupError when it can't be read at all."""
        ...


class JsonSource:
    """A JSON file: one list of objects, or an object on each line."""

    typed = True

    def __init__(self, path: Path) -> None:
        self._path = path

    def rows(self) -> Iterator[Row]:
        data = _read(self._path).removeprefix(_BOM)
        if data.lstrip()[:1] == b"[":
            return self._list(data)
        return self._lines(data)

    def _list(self, data: bytes) -> Iterator[Row]:
        try:
            raws = _decode_rows(data)
        except (msgspec.DecodeError, RecursionError) as exc:
            raise self._unreadable(data, exc) from exc
        line, end = 1, 0
        for raw in raws:
            # msgspec doesn't tell where an element began: it follows the last one, blanks and a comma
            text = bytes(raw)
            start = data.index(text, end)
            line += data.count(b"\n", end, start)
            yield _json_row(line, text)
            end = start + len(text)
            line += text.count(b"\n")

    def _lines(self, data: bytes) -> Iterator[Row]:
        start = 0
        line = 0
        while start < len(data):
            end = data.find(b"\n", start)
            end = len(data) if end < 0 else end
            line += 1
            text = data[start:end].strip()
            if text:
                yield _json_row(line, text)
            start = end + 1

    def _unreadable(self, data: bytes, exc: Exception) -> SetupError:
        found = _AT_BYTE.search(str(exc))
        at = int(found[1]) if found else len(data)
        return SetupError(
            f"'{self._path}' is not JSON, at line {_line_at(data, at)}",
            why=str(exc),
            do="mend the file; it must hold a list of objects, or one object on each line",
        )


def _line_at(data: bytes, at: int) -> int:
    return data.count(b"\n", 0, at) + 1


def _json_row(line: int, text: bytes) -> Row:
    try:
        value = _decode(text)
    except (msgspec.DecodeError, RecursionError) as exc:
        return Row(line, {}, Fault("import_invalid_json", f"Not JSON: {exc}."))
    if not isinstance(value, dict):
        return Row(line, {}, Fault("import_no_object", "A row must be an object."))
    return Row(line, value)


class CsvSource:
    """A CSV file in UTF-8 whose first line names the columns. Commas, semicolons, tabs or bars part the cells."""

    typed = False

    def __init__(self, path: Path) -> None:
        self._path = path

    def rows(self) -> Iterator[Row]:
        csv.field_size_limit(CELL_MAX_CHARS)
        try:
            with self._path.open(encoding="utf-8-sig", newline="") as file:
                yield from self._read(csv.reader(file, delimiter=self._delimiter(), strict=True))
        except OSError as exc:
            raise _no_file(self._path, exc) from exc
        except UnicodeDecodeError as exc:
            raise SetupError(
                f"'{self._path}' is not in UTF-8",
                why=f"it has the byte 0x{exc.object[exc.start]:02x} where no UTF-8 character can have it",
                do=f"convert it first: iconv -f WINDOWS-1252 -t UTF-8 {self._path} > utf8.csv",
            ) from exc

    def _read(self, lines: Any) -> Iterator[Row]:
        """Yield the rows. The type of a csv.reader has no public name, hence `Any`."""
        try:
            yield from _csv_rows(lines, self._header(lines))
        except csv.Error as exc:
            raise SetupError(
                f"'{self._path}' is not CSV",
                why=f"line {lines.line_num}: {exc}",
                do="mend that line; a cell with quotes in it is quoted itself, and its quotes are doubled",
            ) from exc

    def _delimiter(self) -> str:
        """Return the character that parts the first line's cells most often, outside of quotes."""
        with self._path.open(encoding="utf-8-sig", newline="") as file:
            first = re.sub(r'"[^"]*"', "", file.readline())
        return max(",;\t|", key=first.count)

    def _header(self, lines: Iterator[list[str]]) -> list[str]:
        header = [name.strip() for name in next(lines, [])]
        doubles = sorted({name for name in header if header.count(name) > 1})
        if not header or "" in header or doubles:
            raise SetupError(
                f"'{self._path}' has no usable header",
                why=f"column '{doubles[0]}' stands there twice"
                if doubles and doubles[0]
                else "the first line must name every column",
                do="write the names of the columns into the first line",
            )
        return header


def _csv_rows(lines: Any, header: Sequence[str]) -> Iterator[Row]:
    width = len(header)
    before = lines.line_num
    for cells in lines:
        line, before = before + 1, lines.line_num
        if not cells:
            continue
        if len(cells) == width:
            yield Row(line, dict(zip(header, cells, strict=True)))
        else:
            yield Row(
                line, {}, Fault("import_ragged_row", f"{len(cells)} cells, where the header has {width}.")
            )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise _no_file(path, exc) from exc


def _no_file(path: Path, exc: OSError) -> SetupError:
    return SetupError(
        f"cannot read '{path}'",
        why=exc.strerror or str(exc),
        do="give the path of a file which you may read",
    )
