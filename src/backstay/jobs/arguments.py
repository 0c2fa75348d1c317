"""The arguments of a job: checked by the types of its function's parameters, and kept as JSON until it runs."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from backstay.annotations import types_of, unknown_type
from backstay.errors import BadRequest

ARGUMENTS_MAX_BYTES = 1 << 20
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class ArgumentError(TypeError):
    """A job was given what its function's parameters don't take."""


class JobTooLarge(BadRequest):
    """The arguments or the key of a job are over their limit; clients may have a part in that, so it is an answer."""


class Arguments:
    """The parameters of one job's function.

    Raises TypeError for a function whose arguments can't be kept: *args, a parameter without a type, or one whose type
    JSON can't carry.
    """

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self._name, self._signature = name, inspect.signature(function)
        self._decode = self._decoder(function).decode

    def _decoder(self, function: Callable[..., Any]) -> msgspec.json.Decoder[Any]:
        try:
            hints = types_of(function)
            fields = [_field(item, hints) for item in self._signature.parameters.values()]
            kept = msgspec.defstruct("Arguments", fields, kw_only=True)
            _check_types(kept)
            return msgspec.json.Decoder(kept)
        except NameError as exc:
            raise TypeError(f"job '{self._name}': {unknown_type(exc)}") from exc
        except TypeError as exc:
            raise TypeError(f"job '{self._name}': {exc}") from exc

    def encode(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is kept. Raises ArgumentError, JobTooLarge."""
        try:
            given = self._signature.bind(*args, **kwargs).arguments
            text = _encode(given)
            self._decode(text)
        except (UnicodeEncodeError, RecursionError) as exc:
            raise JobTooLarge(hint=f"The job '{self._name}' can't keep this: {exc}.") from exc
        except (TypeError, ValueError, OverflowError, NotImplementedError) as exc:
            raise ArgumentError(f"job '{self._name}': {exc}") from exc
        if len(text) > ARGUMENTS_MAX_BYTES:
            raise JobTooLarge(hint=f"The arguments of a job may have {ARGUMENTS_MAX_BYTES} bytes as JSON.")
        return _decode(text)

    def decode(self, kept: Mapping[str, Any]) -> inspect.BoundArguments:
        """Return what was kept as the function takes it. Raises ArgumentError where that has changed too much."""
        try:
            values = self._decode(_encode(kept))
        except msgspec.ValidationError as exc:
            raise ArgumentError(f"job '{self._name}': {exc}") from exc
        found = {name: getattr(values, name) for name in self._signature.parameters}
        given = {name: value for name, value in found.items() if value is not msgspec.UNSET}
        return inspect.BoundArguments(self._signature, given)


def _check_types(kept: type[msgspec.Struct]) -> None:
    """Raise TypeError for a type that JSON can't carry: what makes schemas knows them all."""
    try:
        msgspec.json.schema(kept)
    except TypeError as exc:
        raise TypeError(f"arguments are kept as JSON, and {str(exc).splitlines()[-1]} there") from exc


def _field(parameter: inspect.Parameter, hints: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return a parameter as a field; one that has a default may be missing."""
    if parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}:
        raise TypeError("a job can't take *args or **kwargs")
    if parameter.name not in hints:
        raise TypeError(f"the parameter '{parameter.name}' needs a type")
    if parameter.default is parameter.empty:
        return (parameter.name, hints[parameter.name])
    return (parameter.name, hints[parameter.name] | msgspec.UnsetType, msgspec.UNSET)
