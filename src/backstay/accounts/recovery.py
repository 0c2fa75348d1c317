"""Getting back in, and proving an address: verification, password reset, change of address (A5).

A request is answered before anybody knows whether the address has an account: see `orders`. A confirmation shows the
token from the mail; the token and the change are checked and made in one transaction, so each token works once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backstay.accounts.delays import Attempt, Delays
from backstay.accounts.forms import check_texts, email_checks, read_texts, refuse
from backstay.accounts.mail_tokens import Kind, Proof, prove
from backstay.accounts.orders import Order, Orders
from backstay.accounts.passwords import Hasher
from backstay.accounts.people import People, auth_of, new_token_key
from backstay.accounts.places import Place
from backstay.accounts.recent import Recent, canonical
from backstay.catalog import Catalog, Collection
from backstay.catalog.fields import PasswordField
from backstay.checks import first, length, none_of, required
from backstay.errors import BadRequest, Fault, TooManyRequests
from backstay.moments import AccountStep, Block, Moment, Moments, Step
from backstay.records.draft import RecordValues
from backstay.stores.base import Store, Transaction

RESEND_S = 120.0
"""How long an address waits for the next mail of a kind: later requests in this time are answered, and do nothing."""
MAILS_PER_NETWORK_MAX = 60
MAILS_MEMORY_S = 3600.0
"""One network may ask for so many mails in this time, whoever they are for."""
PASSWORD_MAX_CHARS = 255

MISMATCH = Fault("validation_values_mismatch", "Values don't match.")
WRONG_PASSWORD = Fault("validation_invalid_password", "Missing or invalid auth record password.")
TAKEN_EMAIL = Fault("validation_invalid_new_email", "Invalid new email address.")
TAKEN_TOKEN_EMAIL = Fault("validation_existing_token_email", "The new email address is already registered.")
NO_PASSWORDS = "The collection is not configured to allow password authentication."
SUPERUSERS_VERIFIED = "All superusers are verified by default."
SUPERUSERS_CHANGE = "All superusers can change their emails directly."


_ASKS: dict[Kind, Step] = {
    "verification": "request_verification",
    "passwordReset": "request_password_reset",
}


class Recovery:
    """The mailed flows of one site."""

    def __init__(
        self, store: Store, people: People, hasher: Hasher, orders: Orders, delays: Delays, moments: Moments
    ) -> None:
        self._store, self._people, self._hasher = store, people, hasher
        self._orders, self._delays, self._moments = orders, delays, moments
        self._asked = Recent("mail", float)
        self._mails = Recent("mails", int)

    # -- asking for a mail ----------------------------------------------------------------------------------

    async def request_verification(
        self, collection: Collection, body: Mapping[str, Any], place: Place
    ) -> None:
        """Send the mail that verifies an address. Raises BadRequest, TooManyRequests."""
        if collection.is_superusers:
            raise BadRequest(SUPERUSERS_VERIFIED)
        await self._request(collection, "verification", _email(body), place)

    async def request_password_reset(
        self, collection: Collection, body: Mapping[str, Any], place: Place
    ) -> None:
        """Send the mail that lets its reader choose a new password. Raises BadRequest, TooManyRequests."""
        if not auth_of(collection).passwordAuth.enabled:
            raise BadRequest(NO_PASSWORDS)
        await self._request(collection, "passwordReset", _email(body), place)

    async def _request(self, collection: Collection, kind: Kind, email: str, place: Place) -> None:
        """Do the same for every address; see `orders`."""

        async def job(tx: Transaction) -> None:
            await self.count_mail(tx, place)
            keys = (kind, collection.id, canonical(email))
            async with self.step(tx, _ASKS[kind], collection, email=email):
                if await self._asked.read(tx.fetch, *keys) is None:
                    await self._asked.write(tx, 0.0, *keys, for_s=RESEND_S)
                    await self._orders.take(tx, Order(kind, collection.id, email))

        await self._store.write(job)

    def step(
        self,
        tx: Transaction,
        step: Step,
        collection: Collection,
        *,
        email: str = "",
        record: RecordValues | None = None,
    ) -> Block:
        """Return the block in which a step of a flow happens, so that the site's own code may have its say."""

        def make() -> Moment:
            subject = AccountStep(step, email, dict(record) if record is not None else None)
            return Moment(name="account", subject=subject, collection=collection, tx=tx)

        return self._moments.around("account", make, collection)

    async def count_mail(self, tx: Transaction, place: Place) -> None:
        """Count a mail that somebody asks for. Raises TooManyRequests when their network asked for too many."""
        asked = (await self._mails.read(tx.fetch, place.network) or 0) + 1
        if asked > MAILS_PER_NETWORK_MAX:
            raise TooManyRequests(retry_after_s=60, hint="Too many mails were asked for from your network.")
        await self._mails.write(tx, asked, place.network, for_s=MAILS_MEMORY_S)

    async def request_email_change(
        self, collection: Collection, record: Mapping[str, Any], body: Mapping[str, Any], place: Place
    ) -> None:
        """Send the mail that confirms a new address, to that address. Raises BadRequest, TooManyRequests."""
        if collection.is_superusers:
            raise BadRequest(SUPERUSERS_CHANGE)
        texts = read_texts(body, "newEmail")
        current = str(record["email"])
        refuse(check_texts(texts, {"newEmail": (*email_checks, none_of([current]))}))
        new_email = texts["newEmail"]

        async def job(tx: Transaction) -> None:
            await self.count_mail(tx, place)
            if await self._people.by_email(tx.fetch, collection, new_email) is not None:
                refuse({"newEmail": TAKEN_EMAIL})
            order = Order("emailChange", collection.id, current, new_email)
            async with self.step(tx, "request_email_change", collection, email=new_email):
                await self._orders.take(tx, order)

        await self._store.write(job)

    # -- confirming -----------------------------------------------------------------------------------------

    async def look_up(self, catalog: Catalog, kind: Kind, token: str) -> Proof:
        """Return what a token proves, to show it to its bearer. Raises BadRequest."""
        found = await prove(
            self._store.fetch, self._people.book, catalog, token, kind, None, now=self._people.clock.now()
        )
        if isinstance(found, Fault):
            raise _refused(found)
        return found

    async def confirm_verification(
        self, catalog: Catalog, body: Mapping[str, Any], collection: Collection | None = None
    ) -> None:
        """Mark a record as verified whose owner shows the token of its address. Raises BadRequest.

        collection: at whose door; None: the one that the token names
        """
        if collection is not None and collection.is_superusers:
            raise BadRequest(SUPERUSERS_VERIFIED)
        texts = read_texts(body, "token")
        refuse(check_texts(texts, {"token": (required,)}))

        async def job(tx: Transaction) -> None:
            proof = await self._prove(tx, catalog, texts["token"], "verification", collection)
            if proof.claims.email != proof.record["email"]:
                refuse({"token": Fault("validation_token_email_mismatch", "The record email doesn't match.")})
            async with self.step(tx, "confirm_verification", proof.collection, record=proof.record):
                if not proof.record["verified"]:
                    await self._change(tx, catalog, proof, {"verified": True})

        await self._store.write(job)

    async def confirm_password_reset(
        self, catalog: Catalog, body: Mapping[str, Any], collection: Collection | None = None
    ) -> None:
        """Set the password of a record whose owner shows the token. Raises BadRequest with all faults.

        All its tokens end. Where the address was not verified, it is now, and what others may have left in the
        account goes: links to providers.
        """
        texts = read_texts(body, "token", "password", "passwordConfirm")
        faults = check_texts(texts, dict.fromkeys(texts, (required,)))
        if texts["token"]:
            found = await prove(
                self._store.fetch,
                self._people.book,
                catalog,
                texts["token"],
                "passwordReset",
                collection,
                now=self._people.clock.now(),
            )
            if isinstance(found, Fault):
                faults["token"] = found
            owner = collection or (found.collection if isinstance(found, Proof) else None)
            if owner is not None and texts["password"]:
                fault = password_fault(owner, texts["password"])
                faults |= {"password": fault} if fault else {}
        if texts["passwordConfirm"] and texts["passwordConfirm"] != texts["password"]:
            faults["passwordConfirm"] = MISMATCH
        refuse(faults)
        hashed = await self._hasher.hash(texts["password"])

        async def job(tx: Transaction) -> None:
            proof = await self._prove(tx, catalog, texts["token"], "passwordReset", collection)
            values: RecordValues = {"password": hashed, "tokenKey": new_token_key(proof.collection)}
            async with self.step(tx, "confirm_password_reset", proof.collection, record=proof.record):
                if not proof.record["verified"] and proof.claims.email == proof.record["email"]:
                    values["verified"] = True
                    record_id = str(proof.record["id"])
                    await self._people.end(tx, catalog, proof.collection, record_id, "_externalAuths")
                await self._change(tx, catalog, proof, values)

        await self._store.write(job)

    async def confirm_email_change(
        self, catalog: Catalog, body: Mapping[str, Any], place: Place, collection: Collection | None = None
    ) -> None:
        """Set the address of a record whose owner shows the token and knows the password. Raises BadRequest.

        All its tokens end; the new address is verified. Guesses of the password are slowed down as at sign-in.
        """
        if collection is not None and collection.is_superusers:
            raise BadRequest(SUPERUSERS_CHANGE)
        texts = read_texts(body, "token", "password")
        faults = check_texts(texts, dict.fromkeys(texts, (required,)))
        stored, attempt = "", None
        if texts["token"]:
            found = await prove(
                self._store.fetch,
                self._people.book,
                catalog,
                texts["token"],
                "emailChange",
                collection,
                now=self._people.clock.now(),
            )
            if isinstance(found, Fault):
                faults["token"] = found
            else:
                stored = str(found.record["password"])
                attempt = await self._begin(found, place)
        if texts["password"] and not (await self._hasher.verify(texts["password"], stored)).ok:
            faults["password"] = WRONG_PASSWORD
        refuse(faults)

        async def job(tx: Transaction) -> None:
            proof = await self._prove(tx, catalog, texts["token"], "emailChange", collection)
            new_email = proof.claims.new_email
            if attempt is not None:
                await self._delays.succeed(tx, attempt)
            if proof.record["password"] != stored:
                refuse({"password": WRONG_PASSWORD})
            if await self._people.by_email(tx.fetch, proof.collection, new_email) is not None:
                refuse({"token": TAKEN_TOKEN_EMAIL})
            token_key = new_token_key(proof.collection)
            values: RecordValues = {"email": new_email, "verified": True, "tokenKey": token_key}
            async with self.step(
                tx, "confirm_email_change", proof.collection, email=new_email, record=proof.record
            ):
                await self._change(tx, catalog, proof, values)

        await self._store.write(job)

    async def _begin(self, proof: Proof, place: Place) -> Attempt:
        """Count an attempt to show the password that belongs to a token. Raises TooManyRequests."""
        attempt = Attempt("emailChange", f"{proof.collection.id}/{proof.record['id']}", place)

        async def job(tx: Transaction) -> None:
            await self._delays.begin(tx, attempt)

        await self._store.write(job)
        return attempt

    async def _prove(
        self, tx: Transaction, catalog: Catalog, token: str, kind: Kind, collection: Collection | None
    ) -> Proof:
        """Return what a token proves within the transaction that uses it up. Raises BadRequest."""
        found = await prove(
            tx.fetch, self._people.book, catalog, token, kind, collection, now=self._people.clock.now()
        )
        if isinstance(found, Fault):
            raise _refused(found)
        return found

    async def _change(self, tx: Transaction, catalog: Catalog, proof: Proof, values: RecordValues) -> None:
        await self._people.change(tx, catalog, proof.collection, proof.record, values)


def password_fault(collection: Collection, plain: str) -> Fault | None:
    """Return what is wrong with a new password of an auth record."""
    field = collection.by_name["password"]
    assert isinstance(field, PasswordField), "every auth collection has one"
    allowed = length(field.min or 1, field.max or PASSWORD_MAX_CHARS)
    return first(plain, allowed) or field.check_plain(plain)


def _email(body: Mapping[str, Any]) -> str:
    texts = read_texts(body, "email")
    refuse(check_texts(texts, {"email": email_checks}))
    return texts["email"]


def _refused(fault: Fault) -> BadRequest:
    return BadRequest("An error occurred while validating the submitted data.", {"token": fault})
