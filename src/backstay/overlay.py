"""Lay a client's JSON over a typed value: what PATCH means for settings and for collections.

Objects merge, everything else replaces. `null` gives the zero value of its type ("", 0, False, an empty list, an
object of zeros), unknown keys are ignored, and nothing is converted: the text "7" and the number 7.0 are no
integers. That is how the real server reads bodies (JSON of Go, v2).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, TypeVar, cast

import msgspec
from msgspec import inspect

S = TypeVar("S", bound=msgspec.Struct)

_INT64_MAX = 2**63 - 1
_FLOAT_INT_MAX = 2**53


class Misfit(ValueError):
    """A submitted value is not of the type that its place needs; `path` tells the place, as in `logs.maxDays`."""

    def __init__(self, path: str, expected: str) -> None:
        self.path = path
        self.expected = expected
        super().__init__(f"Expected {expected} at '{path}'." if path else f"Expected {expected}.")


def overlay(base: S, patch: Mapping[str, Any], *, path: str = "", fold: bool = False) -> S:
    """Return `base` with everything replaced that `patch` names.

    base:  a frozen struct of text, numbers, booleans, lists, tuples, dicts and structs of the same
    patch: decoded JSON
    path:  where in the body `patch` stands, for errors
    fold:  match keys in any case

    Raises Misfit when a value doesn't fit, or a key stands there twice in different case.
    """
    names = _names(type(base), fold)
    changes: dict[str, Any] = {}
    for key, value in patch.items():
        field = names.get(key.lower() if fold else key)
        if field is None:
            continue
        at = f"{path}.{field.encode_name}" if path else field.encode_name
        if field.name in changes:
            raise Misfit(at, "the key only once")
        changes[field.name] = _value(field.type, getattr(base, field.name), value, at, fold)
    return msgspec.structs.replace(base, **changes) if changes else base


def zero(kind: type[S]) -> S:
    """Return a `kind` of zeros, whatever its defaults are."""
    return cast("S", _zero(_shape(kind)))


@cache
def _shape(kind: type[msgspec.Struct]) -> inspect.StructType:
    return cast("inspect.StructType", inspect.type_info(kind))


@cache
def _names(kind: type[msgspec.Struct], fold: bool) -> dict[str, inspect.Field]:
    fields = _shape(kind).fields
    return {field.encode_name.lower() if fold else field.encode_name: field for field in fields}


def _value(kind: inspect.Type, old: Any, new: Any, path: str, fold: bool) -> Any:
    if isinstance(kind, inspect.UnionType):
        return None if new is None else _value(_without_none(kind), old, new, path, fold)
    if new is None:
        return _zero(kind)
    match kind:
        case inspect.StructType():
            base = _zero(kind) if old is None else old
            return overlay(base, _expect(new, Mapping, "an object", path), path=path, fold=fold)
        case inspect.VarTupleType() | inspect.ListType():
            items = cast("list[Any]", _expect(new, (list, tuple), "a list", path))
            empty = _zero(kind.item_type)
            read = [
                _value(kind.item_type, empty, item, f"{path}.{at}", fold) for at, item in enumerate(items)
            ]
            return read if isinstance(kind, inspect.ListType) else tuple(read)
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
            if isinstance(new, bool) or not isinstance(new, int | float):
                raise Misfit(path, "a number")
            # 5.0 is written as 5, as Go does
            return int(new) if float(new).is_integer() and abs(new) <= _FLOAT_INT_MAX else float(new)
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
        case inspect.ListType():
            return []
        case inspect.DictType():
            return {}
        case _:
            return None
