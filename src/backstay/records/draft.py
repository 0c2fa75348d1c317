"""What a body makes of a record: casts, modifiers, generated values (A3, A4)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeAlias

import msgspec

from backstay.catalog import Collection
from backstay.catalog.casts import format_date, to_number
from backstay.catalog.fields import (
    Field,
    JsonField,
    NumberField,
    PasswordField,
    Value,
)
from backstay.catalog.patterns import generate
from backstay.plans.request import JsonText
from backstay.records.query import Body

RecordValues: TypeAlias = dict[str, Value]
"""A record's own values by field name."""

AUTOGENERATE = ":autogenerate"
_MODIFIER_ENDS = frozenset("+-")


class Draft(msgspec.Struct, eq=False):
    """A record as it will be when its write succeeds.

    values: every field's value; passwords stay what they were, new ones wait in `plain`
    sent:   the fields which the body set
    added:  by field, what the body adds to a number: the database does the sum
    plain:  by field, a new password as it was sent
    """

    collection: Collection
    values: RecordValues
    old: RecordValues | None
    sent: set[str]
    added: dict[str, float]
    plain: dict[str, str]

    @property
    def is_new(self) -> bool:
        return self.old is None

    @property
    def id(self) -> str:
        """The id of the record that is stored, or of the new one; a body can't turn to another record."""
        return str((self.old or self.values)["id"])

    def take_hashes(self, hashes: Mapping[str, str]) -> None:
        """Put hashes in the place of the passwords which the body set; one may be hidden and not its to set."""
        self.values |= {name: made for name, made in hashes.items() if name in self.plain}

    def changed(self) -> list[Field]:
        """Return the fields whose value differs from what is stored."""
        if self.old is None:
            return list(self.collection.fields)
        return [field for field in self.collection.fields if self.values[field.name] != self.old[field.name]]

    def body_for_rules(self, body: Body) -> dict[str, Any]:
        """Return the body as rules see it: fields as they will be, everything else as it was sent."""
        out = dict(body)
        for name in self.sent:
            field = self.collection.by_name[name]
            if isinstance(field, JsonField):
                out[name] = JsonText(self.values[name])
            else:
                out[name] = self.plain.get(name, self.values[name])
        return out


def doomed(collection: Collection, values: RecordValues) -> Draft:
    """Return the draft of a record that shall be deleted."""
    return Draft(collection, values, values, set(), {}, {})


def zero_values(collection: Collection) -> RecordValues:
    """Return the values of a record that nobody has touched."""
    return dict(collection.zero_values)


def draft_record(
    collection: Collection,
    body: Body,
    old: RecordValues | None,
    *,
    superuser: bool,
    now: datetime,
    new_id: str = "",
    by_code: bool = False,
) -> Draft:
    """Apply a body to a record, or to a new one when `old` is None. Never fails; `check` finds what is wrong.

    Hidden fields are the superusers' to write, and what is guarded the site's own code's (`by_code`); for others
    they are left as they are.
    """
    values = dict(old) if old is not None else zero_values(collection) | {"id": new_id}
    draft = Draft(collection, values, old, set(), {}, {})
    if by_code:
        settable = collection.code_settable_fields
    else:
        settable = collection.settable_fields if superuser else collection.public_settable_fields
    has_modifiers = any(key[:1] == "+" or key[-1:] in _MODIFIER_ENDS for key in body)
    for name, field in settable.items():
        if name in body:
            _set(draft, field, body[name])
        if has_modifiers:
            _modify(draft, field, body)
    _generate(draft, body, settable)
    stamp(draft, now)
    return draft


def _set(draft: Draft, field: Field, raw: Any) -> None:
    draft.sent.add(field.name)
    if isinstance(field, PasswordField):
        draft.plain[field.name] = field.cast(raw)
    else:
        draft.values[field.name] = field.cast(raw)


def _modify(draft: Draft, field: Field, body: Body) -> None:
    """Apply modifiers; a sum with what is stored is left to the database, unless the body sets the field, too."""
    name = field.name
    for modifier in field.modifiers:
        key = modifier.replace("name", name)
        if key not in body:
            continue
        draft.sent.add(name)
        draft.values[name] = field.apply(draft.values[name], modifier, body[key])
        if isinstance(field, NumberField) and draft.old is not None and name not in body:
            change = to_number(body[key])
            draft.added[name] = draft.added.get(name, 0) + (change if modifier == "name+" else -change)


def _generate(draft: Draft, body: Body, settable: Mapping[str, Field]) -> None:
    """Fill in text fields which generate their values: on creation when empty, and when the body asks for it."""
    is_new = draft.is_new
    for field in draft.collection.text_fields:
        pattern, key = field.autogeneratePattern, field.name + AUTOGENERATE
        if key in body and field.name in settable:
            draft.sent.add(field.name)
            draft.values[field.name] = field.cast(body[key]) + (generate(pattern) if pattern else "")
        elif is_new and pattern and not draft.values[field.name]:
            draft.values[field.name] = generate(pattern)


def stamp(draft: Draft, now: datetime) -> None:
    """Set the autodate fields of a record that is created or changed at `now`."""
    fields = draft.collection.autodate_fields
    date, is_new = format_date(now) if fields else "", draft.is_new
    for field in fields:
        if field.onCreate if is_new else field.onUpdate:
            draft.values[field.name] = date
