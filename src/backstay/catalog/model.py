"""What a site's data looks like: collections and the catalog that holds them.

Values here are frozen: a change of schema makes a new `Catalog`. What is allowed in a collection is checked in
`backstay.catalog.validate`; what is filled in for a new one comes from `backstay.catalog.defaults`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any, Literal, TypeAlias

import msgspec

from backstay.catalog.casts import to_number
from backstay.catalog.fields import (
    AutodateField,
    EditorField,
    Field,
    FileField,
    JsonField,
    PasswordField,
    RelationField,
    TextField,
    editor,
    file,
)
from backstay.catalog.fields import json as json_field

CollectionType: TypeAlias = Literal["base", "auth", "view"]

SUPERUSERS = "_superusers"
RULES = ("listRule", "viewRule", "createRule", "updateRule", "deleteRule")
"""The rules of a collection, in the order of its JSON."""

TOLD_WHEN_USED = frozenset({"minScore", "systemOnly"})
"""Options of fields that are ours: they stand in a field's JSON only where they are used."""
LISTS_NEVER_NULL = frozenset({"onlyDomains", "exceptDomains", "mimeTypes", "thumbs"})
"""Options of fields that are kept as null, and sent as an empty list."""
SECRET_KEYS = frozenset({"secret", "clientSecret"})
"""Options of auth collections that are not sent to clients."""

_field_decoder = msgspec.json.Decoder(list[Field], strict=False)


class MailTemplate(msgspec.Struct, frozen=True):
    """A mail with the protocol's placeholders (A5)."""

    subject: str = ""
    body: str = ""


class TokenOptions(msgspec.Struct, frozen=True):
    """How one kind of token is signed; `duration` in seconds."""

    secret: str = ""
    duration: int = 0


class AuthAlert(msgspec.Struct, frozen=True):
    """The mail about a sign-in from a new place."""

    enabled: bool = False
    emailTemplate: MailTemplate = MailTemplate()


class OAuth2Provider(msgspec.Struct, frozen=True):
    """A provider that users may sign in with."""

    pkce: bool | None = None
    name: str = ""
    clientId: str = ""
    clientSecret: str = ""
    authURL: str = ""
    tokenURL: str = ""
    userInfoURL: str = ""
    displayName: str = ""
    extra: dict[str, Any] | None = None


class MappedFields(msgspec.Struct, frozen=True):
    """Which fields take the values of a provider's profile."""

    id: str = ""
    name: str = ""
    username: str = ""
    avatarURL: str = ""


class OAuth2Options(msgspec.Struct, frozen=True):
    providers: list[OAuth2Provider] = []
    mappedFields: MappedFields = MappedFields()
    enabled: bool = False


class PasswordAuthOptions(msgspec.Struct, frozen=True):
    enabled: bool = False
    identityFields: list[str] = []


class MfaOptions(msgspec.Struct, frozen=True):
    """`duration` in seconds; `rule` '' means everybody."""

    enabled: bool = False
    duration: int = 0
    rule: str = ""


class OtpOptions(msgspec.Struct, frozen=True):
    """`duration` in seconds, `length` in digits."""

    enabled: bool = False
    duration: int = 0
    length: int = 0
    emailTemplate: MailTemplate = MailTemplate()


class AuthOptions(msgspec.Struct, frozen=True):
    """What an auth collection has beyond a base one (A5)."""

    authRule: str | None = None
    manageRule: str | None = None
    authAlert: AuthAlert = AuthAlert()
    oauth2: OAuth2Options = OAuth2Options()
    passwordAuth: PasswordAuthOptions = PasswordAuthOptions()
    mfa: MfaOptions = MfaOptions()
    otp: OtpOptions = OtpOptions()
    authToken: TokenOptions = TokenOptions()
    passwordResetToken: TokenOptions = TokenOptions()
    emailChangeToken: TokenOptions = TokenOptions()
    verificationToken: TokenOptions = TokenOptions()
    fileToken: TokenOptions = TokenOptions()
    verificationTemplate: MailTemplate = MailTemplate()
    resetPasswordTemplate: MailTemplate = MailTemplate()
    confirmEmailChangeTemplate: MailTemplate = MailTemplate()


