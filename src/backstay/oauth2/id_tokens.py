"""Signed tokens of OpenID providers (OpenID Connect Core 1.0, section 3.1.3.7).

Issuer, audience and algorithms are what the configuration says, never what the token says. Keys come from the
configured address alone.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import jwt

from backstay.outbound import Outbound, Refused

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
KEYS_KEPT_S = 300.0
LEEWAY_S = 60


class BadIdToken(Exception):
    """A token that proves nothing; the text is for the log."""


class IdTokens:
    """Verifies signed tokens; keys are kept for a while."""

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound
        self._keys: dict[str, tuple[float, jwt.PyJWKSet]] = {}

    async def verify(
        self, token: str, *, jwks: str, trusted: bool, audience: str, issuers: Sequence[str], nonce: str
    ) -> dict[str, Any]:
        """Return the claims of a good token. Raises BadIdToken.

        nonce: what a nonce in the token must be; '' where none was sent
        """
        try:
            header = jwt.get_unverified_header(token)
            key = await self._key(jwks, str(header.get("kid", "")), trusted=trusted)
            if header.get("alg") not in ALGORITHMS or key.algorithm_name != header.get("alg"):
                raise BadIdToken(f"algorithm '{header.get('alg')}' is not that of the key")
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[key.algorithm_name],
                audience=audience,
                issuer=list(issuers),
                leeway=LEEWAY_S,
                options={
                    "require": ["exp", "iat", "iss", "aud", "sub"],
                    "verify_aud": True,
                    "strict_aud": False,
                },
            )
        except (jwt.PyJWTError, Refused, ValueError, TypeError) as exc:
            raise BadIdToken(f"{type(exc).__name__}: {exc}") from exc
        if nonce and claims.get("nonce", nonce) != nonce:
            raise BadIdToken("the nonce is of another flow")
        authorized = claims.get("azp", audience)
        if authorized != audience:
            raise BadIdToken("the token is for another client")
        return claims

    async def _key(self, jwks: str, kid: str, *, trusted: bool) -> jwt.PyJWK:
        known = self._keys.get(jwks)
        if known is None or known[0] < time.monotonic() or not _has(known[1], kid):
            answer = await self._outbound.ask("GET", jwks, trusted=trusted)
            keys = _read_keys(answer.json())
            known = self._keys[jwks] = (time.monotonic() + KEYS_KEPT_S, keys)
        for key in known[1].keys:
            if key.key_id == kid or (not kid and len(known[1].keys) == 1):
                return key
        raise BadIdToken("no key of the provider has signed this")


def _read_keys(raw: Any) -> jwt.PyJWKSet:
    """Return the keys of a provider. Raises BadIdToken for what is none; the library stumbles over some of that."""
    try:
        return jwt.PyJWKSet.from_dict(raw)
    except (AttributeError, LookupError, TypeError, ValueError) as exc:
        raise BadIdToken(f"the keys of the provider can't be read: {type(exc).__name__}") from exc


def _has(keys: jwt.PyJWKSet, kid: str) -> bool:
    return not kid or any(key.key_id == kid for key in keys.keys)
