"""Signing in: with a password, by refreshing a token, and as somebody else. One gate decides for all of them.

What all ways of signing in have in common is `finish`: the collection's `authRule`, multi-factor sign-in, the token.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from backstay.accounts.passwords import Hasher
from backstay.accounts.tokens import Claims, issue, signing_key
from backstay.accounts.viewers import SignedIn, Viewers
from backstay.catalog import Collection
from backstay.catalog.casts import format_date
from backstay.catalog.fields.base import REQUIRED
from backstay.catalog.model import AuthOptions
from backstay.catalog.patterns import generate
from backstay.catalog.unique import unique_collation
from backstay.checks import is_email
from backstay.errors import BadRequest, Fault, Forbidden, RequestError
from backstay.plans.check import plan_check
from backstay.plans.params import Statement, Values, bind
from backstay.plans.request import Viewer
from backstay.records.draft import RecordValues
from backstay.records.plan_cache import PlanCache
from backstay.records.query import Body, RecordCall, ViewQuery
from backstay.records.reader import Reader
from backstay.records.statements import StatementBook
from backstay.stores.base import Store, Transaction

FAILED = "Failed to authenticate."
NOT_ALLOWED = "The request doesn't satisfy the collection requirements to authenticate."
NO_PASSWORDS = "The collection is not configured to allow password authentication."
INVALID_SUBMIT = "An error occurred while validating the submitted data."
IDENTITY_MAX_CHARS = 255


class MfaRequired(RequestError):
    """The first factor was right; a second one must follow with this `mfaId`."""

    status = 401

    def __init__(self, mfa_id: str) -> None:
        super().__init__("A second factor is required.")
        self.mfa_id = mfa_id

    def body(self) -> dict[str, Any]:
        return {"mfaId": self.mfa_id}


class SignIn:
    """The ways of signing in to one site."""

    def __init__(
        self, store: Store, book: StatementBook, reader: Reader, viewers: Viewers, hasher: Hasher
    ) -> None:
        self._store, self._book, self._reader = store, book, reader
        self._viewers, self._hasher = viewers, hasher
        self._checks: PlanCache[Statement] = PlanCache(store.dialect)

    async def with_password(self, call: RecordCall) -> bytes:
        """Sign in with an identity and a password (A5). All refusals look alike and take the same time.

        Raises BadRequest, Forbidden where the collection or its rule refuses, MfaRequired.
        """
        collection = call.collection
        auth = auth_of(collection)
        if not auth.passwordAuth.enabled:
            raise Forbidden(NO_PASSWORDS)
        identity, password, field = _credentials(call.body, auth)
        record = await self._find(collection, auth, identity, field)
        if record is None:
            await self._hasher.verify_nobody(password)
            raise BadRequest(FAILED)
        verdict = await self._hasher.verify(password, str(record["password"]))
        if not verdict.ok:
            raise BadRequest(FAILED)
        if verdict.rehash:
            await self._rehash(collection, record, password)
        return await self.finish(call, record, "password")

    async def _find(
        self, collection: Collection, auth: AuthOptions, identity: str, field: str
    ) -> RecordValues | None:
        names = [field] if field else list(auth.passwordAuth.identityFields)
        if not field and is_email(identity) and "email" in names:
            names.sort(key=lambda name: name != "email")
        statements = self._book.of(collection)
        for name in names:
            collation = unique_collation(collection, name)
            if name in collection.by_name and collation is not None:
                rows = await self._store.fetch(statements.find_by(name, collation), [identity])
                if rows:
                    return statements.read(rows[0])
        return None

    async def _rehash(self, collection: Collection, record: RecordValues, password: str) -> None:
        """Replace an old kind of hash. The token key stays: the password is the same."""
        new = await self._hasher.hash(password)
        statements = self._book.of(collection)

        async def job(tx: Transaction) -> None:
            rows = await tx.fetch(statements.load, [str(record["id"])])
            if rows and statements.read(rows[0])["password"] == record["password"]:
                await tx.execute(statements.update(("password",)), [new, str(record["id"])])

        await self._store.write(job)

    async def finish(self, call: RecordCall, record: RecordValues, method: str) -> bytes:
        """Let a proven record in: its collection's rule, a second factor where there must be one, the answer."""
        auth = auth_of(call.collection)
        if not await self.satisfies(call, auth.authRule, record):
            raise Forbidden(NOT_ALLOWED)
        mfa_id = call.body.get("mfaId") or call.info.query.get("mfaId", "")
        await self._second_factor(call, record, method, str(mfa_id))
        duration = auth.authToken.duration
        token = self.new_token(call.collection, record, duration_s=duration, refreshable=True)
        return await self.answer(call, record, token)

    async def _second_factor(self, call: RecordCall, record: RecordValues, method: str, mfa_id: str) -> None:
        """Demand a second, different factor where the collection wants one. Its proof is used up once."""
        collection = call.collection
        mfa = auth_of(collection).mfa
        if not mfa.enabled or not await self.satisfies(call, mfa.rule, record):
            return
        mfas = call.catalog.find("_mfas")
        assert mfas is not None, "every site has its system collections"
        statements = self._book.of(mfas)
        now = datetime.now(UTC)

        async def begin(tx: Transaction) -> str:
            values = {field.name: field.zero for field in mfas.fields} | {
                "id": generate("[a-z0-9]{15}"),
                "collectionRef": collection.id,
                "recordRef": record["id"],
                "method": method,
                "created": format_date(now),
                "updated": format_date(now),
            }
            await tx.execute(statements.insert, statements.bind(values))
            return str(values["id"])

        async def consume(tx: Transaction) -> None:
            rows = await tx.fetch(statements.load, [mfa_id])
            found = statements.read(rows[0]) if rows else {}
            created = datetime.fromisoformat(str(found["created"])) if found else now
            if not found or (now - created).total_seconds() > mfa.duration:
                raise BadRequest("Invalid or expired MFA session.")
            if (found["collectionRef"], found["recordRef"]) != (collection.id, record["id"]):
                raise BadRequest("Invalid MFA session.")
            if found["method"] == method:
                raise BadRequest("A different authentication method is required.")
            if await tx.execute(statements.delete, [mfa_id]) != 1:
                raise BadRequest("Invalid or expired MFA session.")

        if not mfa_id:
            raise MfaRequired(await self._store.write(begin))
        await self._store.write(consume)

    async def refresh(self, call: RecordCall, signed_in: SignedIn) -> bytes:
        """Give a fresh token for a valid one; a token that can't be refreshed comes back as it is."""
        auth = auth_of(call.collection)
        record = dict(signed_in.viewer.record)
        if not await self.satisfies(call, auth.authRule, record):
            raise Forbidden(NOT_ALLOWED)
        token = signed_in.token
        if signed_in.claims.refreshable:
            duration = auth.authToken.duration
            token = self.new_token(call.collection, record, duration_s=duration, refreshable=True)
        return await self.answer(call, record, token)

    async def impersonate(self, call: RecordCall, record: RecordValues, duration_s: int) -> bytes:
        """Give a superuser a token of somebody else, which can't be refreshed; 0 s is the collection's duration."""
        duration = duration_s or auth_of(call.collection).authToken.duration
        token = self.new_token(call.collection, record, duration_s=duration, refreshable=False)
        return await self.answer(call, record, token)

    def new_token(
        self, collection: Collection, record: RecordValues, *, duration_s: int, refreshable: bool
    ) -> str:
        """Sign an auth token."""
        auth = auth_of(collection)
        claims = Claims(
            collection_id=collection.id,
            exp=int(datetime.now(UTC).timestamp()) + duration_s,
            id=str(record["id"]),
            refreshable=refreshable,
            type="auth",
        )
        return issue(claims, signing_key(str(record["tokenKey"]), auth.authToken.secret))

    async def satisfies(self, call: RecordCall, rule: str | None, record: RecordValues) -> bool:
        """Tell whether an auth record satisfies a rule of its collection; None is never satisfied."""
        if not rule:
            return rule == ""
        collection, info = call.collection, call.info
        key = ("auth", collection.id, info.viewer.shape, rule)
        statement = self._checks.get(
            call.catalog, key, info, lambda frame: plan_check(frame, collection, rule)
        )
        values = Values(info, given={"id": str(record["id"])})
        return bool(await self._store.fetch(statement, bind(statement, values)))

    async def answer(self, call: RecordCall, record: RecordValues, token: str) -> bytes:
        """Return `{"record":...,"token":...}` with the record as it sees itself."""
        info = msgspec.structs.replace(call.info, viewer=Viewer(call.collection, record))
        query = ViewQuery(expand=call.query.expand)
        whole = msgspec.structs.replace(call, info=info, record_id=str(record["id"]), query=query)
        text = await self._reader.view_within(self._store.fetch, whole)
        return b'{"record":' + text + b',"token":' + msgspec.json.encode(token) + b"}"


