"""Index definitions: `CREATE INDEX` text, as collections hold it, read into its parts and written back.

Owners write this text and it becomes a statement of the database, so it is read token by token: one statement,
nothing after it, brackets closed, no semicolon. What the columns mean is for the database to say.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import msgspec

from backstay.errors import Fault, Faults

_TOKEN = re.compile(
    r"(?P<blank>\s+|--[^\n]*|/\*.*?\*/)"
    r"|(?P<quoted>`(?:[^`]|``)*`|\"(?:[^\"]|\"\")*\"|'(?:[^']|'')*'|\[[^\]]*\])"
    r"|(?P<mark>[(),.;])"
    r"|(?P<word>(?:(?!--|/\*)[^\s`\"'\[\](),.;])+)",
    re.DOTALL,
)


class Column(msgspec.Struct, frozen=True):
    """A column of an index: the name of a field, or an expression."""

    name: str
    collate: str = ""
    sort: str = ""
    is_expression: bool = False


class Index(msgspec.Struct, frozen=True):
    """A `CREATE INDEX` statement in its parts. `where` is the text of its condition."""

    name: str
    table: str
    columns: tuple[Column, ...]
    unique: bool = False
    optional: bool = False
    schema: str = ""
    where: str = ""

    def __str__(self) -> str:
        return "".join(
            (
                "CREATE ",
                "UNIQUE " if self.unique else "",
                "INDEX ",
                "IF NOT EXISTS " if self.optional else "",
                f"{_quoted(self.schema)}." if self.schema else "",
                f"{_quoted(self.name)} ON {_quoted(self.table)} (",
                _columns_text(self.columns),
                ")",
                f" WHERE {self.where}" if self.where else "",
            )
        )


def _columns_text(columns: Sequence[Column]) -> str:
    if len(columns) == 1:
        return _column_text(columns[0])
    return "\n  " + ",\n  ".join(map(_column_text, columns)) + "\n"


def _column_text(column: Column) -> str:
    name = column.name if column.is_expression else _quoted(column.name)
    return f"{name}{f' COLLATE {column.collate}' if column.collate else ''}{f' {column.sort}' if column.sort else ''}"


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


class _Token(msgspec.Struct, frozen=True):
    kind: str
    text: str
    start: int
    end: int

    def says(self, word: str) -> bool:
        return self.kind == "word" and self.text.upper() == word

    @property
    def name(self) -> str:
        """The name that a word or a quoted text stands for; '' when it is no good name."""
        if self.kind == "word":
            return self.text
        if self.kind != "quoted":
            return ""
        mark, inner = self.text[0], self.text[1:-1]
        return inner.replace(mark * 2, mark).strip() if mark != "[" else inner.strip()


class _Reader:
    """Reads tokens in turn; every method raises ValueError where the text is not what it must be."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[_Token] = []
        self.at = position = 0
        while position < len(text):
            found = _TOKEN.match(text, position)
            if found is None or found[0] == ";":
                raise ValueError(position)
            position = found.end()
            if found.lastgroup and found.lastgroup != "blank":
                self.tokens.append(_Token(found.lastgroup, found[0], found.start(), found.end()))

    def take(self) -> _Token:
        if self.at >= len(self.tokens):
            raise ValueError(self.at)
        self.at += 1
        return self.tokens[self.at - 1]

    def take_if(self, *words: str) -> bool:
        ahead = self.tokens[self.at : self.at + len(words)]
        if len(ahead) < len(words) or not all(map(_Token.says, ahead, words)):
            return False
        self.at += len(words)
        return True

    def take_mark(self, mark: str) -> bool:
        if self.at < len(self.tokens) and self.tokens[self.at].text == mark:
            self.at += 1
            return True
        return False

    def take_name(self) -> str:
        name = self.take().name
        if not name or re.search(r"[\s`\"'\[\]]", name):
            raise ValueError(self.at)
        return name

    def take_list(self) -> list[list[_Token]]:
        """Take what stands in brackets, split at its outer commas."""
        if not self.take_mark("("):
            raise ValueError(self.at)
        items: list[list[_Token]] = [[]]
        depth = 1
        while depth:
            token = self.take()
            depth += (token.text == "(") - (token.text == ")")
            if depth == 1 and token.text == ",":
                items.append([])
            elif depth:
                items[-1].append(token)
        return items

    def take_rest(self) -> str:
        """Take all that is left, with its brackets closed."""
        depth = 0
        start = self.take().start
        self.at -= 1
        for token in self.tokens[self.at :]:
            depth += (token.text == "(") - (token.text == ")")
            if depth < 0:
                raise ValueError(token.start)
        if depth:
            raise ValueError(depth)
        self.at = len(self.tokens)
        return self.text[start : self.tokens[-1].end]


def parse_index(text: str) -> Index | None:
    """Read a `CREATE INDEX` statement, or return None when `text` is none."""
    try:
        return _read(_Reader(text))
    except ValueError:
        return None


def _read(reader: _Reader) -> Index:
    unique = reader.take_if("CREATE", "UNIQUE", "INDEX")
    if not unique and not reader.take_if("CREATE", "INDEX"):
        raise ValueError(reader.text)
    optional = reader.take_if("IF", "NOT", "EXISTS")
    schema, name = "", reader.take_name()
    if reader.take_mark("."):
        schema, name = name, reader.take_name()
    if not reader.take_if("ON"):
        raise ValueError(name)
    table = reader.take_name()
    columns = tuple(_column(item, reader.text) for item in reader.take_list() if item)
    where = reader.take_rest() if reader.take_if("WHERE") else ""
    if reader.at < len(reader.tokens) or not columns:
        raise ValueError(reader.at)
    return Index(name, table, columns, unique, optional, schema, where)


def _column(tokens: list[_Token], text: str) -> Column:
    sort = collate = ""
    if len(tokens) > 1 and (tokens[-1].says("ASC") or tokens[-1].says("DESC")):
        sort, tokens = tokens[-1].text.upper(), tokens[:-1]
    if len(tokens) > 2 and tokens[-2].says("COLLATE") and re.fullmatch(r"\w+", tokens[-1].name):
        collate, tokens = tokens[-1].name, tokens[:-2]
    if len(tokens) == 1 and tokens[0].kind != "mark":
        name = tokens[0].name
        if not name:
            raise ValueError(name)
        return Column(
            name, collate, sort, is_expression=tokens[0].kind == "word" and not re.fullmatch(r"\w+", name)
        )
    return Column(text[tokens[0].start : tokens[-1].end], collate, sort, is_expression=True)


def on_table(text: str, table: str) -> str:
    """Return index text for `table`: untouched when it is for this table already or can't be read."""
    index = parse_index(text)
    if index is None or index.table == table:
        return text
    return str(msgspec.structs.replace(index, table=table))


def find_unique(indexes: Iterable[str], column: str) -> Index | None:
    """Return the unique index on just `column` (its name in any case; a condition doesn't count), or None."""
    for text in indexes:
        index = parse_index(text)
        if index and index.unique and [item.name.lower() for item in index.columns] == [column.lower()]:
            return index
    return None


def refused(position: int, name: str, reason: str) -> Faults:
    """Return the faults of a collection whose index `name`, the one at `position`, the database refused.

    reason: what the database said, without a full stop
    """
    fault = Fault("validation_invalid_index_expression", f"Failed to create index {name} - {reason}.")
    return {"indexes": {str(position): fault}}
