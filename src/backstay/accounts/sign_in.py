"""Signing in: with a password, by refreshing a token, and as somebody else. One gate decides for all of them.

What all ways of signing in have in common is `finish`: the collection's `authRule`, multi-factor sign-in, the note of
where it happened, the token. Whatever proves who somebody is ends there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import msgspec

from backstay.accounts.delays import Attempt, Delays
from backstay.accounts.forms import INVALID_SUBMIT, check_texts, read_texts, text_checks
from backstay.accounts.origins import Origins
from backstay.accounts.passwords import Hasher
from backstay.accounts.people import People, auth_of, is_over, new_token_key
from backstay.accounts.places import Place
from backstay.accounts.recent import Fetch
from backstay.accounts.tokens import Claims, issue, signing_key
from backstay.accounts.viewers import SignedIn
from backstay.catalog import Collection
from backstay.catalog.model import AuthOptions
from backstay.checks import is_email
from backstay.clock import Clock
from backstay.errors import BadRequest, Fault, Forbidden, RequestError
from backstay.moments import Block, Moment, Moments, SigningIn, shown
from backstay.plans.check import plan_check
from backstay.plans.params import Statement, Values, bind
from backstay.plans.request import Viewer
from backstay.records.draft import RecordValues
from backstay.records.plan_cache import PlanCache
from backstay.records.query import Body, RecordCall, ViewQuery
from backstay.records.reader import Reader
from backstay.stores.base import Store, Transaction

FAILED = "Failed to authenticate."
NOT_ALLOWED = "The request doesn't satisfy the collection requirements to authenticate."
NO_PASSWORDS = "The collection is not configured to allow password authentication."

Step: TypeAlias = Callable[[Transaction, RecordValues], Awaitable[RecordValues]]
"""What a way of signing in does within the transaction; it returns the record to go on with."""
Make: TypeAlias = Callable[[Transaction], Awaitable[RecordValues]]


class MfaRequired(RequestError):
    """The first factor was right; a second one must follow with this `mfaId`."""

    status = 401

    def __init__(self, mfa_id: str) -> None:
        super().__init__("A second factor is required.")
        self.mfa_id = mfa_id

    def body(self) -> dict[str, Any]:
        return {"mfaId": self.mfa_id}


class Proven(msgspec.Struct, frozen=True, eq=False):
    """Somebody who has proven to be a record's owner.

    record:  None where `make` makes it
    method:  how, as `_mfas` names it
    attempt: what was counted before the proof was looked at, to be taken back
    make:    creates the record within the transaction
    before:  uses up the proof
    after:   does what follows when the account is theirs alone
    reads:   the address whose mails they have shown to read
    meta:    what else the answer tells
    """

    record: RecordValues | None
    method: str
    place: Place
    attempt: Attempt | None = None
    make: Make | None = None
    before: Step | None = None
    after: Step | None = None
    reads: str = ""
    meta: Any = None


class SignIn:
    """The ways of signing in to one site."""

    def __init__(
        self,
        store: Store,
        reader: Reader,
        people: People,
        hasher: Hasher,
        delays: Delays,
        origins: Origins,
        moments: Moments,
        clock: Clock,
    ) -> None:
        self._clock = clock
        self._moments = moments
        self._store, self._reader, self._people, self._hasher = store, reader, people, hasher
        self._delays, self._origins = delays, origins
        self._checks: PlanCache[Statement] = PlanCache(store.dialect)

    # -- with a password ------------------------------------------------------------------------------------

    async def with_password(self, call: RecordCall, place: Place) -> bytes:
        """Sign in with an identity and a password (A5). All refusals look alike and take the same time.

        Raises BadRequest, Forbidden where the collection or its rule refuses, TooManyRequests, MfaRequired.
        """
        collection = call.collection
        auth = auth_of(collection)
        if not auth.passwordAuth.enabled:
            raise Forbidden(NO_PASSWORDS)
        identity, password, field = _credentials(call.body, auth)
        record = await self._find(collection, auth, identity, field)
        attempt = await self.begin(call, identity, record, place)
        if record is None:
            await self._hasher.verify_nobody(password)
            raise BadRequest(FAILED)
        verdict = await self._hasher.verify(password, str(record["password"]))
        if not verdict.ok:
            raise BadRequest(FAILED)
        if verdict.rehash:
            await self._rehash(call, record, password)
        return await self.finish(call, Proven(record, "password", place, attempt))

    async def begin(
        self, call: RecordCall, identity: str, record: RecordValues | None, place: Place
    ) -> Attempt:
        """Count an attempt to be somebody before it is looked at. Raises TooManyRequests."""
        known = record is not None and await self._origins.knows(
            self._store.fetch, call.catalog, call.collection, record, place
        )
        attempt = Attempt(call.collection.id, identity, place, known)

        async def job(tx: Transaction) -> None:
            await self._delays.begin(tx, attempt)

        await self._store.write(job)
        return attempt

    async def _find(
        self, collection: Collection, auth: AuthOptions, identity: str, field: str
    ) -> RecordValues | None:
        names = [field] if field else list(auth.passwordAuth.identityFields)
        if not field and is_email(identity) and "email" in names:
            names.sort(key=lambda name: name != "email")
        for name in names:
            found = await self._people.by_unique(self._store.fetch, collection, name, identity)
            if found is not None:
                return found
        return None

    async def _rehash(self, call: RecordCall, record: RecordValues, password: str) -> None:
        """Replace an old kind of hash. The token key stays: the password is the same."""
        new = await self._hasher.hash(password)

        async def job(tx: Transaction) -> None:
            current = await self._people.load(tx.fetch, call.collection, str(record["id"]))
            if current is not None and current["password"] == record["password"]:
                await self._people.change(tx, call.catalog, call.collection, current, {"password": new})

        await self._store.write(job)

    # -- the gate -------------------------------------------------------------------------------------------

    async def finish(self, call: RecordCall, proven: Proven) -> bytes:
        """Let a proven record in: its collection's rule, a second factor where there must be one, the answer.

        All of it is one transaction, so that a proof that can be used once is used up exactly when it lets in.
        """

        async def job(tx: Transaction) -> tuple[RecordValues, str]:
            record = await self._current(tx, call, proven)
            newly_verified = bool(proven.reads) and not record["verified"] and record["email"] == proven.reads
            if newly_verified:
                values: RecordValues = {"verified": True}
                record = await self._people.change(tx, call.catalog, call.collection, record, values)
            if not await self.satisfies(call, auth_of(call.collection).authRule, record, tx.fetch):
                raise Forbidden(NOT_ALLOWED)
            if proven.attempt is not None:
                await self._delays.succeed(tx, proven.attempt)
            wants_second = await self._wants_second(tx, call, record)
            first_id = _mfa_id(call) if wants_second else ""
            if first_id:
                await self._use_first_factor(tx, call, record, proven.method, first_id)
            if newly_verified:
                record = await self._take_over(tx, call, record, keeps_password=wants_second)
            waiting = ""
            if wants_second and not first_id:
                made = await self._people.add(
                    tx, call.catalog, "_mfas", method=proven.method, **_owner(call, record)
                )
                waiting = str(made["id"])
            if proven.after is not None:
                record = await proven.after(tx, record)
            if not waiting:
                async with self.moment(call, record, proven.method, tx):
                    await self._origins.note(tx, call.catalog, call.collection, record, proven.place)
            return record, waiting

        record, waiting = await self._store.write(job)
        if waiting:
            raise MfaRequired(waiting)
        duration = auth_of(call.collection).authToken.duration
        token = self.new_token(call.collection, record, duration_s=duration, refreshable=True)
        return await self.answer(call, record, token, proven.meta)

    async def _current(self, tx: Transaction, call: RecordCall, proven: Proven) -> RecordValues:
        """Return the proven record as it is now. Refuses when its tokens have been ended since it was read."""
        known = proven.record
        if known is None:
            assert proven.make is not None, "there is a record, or something that makes one"
            return await proven.make(tx)
        record = await self._people.load(tx.fetch, call.collection, str(known["id"]))
        if record is None or record["tokenKey"] != known["tokenKey"]:
            raise BadRequest(FAILED)
        return await proven.before(tx, record) if proven.before else record

    async def _wants_second(self, tx: Transaction, call: RecordCall, record: RecordValues) -> bool:
        """Tell whether the collection wants a second factor of a record."""
        mfa = auth_of(call.collection).mfa
        return mfa.enabled and await self.satisfies(call, mfa.rule, record, tx.fetch)

    async def _take_over(
        self, tx: Transaction, call: RecordCall, record: RecordValues, *, keeps_password: bool
    ) -> RecordValues:
        """Make an account its owner's alone, who is the first to prove its address.

        Somebody else may have signed up with it before, and wait inside. So every token, every half of a sign-in and
        every link to a provider ends; and the password, but where it takes a second factor to get in with it:
        the owner may be about to show it as that.
        """
        collection = call.collection
        await self._people.end(tx, call.catalog, collection, str(record["id"]), "_externalAuths")
        values: RecordValues = {"tokenKey": new_token_key(collection)}
        if not keeps_password:
            values["password"] = self._hasher.unusable()
        return await self._people.change(tx, call.catalog, collection, record, values)

    async def _use_first_factor(
        self, tx: Transaction, call: RecordCall, record: RecordValues, method: str, mfa_id: str
    ) -> None:
        """Use up the proof of a first, different factor. Raises BadRequest where it is none."""
        mfas, mfa = self._people.system(call.catalog, "_mfas"), auth_of(call.collection).mfa
        found = await self._people.load(tx.fetch, mfas, mfa_id)
        if found is None or is_over(found["created"], mfa.duration, self._clock.now()):
            raise BadRequest("Invalid or expired MFA session.")
        if any(found[key] != value for key, value in _owner(call, record).items()):
            raise BadRequest("Invalid MFA session.")
        if found["method"] == method:
            raise BadRequest("A different authentication method is required.")
        if not await self._people.remove(tx, call.catalog, "_mfas", found):
            raise BadRequest("Invalid or expired MFA session.")

    # -- without a proof of one's own -----------------------------------------------------------------------

    async def refresh(self, call: RecordCall, signed_in: SignedIn) -> bytes:
        """Give a fresh token for a valid one; a token that can't be refreshed comes back as it is."""
        auth = auth_of(call.collection)
        record = dict(signed_in.viewer.record)
        if not await self.satisfies(call, auth.authRule, record, self._store.fetch):
            raise Forbidden(NOT_ALLOWED)
        token = signed_in.token
        async with self.moment(call, record, "refresh"):
            if signed_in.claims.refreshable:
                duration = auth.authToken.duration
                token = self.new_token(call.collection, record, duration_s=duration, refreshable=True)
            return await self.answer(call, record, token)

    async def impersonate(self, call: RecordCall, record: RecordValues, duration_s: int) -> bytes:
        """Give a superuser a token of somebody else, which can't be refreshed; 0 s is the collection's duration."""
        duration = duration_s or auth_of(call.collection).authToken.duration
        async with self.moment(call, record, "impersonate"):
            token = self.new_token(call.collection, record, duration_s=duration, refreshable=False)
            return await self.answer(call, record, token)

    def moment(
        self, call: RecordCall, record: RecordValues, method: str, tx: Transaction | None = None
    ) -> Block:
        """Return the block in which somebody is let in: a site's own code may refuse."""
        collection = call.collection

        def make() -> Moment:
            subject = SigningIn(shown(record), method)
            return Moment(name="sign_in", subject=subject, collection=collection, info=call.info, tx=tx)

        return self._moments.around("sign_in", make, collection)

    # -- parts ----------------------------------------------------------------------------------------------

    def new_token(
        self, collection: Collection, record: RecordValues, *, duration_s: int, refreshable: bool
    ) -> str:
        """Sign an auth token."""
        auth = auth_of(collection)
        claims = Claims(
            collection_id=collection.id,
            exp=int(self._clock.unix_s()) + duration_s,
            id=str(record["id"]),
            refreshable=refreshable,
            type="auth",
        )
        return issue(claims, signing_key(str(record["tokenKey"]), auth.authToken.secret))

    def new_file_token(self, collection: Collection, record: RecordValues, duration_s: int) -> str:
        """Sign a token for addresses of protected files."""
        exp = int(self._clock.unix_s()) + duration_s
        claims = Claims(collection_id=collection.id, exp=exp, id=str(record["id"]), type="file")
        return issue(claims, signing_key(str(record["tokenKey"]), auth_of(collection).fileToken.secret))

    async def satisfies(self, call: RecordCall, rule: str | None, record: RecordValues, fetch: Fetch) -> bool:
        """Tell whether an auth record satisfies a rule of its collection; None is never satisfied."""
        if not rule:
            return rule == ""
        collection, info = call.collection, call.info
        key = ("auth", collection.id, info.viewer.shape, rule)
        statement = self._checks.get(
            call.catalog, key, info, lambda frame: plan_check(frame, collection, rule)
        )
        values = Values(info, given={"id": str(record["id"])})
        return bool(await fetch(statement, bind(statement, values)))

    async def answer(self, call: RecordCall, record: RecordValues, token: str, meta: Any = None) -> bytes:
        """Return `{"meta":...,"record":...,"token":...}` with the record as it sees itself; no meta where it is None."""
        info = msgspec.structs.replace(call.info, viewer=Viewer(call.collection, record))
        query = ViewQuery(expand=call.query.expand)
        whole = msgspec.structs.replace(call, info=info, record_id=str(record["id"]), query=query)
        text = await self._reader.view_within(self._store.fetch, whole)
        lead = b'{"meta":' + msgspec.json.encode(meta) + b"," if meta is not None else b"{"
        return lead + b'"record":' + text + b',"token":' + msgspec.json.encode(token) + b"}"


def _mfa_id(call: RecordCall) -> str:
    """Return the id of the first factor that a request names, or ''."""
    return str(call.body.get("mfaId") or call.info.query.get("mfaId", ""))


def _owner(call: RecordCall, record: RecordValues) -> dict[str, object]:
    return {"collectionRef": call.collection.id, "recordRef": record["id"]}


def _credentials(body: Body, auth: AuthOptions) -> tuple[str, str, str]:
    """Return identity, password and identity field of a body. Raises BadRequest with all faults."""
    texts = read_texts(body, "identity", "password", "identityField")
    faults = check_texts(texts, {"identity": text_checks, "password": text_checks})
    field = texts["identityField"]
    if field and field not in auth.passwordAuth.identityFields:
        faults["identityField"] = Fault("validation_in_invalid", "Must be a valid value.")
    if faults:
        raise BadRequest(INVALID_SUBMIT, faults)
    return texts["identity"], texts["password"], field
