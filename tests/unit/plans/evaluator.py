"""A slow, obvious evaluator of filters over Python dictionaries: what the planner's SQL has to agree with.

A filter looks at one record and the records joined to it. Where a path may lead to several (a multiple relation, a
back-relation, `@collection`, the elements of a list), the filter holds for the record when it holds for some choice of
one of them per path: conditions over the same path talk about the same joined record. Beside that a plain operator
demands that every value of a multi-valued path meets the comparison, each path by itself; with `?` it doesn't.

Nothing is found at the end of a path: one joined record of which all is None.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any, TypeAlias

import msgspec
from msgspec.structs import replace

from backstay.catalog import Catalog, Collection
from backstay.catalog.fields import Field, Kind, ListField, RelationField
from backstay.catalog.unique import has_unique_index
from backstay.filters import And, Call, Compare, Name, Node, Number, Or, Text
from backstay.filters import Operand as Token
from backstay.plans.request import Viewer
from tests.unit.plans.samples import RECORD

Key: TypeAlias = tuple[str, ...]
Joined: TypeAlias = Mapping[Key, Any]
"""What each path leads to: a record, an element of a list, or None."""
_VIA = re.compile(r"(\w+)_via_(\w+)")
_NUMERIC = re.compile(r"[ \t\n\r]*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?[ \t\n\r]*", re.ASCII)
_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
_encode = msgspec.json.Encoder().encode


class Value(msgspec.Struct, frozen=True):
    """A value as SQLite sees it: None, a number or a text, and what a column makes of what it is compared with."""

    raw: Any = None
    reads: str = ""
    state: str = "open"
    is_json: bool = False


class Step(msgspec.Struct, frozen=True, eq=False):
    """One join of a path. `many` is true when it may lead to several."""

    key: Key
    parent: Key
    collection: Collection
    field: Field | None = None
    is_back: bool = False
    is_element: bool = False
    many: bool = False


class Path(msgspec.Struct, frozen=True, eq=False):
    """A path read: its joins, and what it takes of the last."""

    steps: tuple[Step, ...]
    field: Field
    rest: tuple[str, ...] = ()
    modifier: str = ""
    ends_in_element: bool = False
    start: Key = ()

    @property
    def is_many(self) -> bool:
        return any(step.many for step in self.steps)

    @property
    def last(self) -> Key:
        return self.steps[-1].key if self.steps else self.start


class Evaluator:
    """Tells which records of a site satisfy a filter."""

    def __init__(self, catalog: Catalog, rows: Mapping[str, Sequence[RECORD]], viewer: Viewer) -> None:
        self._catalog, self._rows, self._viewer = catalog, rows, viewer

    def ids(self, owner: Collection, node: Node) -> list[str]:
        """Return the ids of the records which satisfy a filter, in their order."""
        return [row["id"] for row in self._rows[owner.name] if self.matches(owner, row, node)]

    def matches(self, owner: Collection, record: RECORD, node: Node) -> bool:
        """Tell whether a record satisfies a filter."""
        start = {(): record, ("@auth",): self._viewer.record or None}
        paths = [path for token in _tokens(node) if (path := self._path(owner, token))]
        return any(self._holds(owner, node, joined) for joined in self._choices(paths, start))

    def _choices(self, paths: Sequence[Path], start: Joined) -> Iterator[Joined]:
        """Yield every choice of one joined record per path."""
        steps = {step.key: step for path in paths for step in path.steps}

        def choose(left: list[Step], chosen: Joined) -> Iterator[Joined]:
            if not left:
                yield chosen
                return
            first, *others = left
            for found in self._follow(first, chosen[first.parent]):
                yield from choose(others, {**chosen, first.key: found})

        yield from choose(list(steps.values()), start)

    def _follow(self, step: Step, source: Any) -> list[Any]:
        """Return what a join leads to; [None] when that is nothing."""
        if step.key[0].startswith("@collection") and len(step.key) == 1:
            return list(self._rows[step.collection.name]) or [None]
        if source is None:
            return [None]
        if step.is_element:
            assert step.field is not None
            return list(source[step.field.name]) or [None]
        rows = self._rows[step.collection.name]
        if step.is_back:
            assert isinstance(step.field, RelationField)
            name = step.field.name
            return [row for row in rows if source["id"] in step.field.items(row[name])] or [None]
        wanted = source if isinstance(source, str) else source[step.key[-1]]
        return [row for row in rows if row["id"] == wanted] or [None]

    def _holds(self, owner: Collection, node: Node, joined: Joined) -> bool:
        match node:
            case And(items=items):
                return all(self._holds(owner, item, joined) for item in items)
            case Or(items=items):
                return any(self._holds(owner, item, joined) for item in items)
            case Compare():
                return self._compare(owner, node, joined)

    def _compare(self, owner: Collection, node: Compare, joined: Joined) -> bool:
        op = node.op.lstrip("?")
        sides = (node.left, node.right)
        values = [self._value(owner, token, joined) for token in sides]
        if not compare(values[0], op, values[1]):
            return False
        paths = [self._path(owner, token) for token in sides]
        if node.op.startswith("?") or not any(path and path.is_many for path in paths):
            return True
        everything = [
            self._all_values(path, joined) if path and path.is_many else [replace(value, is_json=False)]
            for path, value in zip(paths, values, strict=True)
        ]
        return all(not violates(left, op, right) for left, right in product(*everything))

    def _all_values(self, path: Path, joined: Joined) -> list[Value]:
        start = {(): joined[()], ("@auth",): joined["@auth",]}
        return [self._end(path, choice) for choice in self._choices([path], start)]

    # -- operands -------------------------------------------------------------------------------------------

    def _value(self, owner: Collection, token: Token, joined: Joined) -> Value:
        match token:
            case Text(value=value):
                return Value(value, state="known" if value else "empty")
            case Number(value=value):
                return Value(float(value), state="known")
            case Call(args=arguments):
                return _distance([self._value(owner, argument, joined) for argument in arguments])
            case Name(path=name):
                path = self._path(owner, token)
                if path is None:
                    raw = {"null": None, "true": 1, "false": 0}[name]
                    return Value(raw, state="empty" if raw is None else "known")
                return self._end(path, joined)

    def _path(self, owner: Collection, token: Token) -> Path | None:
        if not isinstance(token, Name) or token.path in {"null", "true", "false"}:
            return None
        keys = token.path.split(".")
        if keys[0] == "@collection":
            name, _, alias = keys[1].partition(":")
            root = self._find(name)
            key = (f"@collection:{alias}:{root.name}",)
            return self._walk(root, keys[2:], key, (Step(key, (), root, many=True),))
        if keys[:2] == ["@request", "auth"]:
            assert self._viewer.collection is not None
            return self._walk(self._viewer.collection, keys[2:], ("@auth",), ())
        return self._walk(owner, keys, (), ())

    def _find(self, name: str) -> Collection:
        found = self._catalog.find(name)
        assert found is not None, name
        return found

    def _walk(self, at: Collection, keys: Sequence[str], place: Key, steps: tuple[Step, ...]) -> Path:
        start = place
        for position, key in enumerate(keys):
            name, _, modifier = key.partition(":")
            field = at.by_name.get(name)
            if position == len(keys) - 1:
                assert field is not None, key
                if modifier == "each" and field.is_list:
                    steps = (*steps, _element(place, at, field))
                    return Path(steps, field, ends_in_element=True)
                return Path(steps, field, modifier=modifier, start=start)
            if field is not None and field.column_kind is Kind.JSON:
                return Path(steps, field, tuple(keys[position + 1 :]), start=start)
            if isinstance(field, RelationField) and list(keys[position + 1 :]) == ["id"]:
                if not field.is_list:
                    return Path(steps, field, start=start)
                return Path((*steps, _element(place, at, field)), field, ends_in_element=True)
            for step in self._steps(at, field, key, place):
                steps = (*steps, step)
                at, place = step.collection, step.key
        raise AssertionError("a path ends in a field")

    def _steps(self, at: Collection, field: Field | None, key: str, place: Key) -> Iterator[Step]:
        if isinstance(field, RelationField):
            target = self._find(field.collectionId)
            parent = place
            if field.is_list:
                element = _element(place, at, field)
                yield element
                parent = element.key
            yield Step((*place, key), parent, target, field)
            return
        found = _VIA.fullmatch(key)
        assert found is not None, key
        other = self._find(found[1])
        back = other.by_name[found[2]]
        many = back.is_list or not has_unique_index(other, back.name)
        yield Step((*place, key), place, other, back, is_back=True, many=many)

    def _end(self, path: Path, joined: Joined) -> Value:
        """Return the value at the end of a path."""
        source = joined[path.last]
        if path.ends_in_element:
            return Value(source)
        raw = None if source is None else source[path.field.name]
        return _of_field(path, raw, missing=source is None)


def _tokens(node: Node) -> Iterator[Token]:
    match node:
        case And(items=items) | Or(items=items):
            for item in items:
                yield from _tokens(item)
        case Compare(left=left, right=right):
            for token in (left, right):
                yield from token.args if isinstance(token, Call) else (token,)


def _element(place: Key, at: Collection, field: Field) -> Step:
    return Step((*place, f"{field.name}[]"), place, at, field, is_element=True, many=True)


def _of_field(path: Path, raw: Any, *, missing: bool) -> Value:
    field = path.field
    if field.column_kind is Kind.JSON:
        value = _dig(None if missing else raw, path.rest)
        return Value(lower(value) if path.modifier == "lower" else value, is_json=True)
    if path.modifier == "length" and isinstance(field, ListField):
        if field.is_list:
            return Value(0 if missing else len(raw))
        return Value(1 if raw else 0)
    if missing:
        return Value(None, _reads(field) if path.modifier != "lower" else "")
    value = _encode(raw).decode() if field.is_list else int(raw) if isinstance(raw, bool) else _number(raw)
    return Value(lower(value)) if path.modifier == "lower" else Value(value, _reads(field))


def _reads(field: Field) -> str:
    return {Kind.TEXT: "text", Kind.NUMBER: "number", Kind.BOOL: "number"}.get(field.column_kind, "")


def _number(raw: Any) -> Any:
    """Return a number as a column keeps it: whole ones as integers."""
    return int(raw) if isinstance(raw, float) and raw.is_integer() else raw


def _dig(value: Any, keys: Sequence[str]) -> Any:
    """Return what a JSON document holds at a path: lists and objects as text, booleans as 1 and 0."""
    for key in keys:
        if isinstance(value, dict) and not key.isdigit():
            value = value.get(key)
        elif isinstance(value, list) and key.isdigit():
            value = value[int(key)] if int(key) < len(value) else None
        else:
            return None
    match value:
        case bool():
            return int(value)
        case dict() | list():
            return _encode(value).decode()
    return value


def _distance(arguments: Sequence[Value]) -> Value:
    """Return kilometres by the spherical law of cosines."""
    degrees = [_read_number(argument.raw) for argument in arguments]
    if any(not isinstance(degree, (int, float)) for degree in degrees):
        return Value(None, is_json=True)
    east, north, east_b, north_b = (math.radians(degree) for degree in degrees)
    cosine = math.cos(north) * math.cos(north_b) * math.cos(east_b - east) + math.sin(north) * math.sin(
        north_b
    )
    return Value(6371 * math.acos(max(-1, min(1, cosine))), is_json=True)


# -- comparing ----------------------------------------------------------------------------------------------------


def compare(left: Value, op: str, right: Value) -> bool:
    """Return `left op right` of two values."""
    match op:
        case "=":
            return _is_same(left, right)
        case "!=":
            return not _is_same(left, right)
        case "~" | "!~":
            if left.raw is None or right.raw is None:
                return False
            return like(to_text(left.raw), _pattern(right)) is (op == "~")
    one, other = _read_alike(left, right)
    if one is None or other is None:
        return False
    a, b = _rank(one), _rank(other)
    return {"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[op]


def violates(left: Value, op: str, right: Value) -> bool:
    """Tell whether one of all values fails the comparison; a missing one can't, but where NULL and '' are compared."""
    is_missing = None in {left.raw, right.raw}
    if op not in {"=", "!="}:
        return not is_missing and not compare(left, op, right)
    is_plain = not (left.is_json or right.is_json)
    if op == "=" and is_missing and is_plain and "known" in {left.state, right.state}:
        return False
    return not compare(left, op, right)


