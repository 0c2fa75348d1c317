"""Moments that are no writes of records, at which a site's own code may have its say: a sign-in, a mail, a download.

Each part announces its moments by name and puts what it does into the block; where nobody asked for a moment, that block
costs a look into a dictionary.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, Literal, Protocol, TypeAlias

import msgspec

from backstay.catalog import Collection
from backstay.plans.request import RequestInfo
from backstay.stores.base import Transaction

MomentName: TypeAlias = Literal[
    "sign_in",
    "oauth2",
    "account",
    "mail",
    "file_token",
    "download",
    "connect",
    "subscribe",
    "message",
    "batch",
    "settings",
    "schema",
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


class ProviderSignIn(msgspec.Struct, eq=False):
    """Somebody who comes from another service, before they are let into an account, or get one.

    provider: its name in the collection's options
    user:     what it says of them: id, name, username, email, verified, avatarURL, and its whole answer as raw
    record:   whose account it is, None for a new one
    data:     what a new account is made of, as the client sent it; it may be changed
    """

    provider: str
    user: dict[str, Any]
    record: dict[str, Any] | None
    data: dict[str, Any]


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


class FileToken(msgspec.Struct, eq=False):
    """A token for protected files that somebody is about to get."""

    record: dict[str, Any]


class Downloading(msgspec.Struct, eq=False):
    """A file that is about to be handed out."""

    record: dict[str, Any]
    name: str


class Subscribing(msgspec.Struct, eq=False):
    """Subscriptions that are about to replace a client's; they may be changed."""

    client_id: str
    topics: list[str]


class Messaging(msgspec.Struct, eq=False):
    """A change of a record that one client is about to be told; a refusal keeps it from this client.

    data: `action` and `record`; it may be changed
    """

    client_id: str
    topic: str
    data: dict[str, Any]


class BatchedRequest(msgspec.Struct, frozen=True):
    """One request of a batch."""

    method: str
    url: str
    body: dict[str, Any]


class Batching(msgspec.Struct, eq=False):
    """A batch that is about to be done, in its transaction: a refusal, also after it, undoes all of it."""

    requests: tuple[BatchedRequest, ...]


def shown(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return an account's values as a site's own code is told them: without what proves who it is."""
    return {name: value for name, value in record.items() if name not in {"password", "tokenKey"}}


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

    def has(self, name: MomentName, collection: Collection | None = None) -> bool:
        """Tell whether a site's own code has its say at a moment."""
        return self.hooks is not None and self.hooks.has(name, collection)

    def around(
        self, name: MomentName, make: Callable[[], Moment], collection: Collection | None = None
    ) -> Block:
        """Return the block in which something happens. make: describes it, when somebody wants to know"""
        hooks = self.hooks
        return NOTHING if hooks is None or not hooks.has(name, collection) else hooks.around(make())
