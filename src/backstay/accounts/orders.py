"""Mails about accounts, ordered at the door and made later.

A door that must not tell whether an address has an account does the same for every address: it looks, remembers that
it was asked, and records an order. Who is meant, whether a mail is due, and what is in it are found out when the
order is carried out, after the answer.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Awaitable, Callable
from typing import Literal, TypeAlias

import msgspec

from backstay.accounts.letters import Post, record_values
from backstay.accounts.mail_tokens import Kind, new_mail_token
from backstay.accounts.passwords import Hasher
from backstay.accounts.people import People, auth_of
from backstay.catalog import Catalog, Collection
from backstay.catalog.model import MailTemplate
from backstay.outbox import Effect, Outbox
from backstay.stores.base import Store, Transaction

TOPIC = "accounts.mail"
About: TypeAlias = Literal["verification", "passwordReset", "emailChange", "otp"]
"""What a mail is about."""


class Order(msgspec.Struct, frozen=True, omit_defaults=True):
    """A mail to make.

    email:     whom it is for, as it was typed
    new_email: where a change of address is confirmed
    otp_id:    the id that was promised for a one-time password
    """

    about: About
    collection_id: str
    email: str
    new_email: str = ""
    otp_id: str = ""


class Orders:
    """Takes orders and carries them out."""

    def __init__(
        self,
        store: Store,
        outbox: Outbox,
        people: People,
        hasher: Hasher,
        post: Post,
        catalog: Callable[[], Awaitable[Catalog]],
    ) -> None:
        self._store, self._outbox, self._people = store, outbox, people
        self._hasher, self._post, self._catalog = hasher, post, catalog
        outbox.handle(TOPIC, self._carry_out)

    async def take(self, tx: Transaction, order: Order) -> None:
        """Record an order."""
        await self._outbox.add(tx, TOPIC, msgspec.to_builtins(order))

    async def _carry_out(self, effect: Effect) -> None:
        order = msgspec.convert(effect.payload, Order)
        catalog = await self._catalog()
        collection = catalog.find(order.collection_id)
        if collection is None or not collection.is_auth:
            return
        if order.about == "otp":
            await self._send_otp(catalog, collection, order)
        else:
            await self._send_link(collection, order, order.about)

    async def _send_link(self, collection: Collection, order: Order, kind: Kind) -> None:
        async def job(tx: Transaction) -> None:
            record = await self._people.by_email(tx.fetch, collection, order.email)
            if record is None or (kind == "verification" and record["verified"]):
                return
            token = new_mail_token(
                collection, record, kind, now=self._people.clock.now(), new_email=order.new_email
            )
            to = order.new_email or str(
                record["email"]
            )  # the stored address: the typed one may only look alike
            values = record_values(collection, record) | {"TOKEN": token}
            await self._post.post(tx, to, _template(collection, kind), values)

        await self._store.write(job)

    async def _send_otp(self, catalog: Catalog, collection: Collection, order: Order) -> None:
        """Make the promised one-time password, and send it."""
        otp = auth_of(collection).otp
        if not otp.enabled or await self._people.by_email(self._store.fetch, collection, order.email) is None:
            return
        password = "".join(secrets.choice(string.digits) for _ in range(otp.length))
        hashed = await self._hasher.hash(password)

        async def job(tx: Transaction) -> None:
            record = await self._people.by_email(tx.fetch, collection, order.email)
            if record is None:
                return
            email = str(record["email"])
            owner: dict[str, object] = {"collectionRef": collection.id, "recordRef": record["id"]}
            await self._people.add(
                tx, catalog, "_otps", id=order.otp_id, password=hashed, sentTo=email, **owner
            )
            texts = record_values(collection, record) | {"OTP": password, "OTP_ID": order.otp_id}
            await self._post.post(tx, email, otp.emailTemplate, texts)

        await self._store.write(job)


def _template(collection: Collection, kind: Kind) -> MailTemplate:
    auth = auth_of(collection)
    match kind:
        case "verification":
            return auth.verificationTemplate
        case "passwordReset":
            return auth.resetPasswordTemplate
        case "emailChange":
            return auth.confirmEmailChangeTemplate
