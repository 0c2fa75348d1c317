"""The text of a view's query, read as far as its columns can be told from it.

The database says whether a query is right. What it can't say is which column is nothing but a field of a
collection, under which name; that is read here. Columns are taken as PocketBase takes them, so that a collection
means the same in both: `name`, `name alias` or `name AS alias`, where anything with spaces stands in brackets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import msgspec

from backstay.errors import BadRequest

_TOKEN = re.compile(
    r"(?P<blank>\s+|--[^\n]*|/\*.*?(?:\*/|\Z))"
    r"|(?P<quoted>`(?:[^`]|``)*`|\"(?:[^\"]|\"\")*\"|'(?:[^']|'')*'|\[[^\]]*\])"
    r"|(?P<mark>[(),;`\"'\[])"
    r"|(?P<word>\w+|.)",
    re.DOTALL,
)
_CLOSERS = {"[": "]"}
_JOINS = frozenset({"join", "left", "right", "full", "inner", "cross", "outer", "natural"})
_ENDS = frozenset({"where", "group", "having", "order", "limit", "with"})
_COMPOUNDS = frozenset({"union", "intersect", "except"})
WILDCARD = (
    "wildcard columns (*) are not supported - manually type the collection field names "
    "you want the view query to have"
)


class BadViewQuery(BadRequest):
    """A view's query can't be used. `reason` has no full stop."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(hint=reason)


class Token(msgspec.Struct, frozen=True):
    kind: str
    text: str
    start: int
    end: int

    @property
    def word(self) -> str:
        return self.text.lower() if self.kind == "word" else ""


class Item(msgspec.Struct, frozen=True):
    """A column or a table of a query, with the name that it has from there on.

    text: without the name that was given to it
    end:  where it ends in the query
    """

    text: str
    alias: str
    end: int

    @property
    def path(self) -> tuple[str, ...]:
        """The names of a plain reference such as `posts.title`."""
        return tuple(unquoted(part) for part in self.text.split("."))


class ViewText(msgspec.Struct, frozen=True):
    """What was read of a query.

    query:  without the semicolon at its end
    named:  the tables that the query itself makes up in WITH
    words:  the names in it which stand in no column
    """

    query: str
    columns: tuple[Item, ...] = ()
    tables: tuple[Item, ...] = ()
    named: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()


def unquoted(name: str) -> str:
    """Return what a quoted name stands for."""
    if len(name) > 1 and name[0] in "`\"'[" and name[-1] == _CLOSERS.get(name[0], name[0]):
        return name[1:-1]
    return name


def names_in(text: str) -> frozenset[str]:
    """Return the names in a piece of SQL, in lower case."""
    return frozenset(_names(_tokens(text)))


def _names(tokens: Sequence[Token]) -> Iterator[str]:
    return (unquoted(token.text).lower() for token in tokens if token.kind in {"word", "quoted"})


def _tokens(text: str) -> list[Token]:
    return [
        Token(found.lastgroup or "", found[0], found.start(), found.end()) for found in _TOKEN.finditer(text)
    ]


def read_view(query: str) -> ViewText:
    """Read a query. Raises BadViewQuery when it is several statements, or has columns that can't be read."""
    query = query.strip().rstrip(";").strip()
    tokens = [token for token in _tokens(query) if token.kind != "blank"]
    _check_whole(query, tokens)
    return _Reader(query, tokens).read()


def _check_whole(query: str, tokens: Sequence[Token]) -> None:
    """Raise unless the text is one statement, with its quotes and brackets closed."""
    depth = 0
    for token in tokens:
        if token.kind != "mark":
            continue
        if token.text == ";":
            raise BadViewQuery("multiple statements are not supported")
        depth += (token.text == "(") - (token.text == ")")
        if depth < 0:
            raise BadViewQuery('SQL logic error: near ")": syntax error (1)')
        if token.text in "`\"'[":
            depth = 1
            break
    if depth:
        raise BadViewQuery(f'unbalanced parenthesis or quoted expression: "{query[-60:]}"')


