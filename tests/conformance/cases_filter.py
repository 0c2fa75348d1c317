"""The filter language: what each operator, operand and literal selects.

An answer is the list of ids in a stable order and the total. A case holds the sixteen operators for one operand and
one literal, so that a difference shows which of them are concerned.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance.cases import (
    Case,
    case,
    listing,
)

PLAIN = ("=", "!=", ">", ">=", "<", "<=", "~", "!~")


OPERATORS = (*PLAIN, *(f"?{operator}" for operator in PLAIN))


LITERALS = {
    "text": (
        "''",
        "'Hello World'",
        "'hello world'",
        "'ÄÖÜ straße 日本 😀'",
        "'123'",
        "123",
        "'true'",
        "true",
        "null",
    ),
    "text2": ("'zoë'", "'ZOË'", "'TRUE'", "'--'", "0", "'line\nbreak\ttab'", "'100'", "100", "100.0"),
    "editor": ("''", "'plain'", "'<b>'", "'%&amp;%'"),
    "number": (
        "0",
        "1",
        "-1.5",
        "100",
        "'100'",
        "'abc'",
        "''",
        "null",
        "true",
        "false",
        "7",
        "0.1",
        "42.0",
        "1234567890",
    ),
    "number2": ("0.3", "-0.5", "'0.3'", "number"),
    "whole": ("7", "-7", "'7'", "9007199254740991", "null"),
    "bool": ("true", "false", "'true'", "'false'", "1", "0", "'1'", "null", "''"),
    "email": ("''", "'ann@example.com'", "'ANN@example.com'", "'example'", "null"),
    "url": ("''", "'https://example.com/a?b=c'", "'http'"),
    "date": (
        "''",
        "'2024-02-29 12:30:15.123Z'",
        "'2024-02-29'",
        "'2024-'",
        "'2024-12-31 23:59:59.999Z'",
        "null",
        "2024",
    ),
    "created": ("''", "'2020-01-01 00:00:00.000Z'", "@now", "null"),
    "updated": ("@tomorrow", "@yesterday"),
    "select": ("''", "'red'", "'RED'", "'a,b'", '"it\'s"', "null", "'re'"),
    "selects": ("''", "'red'", "'[]'", "'[\"blue\"]'", "null", "'blue'", "'a,b'"),
    "selects:each": ("''", "'red'", "'green'", "'a,b'", "null", "'r'", "selects:each", "select"),
    "selects:length": ("0", "1", "2", "5", "'2'", "null", "''"),
    "file": ("''", "'a.png'", "null"),
    "files": ("''", "'[]'", "null"),
    "files:each": ("''", "'a'", "null"),
    "files:length": ("0", "1"),
    "team": ("''", "'team00000000001'", "null", "'team'"),
    "team.id": ("''", "'team00000000001'", "null"),
    "team.title": ("''", "'Red'", "'red'", "null", "'e'"),
    "team.rank": ("0", "1", "null", "''", "2"),
    "team.colors:each": ("'red'", "'green'", "null"),
    "team.colors:length": ("0", "1", "2"),
    "teams": ("''", "'team00000000001'", "'[\"team00000000002\"]'", "null"),
    "teams:each": ("''", "'team00000000001'", "'team00000000002'", "null", "team"),
    "teams:length": ("0", "1", "2", "3"),
    "teams.id": ("''", "'team00000000001'", "'team00000000002'", "null", "team"),
    "teams.title": ("''", "'Red'", "'green'", "null", "'e'"),
    "teams.rank": ("0", "1", "2", "null"),
    "teams.colors:each": ("'red'", "'green'", "null"),
    "teams.colors:length": ("0", "1", "2"),
    "self.text": ("''", "'Hello World'", "null"),
    "self.self.number": ("1", "0", "null"),
    "self.teams.title": ("'Red'", "'green'", "null"),
    "everything_via_self.text": ("''", "'123'", "null"),
    "everything_via_self.number": ("0", "100", "null", "-2"),
    "everything_via_self.id": ("''", "'everything00003'", "null"),
    "everything_via_self.selects:each": ("'blue'", "'red'", "null"),
    "everything_via_self.teams.title": ("'Red'", "'green'", "null"),
    "json": (
        "''",
        "null",
        "'just text'",
        "12.5",
        "'12.5'",
        "true",
        "'true'",
        "1",
        "'[]'",
        "'{}'",
        "false",
        "'two'",
    ),
    "json.a": ("''", "null", "1", '\'{"b":1,"c":[1,2,3]}\''),
    "json.a.b": ("1", "'1'", "0", "null", "''"),
    "json.a.c": ("'[1,2,3]'", "1", "null"),
    "json.a.c.1": ("2", "'2'", "null"),
    "json.a.0.b": ("1", "2", "null"),
    "json.t": ("'x'", "'X'", "null"),
    "json.n": ("null", "''", "'null'"),
    "json.yes": ("true", "'true'", "1", "false", "null"),
    "json.0": ("1", "'zero'", "null"),
    "json.1": ("'two'", "1", "null"),
    "json.3.k": ("'v'", "null"),
    "json:length": ("0", "1", "3", "5", "null"),
    "json:each": ("1", "'two'", "2", "null"),
    "geo": ("''", "null", '\'{"lon":0,"lat":0}\''),
    "geo.lon": ("0", "23.32", "-180", "180", "'23.32'", "null", "''"),
    "geo.lat": ("0", "42.69", "-90", "geo.lon"),
    "geo.nope": ("0", "null"),
    "hid": ("''", "'hidden one'", "'hidden'", "null"),
    "text:lower": ("'hello world'", "'Hello World'", "'äöü straße 日本 😀'", "''", "null", "text2:lower"),
    "select:lower": ("'red'", "'RED'"),
    "id": ("'everything00003'", "''", "null", "'everything'"),
    "id:lower": ("'everything00003'", "'EVERYTHING00003'"),
    "collectionId": ("'everything_col1'", "''", "null"),
    "collectionName": ("'everything'", "'Everything'", "null"),
    "secret": ("''", "null"),
}


def matrix() -> Iterator[Case]:
    """Yield every operand with each of its literals under every operator."""
    for operand, literals in LITERALS.items():
        for literal in literals:
            steps = (listing("everything", f"{operand} {operator} {literal}") for operator in OPERATORS)
            yield case(f"filter: {operand} ? {literal}", *steps)


def flipped() -> Iterator[Case]:
    """Yield comparisons with the literal or the multi-valued operand at the left, and of two operands."""
    pairs = (
        ("'Hello World'", "text"),
        ("1", "number"),
        ("null", "text"),
        ("''", "date"),
        ("true", "bool"),
        ("'red'", "selects:each"),
        ("2", "selects:length"),
        ("'Red'", "teams.title"),
        ("'team00000000001'", "teams.id"),
        ("1", "json.a.b"),
        ("number", "number2"),
        ("number", "whole"),
        ("text", "text2"),
        ("text", "date"),
        ("select", "selects:each"),
        ("team", "teams.id"),
        ("teams.title", "team.title"),
        ("teams.title", "teams.title"),
        ("teams.title", "self.teams.title"),
        ("teams.rank", "teams.colors:length"),
        ("selects:each", "teams.colors:each"),
        ("everything_via_self.number", "number"),
        ("everything_via_self.number", "everything_via_self.number"),
        ("everything_via_self.teams.title", "teams.title"),
        ("json", "json"),
        ("json.a.b", "number"),
        ("json", "number"),
        ("json", "text"),
        ("geo.lon", "geo.lat"),
        ("'a'", "'a'"),
        ("'a'", "'b'"),
        ("1", "'1'"),
        ("1", "2"),
        ("1", "1.0"),
        ("null", "null"),
        ("null", "''"),
        ("true", "1"),
        ("true", "'true'"),
        ("true", "false"),
        ("''", "''"),
        ("'abc'", "'%b%'"),
        ("'abc'", "'b'"),
    )
    for left, right in pairs:
        steps = (listing("everything", f"{left} {operator} {right}") for operator in OPERATORS)
        yield case(f"filter: {left} ? {right}", *steps)


LIKES = (
    "%",
    "_",
    "\\",
    "%%",
    "he%",
    "%LD",
    "he%rld",
    "h_llo",
    "100%",
    "100\\%",
    "100\\%_",
    "\\_",
    "%\\_%",
    "\\\\",
    "%\\\\%",
    "\\%",
    "done's",
    '"quoted"',
    "ä",
    "Ä",
    "STRASSE",
    "straße",
    "日本",
    "😀",
    "zoë",
    "ZOË",
    " ",
    "*",
    "?",
    "[h]",
    "a/*b",
    "//",
    "\n",
    "line\nbreak",
    "null",
    "123",
    "a" * 300,
)


def quoted(text: str) -> str:
    """Write a text as a literal of the filter language."""
    return "'" + text.replace("'", "\\'") + "'"


def likes() -> Iterator[Case]:
    """Yield patterns: wildcards, escapes, letter case, unicode."""
    for pattern in LIKES:
        name = pattern.replace("\n", "\\n")[:20]
        yield case(
            f"filter: like {name}",
            listing("everything", f"text ~ {quoted(pattern)}"),
            listing("everything", f"text !~ {quoted(pattern)}"),
            listing("everything", f"text2 ~ {quoted(pattern)}"),
            listing("everything", f"text = {quoted(pattern)}"),
            listing("everything", f"teams.title ?~ {quoted(pattern)}"),
        )
    others = (
        "number ~ 1",
        "number ~ '1'",
        "date ~ '2024-02'",
        "bool ~ 1",
        "bool ~ true",
        "text ~ null",
        "text ~ text2",
    )
    more = (
        "text ~ text",
        "text2 ~ text",
        "1 ~ number",
        "'xHello Worldx' ~ text",
        "text ~ true",
        "number ~ 0.3",
        "json ~ 'b'",
    )
    for filter in (
        *others,
        *more,
        "selects ~ 'red'",
        "selects !~ 'red'",
        "geo ~ '23'",
        "text ~ ''",
        "text !~ ''",
    ):
        yield case(f"filter: like {filter}", listing("everything", filter))


CASES = [*matrix(), *flipped(), *likes()]
