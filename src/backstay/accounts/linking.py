"""Whose account a user of another service is: one that is linked, one that is theirs, or a new one (A5).

A user of a provider is known by its id there, never by an address. An address joins two accounts only where both
sides have verified it; where only the provider has, the account becomes its owner's alone (see `SignIn.finish`), since
somebody else may have made it. An address that the provider does not vouch for joins nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

import msgspec

from backstay.accounts.delays import Attempt
from backstay.accounts.passwords import Hasher
from backstay.accounts.people import People, auth_of
from backstay.accounts.places import Place
from backstay.accounts.sign_in import Proven, SignIn
from backstay.catalog import Collection
from backstay.catalog.casts import format_date
from backstay.catalog.fields import FileField
from backstay.catalog.model import MappedFields
from backstay.catalog.patterns import generate
from backstay.catalog.unique import has_unique_index
from backstay.moments import Moment, Moments, ProviderSignIn, shown
from backstay.records.draft import RecordValues
from backstay.records.query import RecordCall, ViewQuery
from backstay.records.upload import Upload
from backstay.records.writer import Writer, with_new_id
from backstay.stores.base import Store, Transaction

LINKS = "_externalAuths"
GENERATED = "[a-zA-Z0-9]{40}"
"""Of the password that an account gets whose owner signs in elsewhere."""


class Stranger(Protocol):
    """What is asked of a provider's profile."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def username(self) -> str: ...
    @property
    def email(self) -> str: ...
    @property
    def verified(self) -> bool: ...
    @property
    def avatar_url(self) -> str: ...
    @property
    def raw(self) -> Any: ...


class Avatars(Protocol):
    """Fetches the picture of a profile, which may be anywhere."""

    async def fetch(self, field: FileField, url: str) -> Upload | None:
        """Return the picture as an upload, or None where it can't be had, or must not."""
        ...


class Met(msgspec.Struct, frozen=True, eq=False):
    """A user of a provider who has just come from there."""

    provider: str
    profile: Stranger
    access_token: str
    refresh_token: str
    expiry: datetime | None

    def meta(self, *, is_new: bool) -> dict[str, Any]:
        """Return what the answer tells of the provider's user, with the name that older clients know."""
        profile = self.profile
        return {
            "accessToken": self.access_token,
            "avatarURL": profile.avatar_url,
            "avatarUrl": profile.avatar_url,
            "email": profile.email,
            "expiry": format_date(self.expiry) if self.expiry else "",
            "id": profile.id,
            "isNew": is_new,
            "name": profile.name,
            "rawUser": profile.raw,
            "refreshToken": self.refresh_token,
            "username": profile.username,
        }

    def arriving(self, record: RecordValues | None, create_data: Mapping[str, Any]) -> ProviderSignIn:
        """Return what a site's own code is told."""
        profile = self.profile
        user = {
            "id": profile.id,
            "name": profile.name,
            "username": profile.username,
            "email": profile.email,
            "verified": profile.verified,
            "avatarURL": profile.avatar_url,
            "raw": profile.raw,
        }
        known = shown(record) if record is not None else None
        return ProviderSignIn(self.provider, user, known, dict(create_data))


