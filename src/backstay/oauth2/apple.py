"""Apple's client secret: a token signed with the owner's key, which lasts half a year at most."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any

from backstay.checks import first, gather, length, matches, maximum, minimum, required
from backstay.errors import BadRequest, Fault

DURATION_MAX_S = 15_777_000
"""Apple's limit: six months."""
INVALID_LOAD = "An error occurred while loading the submitted data."
INVALID_SUBMIT = "An error occurred while validating the submitted data."
_PEM = re.compile(r"^\s*-----BEGIN PRIVATE KEY-----[\s\S]+-----END PRIVATE KEY-----\s*$")


def client_secret(body: Mapping[str, Any]) -> str:
    """Return a client secret for `clientId`, `teamId`, `keyId`, `privateKey` (PEM) and `duration` (seconds).

    Raises BadRequest with all faults.
    """
    texts = {name: body.get(name) or "" for name in ("clientId", "teamId", "keyId", "privateKey")}
    duration = body.get("duration") or 0
    if not all(isinstance(text, str) for text in texts.values()) or not isinstance(duration, int):
        raise BadRequest(INVALID_LOAD, hint="All values are texts, and 'duration' a whole number of seconds.")
    faults = gather(
        {
            "clientId": required(texts["clientId"]),
            "teamId": first(texts["teamId"], required, length(10, 10)),
            "keyId": first(texts["keyId"], required, length(10, 10)),
            "privateKey": first(texts["privateKey"], required, matches(_PEM)),
            "duration": first(duration, required, minimum(1), maximum(DURATION_MAX_S)),
        }
    )
    if faults:
        raise BadRequest(INVALID_SUBMIT, faults)
    return _sign(texts, duration)


def _sign(texts: Mapping[str, str], duration_s: int) -> str:
    import jwt

    now = int(time.time())
    claims = {
        "aud": "https://appleid.apple.com",
        "exp": now + duration_s,
        "iat": now,
        "iss": texts["teamId"],
        "sub": texts["clientId"],
    }
    try:
        return jwt.encode(claims, texts["privateKey"], algorithm="ES256", headers={"kid": texts["keyId"]})
    except (ValueError, TypeError, jwt.PyJWTError) as exc:
        fault = Fault("validation_match_invalid", "Must be in a valid format.")
        raise BadRequest(
            INVALID_SUBMIT, {"privateKey": fault}, hint="It must be an EC key on P-256."
        ) from exc
