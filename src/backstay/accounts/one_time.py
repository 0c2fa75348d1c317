"""One-time passwords by mail (A5).

Whoever asks gets an id, also for addresses without an account. The tries of an id are counted in the database, and
those of an account from one network; a stranger who asks for somebody's code and guesses uses up the stranger's own
tries. Ids without an account behind them behave alike, and take the same time.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from backstay.accounts.forms import check_texts, email_checks, read_texts, refuse, text_checks
from backstay.accounts.orders import Order, Orders
from backstay.accounts.passwords import Hasher
from backstay.accounts.people import People, auth_of, is_over
from backstay.accounts.places import Place
from backstay.accounts.recent import Recent, canonical, key_of
from backstay.accounts.recovery import Recovery
from backstay.accounts.sign_in import Proven, SignIn
from backstay.catalog import Catalog, Collection
from backstay.catalog.patterns import generate
from backstay.checks import length, required
from backstay.errors import BadRequest, Forbidden, TooManyRequests
from backstay.records.draft import RecordValues
from backstay.records.query import RecordCall
from backstay.stores.base import Store, Transaction

TRIES_MAX = 5
"""Tries of one id, and of one account from one network while a code lasts."""
LIVE_MAX = 9
"""Codes of one address that may be live at once; after that the last one is told again, and no mail sent."""
PASSWORD_MAX_BYTES = 71
NO_OTP = "The collection is not configured to allow OTP authentication."
INVALID = "Invalid or expired OTP."
TOO_MANY = "Too many attempts, please try again later with a new OTP."


class Asked(msgspec.Struct, frozen=True):
    """A code that was asked for: its id, and when, in Unix seconds."""

    id: str
    at: float


class OneTime:
    """The one-time passwords of one site."""

    def __init__(
        self,
        store: Store,
        people: People,
        hasher: Hasher,
        orders: Orders,
        recovery: Recovery,
        sign_in: SignIn,
    ) -> None:
        self._store, self._people, self._hasher = store, people, hasher
        self._orders, self._recovery, self._sign_in = orders, recovery, sign_in
        self._asked = Recent("otp.asked", list[Asked])
        self._whose = Recent("otp.whose", str)
        self._tries = Recent("otp.tries", int)

    # -- asking ---------------------------------------------------------------------------------------------

    async def request(
        self, catalog: Catalog, collection: Collection, body: Mapping[str, Any], place: Place
    ) -> str:
        """Send a code to an address, if it has an account, and return its id in any case.

        Raises Forbidden where the collection has no one-time passwords, BadRequest, TooManyRequests.
        """
        otp = auth_of(collection).otp
        if not otp.enabled:
            raise Forbidden(NO_OTP)
        texts = read_texts(body, "email")
        refuse(check_texts(texts, {"email": email_checks}))
        email = texts["email"]
        whose = _whose(collection, email)

        async def job(tx: Transaction) -> str:
            now = datetime.now(UTC).timestamp()
            live = [
                asked
                for asked in await self._asked.read(tx.fetch, whose) or []
                if asked.at > now - otp.duration
            ]
            standing = await self._standing(tx, catalog, collection, email, otp.duration)
            if max(len(live), len(standing)) > LIVE_MAX:
                return live[-1].id if len(live) >= len(standing) else standing[-1]
            asked = Asked(generate("[a-z0-9]{15}"), now)
            await self._recovery.count_mail(tx, place)
            async with self._recovery.step(tx, "request_otp", collection, email=email):
                await self._asked.write(tx, [*live, asked], whose, for_s=otp.duration)
                await self._whose.write(tx, whose, asked.id, for_s=otp.duration)
                await self._orders.take(tx, Order("otp", collection.id, email, otp_id=asked.id))
            return asked.id

        return await self._store.write(job)

    async def _standing(
        self, tx: Transaction, catalog: Catalog, collection: Collection, email: str, duration_s: int
    ) -> list[str]:
        """Return the ids of the live codes of an address, the newest last. Forgets those which are over."""
        record = await self._people.by_email(tx.fetch, collection, email)
        otps = self._people.system(catalog, "_otps")
        owner = str(record["id"]) if record else ""  # looked for in any case: it takes the same time
        live: list[tuple[str, str]] = []
        for values in await self._people.owned(tx.fetch, otps, collection, owner):
            if is_over(values["created"], duration_s, self._people.clock.now()):
                await self._people.remove(tx, catalog, "_otps", values)
            else:
                live.append((str(values["created"]), str(values["id"])))
        return [otp_id for _, otp_id in sorted(live)]

    # -- showing --------------------------------------------------------------------------------------------

    async def sign_in(self, call: RecordCall, place: Place) -> bytes:
        """Sign in with a code. Raises as `SignIn.with_password` does."""
        collection = call.collection
        if not auth_of(collection).otp.enabled:
            raise Forbidden(NO_OTP)
        texts = read_texts(call.body, "otpId", "password")
        refuse(
            check_texts(texts, {"otpId": text_checks, "password": (required, length(1, PASSWORD_MAX_BYTES))})
        )
        found, record = await self._find(call, texts["otpId"])
        await self._count(call, texts["otpId"], record, place)
        if found is None or record is None:
            await self._hasher.verify_nobody(texts["password"])
            raise BadRequest(INVALID)
        if not (await self._hasher.verify(texts["password"], str(found["password"]))).ok:
            raise BadRequest(INVALID)

        async def use_up(tx: Transaction, current: RecordValues) -> RecordValues:
            if not await self._people.remove(tx, call.catalog, "_otps", found):
                raise BadRequest(INVALID)
            record_id = str(current["id"])
            await self._people.end(tx, call.catalog, collection, record_id, "_otps")
            return current

        proven = Proven(record, "otp", place, before=use_up, reads=str(found["sentTo"]))
        return await self._sign_in.finish(call, proven)

    async def _find(self, call: RecordCall, otp_id: str) -> tuple[RecordValues | None, RecordValues | None]:
        """Return a live code of this collection and its record; None for both when there is none."""
        otps = self._people.system(call.catalog, "_otps")
        found = await self._people.load(self._store.fetch, otps, otp_id)
        is_live = found is not None and not is_over(
            found["created"], auth_of(call.collection).otp.duration, self._people.clock.now()
        )
        if found is None or not is_live or found["collectionRef"] != call.collection.id:
            return None, None
        record = await self._people.load(self._store.fetch, call.collection, str(found["recordRef"]))
        return (found, record) if record else (None, None)

    async def _count(self, call: RecordCall, otp_id: str, record: RecordValues | None, place: Place) -> None:
        """Count a try before it is looked at. Raises TooManyRequests."""
        duration_s = auth_of(call.collection).otp.duration

        async def job(tx: Transaction) -> None:
            whose = await self._whose.read(tx.fetch, otp_id)
            if whose is None:
                whose = _whose(call.collection, str(record["email"])) if record else otp_id
            for keys in (("id", otp_id), ("account", whose, place.network)):
                tries = (await self._tries.read(tx.fetch, *keys) or 0) + 1
                if tries > TRIES_MAX:
                    raise TooManyRequests(TOO_MANY, retry_after_s=duration_s)
                await self._tries.write(tx, tries, *keys, for_s=duration_s)

        await self._store.write(job)


def _whose(collection: Collection, email: str) -> str:
    return key_of(collection.id, canonical(email))