class _Reader:
    """Goes over the tokens outside of brackets: columns after SELECT, tables after FROM and between joins."""

    def __init__(self, query: str, tokens: Sequence[Token]) -> None:
        self._query = query
        self._tokens = tokens
        self._items: dict[str, list[list[Token]]] = {"columns": [], "tables": [], "": []}
        self._section = ""
        self._named: set[str] = set()
        self._words: set[str] = set()

    def read(self) -> ViewText:
        depth = 0
        for token in self._tokens:
            if token.text == ")" and token.kind == "mark":
                depth -= 1
            if depth or token.kind != "word" or not self._keyword(token.word, token.text):
                self._take(token, depth)
            if token.text == "(" and token.kind == "mark":
                depth += 1
        return ViewText(
            self._query,
            tuple(self._read_items("columns")),
            tuple(self._read_items("tables")),
            frozenset(self._named),
            frozenset(self._words),
        )

    def _keyword(self, word: str, text: str) -> bool:
        """Go on to the part of the query that a word begins; tell whether it was such a word."""
        if word in _COMPOUNDS:
            raise BadViewQuery(f'invalid identifier part - expected "as", got {text}')
        if word == "select":
            self._begin("columns")
        elif word == "from" or (word in _JOINS and self._section in {"tables", "on"}):
            self._begin("tables")
        elif word in {"on", "using"} and self._section == "tables":
            self._section = "on"
        elif word in _ENDS:
            self._section = word
        else:
            return word == "distinct" and self._section == "columns"
        return True

    def _begin(self, section: str) -> None:
        self._section = section
        self._items[section].append([])

    def _take(self, token: Token, depth: int) -> None:
        if self._section == "columns" or (self._section == "tables" and not depth):
            if token.text == "," and token.kind == "mark" and not depth:
                self._items[self._section].append([])
            else:
                self._items[self._section][-1].append(token)
            return
        if self._section == "on" and not depth and token.text == ",":
            self._begin("tables")
        self._words.update(_names([token]))
        if self._section == "with" and not depth:
            self._named.update(_names([token]))

    def _read_items(self, section: str) -> Iterator[Item]:
        for tokens in self._items[section]:
            if tokens:
                yield self._item(tokens)

    def _item(self, tokens: Sequence[Token]) -> Item:
        parts = [self._query[first.start : last.end] for first, last in _runs(tokens)]
        if len(parts) == 3 and parts[1].lower() != "as":
            raise BadViewQuery(f'invalid identifier part - expected "as", got {parts[1]}')
        if len(parts) > 3:
            raise BadViewQuery(f"invalid identifier parts [{' '.join(parts)}]")
        alias = unquoted(parts[-1].rpartition(".")[2] if len(parts) == 1 else parts[-1])
        if alias == "*":
            raise BadViewQuery(WILDCARD)
        return Item(parts[0], alias, tokens[-1].end)


def _runs(tokens: Sequence[Token]) -> Iterator[tuple[Token, Token]]:
    """Give the first and last token of each part: what no space divides, brackets held together."""
    depth = 0
    first = last = tokens[0]
    for token in tokens:
        if not depth and token.start > last.end:
            yield first, last
            first = token
        depth += (token.text == "(") - (token.text == ")") if token.kind == "mark" else 0
        last = token
    yield first, last


def keep_names(query: str, names: Sequence[str]) -> str:
    """Return a query with its columns named `names`, where the text itself names them otherwise.

    The database renames a column in the text of a view, which would rename the view's own column with it.
    """
    read = read_view(query)
    if len(read.columns) != len(names):
        return query
    text = read.query
    for item, name in reversed(list(zip(read.columns, names, strict=True))):
        if item.alias != name:
            text = f'{text[: item.end]} AS "{name}"{text[item.end :]}'
    return text