class Collection(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """A named set of records: its fields, indexes and rules.

    A rule is None (superusers only), '' (everybody) or an expression. `auth` is set for auth collections,
    `viewQuery` for views. `created` and `updated` are protocol dates.

    appendOnly: no client changes or deletes records, superusers neither (`backstay.catalog.guards`)
    """

    id: str
    name: str
    type: CollectionType = "base"
    system: bool = False
    listRule: str | None = None
    viewRule: str | None = None
    createRule: str | None = None
    updateRule: str | None = None
    deleteRule: str | None = None
    fields: tuple[Field, ...] = ()
    indexes: tuple[str, ...] = ()
    auth: AuthOptions | None = None
    viewQuery: str = ""
    appendOnly: bool = False
    created: str = ""
    updated: str = ""

    @cached_property
    def by_name(self) -> dict[str, Field]:
        """The fields by their name."""
        return {field.name: field for field in self.fields}

    @cached_property
    def sorted_fields(self) -> tuple[Field, ...]:
        """The fields in the order of their names, which is the order of a record's JSON."""
        return tuple(sorted(self.fields, key=lambda field: field.name))

    @property
    def is_auth(self) -> bool:
        return self.type == "auth"

    @property
    def is_view(self) -> bool:
        return self.type == "view"

    @property
    def is_superusers(self) -> bool:
        return self.name == SUPERUSERS

    @cached_property
    def file_fields(self) -> tuple[FileField, ...]:
        return tuple(field for field in self.fields if isinstance(field, FileField))

    @cached_property
    def password_fields(self) -> tuple[PasswordField, ...]:
        return tuple(field for field in self.fields if isinstance(field, PasswordField))

    @cached_property
    def code_settable_fields(self) -> dict[str, Field]:
        """The fields that the site's own code may set, by their name."""
        return {field.name: field for field in self.fields if field.writable}

    @cached_property
    def settable_fields(self) -> dict[str, Field]:
        """The fields that a superuser's body may set, by their name."""
        return {name: field for name, field in self.code_settable_fields.items() if not field.systemOnly}

    @cached_property
    def public_settable_fields(self) -> dict[str, Field]:
        """The fields that anybody's body may set: hidden ones are left out, but for one's own password."""
        return {
            name: field
            for name, field in self.settable_fields.items()
            if not field.hidden or (self.is_auth and name == "password")
        }

    @cached_property
    def large_bytes(self) -> int:
        """How much a record's files, JSON and editor fields may hold in all."""
        sizes = (
            (field.maxSize or default_max_bytes(field))
            * (max(field.maxSelect, 1) if isinstance(field, FileField) else 1)
            for field in self.fields
            if isinstance(field, FileField | JsonField | EditorField)
        )
        return sum(sizes)

    @cached_property
    def zero_values(self) -> dict[str, Any]:
        """The values of a record that nobody has touched; lists in them are not to be changed."""
        return {field.name: field.zero for field in self.fields}

    @cached_property
    def text_fields(self) -> tuple[TextField, ...]:
        return tuple(field for field in self.fields if isinstance(field, TextField))

    @cached_property
    def autodate_fields(self) -> tuple[AutodateField, ...]:
        return tuple(field for field in self.fields if isinstance(field, AutodateField))

    @cached_property
    def relation_fields(self) -> tuple[RelationField, ...]:
        return tuple(field for field in self.fields if isinstance(field, RelationField))


class Catalog:
    """All collections of a site. `version` grows with each change, and is part of every cache's key."""

    def __init__(self, collections: Iterable[Collection], version: int = 0) -> None:
        self.version = version
        self._all = {item.id: item for item in collections}
        self._names = {item.name.lower(): item for item in self._all.values()}

    def __iter__(self) -> Iterator[Collection]:
        return iter(self._all.values())

    def __len__(self) -> int:
        return len(self._all)

    def find(self, key: str) -> Collection | None:
        """Return the collection with this id or name (case does not count), or None."""
        return self._all.get(key) or self._names.get(key.lower())

    def having(self, *collections: Collection) -> Catalog:
        """Return a catalog with `collections` in place of those with their ids."""
        return Catalog((*self, *collections), self.version)

    def references(self, target: Collection) -> list[tuple[Collection, RelationField]]:
        """Return every relation field, of any collection that stores records, which points to `target`."""
        return [
            (item, field)
            for item in self
            if not item.is_view
            for field in item.relation_fields
            if field.collectionId == target.id
        ]


def default_max_bytes(field: FileField | JsonField | EditorField) -> int:
    """Return what a field's `maxSize` 0 stands for."""
    match field:
        case FileField():
            return file.DEFAULT_MAX_BYTES
        case JsonField():
            return json_field.DEFAULT_MAX_BYTES
        case EditorField():
            return editor.DEFAULT_MAX_BYTES


def decode_fields(text: str | bytes) -> tuple[Field, ...]:
    """Read the fields of a stored collection; raises msgspec.ValidationError when they are malformed."""
    return tuple(_field_decoder.decode(text))


def field_json(field: Field) -> dict[str, Any]:
    """Return a field as the protocol sends it: keys in order, lists never null."""
    plain: dict[str, Any] = msgspec.to_builtins(field)
    for key in ("min", "max"):
        if isinstance(plain.get(key), float):
            plain[key] = to_number(plain[key])  # 5, not 5.0
    for key in TOLD_WHEN_USED:
        if not plain.get(key, True):
            del plain[key]
    for key in LISTS_NEVER_NULL:
        if plain.get(key, ...) is None:
            plain[key] = []
    return dict(sorted(plain.items()))


def collection_json(collection: Collection, *, secrets: bool = False) -> dict[str, Any]:
    """Return a collection as the protocol sends it (A4, A5); token and client secrets only when asked for."""
    out: dict[str, Any] = {"id": collection.id}
    out |= {rule: getattr(collection, rule) for rule in RULES}
    out |= {"name": collection.name, "type": collection.type}
    out["fields"] = [field_json(field) for field in collection.fields]
    out["indexes"] = list(collection.indexes)
    out |= {"created": collection.created, "updated": collection.updated, "system": collection.system}
    out |= options_json(collection, secrets=secrets)
    return out


def options_json(collection: Collection, *, secrets: bool) -> dict[str, Any]:
    """Return what is particular to the collection's type, as it is also stored."""
    if collection.is_view:
        return {"viewQuery": collection.viewQuery}
    if not collection.is_auth or collection.auth is None:
        return {"appendOnly": True} if collection.appendOnly else {}
    plain: dict[str, Any] = msgspec.to_builtins(collection.auth)
    if not secrets:
        for value in plain.values():
            if isinstance(value, dict):
                value.pop("secret", None)
        for provider in plain["oauth2"]["providers"]:
            provider.pop("clientSecret", None)
    return plain
