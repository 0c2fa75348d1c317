"""Tokens: JWT signed with HS256, byte for byte as PocketBase makes them (protocol A5).

Two secrets make the key: one of the record, one of its collection for this type of token. Changing either ends
all tokens made with it. So a token is read twice: `read_unverified` tells which record to load, then `verify`
checks the signature with that record's key.

Only what is checked here counts: the algorithm is fixed and never taken from the header, each part must be
canonical base64, the type must be the one the door asks for, and the clock is the caller's.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import datetime
from functools import lru_cache
from typing import Literal, TypeAlias

import jwt
import msgspec
from msgspec import Struct

TokenType: TypeAlias = Literal["auth", "file", "verification", "passwordReset", "emailChange"]

TOKEN_MAX_CHARS = 4096
KEY_MIN_CHARS = 32
"""RFC 7518, section 3.2: an HS256 key is no shorter than its hash. The protocol's keys have 60 or more."""

CACHE_MAX_TOKENS = 4096


class Claims(Struct, frozen=True, rename="camel", omit_defaults=True, kw_only=True):
    """What a token says. Unknown claims are ignored.

    exp:         Unix time in seconds; from this second on the token is worth nothing
    refreshable: of auth tokens only; False for those made by impersonation
    email:       the address that a mailed token was sent to
    new_email:   of emailChange tokens only
    """

    collection_id: str
    email: str = ""
    exp: int
    id: str
    new_email: str = ""
    refreshable: bool | None = None
    type: TokenType


class _Header(Struct, frozen=True, forbid_unknown_fields=True):
    """The only header we take. `kid`, `jwk`, `crit`, `b64` and the like mean nothing here and are refused."""

    alg: Literal["HS256"]
    typ: Literal["JWT"] = "JWT"


_PARTS = re.compile(r"([\w-]+)\.([\w-]+)\.([\w-]{43})", re.ASCII)
_header_decoder = msgspec.json.Decoder(_Header)
_claims_decoder = msgspec.json.Decoder(Claims)
_claims_encoder = msgspec.json.Encoder(order="sorted")
_jws = jwt.PyJWS(algorithms=["HS256"])


class _Refused(Exception):
    """The token is worth nothing."""


def signing_key(token_key: str, secret: str) -> str:
    """Return the key for a record's tokens, of its own `tokenKey` and the collection's secret for their type."""
    return token_key + secret


def issue(claims: Claims, key: str) -> str:
    """Make a token. Raises ValueError for a key which is too short to be safe."""
    if len(key) < KEY_MIN_CHARS:
        raise ValueError(f"a token key needs at least {KEY_MIN_CHARS} characters")
    return _jws.encode(_claims_encoder.encode(claims), key, algorithm="HS256")


def read_unverified(token: str) -> Claims | None:
    """Return what a well-formed token says, to find the record whose key verifies it. Trust nothing of it."""
    try:
        return _read(token)
    except _Refused:
        return None


def verify(token: str, key: str, *, type: TokenType, now: datetime) -> Claims | None:
    """Return the claims of a token which is signed with `key`, of this type and not expired, else None.

    A token which was verified before is not computed again while it stays among the CACHE_MAX_TOKENS last used;
    type and time are checked each time.

    now: aware; given by the caller, so that tests own the clock
    """
    try:
        claims = _read_signed(token, key)
    except _Refused:
        return None
    if claims.type != type or now.timestamp() >= claims.exp:
        return None
    return claims


@lru_cache(maxsize=CACHE_MAX_TOKENS)
def _read_signed(token: str, key: str) -> Claims:
    """Return signed claims. What is refused is not cached, so strangers can't push good tokens out."""
    claims = _read(token)
    if len(key) < KEY_MIN_CHARS:
        raise _Refused
    try:
        _jws.decode(token, key, algorithms=["HS256"])
    except (jwt.PyJWTError, UnicodeEncodeError) as exc:
        raise _Refused from exc
    return claims


def _read(token: str) -> Claims:
    parts = _PARTS.fullmatch(token) if len(token) <= TOKEN_MAX_CHARS else None
    if parts is None:
        raise _Refused
    header, payload, _ = [_decode(part) for part in parts.groups()]
    try:
        _header_decoder.decode(header)
        return _claims_decoder.decode(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:  # deep nesting is the last
        raise _Refused from exc


def _decode(part: str) -> bytes:
    """Decode one part. Refuse leftover bits in its last character: one token has one spelling."""
    try:
        value = urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError as exc:
        raise _Refused from exc
    if urlsafe_b64encode(value).rstrip(b"=") != part.encode():
        raise _Refused
    return value
