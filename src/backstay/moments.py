"""Moments that are no writes of records, at which a site's own code may have its say: a sign-in, a mail, a download.

Each part announces its moments by name and puts what it does into the block; where nobody asked for a moment, that block
costs a look into a dictionary.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, Literal, Protocol, TypeAlias

import msgspec

from backstay.catalog import Collection
from backstay.plans.request import RequestInfo
from backstay.stores.base import Transaction

MomentName: TypeAlias = Literal[
    "sign_in", "account", "mail", "download", "connect", "subscribe", "settings", "schema"
]
Step: TypeAlias = Literal[
    "request_verification",
    "confirm_verification",
    "request_password_reset",
    "confirm_password_reset",
    "request_email_change",
    "confirm_email_change",
    "request_otp",
]
Block: TypeAlias = AbstractAsyncContextManager[None]
NOTHING: Block = nullcontext()


class Moment(msgspec.Struct, eq=False, kw_only=True):
    """Something that is about to happen.

    subject: what it is about, as its part describes it; what may be changed of it is read again after the code has run
    tx:      the transaction in which it happens, None where there is none
    """

    name: MomentName
    subject: Any
    collection: Collection | None = None
    info: RequestInfo | None = None
    tx: Transaction | None = None


class SigningIn(msgspec.Struct, eq=False):
    """Somebody who has proven who they are, and is about to be let in.

    method: password, otp, oauth2, refresh or impersonate
    """

    record: dict[str, Any]
    method: str


class AccountStep(msgspec.Struct, eq=False):
    """A step of a flow that goes over a mail, in its transaction: what asks for the mail, or what its token confirms.

    email:  the address that a mail is asked for, as it was sent; of a change the new one. Whether anybody has it is not told
    record: who confirms, as they are before; None for what asks
    """

    step: Step
    email: str = ""
    record: dict[str, Any] | None = None


class SchemaChange(msgspec.Struct, eq=False):
    """A change of collections over the API that is about to happen.

    action:     create, update, delete, truncate or import
    collection: the name of the one that is changed, '' for a new one and for imports
    body:       what was sent; it may be changed
    """

    action: str
    collection: str
    body: Any


class Posting(msgspec.Struct, eq=False):
    """A mail that is about to be put into the outbox; all of it may be changed."""

    to: str
    subject: str
    html: str
    text: str


class Downloading(msgspec.Struct, eq=False):
    """A file that is about to be handed out."""

    record: dict[str, Any]
    name: str


class Subscribing(msgspec.Struct, eq=False):
    """Subscriptions that are about to replace a client's; they may be changed."""

    client_id: str
    topics: list[str]


class MomentHooks(Protocol):
    """What a site's own code does at moments."""

    def has(self, name: MomentName, collection: Collection | None) -> bool:
        """Tell whether there is anything for a moment; it must be quick."""
        ...

    def around(self, moment: Moment) -> Block:
        """Return the block in which it happens."""
        ...


class Moments:
    """The moments of one site, as its parts announce them."""

    def __init__(self) -> None:
        self.hooks: MomentHooks | None = None

    def around(
        self, name: MomentName, make: Callable[[], Moment], collection: Collection | None = None
    ) -> Block:
        """Return the block in which something happens. make: describes it, when somebody wants to know"""
        hooks = self.hooks
        return NOTHING if hooks is None or not hooks.has(name, collection) else hooks.around(make())