def _is_same(left: Value, right: Value) -> bool:
    if left.is_json or right.is_json:
        one, other = _read_alike(left, right)
        return _rank(one) == _rank(other)
    if left.state == "empty" or right.state == "empty":
        return left.raw in {None, ""} and right.raw in {None, ""}
    if "known" in {left.state, right.state}:
        one, other = _read_alike(left, right)
        return one is not None and other is not None and _rank(one) == _rank(other)
    return _rank("" if left.raw is None else left.raw) == _rank("" if right.raw is None else right.raw)


def _read_alike(left: Value, right: Value) -> tuple[Any, Any]:
    """Return both values as they are compared: a column decides how the other side is read."""
    one, other = left.raw, right.raw
    if "number" in {left.reads, right.reads}:
        return _read_number(one), _read_number(other)
    if {left.reads, right.reads} == {"text", ""}:
        return to_text(one), to_text(other)
    return one, other


def _read_number(raw: Any) -> Any:
    return float(raw) if isinstance(raw, str) and _NUMERIC.fullmatch(raw) else raw


def _rank(raw: Any) -> tuple[int, Any]:
    """Return what orders values: None, numbers, texts by their bytes."""
    if raw is None:
        return (0, 0)
    return (2, raw.encode()) if isinstance(raw, str) else (1, raw)


