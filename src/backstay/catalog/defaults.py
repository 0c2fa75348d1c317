"""What the server itself puts into a collection: ids, system fields, their indexes, options of a new auth collection.

`blank` starts a collection, `completed` brings one that somebody edited into the form in which it is kept. Neither
judges; that is the business of `backstay.catalog.validate`.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable
from collections.abc import Collection as Container
from typing import Any, TypeAlias, cast

import msgspec

from backstay.catalog import mails
from backstay.catalog.fieldlist import added, checksum, find_typed, listed
from backstay.catalog.fields import BoolField, EmailField, Field, PasswordField, TextField
from backstay.catalog.guards import with_guards_of
from backstay.catalog.indexes import find_unique, on_table
from backstay.catalog.model import (
    AuthAlert,
    AuthOptions,
    Catalog,
    Collection,
    CollectionType,
    MappedFields,
    MfaOptions,
    OtpOptions,
    PasswordAuthOptions,
    TokenOptions,
    collection_json,
)

MakeSecret: TypeAlias = Callable[[], str]

ID_PATTERN = "^[a-z0-9]+$"
INDEX_NAME_MAX_CHARS = 64
SECRET_CHARS = 50
DAY_S = 86_400

_ID = TextField(
    name="id",
    system=True,
    primaryKey=True,
    required=True,
    min=15,
    max=15,
    pattern=ID_PATTERN,
    autogeneratePattern="[a-z0-9]{15}",
)
_PASSWORD = PasswordField(name="password", system=True, hidden=True, required=True, min=8)
_TOKEN_KEY = TextField(
    name="tokenKey",
    system=True,
    hidden=True,
    required=True,
    min=30,
    max=60,
    autogeneratePattern="[a-zA-Z0-9]{50}",
)
_EMAIL = EmailField(name="email", system=True, required=True)
_EMAIL_VISIBILITY = BoolField(name="emailVisibility", system=True)
_VERIFIED = BoolField(name="verified", system=True)


def new_secret() -> str:
    """Return a random secret for signing tokens."""
    return "".join([secrets.choice(string.ascii_letters + string.digits) for _ in range(SECRET_CHARS)])


def collection_id(type: str, name: str) -> str:
    """Return the id of a new collection."""
    return "pbc_" + checksum(type + name)


def free_id(type: str, name: str, taken: Container[str]) -> str:
    """Return the id of a new collection, numbered when another one has it."""
    base = id = collection_id(type, name)
    number = 2
    while id in taken:
        id, number = f"{base}{number}", number + 1
    return id


def blank(type: str, name: str, *, id: str, secret: MakeSecret = new_secret) -> Collection:
    """Return a new collection with nothing but what each of its type has. `id` is also part of its indexes' names."""
    collection = Collection(
        id=id,
        name=name,
        type=cast("CollectionType", type),
        auth=auth_defaults(secret) if type == "auth" else None,
    )
    return with_system_parts(collection)


def auth_defaults(secret: MakeSecret) -> AuthOptions:
    """Return the options of a new auth collection."""

    def token(duration_s: int) -> TokenOptions:
        return TokenOptions(secret=secret(), duration=duration_s)

    return AuthOptions(
        authRule="",
        authAlert=AuthAlert(enabled=True, emailTemplate=mails.AUTH_ALERT),
        passwordAuth=PasswordAuthOptions(enabled=True, identityFields=["email"]),
        mfa=MfaOptions(duration=600),
        otp=OtpOptions(duration=180, length=8, emailTemplate=mails.OTP),
        authToken=token(5 * DAY_S),
        passwordResetToken=token(1800),
        emailChangeToken=token(1800),
        verificationToken=token(DAY_S),
        fileToken=token(180),
        verificationTemplate=mails.VERIFICATION,
        resetPasswordTemplate=mails.RESET_PASSWORD,
        confirmEmailChangeTemplate=mails.CONFIRM_EMAIL_CHANGE,
    )


