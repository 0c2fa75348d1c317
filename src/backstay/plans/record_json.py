"""A record's JSON, written by the database, as one viewer may see it (A3)."""

from __future__ import annotations

from collections.abc import Container

import msgspec
from sqlalchemy import case

from backstay.catalog import Collection
from backstay.catalog.fields import FieldBase, PasswordField
from backstay.plans.dialects.base import Dialect, Expression, JsonPart
from backstay.plans.operands import email_visible
from backstay.plans.scope import Scope

SECRET_FIELDS = frozenset({"password", "tokenKey"})
"""Fields of auth collections which nobody gets, superusers neither."""
EXPAND_KEY = "expand"


class RecordColumns(msgspec.Struct, frozen=True, eq=False):
    """A record's JSON as SQL: whole, or cut before and after the place of `expand` in the order of its keys."""

    whole: Expression
    head: Expression
    tail: Expression


def is_shown(field: FieldBase, collection: Collection, *, superuser: bool) -> bool:
    """Tell whether a viewer gets a field at all."""
    if collection.is_auth and field.name in SECRET_FIELDS:
        return False
    return superuser or not field.hidden


def record_columns(scope: Scope, picked: Container[str] | None) -> RecordColumns:
    """Return the JSON of the scope's base row for its viewer.

    picked: the keys to send; None sends all
    """
    collection, viewer = scope.base.collection, scope.frame.info.viewer
    parts = [part for part in _parts(scope) if picked is None or part[0] in picked]
    before = [part for part in parts if part[0] < EXPAND_KEY]
    after = [part for part in parts if part[0] > EXPAND_KEY]
    visible: Expression | None = None
    if collection.is_auth and not viewer.is_superuser and any(part[0] == "email" for part in parts):
        visible = email_visible(scope, scope.base)
        manage = collection.auth.manageRule if collection.auth else None
        if manage:
            visible = visible | scope.subpredicate(manage)
        elif manage == "":
            visible = None
    write = _Writer(scope.frame.dialect, trusted=not collection.is_view, email_visible=visible)
    return RecordColumns(write(parts), write(before), write(after))


class _Writer(msgspec.Struct, frozen=True, eq=False):
    dialect: Dialect
    trusted: bool
    email_visible: Expression | None

    def __call__(self, parts: list[JsonPart]) -> Expression:
        whole = self.dialect.record(parts, trusted=self.trusted)
        if self.email_visible is None or all(part[0] != "email" for part in parts):
            return whole
        without = self.dialect.record([part for part in parts if part[0] != "email"], trusted=self.trusted)
        return case((self.email_visible, whole), else_=without)


def _parts(scope: Scope) -> list[JsonPart]:
    collection = scope.base.collection
    superuser = scope.frame.info.viewer.is_superuser
    parts: list[JsonPart] = [
        ("collectionId", msgspec.json.encode(collection.id).decode(), None),
        ("collectionName", msgspec.json.encode(collection.name).decode(), None),
    ]
    for field in collection.fields:
        if not is_shown(field, collection, superuser=superuser):
            continue
        if isinstance(field, PasswordField):
            parts.append((field.name, '""', None))
        else:
            parts.append((field.name, scope.base.source.c[field.name], field.column_kind))
    return sorted(parts, key=lambda part: part[0])
