"""What a provider says of a user, read from its answer by the paths of `providers.py`."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from backstay.oauth2.providers import ALWAYS, Emails, Fields

TEXT_MAX_CHARS = 2000
ID_MAX_CHARS = 2000
_BRACED = re.compile(r"\{([\w.]+)\}")


class Profile(msgspec.Struct, frozen=True):
    """A user of a provider.

    email:    '' where there is none
    verified: the provider vouches for the address
    raw:      its answer
    """

    id: str
    name: str = ""
    username: str = ""
    email: str = ""
    verified: bool = False
    avatar_url: str = ""
    raw: Any = None


def read_profile(fields: Fields, raw: Any) -> Profile:
    """Return what an answer says; the id is '' when it says nothing."""
    email = text_at(raw, fields.email)
    return Profile(
        id=_id(raw, fields.id),
        name=" ".join(filter(None, (text_at(raw, path) for path in fields.name.split()))),
        username=text_at(raw, fields.username),
        email=email,
        verified=bool(email) and is_verified(raw, fields.verified),
        avatar_url=_avatar(raw, fields.avatar),
        raw=raw,
    )


def pick_email(emails: Emails, raw: Any) -> str:
    """Return the verified address of a list of addresses that counts, or ''."""
    items = at(raw, emails.items) if emails.items else raw
    if not isinstance(items, list):
        return ""
    good = [item for item in items if _is_good(item, emails)]
    first = next((item for item in good if emails.primary and at(item, emails.primary) is True), None)
    chosen = first if first is not None else next(iter(good), None)
    return text_at(chosen, emails.email) if chosen is not None else ""


def _is_good(item: Any, emails: Emails) -> bool:
    return bool(text_at(item, emails.email)) and at(item, emails.verified) == emails.verified_value


def is_verified(raw: Any, path: str) -> bool:
    """Tell whether a provider vouches for an address. Some say `"true"`, one a date."""
    if path == ALWAYS:
        return True
    value = at(raw, path) if path else None
    if isinstance(value, str):
        return value.lower() not in {"", "false", "0", "null"}
    return value is True


def at(raw: Any, path: str) -> Any:
    """Return what a path leads to, or None."""
    for key in path.split(".") if path else ():
        if isinstance(raw, dict):
            raw = raw.get(key)
        elif isinstance(raw, list) and key.isascii() and key.isdigit() and int(key) < len(raw):
            raw = raw[int(key)]
        else:
            return None
    return raw


def text_at(raw: Any, path: str) -> str:
    """Return the text or number that a path leads to as text, or ''."""
    value = at(raw, path) if path else None
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return str(value)[:TEXT_MAX_CHARS]


def _id(raw: Any, path: str) -> str:
    """Return what names a user, or '' where it is too long: two ids that differ at their ends are not one user."""
    value = at(raw, path)
    return "" if isinstance(value, str) and len(value) > ID_MAX_CHARS else text_at(raw, path)


def _avatar(raw: Any, pattern: str) -> str:
    if "{" not in pattern:
        return text_at(raw, pattern)
    parts = {path: text_at(raw, path) for path in _BRACED.findall(pattern)}
    if not all(parts.values()):
        return ""
    return _BRACED.sub(lambda found: parts[found[1]], pattern)