class Linking:
    """Signs users of other services in to one site."""

    def __init__(
        self,
        store: Store,
        people: People,
        writer: Writer,
        hasher: Hasher,
        sign_in: SignIn,
        avatars: Avatars,
        moments: Moments,
    ) -> None:
        self._store, self._people, self._writer = store, people, writer
        self._hasher, self._sign_in, self._avatars, self._moments = hasher, sign_in, avatars, moments

    async def sign_in(
        self, call: RecordCall, met: Met, create_data: Mapping[str, Any], place: Place, attempt: Attempt
    ) -> bytes:
        """Let a user of a provider in. Raises as `SignIn.finish` and the creation of a record do."""
        record, reads = await self._whose(call, met)
        subject = met.arriving(record, create_data)

        def make() -> Moment:
            return Moment(name="oauth2", subject=subject, collection=call.collection, info=call.info)

        async with self._moments.around("oauth2", make, call.collection):
            if record is None:
                return await self._create(call, met, subject.data, place, attempt)
            return await self._enter(call, met, record, place, attempt, reads=reads)

    async def _whose(self, call: RecordCall, met: Met) -> tuple[RecordValues | None, str]:
        """Return whose account somebody enters, None for a new one; and its address where that is all that joins the two."""
        linked = await self._linked(call, met)
        if linked is not None:
            return linked, ""
        own, profile = call.info.viewer, met.profile
        if own.collection is call.collection:
            return dict(own.record), ""
        if not profile.email or not profile.verified:
            return None, ""
        known = await self._people.by_email(self._store.fetch, call.collection, profile.email)
        return known, str(known["email"]) if known is not None else ""

    async def _linked(self, call: RecordCall, met: Met) -> RecordValues | None:
        links = self._people.system(call.catalog, LINKS)
        values = {"collectionRef": call.collection.id, "provider": met.provider, "providerId": met.profile.id}
        for link in await self._people.where(self._store.fetch, links, values):
            return await self._people.load(self._store.fetch, call.collection, str(link["recordRef"]))
        return None

    async def _enter(
        self, call: RecordCall, met: Met, record: RecordValues, place: Place, attempt: Attempt, *, reads: str
    ) -> bytes:
        """Let somebody into an account that stands.

        reads: the account's address, where that is all that joins the two
        """

        async def link(tx: Transaction, current: RecordValues) -> RecordValues:
            await self._link(tx, call, met, current)
            profile = met.profile
            if current["verified"] or not profile.verified or profile.email != current["email"]:
                return current
            return await self._people.change(tx, call.catalog, call.collection, current, {"verified": True})

        proven = Proven(
            record, "oauth2", place, attempt, after=link, reads=reads, meta=met.meta(is_new=False)
        )
        return await self._sign_in.finish(call, proven)

    async def _link(self, tx: Transaction, call: RecordCall, met: Met, record: RecordValues) -> None:
        """Link an account, unless it is linked to this very user; a link to another user of the provider ends."""
        links = self._people.system(call.catalog, LINKS)
        owner: dict[str, object] = {"collectionRef": call.collection.id, "recordRef": record["id"]}
        for known in await self._people.where(tx.fetch, links, {**owner, "provider": met.provider}):
            if known["providerId"] == met.profile.id:
                return
            await self._people.remove(tx, call.catalog, LINKS, known)
        await self._people.add(
            tx, call.catalog, LINKS, provider=met.provider, providerId=met.profile.id, **owner
        )

    # -- a new account --------------------------------------------------------------------------------------

    async def _create(
        self, call: RecordCall, met: Met, create_data: Mapping[str, Any], place: Place, attempt: Attempt
    ) -> bytes:
        body, uploads = await self._body(call.collection, met, create_data)
        info = msgspec.structs.replace(call.info, body=body, context="oauth2", method="POST")
        made = RecordCall(call.catalog, call.collection, info, body=body, query=ViewQuery(), uploads=uploads)
        made = with_new_id(made)
        hashes = await self._writer.prepare(made)
        sent = str(create_data.get("email") or "")

        async def make(tx: Transaction) -> RecordValues:
            answer = await self._writer.create_within(tx, made, hashes)
            record_id = str(msgspec.json.decode(answer)["id"])
            record = await self._people.load(tx.fetch, call.collection, record_id)
            assert record is not None, "it has just been created"
            await self._link(tx, call, met, record)
            vouched = met.profile.verified or not met.profile.email
            if vouched and sent in {"", met.profile.email}:
                values: RecordValues = {"verified": True}
                return await self._people.change(tx, call.catalog, call.collection, record, values)
            return record

        proven = Proven(None, "oauth2", place, attempt, make=make, meta=met.meta(is_new=True))
        try:
            async with self._writer.keeping([made]):
                return await self._sign_in.finish(call, proven)
        finally:
            for upload in uploads.values():
                upload.path.unlink(missing_ok=True)

    async def _body(
        self, collection: Collection, met: Met, create_data: Mapping[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Upload]]:
        """Return what a new account is made of: what the client sent, and for the rest what the provider knows."""
        body = dict(create_data)
        if met.profile.email and not body.get("email"):
            body["email"] = met.profile.email
        if not body.get("password"):
            body["password"] = body["passwordConfirm"] = generate(GENERATED)
        mapped = auth_of(collection).oauth2.mappedFields
        for name, value in self._mapped(mapped, met.profile).items():
            if name not in body and await self._fits(collection, name, value):
                body[name] = value
        uploads: dict[str, Upload] = {}
        field = collection.by_name.get(mapped.avatarURL)
        if isinstance(field, FileField) and field.name not in body and met.profile.avatar_url:
            upload = await self._avatars.fetch(field, met.profile.avatar_url)
            if upload is not None:
                uploads[upload.name] = upload
                body[field.name] = [upload.name]
        return body, uploads

    def _mapped(self, mapped: MappedFields, profile: Stranger) -> dict[str, str]:
        pairs = (
            (mapped.id, profile.id),
            (mapped.name, profile.name),
            (mapped.username, profile.username),
            (mapped.avatarURL, profile.avatar_url),
        )
        return {name: value for name, value in pairs if name and value}

    async def _fits(self, collection: Collection, name: str, value: str) -> bool:
        """Tell whether a field takes a value that nobody has typed: what does not fit is left out, not refused."""
        field = collection.by_name.get(name)
        if (
            field is None
            or isinstance(field, FileField)
            or field.check(field.cast(value), new=True) is not None
        ):
            return False
        if not has_unique_index(collection, name):
            return True
        return await self._people.by_unique(self._store.fetch, collection, name, value) is None
