"""The collections that every site has from its first start: five of the system's own, and `users`.

Their ids, fields and rules are promises: clients and imported sites rely on them (protocol A3, A4).
"""

from __future__ import annotations

import msgspec

from backstay.catalog.defaults import DAY_S, MakeSecret, blank, collection_id, new_secret
from backstay.catalog.fieldlist import listed
from backstay.catalog.fields import AutodateField, Field, FileField, PasswordField, TextField
from backstay.catalog.model import SUPERUSERS, Collection, MappedFields

USERS_ID = "_pb_users_auth_"
OWNER_RULE = (
    "@request.auth.id != '' && recordRef = @request.auth.id && collectionRef = @request.auth.collectionId"
)
SELF_RULE = "id = @request.auth.id"

_IMAGES = ["image/jpeg", "image/png", "image/svg+xml", "image/gif", "image/webp"]


def first_collections(*, now: str, secret: MakeSecret = new_secret) -> tuple[Collection, ...]:
    """Return the collections of a new site. `now` is a protocol date."""
    collections = (_mfas(), _otps(), _external_auths(), _auth_origins(), _superusers(secret), _users(secret))
    return tuple(msgspec.structs.replace(item, created=now, updated=now) for item in collections)


def _times(*, system: bool) -> tuple[Field, ...]:
    return (
        AutodateField(name="created", system=system, onCreate=True),
        AutodateField(name="updated", system=system, onCreate=True, onUpdate=True),
    )


def _text(name: str, *, required: bool = True, hidden: bool = False) -> TextField:
    return TextField(name=name, system=True, required=required, hidden=hidden)


def _owned(name: str, *fields: Field, indexes: tuple[str, ...], owner_deletes: bool = False) -> Collection:
    """Return a system collection whose records belong to a record of an auth collection."""
    collection = blank("base", name, id=collection_id("base", name))
    own = (_text("collectionRef"), _text("recordRef"), *fields, *_times(system=True))
    return msgspec.structs.replace(
        collection,
        system=True,
        fields=listed((*collection.fields, *own)),
        indexes=indexes,
        listRule=OWNER_RULE,
        viewRule=OWNER_RULE,
        deleteRule=OWNER_RULE if owner_deletes else None,
    )


def _mfas() -> Collection:
    index = "CREATE INDEX `idx_mfas_collectionRef_recordRef` ON `_mfas` (collectionRef,recordRef)"
    return _owned("_mfas", _text("method"), indexes=(index,))


def _otps() -> Collection:
    index = "CREATE INDEX `idx_otps_collectionRef_recordRef` ON `_otps` (collectionRef, recordRef)"
    password = PasswordField(name="password", system=True, hidden=True, required=True, cost=8)
    return _owned("_otps", password, _text("sentTo", required=False, hidden=True), indexes=(index,))


def _external_auths() -> Collection:
    start = "CREATE UNIQUE INDEX `idx_externalAuths_"
    indexes = (
        f"{start}record_provider` ON `_externalAuths` (collectionRef, recordRef, provider)",
        f"{start}collection_provider` ON `_externalAuths` (collectionRef, provider, providerId)",
    )
    return _owned(
        "_externalAuths", _text("provider"), _text("providerId"), indexes=indexes, owner_deletes=True
    )


def _auth_origins() -> Collection:
    columns = "(collectionRef, recordRef, fingerprint)"
    index = f"CREATE UNIQUE INDEX `idx_authOrigins_unique_pairs` ON `_authOrigins` {columns}"
    return _owned("_authOrigins", _text("fingerprint"), indexes=(index,), owner_deletes=True)


def _superusers(secret: MakeSecret) -> Collection:
    collection = blank("auth", SUPERUSERS, id=collection_id("auth", SUPERUSERS), secret=secret)
    auth = collection.auth
    assert auth is not None
    return msgspec.structs.replace(
        collection,
        system=True,
        fields=listed((*collection.fields, *_times(system=True))),
        auth=msgspec.structs.replace(auth, authToken=msgspec.structs.replace(auth.authToken, duration=DAY_S)),
    )


def _users(secret: MakeSecret) -> Collection:
    collection = blank("auth", "users", id=USERS_ID, secret=secret)
    auth = collection.auth
    assert auth is not None
    own = (TextField(name="name", max=255), FileField(name="avatar", maxSelect=1, mimeTypes=_IMAGES))
    mapped = MappedFields(name="name", avatarURL="avatar")
    return msgspec.structs.replace(
        collection,
        fields=listed((*collection.fields, *own, *_times(system=False))),
        listRule=SELF_RULE,
        viewRule=SELF_RULE,
        createRule="",
        updateRule=SELF_RULE,
        deleteRule=SELF_RULE,
        auth=msgspec.structs.replace(auth, oauth2=msgspec.structs.replace(auth.oauth2, mappedFields=mapped)),
    )
