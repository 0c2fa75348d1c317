"""The end of the flow: a code becomes a token, and the token a profile (RFC 6749, section 4.1.3)."""

from __future__ import annotations

import base64
import logging
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote

import msgspec

from backstay.catalog.model import OAuth2Provider
from backstay.errors import BadRequest
from backstay.oauth2.flow import nonce_of
from backstay.oauth2.id_tokens import BadIdToken, IdTokens
from backstay.oauth2.profile import Profile, pick_email, read_profile, text_at
from backstay.oauth2.providers import PROVIDERS, Provider
from backstay.outbound import Answer, Outbound, Refused

log = logging.getLogger("backstay")

NOTHING_GIVEN = "Failed to fetch OAuth2 token."
USER_FAILED = "Failed to fetch OAuth2 user."


class OAuth2Failed(BadRequest):
    """The provider said no, or said nothing that makes sense. The cause is for the log."""


class Code(msgspec.Struct, frozen=True):
    """What a client brings back. verifier, redirect_url: '' where the client sent none."""

    code: str
    verifier: str = ""
    redirect_url: str = ""


class Tokens(msgspec.Struct, frozen=True):
    """What a provider gave for a code. expiry: '' when it never ends, or nobody knows."""

    access: str
    refresh: str
    expiry: datetime | None
    raw: dict[str, Any]


class Exchange:
    """Asks providers."""

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound
        self._id_tokens = IdTokens(outbound)

    async def tokens(self, configured: OAuth2Provider, code: Code) -> Tokens:
        """Exchange a code. Raises OAuth2Failed."""
        known = PROVIDERS[configured.name]
        form = {"grant_type": "authorization_code", "code": code.code, "redirect_uri": code.redirect_url}
        if code.verifier and (known.pkce if configured.pkce is None else configured.pkce):
            form["code_verifier"] = code.verifier
        headers = {"Accept": "application/json"}
        if known.basic:
            headers["Authorization"] = _basic(configured)
            form["client_id"] = configured.clientId
        else:
            form |= {"client_id": configured.clientId, "client_secret": configured.clientSecret}
        url = configured.tokenURL or known.token
        body: dict[str, Any] = {"json": form} if known.json_token else {"form": form}
        try:
            answer = await self._outbound.ask(
                "POST", url, trusted=bool(configured.tokenURL), headers=headers, **body
            )
            return _read_tokens(answer)
        except Refused as exc:
            log.warning("%s gave no token: %s", configured.name, exc)
            raise OAuth2Failed(NOTHING_GIVEN, hint=_hint(configured)) from exc

    async def profile(self, configured: OAuth2Provider, tokens: Tokens, code: Code) -> Profile:
        """Return who a token belongs to. Raises OAuth2Failed."""
        known = PROVIDERS[configured.name]
        try:
            raw = await self._raw_profile(configured, known, tokens, code)
            profile = read_profile(known.fields, raw)
            if known.emails is not None:
                email = await self._email(configured, known, tokens)
                profile = msgspec.structs.replace(profile, email=email, verified=bool(email))
            elif known.token_email and text_at(tokens.raw, "email"):
                profile = msgspec.structs.replace(profile, email=text_at(tokens.raw, "email"), verified=True)
        except (Refused, BadIdToken) as exc:
            log.warning("%s gave no user: %s", configured.name, exc)
            raise OAuth2Failed(USER_FAILED, hint=_hint(configured)) from exc
        if not profile.id:
            raise OAuth2Failed(USER_FAILED, hint="The provider's answer names no user.")
        return profile

    async def _raw_profile(
        self, configured: OAuth2Provider, known: Provider, tokens: Tokens, code: Code
    ) -> Any:
        url = configured.userInfoURL or known.user
        if known.how == "id_token" or not url:
            return await self._claims(configured, known, tokens, code)
        trusted = bool(configured.userInfoURL)
        if known.how == "query":
            joint = "&" if "?" in url else "?"
            answer = await self._outbound.ask(
                "GET", f"{url}{joint}access_token={quote(tokens.access)}", trusted=trusted
            )
        elif known.how == "post":
            headers = self._headers(configured, known, tokens)
            answer = await self._outbound.ask(
                "POST", url, trusted=trusted, headers=headers, json={"query": known.query}
            )
        else:
            headers = self._headers(configured, known, tokens)
            answer = await self._outbound.ask("GET", url, trusted=trusted, headers=headers)
        if answer.status >= 400:
            raise Refused(f"the provider answered {answer.status}")
        return answer.json()

    async def _claims(self, configured: OAuth2Provider, known: Provider, tokens: Tokens, code: Code) -> Any:
        """Return the claims of the signed token, for providers that tell the profile there."""
        extra = configured.extra or {}
        jwks = known.jwks or str(extra.get("jwksURL") or "")
        issuers = known.issuers or tuple(str(item) for item in extra.get("issuers") or ())
        if not jwks or not issuers:
            raise Refused(
                "a provider without user info URL needs 'jwksURL' and 'issuers' in its extra options"
            )
        return await self._id_tokens.verify(
            str(tokens.raw.get("id_token") or ""),
            jwks=jwks,
            trusted=not known.jwks,
            audience=configured.clientId,
            issuers=issuers,
            nonce=nonce_of(code.verifier) if code.verifier else "",
        )

    async def _email(self, configured: OAuth2Provider, known: Provider, tokens: Tokens) -> str:
        """Return the verified address from a provider's list of them; '' when it does not tell."""
        assert known.emails is not None
        own = configured.userInfoURL
        is_relative = known.emails.url.startswith("/")
        base = own or known.user
        url = f"{base.rstrip('/')}/emails" if own or is_relative else known.emails.url
        headers = self._headers(configured, known, tokens)
        answer = await self._outbound.ask("GET", url, trusted=bool(own), headers=headers)
        return pick_email(known.emails, answer.json()) if answer.status < 400 else ""

    def _headers(self, configured: OAuth2Provider, known: Provider, tokens: Tokens) -> dict[str, str]:
        more = {name: value.replace("{client}", configured.clientId) for name, value in known.headers.items()}
        return {"Authorization": f"Bearer {tokens.access}", "Accept": "application/json", **more}


def _read_tokens(answer: Answer) -> Tokens:
    """Read the answer of a token endpoint; some give a form instead of JSON. Raises Refused."""
    if answer.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raw: Any = dict(parse_qsl(answer.body.decode("utf-8", "replace")))
    else:
        raw = answer.json()
    if answer.status >= 400 or not isinstance(raw, dict):
        error = text_at(raw, "error")
        raise Refused(f"the provider answered {answer.status} {error}")
    access = raw.get("access_token")
    if not isinstance(access, str) or not access:
        raise Refused(f"there is no token in the answer: {text_at(raw, 'error')}")
    return Tokens(access, str(raw.get("refresh_token") or ""), _expiry(raw.get("expires_in")), raw)


def _expiry(seconds: Any) -> datetime | None:
    try:
        number = int(seconds)
    except (TypeError, ValueError):
        return None
    return datetime.now(UTC) + timedelta(seconds=number) if 0 < number < 10**9 else None


def _basic(configured: OAuth2Provider) -> str:
    pair = f"{quote(configured.clientId, safe='')}:{quote(configured.clientSecret, safe='')}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def _hint(configured: OAuth2Provider) -> str:
    return (
        f"'{configured.name}' did not accept it. The server's log says why; check the client's id and secret, "
        "and that the redirect URL is registered there."
    )
