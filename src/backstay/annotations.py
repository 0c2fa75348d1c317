"""The types of a function's parameters and result, also those that stand in the function around it."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any


def types_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the types of the parameters and of the result (`return`) by name. Asked while the function is declared.

    With `from __future__ import annotations` types are names that stand for themselves until now. Those of the module are
    always found, and those of the function around it while that one still runs, so at its decorator.

    Raises TypeError for a name that isn't found, and says what to do.
    """
    try:
        return typing.get_type_hints(function, localns=_names_around(function), include_extras=True)
    except NameError as exc:
        raise TypeError(f"{function.__qualname__}: {unknown_type(exc)}") from exc


def unknown_type(error: NameError) -> str:
    """Return what is wrong where a type isn't found, and what to do."""
    return (
        f"there is no type '{error.name}' where it is declared. Define it before the function and import it outside "
        "of 'if TYPE_CHECKING'; a class that another one names in a field stands in the module"
    )


def _names_around(function: Callable[..., Any]) -> Mapping[str, Any]:
    """Return the local names of the functions that are defining this one, the inner ones first."""
    plain = inspect.unwrap(function)
    code, frame = getattr(plain, "__code__", None), inspect.currentframe()
    names: dict[str, Any] = {}
    while frame is not None and "<locals>" in plain.__qualname__:
        if frame.f_code.co_name != "<module>" and any(
            constant is code for constant in frame.f_code.co_consts
        ):
            names = {**frame.f_locals, **names}
            code = frame.f_code
        frame = frame.f_back
    return names
