"""The page around the body of every mail: `mail/layout.html` of the site's own templates, or ours."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from backstay.settings import Meta

if TYPE_CHECKING:
    from jinja2 import Template

TEMPLATE = "mail/layout.html"


class Layout:
    """Renders the layout.

    folders: of the site's own templates, which come before ours
    """

    def __init__(self, folders: Sequence[Path] = ()) -> None:
        self._folders = folders

    @cached_property
    def _template(self) -> Template:
        from backstay.rendering import environment

        return environment("backstay.mail", self._folders).get_template(TEMPLATE)

    def render(self, body: str, *, subject: str, meta: Meta) -> str:
        """Return a whole HTML document.

        body: HTML, as the owner wrote it and `fill` filled it
        """
        from markupsafe import Markup

        return self._template.render(
            body=Markup(body),  # noqa: S704 - what was filled in is escaped
            subject=subject,
            app_name=meta.app_name,
            app_url=meta.app_url,
            accent=meta.accent_color or Meta().accent_color,
        )
