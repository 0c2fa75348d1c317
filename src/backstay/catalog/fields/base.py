"""What all field types have in common: the options in a collection's JSON, and how values travel.

A value has three forms: `raw` as a client sent it, the field's own value (str, int, float, bool, list of str, or
anything JSON for json and geoPoint), and the form in which the database keeps it. `cast` leads from the first to
the second and never fails, `check` finds what is wrong with it, `store` leads to the third and `load` back.
Checks which need other records (relations, unique indexes) belong to `backstay.records`.
"""

from __future__ import annotations

from enum import Enum
from typing import Any, ClassVar, TypeAlias

import msgspec

from backstay.errors import Fault

Value: TypeAlias = Any
"""A field's own value; which Python type it has is told by the field's `kind`."""
DbValue: TypeAlias = "str | int | float | None"

REQUIRED = Fault("validation_required", "Cannot be blank.")
INVALID_FORMAT = Fault("validation_invalid_format", "Invalid value format.")


class Kind(Enum):
    """How a field is kept in the database and compared in filters."""

    TEXT = "text"
    NUMBER = "number"
    BOOL = "bool"
    LIST = "list"  # JSON array of texts
    JSON = "json"  # any JSON


class FieldBase(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Options that every field type has. Names are those of the protocol (A4), but for `systemOnly`, which is ours.

    systemOnly: no client sets it, superusers neither; only the site's own code does (`backstay.catalog.guards`)
    """

    id: str = ""
    name: str = ""
    system: bool = False
    hidden: bool = False
    presentable: bool = False
    systemOnly: bool = False

    kind: ClassVar[Kind] = Kind.TEXT
    modifiers: ClassVar[frozenset[str]] = frozenset()
    """Which of `name+`, `+name` and `name-` a client may use."""
    writable: ClassVar[bool] = True
    """False when values from clients are ignored."""

    @property
    def type(self) -> str:
        """The name of the type in a collection's JSON."""
        return str(self.__struct_config__.tag)

    @property
    def is_list(self) -> bool:
        """True when the field holds several values."""
        return self.column_kind is Kind.LIST

    @property
    def column_kind(self) -> Kind:
        """The kind of this field's column; differs from `kind` only where an option decides."""
        return self.kind

    @property
    def zero(self) -> Value:
        """The value of a field that nobody set."""
        return ""

    def cast(self, raw: Any) -> Value:
        """Turn what a client sent into this field's value; never fails."""
        raise AssertionError(f"field type {self.type} has no cast")

    def check(self, value: Value, *, new: bool) -> Fault | None:
        """Return what is wrong with `value`, or None. `new` is true while the record is being created."""
        return None

    def apply(self, old: Value, modifier: str, raw: Any) -> Value:
        """Return the value after `modifier` ('name+', '+name' or 'name-') with `raw`."""
        raise AssertionError(f"field type {self.type} has no modifiers")

    def store(self, value: Value) -> DbValue:
        """Turn this field's value into what the database keeps."""
        return value  # type: ignore[no-any-return]  # str, int and float go in as they are

    def load(self, kept: DbValue) -> Value:
        """Turn what the database keeps into this field's value."""
        return self.cast(kept)