def auth_of(collection: Collection) -> AuthOptions:
    """Return the options of an auth collection."""
    assert collection.auth is not None, "the door has checked the type"
    return collection.auth


def _credentials(body: Body, auth: AuthOptions) -> tuple[str, str, str]:
    """Return identity, password and identity field of a body. Raises BadRequest with all faults."""
    faults: dict[str, Fault] = {}
    texts: dict[str, str] = {}
    folded = {
        key.lower(): value for key, value in body.items()
    }  # the protocol does not look at the case here
    for key in ("identity", "password", "identityField"):
        value = folded.get(key.lower())
        if value is not None and not isinstance(value, str):
            raise BadRequest(
                "An error occurred while loading the submitted data.", hint=f"'{key}' must be text."
            )
        texts[key] = value or ""
    for key in ("identity", "password"):
        if not texts[key]:
            faults[key] = REQUIRED
    for key, limit in (("identity", IDENTITY_MAX_CHARS), ("password", IDENTITY_MAX_CHARS)):
        if len(texts[key]) > limit:
            faults[key] = Fault(
                "validation_length_out_of_range",
                f"The length must be between 1 and {limit}.",
                {"max": limit, "min": 1},
            )
    field = texts["identityField"]
    if field and field not in auth.passwordAuth.identityFields:
        faults["identityField"] = Fault("validation_in_invalid", "Must be a valid value.")
    if faults:
        raise BadRequest(INVALID_SUBMIT, faults)
    return texts["identity"], texts["password"], field
