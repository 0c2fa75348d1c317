"""The `fields` parameter: which keys of an answer are sent (A6). Its `:excerpt` shortens text."""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec

from backstay.plans.excerpt import excerpt_text

FIELDS_MAX_CHARS = 5000
FIELDS_MAX_KEYS = 32
"""Keys in one path of `fields`; six relations deep in `expand` there are thirteen."""
_EXCERPT = re.compile(r"excerpt\(\s*([1-9]\d{0,8})\s*(?:,\s*(\w*)\s*)?\)")


class Excerpt(msgspec.Struct, frozen=True):
    """Cut text to `max_chars`, and put `...` behind it when `ellipsis` and something was cut."""

    max_chars: int
    ellipsis: bool = False


class Picker(msgspec.Struct, frozen=True, eq=False):
    """What to send of one object: all keys, or some, each with what to send of its value."""

    everything: bool = False
    keys: dict[str, Picker] = {}
    excerpt: Excerpt | None = None

    @property
    def is_flat(self) -> bool:
        """True when only keys of the object itself are picked, as they are."""
        if self.excerpt:
            return False
        return not any(sub.keys or sub.excerpt or sub.everything for sub in self.keys.values())


class BadFields(ValueError):
    """`fields` is too long, or one of its modifiers is unknown or malformed."""


def _split(text: str) -> list[str]:
    """Split at commas outside of parentheses."""
    out, depth, start = [], 0, 0
    for position, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if char == "," and depth <= 0:
            out.append(text[start:position])
            start = position + 1
    out.append(text[start:])
    return [item.strip() for item in out]


def _modifier(text: str) -> Excerpt:
    found = _EXCERPT.fullmatch(text)
    if not found:
        raise BadFields(f"Unknown modifier ':{text}'; there is :excerpt(maxLength, withEllipsis).")
    return Excerpt(int(found[1]), found[2] in {"true", "1", "t", "T", "TRUE", "True"})


class _Draft:
    def __init__(self) -> None:
        self.everything = False
        self.excerpt: Excerpt | None = None
        self.keys: dict[str, _Draft] = {}

    def freeze(self) -> Picker:
        keys = {key: draft.freeze() for key, draft in self.keys.items()}
        return Picker(self.everything, keys, self.excerpt)


@lru_cache(maxsize=512)
def parse_fields(text: str) -> Picker | None:
    """Read a `fields` parameter; None stands for everything. Raises BadFields."""
    if not text.strip():
        return None
    if len(text) > FIELDS_MAX_CHARS:
        raise BadFields(f"'fields' may have {FIELDS_MAX_CHARS} characters.")
    root = _Draft()
    items = [item for item in _split(text) if item]
    if not items:
        return None
    for item in items:
        path, colon, modifier = item.partition(":")
        if path.count(".") >= FIELDS_MAX_KEYS:
            raise BadFields(f"A path of 'fields' may have {FIELDS_MAX_KEYS} keys.")
        excerpt = _modifier(modifier) if colon else None
        draft = root
        *parents, last = path.split(".")
        for key in parents:
            draft = draft.keys.setdefault(key, _Draft())
        if last == "*":
            draft.everything = True
        else:
            draft = draft.keys.setdefault(last, _Draft())
        draft.excerpt = excerpt
    return root.freeze()


def pick(value: object, picker: Picker) -> object:
    """Return what `picker` lets through of a decoded JSON value; lists are picked from item by item."""
    if isinstance(value, list):
        return [pick(item, picker) for item in value]
    if isinstance(value, dict):
        return _pick_keys(value, picker)
    return value


def _pick_keys(value: dict[str, object], picker: Picker) -> dict[str, object]:
    whole = not picker.everything and not picker.keys
    out: dict[str, object] = {}
    for key, item in value.items():
        sub = picker.keys.get(key)
        if sub is not None:
            found = pick(item, sub) if sub.keys or sub.everything else item
            out[key] = _cut(found, sub.excerpt)
        elif picker.everything or whole:
            out[key] = _cut(item, picker.excerpt)
    return out


def _cut(value: object, excerpt: Excerpt | None) -> object:
    if excerpt is None or not isinstance(value, str):
        return value
    return excerpt_text(value, excerpt.max_chars, ellipsis=excerpt.ellipsis)
