"""The arguments of an endpoint, by the names and types of its function's parameters.

- a name in the path, or of a simple type: text of the path or the query, converted to its type;
- `body`: the JSON body as its type, raw where that is `bytes`;
- `query`: all of the query as a struct;
- of type `Viewer` or `Request`: who asks, and the whole request.
"""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

import msgspec
from starlette.requests import Request

from backstay.annotations import unknown_type
from backstay.errors import BadRequest, Fault, Faults
from backstay.plans.request import Viewer

Source: TypeAlias = Literal["path", "query", "queries", "body", "viewer", "request"]
MISFIT = "validation_invalid_value"
INVALID = "Something went wrong while processing your request."


class Parameter(msgspec.Struct, frozen=True):
    """One parameter of an endpoint. `default` is `inspect.Parameter.empty` where it must be given."""

    name: str
    source: Source
    type: Any
    default: Any = inspect.Parameter.empty

    @property
    def is_required(self) -> bool:
        return self.default is inspect.Parameter.empty

    @property
    def is_list(self) -> bool:
        return typing.get_origin(_plain(self.type)) in {list, tuple, set, frozenset}


def parameters_of(
    function: Callable[..., Any], hints: Mapping[str, Any], path_names: set[str]
) -> tuple[Parameter, ...]:
    """Return the parameters of an endpoint's function, whose types are given. Raises TypeError for what can't be filled."""
    found: list[Parameter] = []
    for name, given in inspect.signature(function).parameters.items():
        if given.kind in {given.VAR_POSITIONAL, given.VAR_KEYWORD}:
            raise TypeError(f"{function.__qualname__}: an endpoint can't take *args or **kwargs")
        if name not in hints:
            raise TypeError(f"{function.__qualname__}: the parameter '{name}' needs a type")
        found.append(Parameter(name, _source(name, hints[name], path_names), hints[name], given.default))
        _check_type(function, found[-1])
    lost = path_names - {parameter.name for parameter in found}
    if lost:
        raise TypeError(f"{function.__qualname__}: the path has '{{{min(lost)}}}', and no parameter takes it")
    return tuple(found)


def _check_type(function: Callable[..., Any], parameter: Parameter) -> None:
    """Raise TypeError for a type that can't be read: better when it is declared than when it is asked for."""
    if parameter.source in {"viewer", "request"}:
        return
    try:
        msgspec.json.Decoder(parameter.type)
    except NameError as exc:
        raise TypeError(f"{function.__qualname__}: '{parameter.name}': {unknown_type(exc)}") from exc
    except TypeError as exc:
        raise TypeError(f"{function.__qualname__}: '{parameter.name}': {exc}") from exc


def _source(name: str, type: Any, path_names: set[str]) -> Source:
    if name in path_names:
        return "path"
    if type is Viewer:
        return "viewer"
    if type is Request:
        return "request"
    if name == "body":
        return "body"
    return "queries" if name == "query" else "query"


def _plain(type: Any) -> Any:
    """Return a type without `| None` and without annotations."""
    if typing.get_origin(type) is typing.Annotated:
        return _plain(typing.get_args(type)[0])
    if typing.get_origin(type) in {typing.Union, types.UnionType}:
        others = [item for item in typing.get_args(type) if item is not types.NoneType]
        return _plain(others[0]) if len(others) == 1 else type
    return type


def from_texts(parameter: Parameter, texts: Mapping[str, list[str]]) -> Any:
    """Return a parameter's value from the texts of the path or the query. Raises BadRequest."""
    given = texts.get(parameter.name)
    if given is None:
        if parameter.is_required:
            raise BadRequest(faults={parameter.name: Fault("validation_required", "Cannot be blank.")})
        return parameter.default
    return converted(given if parameter.is_list else given[0], parameter.type, at=parameter.name)


def converted(value: Any, type: Any, *, at: str = "") -> Any:
    """Return a value as its type wants it; texts may stand for numbers and booleans. Raises BadRequest."""
    try:
        return msgspec.convert(value, type, strict=False)
    except msgspec.ValidationError as exc:
        raise BadRequest(INVALID, faults_of(exc, at)) from exc


def decoded(body: bytes, type: Any, within: str = "") -> Any:
    """Return a JSON body, or what stands in it under a key, as its type. Raises BadRequest."""
    try:
        if not within:
            return msgspec.json.decode(body or b"null", type=type)
        outer = msgspec.json.decode(body or b"{}", type=dict[str, msgspec.Raw])
        return msgspec.json.decode(outer.get(within, b"{}"), type=type)
    except msgspec.ValidationError as exc:
        raise BadRequest(INVALID, faults_of(exc, "")) from exc
    except (msgspec.DecodeError, UnicodeError, RecursionError) as exc:
        raise BadRequest(hint=f"The body is not valid JSON: {str(exc)[:200]}.", at="body") from exc


def faults_of(error: msgspec.ValidationError, at: str) -> Faults:
    """Return what msgspec says as faults by field: "Expected `int`, got `str` - at `$.lines[0].price`"."""
    message, _, path = str(error).partition(" - at `$")
    names = [part for part in path.rstrip("`").replace("[", ".").replace("]", "").split(".") if part]
    *outer, last = [*([at] if at else []), *names] or ["body"]
    faults: Faults = {last: Fault(MISFIT, message)}
    for name in reversed(outer):
        faults = {name: faults}
    return faults
