"""Tokens that travel in mails: to verify an address, to choose a new password, to change the address (A5).

Each is signed with the record's token key and the collection's secret for its kind, so that it dies with a changed
password or address, and works at one door only.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from backstay.accounts.people import auth_of
from backstay.accounts.recent import Fetch
from backstay.accounts.tokens import Claims, issue, read_unverified, signing_key, verify
from backstay.catalog import Catalog, Collection
from backstay.catalog.model import AuthOptions, TokenOptions
from backstay.errors import Fault
from backstay.records.draft import RecordValues
from backstay.records.statements import StatementBook

Kind: TypeAlias = Literal["verification", "passwordReset", "emailChange"]

INVALID_TOKEN = Fault("validation_invalid_token", "Invalid or expired token.")
OTHER_COLLECTION = Fault(
    "validation_token_collection_mismatch", "The provided token is for different auth collection."
)
NO_EMAIL = Fault("validation_invalid_token_claims", "Missing email token claim.")
NO_NEW_EMAIL = Fault("validation_invalid_token_payload", "Invalid token payload - newEmail must be set.")


class Proof(msgspec.Struct, frozen=True, eq=False):
    """What a good token proves: somebody reads the mails of `claims.email` (or `claims.new_email`)."""

    collection: Collection
    record: RecordValues
    claims: Claims


def token_options(auth: AuthOptions, kind: Kind) -> TokenOptions:
    """Return the secret and the duration of a kind of token."""
    match kind:
        case "verification":
            return auth.verificationToken
        case "passwordReset":
            return auth.passwordResetToken
        case "emailChange":
            return auth.emailChangeToken


def new_mail_token(
    collection: Collection, record: RecordValues, kind: Kind, *, now: datetime, new_email: str = ""
) -> str:
    """Sign a token for the mail to a record's owner."""
    options = token_options(auth_of(collection), kind)
    claims = Claims(
        collection_id=collection.id,
        email=str(record["email"]),
        exp=int(now.timestamp()) + options.duration,
        id=str(record["id"]),
        new_email=new_email,
        type=kind,
    )
    return issue(claims, signing_key(str(record["tokenKey"]), options.secret))


async def prove(
    fetch: Fetch,
    book: StatementBook,
    catalog: Catalog,
    token: str,
    kind: Kind,
    collection: Collection | None,
    *,
    now: datetime,
) -> Proof | Fault:
    """Return what a token proves now, or what is wrong with it.

    collection: the one at whose door it is shown; None where the token itself says
    """
    claims = read_unverified(token)
    if kind == "verification" and (claims is None or not claims.email):
        return NO_EMAIL
    if kind == "emailChange" and (claims is None or not claims.new_email):
        return NO_NEW_EMAIL
    owner = catalog.find(claims.collection_id) if claims else None
    if claims is None or owner is None or owner.auth is None or owner.id != claims.collection_id:
        return INVALID_TOKEN
    statements = book.of(owner)
    rows = await fetch(statements.load, [claims.id])
    if not rows:
        return INVALID_TOKEN
    record = statements.read(rows[0])
    key = signing_key(str(record["tokenKey"]), token_options(owner.auth, kind).secret)
    proven = verify(token, key, type=kind, now=now)
    if proven is None:
        return INVALID_TOKEN
    if collection is not None and collection.id != owner.id:
        return OTHER_COLLECTION
    return Proof(owner, record, proven)
