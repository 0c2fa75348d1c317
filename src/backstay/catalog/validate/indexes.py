"""A collection's indexes. That their columns exist is for the database to say when it makes them."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from backstay.catalog.indexes import Index, find_unique, parse_index
from backstay.catalog.model import Collection
from backstay.catalog.validate.case import Case
from backstay.errors import Fault, Faults

_ON_VIEW = Fault("validation_indexes_not_supported", "View collections don't support indexes.")
_MALFORMED = Fault("validation_invalid_index_expression", "Invalid CREATE INDEX expression.")
_SAME_NAME = Fault("validation_duplicated_index_name", "The index name already exists.")
_SAME_DEFINITION = Fault("validation_duplicated_index_definition", "The index definition already exists.")


def index_faults(case: Case) -> Fault | Faults | None:
    """Check all indexes."""
    if case.new.is_view:
        return _ON_VIEW if case.new.indexes else None
    faults = _each_faults(case)
    if faults:
        return faults
    return _lost_unique(case) or _missing_unique(case.new)


def _each_faults(case: Case) -> Faults | None:
    used = {index.name.lower(): item.name for item in case.others for index in parsed(item)}
    names: set[str] = set()
    definitions: set[Index] = set()
    for at, text in enumerate(case.new.indexes):
        index = parse_index(text)
        if index is None:
            return {str(at): _MALFORMED}
        name = index.name.lower()
        if name in names:
            return {str(at): _SAME_NAME}
        if name in used:
            message = f"The index name is already used in {used[name]} collection."
            return {str(at): Fault("validation_existing_index_name", message, {"usedTableName": used[name]})}
        definition = msgspec.structs.replace(index, name="", table="", schema="")
        if definition in definitions:
            return {str(at): _SAME_DEFINITION}
        names.add(name)
        definitions.add(definition)
    return None


def parsed(collection: Collection) -> Iterator[Index]:
    """Give the indexes of a collection that can be read."""
    return (index for text in collection.indexes if (index := parse_index(text)) is not None)


def _columns(index: Index) -> list[str]:
    return [column.name for column in index.columns]


def _lost_unique(case: Case) -> Fault | None:
    """Find a system field that was in a unique index which is gone; its condition, order and collation may change."""
    if case.old is None:
        return None
    kept = [(index.optional, _columns(index)) for index in parsed(case.new) if index.unique]
    for index in parsed(case.old):
        if not index.unique or (index.optional, _columns(index)) in kept:
            continue
        named = {name.lower() for name in _columns(index)}
        field = next((f for f in case.old.fields if f.system and f.name.lower() in named), None)
        if field is not None:
            name = next(n for n in _columns(index) if _is_system(case.old, n))
            message = f"Unique index definition on system fields ({name}) is invalid or missing."
            return Fault("validation_invalid_unique_system_field_index", message, {"fieldName": name})
    return None


def _is_system(collection: Collection, name: str) -> bool:
    return any(field.system and field.name.lower() == name.lower() for field in collection.fields)


def _missing_unique(new: Collection) -> Fault | None:
    for name in ("tokenKey", "email") if new.is_auth else ():
        if find_unique(new.indexes, name) is None:
            message = f'Missing required unique index for field "{name}".'
            return Fault("validation_missing_required_unique_index", message, {"fieldName": name})
    return None
