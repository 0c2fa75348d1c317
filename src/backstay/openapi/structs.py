"""JSON schemas of the structs that settings, collections and jobs are made of: as they are answered, and as a body sends them."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache
from typing import Any

import msgspec

from backstay.openapi.values import Schema

_DROPPED = frozenset({"default", "title"})
"""What is not repeated: a body leaves out what shall stay, and names of classes are no promise."""

_OWN_NAME = re.compile(r"`\w+_\w+`")
_CHAPTER = re.compile(r" \(A\d+(, A\d+)*\)")


def as_answered(
    kind: type[msgspec.Struct], *, without: Collection[str] = (), sometimes: Collection[str] = ()
) -> Schema:
    """Return the schema of a struct in an answer: each key stands in it.

    without:   keys that are not told, in any object, such as those of secrets
    sometimes: keys that stand in it only when they say something
    """
    found: Schema = _shaped(_inlined(kind), frozenset(without), frozenset(sometimes))
    return found


def as_sent(kind: type[msgspec.Struct], *, without: Collection[str] = ()) -> Schema:
    """Return the schema of a struct in a body: what is not sent stays as it is, or gets its default.

    Its example is empty, so that whoever tries it out starts from a change of nothing.
    """
    found: Schema = _shaped(_inlined(kind), frozenset(without), None)
    return {**found, "examples": [{}]}


@cache
def _inlined(kind: type[msgspec.Struct]) -> Schema:
    """Return a struct's schema with those of the structs within it in their places."""
    whole = msgspec.json.schema(kind)
    found: Schema = _resolved(whole, whole.get("$defs", {}))
    return found


def _resolved(node: Any, known: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_resolved(item, known) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _resolved(known[node["$ref"].rpartition("/")[2]], known)
    if "properties" in node:
        inner = {key: _resolved(item, known) for key, item in node["properties"].items()}
        return {"type": "object", **_about(node), "properties": inner}
    return {key: _resolved(item, known) for key, item in node.items() if key not in _DROPPED | {"$defs"}}


def _about(node: dict[str, Any]) -> dict[str, str]:
    """Return what a struct is for, when its first line says it without names that only our code has."""
    line = _CHAPTER.sub("", str(node.get("description", "")).partition("\n")[0])
    return {"description": line} if line and not _OWN_NAME.search(line) else {}


def _shaped(node: Any, without: frozenset[str], sometimes: frozenset[str] | None) -> Any:
    """Return a schema without some keys; `sometimes` names those that are not required, None stands for all."""
    if isinstance(node, list):
        return [_shaped(item, without, sometimes) for item in node]
    if not isinstance(node, dict):
        return node
    if "properties" not in node:
        return {key: _shaped(item, without, sometimes) for key, item in node.items()}
    inner = {
        key: _shaped(item, without, sometimes)
        for key, item in node["properties"].items()
        if key not in without
    }
    told = {} if sometimes is None else {"required": [key for key in inner if key not in sometimes]}
    return {**node, "properties": inner, **told}
