"""Renders the pages: words by language, look by template, and a policy that lets nothing else in.

A site changes them by files in its `templates/account/` (see docs/mail.md). Pages hold no script; the one that sends
old links on has its own, by its hash.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from backstay.pages.languages import Words, choose, load_languages
from backstay.settings import Meta

if TYPE_CHECKING:
    from jinja2 import Environment

_INLINE = re.compile(r"<(script|style)>(.*?)</\1>", re.DOTALL)


class Page(msgspec.Struct, frozen=True):
    """A rendered page and the headers that belong to it."""

    html: str
    headers: dict[str, str]


class Pages:
    """The pages of one site.

    folders: of the site's own templates, which come before ours
    """

    def __init__(self, folders: Sequence[Path] = ()) -> None:
        self._folders = folders

    @cached_property
    def _languages(self) -> dict[str, Words]:
        return load_languages(self._folders)

    @cached_property
    def _environment(self) -> Environment:
        from backstay.rendering import environment

        return environment("backstay.pages", self._folders)

    def render(self, name: str, *, accepted: str, meta: Meta, **values: Any) -> Page:
        """Return the page of a template.

        name:     of the file in `account/`, without its ending
        accepted: the Accept-Language header
        values:   what the template knows beside the words, which `t("key")` gives
        """
        language = choose(accepted, self._languages)
        words = self._languages[language]
        accent = meta.accent_color or Meta().accent_color
        known = {"app": meta.app_name, **{key: str(value) for key, value in values.items()}}
        html = self._environment.get_template(f"account/{name}.html").render(
            t=lambda key: fill_words(words[key], known),
            language=language,
            app_name=meta.app_name,
            accent=accent,
            on_accent=readable_on(accent),
            **values,
        )
        return Page(html, _headers(html))


def fill_words(text: str, values: Mapping[str, str]) -> str:
    """Return words with what stands in braces filled in, in one pass."""
    return re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), text)


def readable_on(colour: str) -> str:
    """Return black or white, whichever reads better on a hexadecimal colour (WCAG 2.2, relative luminance)."""
    digits = colour.removeprefix("#")
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    red, green, blue = (_linear(int(digits[at : at + 2], 16) / 255) for at in (0, 2, 4))
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "#ffffff" if luminance < 0.36 else "#11141a"


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)


def _headers(html: str) -> dict[str, str]:
    hashes: dict[str, list[str]] = {"script": [], "style": []}
    for kind, text in _INLINE.findall(html):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        hashes[kind].append(f"'sha256-{digest}'")
    scripts = " ".join(hashes["script"]) or "'none'"
    policy = (
        f"default-src 'none'; script-src {scripts}; "
        f"style-src 'self' {' '.join(hashes['style'])}; img-src 'self' data:; font-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        "X-Robots-Tag": "noindex",
    }
