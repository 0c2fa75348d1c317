"""Lists of fields: how a client's JSON becomes one, and how a field takes its place in one.

A field is known by its id. One that comes without an id replaces the field of its name and takes over that id, or
gets a new id made of its type and name; so a list may be sent without ids and still means the same columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar, get_args
from zlib import crc32

import msgspec

from backstay.catalog.casts import to_date
from backstay.catalog.fields import DateField, Field
from backstay.overlay import Misfit, overlay, zero

F = TypeVar("F", bound=Field)

_TYPES: dict[str, type[Field]] = {str(kind.__struct_config__.tag): kind for kind in get_args(Field)}


def checksum(text: str) -> str:
    """Return the number by which generated ids tell names apart (CRC-32, decimal)."""
    return str(crc32(text.encode()))


def read_fields(items: object) -> tuple[Field, ...]:
    """Read a list of fields as a client sent it; null is an empty list. Raises Misfit."""
    if items is None:
        return ()
    if not isinstance(items, list):
        raise Misfit("fields", "a list")
    return listed(_read(item, f"fields.{at}") for at, item in enumerate(items))


def _read(item: object, path: str) -> Field:
    if not isinstance(item, Mapping):
        raise Misfit(path, "an object")
    kind = _TYPES.get(item["type"]) if isinstance(item.get("type"), str) else None
    if kind is None:
        raise Misfit(f"{path}.type", f"one of {', '.join(sorted(_TYPES))}")
    field: Field = overlay(zero(kind), item, path=path)
    if isinstance(field, DateField):
        return msgspec.structs.replace(field, min=to_date(field.min), max=to_date(field.max))
    return field


def listed(fields: Iterable[Field]) -> tuple[Field, ...]:
    """Put `fields` into one list, one after the other, as `added` does."""
    out: tuple[Field, ...] = ()
    for field in fields:
        out = added(out, field)
    return out


def added(fields: tuple[Field, ...], new: Field) -> tuple[Field, ...]:
    """Return `fields` with `new` in the place of the one it stands for, else at the end."""
    if new.id:
        place = next((at for at, field in enumerate(fields) if field.id == new.id), None)
    else:
        new = identified(new, _free_id(new, {field.id for field in fields}))
        place = next((at for at, field in enumerate(fields) if new.name and field.name == new.name), None)
        if place is not None:
            new = identified(new, fields[place].id)
    if place is None:
        return (*fields, new)
    return (*fields[:place], new, *fields[place + 1 :])


def identified(field: F, id: str) -> F:
    """Return `field` under another id."""
    return msgspec.structs.replace(field, id=id)


def _free_id(field: Field, taken: set[str]) -> str:
    base = id = field.type + checksum(field.name)
    number = 2
    while id in taken:
        id, number = f"{base}{number}", number + 1
    return id


def find(fields: Iterable[Field], *, id: str | None = None, name: str | None = None) -> Field | None:
    """Return the first field with this id or this name, or None."""
    return next((field for field in fields if id in (field.id, None) and name in (field.name, None)), None)


def find_typed(fields: Iterable[Field], kind: type[F], name: str) -> F | None:
    """Return the field of this name when it is a `kind`, or None."""
    field = find(fields, name=name)
    return field if isinstance(field, kind) else None