def completed(
    draft: Collection, *, old: Collection | None, secret: MakeSecret = new_secret, guards: bool = False
) -> Collection:
    """Return an edited collection in the form in which it is kept.

    guards: the draft comes from the site's own code, which alone sets `systemOnly` and `appendOnly`

    System fields and their indexes are put back, indexes follow the collection's name, OAuth2 fields which are gone
    are unmapped. A changed `authRule` gets a new secret, so that nobody stays signed in who no longer may.
    """
    draft = msgspec.structs.replace(draft, type=draft.type or "base", fields=listed(draft.fields))
    draft = with_system_parts(draft if guards else with_guards_of(draft, old))
    indexes = tuple(on_table(text, draft.name) for text in draft.indexes) if draft.name else draft.indexes
    return msgspec.structs.replace(draft, indexes=indexes, auth=_auth_completed(draft, old, secret))


def _auth_completed(draft: Collection, old: Collection | None, secret: MakeSecret) -> AuthOptions | None:
    auth = draft.auth
    if auth is None:
        return None
    names = draft.by_name
    mapped = msgspec.structs.asdict(auth.oauth2.mappedFields)
    kept = MappedFields(**{key: name if name in names else "" for key, name in mapped.items()})
    auth = msgspec.structs.replace(auth, oauth2=msgspec.structs.replace(auth.oauth2, mappedFields=kept))
    if draft.is_superusers:
        auth = _superusers_auth(auth)
    if old is not None and old.auth is not None and old.auth.authRule != auth.authRule:
        auth = msgspec.structs.replace(
            auth, authToken=msgspec.structs.replace(auth.authToken, secret=secret())
        )
    return auth


def _superusers_auth(auth: AuthOptions) -> AuthOptions:
    """Keep the password door of superusers open, OAuth2 closed, and one-time passwords a second factor only."""
    replace = msgspec.structs.replace
    return replace(
        auth,
        passwordAuth=replace(auth.passwordAuth, enabled=True),
        oauth2=replace(auth.oauth2, enabled=False),
        mfa=replace(auth.mfa, enabled=auth.mfa.enabled or auth.otp.enabled),
    )


def with_system_parts(collection: Collection) -> Collection:
    """Return `collection` with the fields and indexes that every collection of its type has."""
    if collection.type not in {"base", "auth"}:
        return collection
    fields = _with_id(collection.fields)
    if collection.type == "base":
        return msgspec.structs.replace(collection, fields=fields)
    fields = _with(fields, _PASSWORD, hidden=True, required=True)
    fields = _with(fields, _TOKEN_KEY, hidden=True, required=True)
    fields = _with(fields, _EMAIL, hidden=False)
    fields = _with(fields, _EMAIL_VISIBILITY)
    fields = _with(fields, _VERIFIED)
    return msgspec.structs.replace(collection, fields=fields, indexes=_auth_indexes(collection))


def _with_id(fields: tuple[Field, ...]) -> tuple[Field, ...]:
    field = find_typed(fields, TextField, "id")
    if field is None:
        return listed((_ID, *fields))
    pattern = field.pattern or ID_PATTERN
    return _with(fields, _ID, primaryKey=True, required=True, hidden=False, pattern=pattern)


def _with(fields: tuple[Field, ...], default: Field, **enforced: Any) -> tuple[Field, ...]:
    field = find_typed(fields, type(default), default.name)
    if field is None:
        return added(fields, default)
    return added(fields, msgspec.structs.replace(field, system=True, **enforced))


def _auth_indexes(collection: Collection) -> tuple[str, ...]:
    indexes = collection.indexes
    for name, where in (("tokenKey", ""), ("email", " WHERE `email` != ''")):
        if find_unique(indexes, name) is None:
            index = f"idx_{name}_{collection.id}"[:INDEX_NAME_MAX_CHARS]
            indexes = (*indexes, f"CREATE UNIQUE INDEX `{index}` ON `{collection.name}` (`{name}`){where}")
    return indexes


def scaffolds() -> dict[str, dict[str, Any]]:
    """Return what a client starts from that makes a collection by hand, by type; names and ids are still empty."""
    out: dict[str, dict[str, Any]] = {}
    for type in ("auth", "base", "view"):
        # any text will do for the indexes' names: they get their collection's id when it has one
        placeholder = new_secret()[:10].lower()
        collection = blank(type, "", id=placeholder)
        out[type] = collection_json(msgspec.structs.replace(collection, id=""))
    return out


def taken_ids(catalog: Catalog) -> set[str]:
    """Return the ids of all collections."""
    return {collection.id for collection in catalog}