def to_text(raw: Any) -> Any:
    """Return a value as SQLite turns it into text; None stays."""
    return raw if raw is None or isinstance(raw, str) else repr(raw)


def lower(raw: Any) -> Any:
    return None if raw is None else str(to_text(raw)).translate(_LOWER)


def _pattern(right: Value) -> str:
    """Return the right side of `~` as a pattern: literals are wrapped and escaped, the values of fields wrapped."""
    text = str(to_text(_number(right.raw) if right.state == "known" else right.raw))
    if right.state == "open":
        return f"%{text}%"
    if re.search(r"(?<!\\)(\\\\)*%", text):
        return text
    escaped = re.sub(r"([\\%_])", r"\\\1", text)
    return f"%{escaped}%"


def like(text: str, pattern: str) -> bool:
    """Match with `%`, `_` and the escape `\\`; the case of ASCII letters does not count."""
    out, position = "", 0
    while position < len(pattern):
        char = pattern[position]
        if char == "\\":
            position += 1
            if position == len(pattern):
                return False
            out += re.escape(pattern[position].translate(_LOWER))
        else:
            out += {"%": ".*", "_": "."}.get(char) or re.escape(char.translate(_LOWER))
        position += 1
    return re.fullmatch(out, text.translate(_LOWER), re.DOTALL) is not None
