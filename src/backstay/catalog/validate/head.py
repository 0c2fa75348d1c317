"""A collection's id, name, type and system flag."""

from __future__ import annotations

import re

from backstay.catalog.validate.case import Case
from backstay.checks import Check, first, length, matches, one_of, required
from backstay.errors import Fault

INTERNAL_TABLES = frozenset({"_collections", "_params", "_migrations"})
"""Tables of the database itself, beside those of collections."""

WORD = re.compile(r"^\w+\Z", re.ASCII)

_TAKEN = Fault("validation_collection_name_exists", "Collection name must be unique (case insensitive).")
_IS_ID = Fault(
    "validation_collection_name_id_duplicate", "The name must not match an existing collection id."
)
_INTERNAL = Fault(
    "validation_collection_name_invalid", "The name shouldn't match with an existing internal table."
)
_SYSTEM_NAME = Fault("validation_collection_system_name_change", "System collection name cannot be changed.")
_SYSTEM_FLAG = Fault("validation_collection_system_flag_change", "System collection state cannot be changed.")
_TYPE = Fault("validation_collection_type_change", "Collection type cannot be changed.")
_ID_TAKEN = Fault("validation_invalid_or_existing_id", "The model id is invalid or already exists.")
_VIA = Fault("validation_found_via", 'The value cannot contain "_via_".')


def not_via(name: str) -> Fault | None:
    """Refuse names with `_via_`, which marks back-relations in filters."""
    return _VIA if "_via_" in name.lower() else None


def id_fault(case: Case) -> Fault | None:
    """Check the id of a new collection; it also becomes the name of a folder."""
    if case.old is not None:
        return None
    taken = {item.id for item in case.others}
    unique: Check = lambda value: _ID_TAKEN if value in taken else None  # noqa: E731
    return first(case.new.id, required, length(1, 100), matches(WORD), unique)


def system_fault(case: Case) -> Fault | None:
    return _SYSTEM_FLAG if case.old is not None and case.old.system != case.new.system else None


def type_fault(case: Case) -> Fault | None:
    changed = case.old is not None and case.old.type != case.new.type
    return first(case.new.type, required, one_of("base", "auth", "view")) or (_TYPE if changed else None)


def name_fault(case: Case) -> Fault | None:
    return first(case.new.name, required, length(1, 255), not_via, matches(WORD)) or _name_use(case)


def _name_use(case: Case) -> Fault | None:
    name, old = case.new.name, case.old
    if old is not None and old.system and old.name != name:
        return _SYSTEM_NAME
    if name.lower() in {item.name.lower() for item in case.others}:
        return _TAKEN
    stored = {item.id for item in (*case.others, *case.catalog)} | ({old.id} if old else set())
    if name in stored:
        return _IS_ID
    if (old is None or old.name != name) and (
        name.lower() in INTERNAL_TABLES or name.lower().startswith("sqlite_")
    ):
        return _INTERNAL
    return None
