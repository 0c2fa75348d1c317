"""Lay a client's JSON over a typed value: what PATCH means for settings and for collections.

Objects merge, everything else replaces. `null` gives the zero value of its type ("", 0, False, an empty list, an
object of zeros), unknown keys are ignored, keys match in any case and may stand only once, and nothing is converted:
the text "7" and the number 7.0 are no integers. That is how the real server reads bodies (JSON of Go, v2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, TypeVar, cast

import msgspec
from msgspec import inspect

S = TypeVar("S", bound=msgspec.Struct)

_INT64_MAX = 2**63 - 1


class Misfit(ValueError):
    """A submitted value is not of the type that its place needs; `path` tells the place, as in `logs.maxDays`."""

    def __init__(self, path: str, expected: str) -> None:
        self.path = path
        self.expected = expected
        super().__init__(f"Expected {expected} at '{path}'." if path else f"Expected {expected}.")


def overlay(base: S, patch: Mapping[str, Any]) -> S:
    """Return `base` with everything replaced that `patch` names.

    base:  a frozen struct of text, numbers, booleans, tuples, dicts and structs of the same
    patch: decoded JSON

    Raises Misfit when a value doesn't fit, or a key stands there twice in different case.
    """
    return cast("S", _struct(_shape(type(base)), base, patch, ""))


def fresh(kind: type[S], patch: Mapping[str, Any]) -> S:
    """Return a new `kind` from `patch`, zeros (not defaults) where it is silent. Raises Misfit."""
    return cast("S", _struct(_shape(kind), _zero(_shape(kind)), patch, ""))


@cache
def _shape(kind: type[msgspec.Struct]) -> inspect.StructType:
    return cast("inspect.StructType", inspect.type_info(kind))


def _struct(shape: inspect.StructType, base: Any, patch: Mapping[str, Any], path: str) -> msgspec.Struct:
    by_name = {field.encode_name.lower(): field for field in shape.fields}
    changes: dict[str, Any] = {}
    for key, value in patch.items():
        field = by_name.get(key.lower())
        if field is None:
            continue
        if field.name in changes:
            raise Misfit(f"{path}{key}", "the key only once")
        old = getattr(base, field.name)
        changes[field.name] = _value(field.type, old, value, f"{path}{field.encode_name}")
    return cast("msgspec.Struct", msgspec.structs.replace(base, **changes)) if changes else base


def _value(kind: inspect.Type, old: Any, new: Any, path: str) -> Any:
    if isinstance(kind, inspect.UnionType):
        return None if new is None else _value(_without_none(kind), None, new, path)
    if new is None:
        return _zero(kind)
    match kind:
        case inspect.StructType():
            base = _zero(kind) if old is None else old
            return _struct(kind, base, _expect(new, Mapping, "an object", path), f"{path}.")
        case inspect.VarTupleType():
            items = cast("Sequence[Any]", _expect(new, list, "a list", path))
            zero = _zero(kind.item_type)
            return tuple(_value(kind.item_type, zero, item, f"{path}.{at}") for at, item in enumerate(items))
        case inspect.DictType():
            return dict(_expect(new, Mapping, "an object", path))
        case inspect.AnyType():
            return new
        case _:
            return _scalar(kind, new, path)


def _scalar(kind: inspect.Type, new: Any, path: str) -> Any:
    match kind:
        case inspect.StrType():
            return _expect(new, str, "a text", path)
        case inspect.BoolType():
            return _expect(new, bool, "true or false", path)
        case inspect.FloatType():
            if isinstance(new, bool):
                raise Misfit(path, "a number")
            return float(_expect(new, (int, float), "a number", path))
        case inspect.IntType():
            if isinstance(new, bool) or not isinstance(new, int) or abs(new) > _INT64_MAX:
                raise Misfit(path, "a whole number")
            return new
        case _:
            raise TypeError(f"overlay knows no {type(kind).__name__}")


def _expect(value: Any, kind: type[Any] | tuple[type[Any], ...], expected: str, path: str) -> Any:
    if not isinstance(value, kind):
        raise Misfit(path, expected)
    return value


def _without_none(kind: inspect.UnionType) -> inspect.Type:
    (other,) = (each for each in kind.types if not isinstance(each, inspect.NoneType))
    return other


def _zero(kind: inspect.Type) -> Any:
    match kind:
        case inspect.StructType():
            return kind.cls(**{field.name: _zero(field.type) for field in kind.fields})
        case inspect.StrType():
            return ""
        case inspect.BoolType():
            return False
        case inspect.IntType():
            return 0
        case inspect.FloatType():
            return 0.0
        case inspect.VarTupleType():
            return ()
        case inspect.DictType():
            return {}
        case _:
            return None
