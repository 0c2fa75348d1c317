"""What a declared class says beside its fields: rules, indexes, ways to sign in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from backstay.catalog.indexes import parse_index
from backstay.errors import SetupError


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """Who may do what: None superusers only, '' everybody, else a filter that the record must match."""

    list: str | None = None
    view: str | None = None
    create: str | None = None
    update: str | None = None
    delete: str | None = None

    def json(self) -> dict[str, str | None]:
        """Return the rules by their names in the protocol."""
        return {f"{name}Rule": getattr(self, name) for name in self.__struct_fields__}


class Index:
    """An index: `Index("author", "created DESC")`, `Index("slug", unique=True, where="slug != ''")`.

    columns: fields, or expressions, each with COLLATE and ASC or DESC as SQL has them
    name:    default `idx_COLLECTION_COLUMNS`
    """

    def __init__(self, *columns: str, unique: bool = False, where: str = "", name: str = "") -> None:
        self.columns, self.unique, self.where, self.name = columns, unique, where, name

    def sql(self, collection: str) -> str:
        """Return its `CREATE INDEX`. Raises SetupError when that can't be read."""
        words = "_".join("".join(char if char.isalnum() else "_" for char in item) for item in self.columns)
        name = self.name or f"idx_{collection}_{words}"
        text = (
            f"CREATE {'UNIQUE ' if self.unique else ''}INDEX `{name}` ON `{collection}` "
            f"({', '.join(self.columns)}){f' WHERE {self.where}' if self.where else ''}"
        )
        parsed = parse_index(text)
        if parsed is None:
            raise SetupError(
                f"an index of '{collection}' can't be read",
                why=f"{text} is not one CREATE INDEX",
                do="give fields or expressions as columns, and a condition with its brackets closed as 'where'",
            )
        return str(parsed)


class Auth(msgspec.Struct, frozen=True, kw_only=True):
    """How people of a collection sign in. What is not said stays as it is, in a new collection at its default.

    rule:              who may sign in: '' everybody, None nobody
    manage_rule:       who may change addresses and passwords of others
    alert:             mail about sign-ins from new places
    *_duration_s:      in seconds
    more:              anything else, by its name in the protocol's JSON: oauth2, templates of mails, other tokens
    """

    rule: str | UnsetType | None = UNSET
    manage_rule: str | UnsetType | None = UNSET
    alert: bool | UnsetType = UNSET
    password: bool | UnsetType = UNSET
    identity_fields: tuple[str, ...] | UnsetType = UNSET
    otp: bool | UnsetType = UNSET
    otp_length: int | UnsetType = UNSET
    otp_duration_s: int | UnsetType = UNSET
    mfa: bool | UnsetType = UNSET
    mfa_rule: str | UnsetType = UNSET
    mfa_duration_s: int | UnsetType = UNSET
    oauth2: bool | UnsetType = UNSET
    token_duration_s: int | UnsetType = UNSET
    more: Mapping[str, Any] = {}

    def json(self) -> dict[str, Any]:
        """Return what is said, as the protocol's JSON has it."""
        out: dict[str, Any] = {}
        for name, path in _PLACES.items():
            value = getattr(self, name)
            if value is not UNSET:
                _put(out, path, list(value) if isinstance(value, tuple) else value)
        return _merged(out, self.more)


_PLACES = {
    "rule": ("authRule",),
    "manage_rule": ("manageRule",),
    "alert": ("authAlert", "enabled"),
    "password": ("passwordAuth", "enabled"),
    "identity_fields": ("passwordAuth", "identityFields"),
    "otp": ("otp", "enabled"),
    "otp_length": ("otp", "length"),
    "otp_duration_s": ("otp", "duration"),
    "mfa": ("mfa", "enabled"),
    "mfa_rule": ("mfa", "rule"),
    "mfa_duration_s": ("mfa", "duration"),
    "oauth2": ("oauth2", "enabled"),
    "token_duration_s": ("authToken", "duration"),
}


def _put(out: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for key in path[:-1]:
        out = out.setdefault(key, {})
    out[path[-1]] = value


def _merged(base: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    out = dict(base)
    for key, value in more.items():
        known = out.get(key)
        both = isinstance(known, Mapping) and isinstance(value, Mapping)
        out[key] = _merged(known, value) if both else value  # type: ignore[arg-type]  # `both` says that it is one
    return out
