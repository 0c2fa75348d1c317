"""The start of the flow: the address that a browser is sent to (RFC 6749, section 4.1; PKCE, RFC 7636)."""

from __future__ import annotations

import base64
import hashlib
import secrets
import string
from urllib.parse import urlencode

import msgspec

from backstay.catalog.model import OAuth2Provider
from backstay.catalog.providers import PROVIDERS as NAMES
from backstay.catalog.providers import logo
from backstay.oauth2.providers import PROVIDERS

STATE_CHARS, VERIFIER_CHARS = 30, 43
_LETTERS = string.ascii_letters + string.digits


class Begun(msgspec.Struct, frozen=True, rename={"auth_url": "authURL", "auth_url_legacy": "authUrl"}):
    """What a client needs to begin, as the protocol names it (A5). auth_url ends with `redirect_uri=`."""

    name: str
    displayName: str
    logo: str
    state: str
    auth_url: str
    auth_url_legacy: str
    codeVerifier: str
    codeChallenge: str
    codeChallengeMethod: str


def begin(configured: OAuth2Provider) -> Begun:
    """Return a fresh start for a provider of a collection."""
    known = PROVIDERS[configured.name]
    state = _random(STATE_CHARS)
    uses_pkce = known.pkce if configured.pkce is None else configured.pkce
    verifier = _random(VERIFIER_CHARS) if uses_pkce else ""
    challenge = challenge_of(verifier) if verifier else ""
    parameters = {"client_id": configured.clientId, "response_type": "code", "state": state}
    parameters |= known.parameters
    if known.scopes:
        parameters["scope"] = " ".join(known.scopes)
    if verifier:
        parameters |= {"code_challenge": challenge, "code_challenge_method": "S256"}
        if "openid" in known.scopes:
            parameters["nonce"] = nonce_of(verifier)
    start = configured.authURL or known.auth
    joint = "&" if "?" in start else "?"
    url = f"{start}{joint}{urlencode(sorted(parameters.items()))}&redirect_uri="
    return Begun(
        name=configured.name,
        displayName=configured.displayName or NAMES[configured.name],
        logo=logo(configured.name),
        state=state,
        auth_url=url,
        auth_url_legacy=url,
        codeVerifier=verifier,
        codeChallenge=challenge,
        codeChallengeMethod="S256" if verifier else "",
    )


def challenge_of(verifier: str) -> str:
    """Return the S256 challenge of a verifier."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def nonce_of(verifier: str) -> str:
    """Return the nonce that binds a signed token to a flow: whoever shows the verifier has begun it."""
    return challenge_of(f"nonce:{verifier}")


def _random(length: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(length))
