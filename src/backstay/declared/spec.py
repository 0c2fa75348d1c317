"""What stands behind a declared field at run time, and the options that all types share."""

from __future__ import annotations

from typing import Any, TypeAlias, TypedDict

import msgspec

Was: TypeAlias = "str | tuple[str, ...]"
"""Earlier names, the oldest first."""


class Shown(TypedDict, total=False):
    """Options of every type.

    hidden:      never sent, and set by superusers only
    presentable: shown where a record is named
    system_only: no client sets it, superusers neither; only the site's own code does
    was:         the names that it had before, the oldest first: a new name is no new field
    id:          the field's id, where it is not to be made of its type and first name
    """

    hidden: bool
    presentable: bool
    system_only: bool
    was: Was
    id: str


class Common(Shown, total=False):
    """Options of every type but autodate.

    required: empty values are refused: '', 0, False, no items
    help:     a sentence for those who fill it in
    """

    required: bool
    help: str


class Spec(msgspec.Struct, frozen=True):
    """A declared field without its name.

    options: in the protocol's JSON; `collectionId` of a relation is not among them
    target:  the collection of a relation: its name, or its class
    """

    type: str
    options: dict[str, Any]
    was: tuple[str, ...] = ()
    id: str = ""
    target: object = None


_NAMES = {"system_only": "systemOnly"}


def spec(type: str, common: Common | Shown, target: object = None, **options: object) -> Any:
    """Return a field's spec. `Any`: what a class holds as a spec, its records hold as a value."""
    shared: dict[str, Any] = dict(common)
    was, id = shared.pop("was", ()), shared.pop("id", "")
    named = {_NAMES.get(key, key): value for key, value in shared.items()}
    earlier = (was,) if isinstance(was, str) else tuple(was)
    return Spec(type, named | options, earlier, id, target)
