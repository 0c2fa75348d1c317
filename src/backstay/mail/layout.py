"""The page around the body of every mail: `mail/layout.html` of the site's own templates, or ours."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from jinja2 import (
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    PackageLoader,
    StrictUndefined,
    select_autoescape,
)
from jinja2.sandbox import SandboxedEnvironment
from markupsafe import Markup

from backstay.settings import Meta

TEMPLATE = "mail/layout.html"


class Layout:
    """Renders the layout.

    folders: of the site's own templates, which come before ours
    """

    def __init__(self, folders: Sequence[Path] = ()) -> None:
        self._folders = folders

    @cached_property
    def _environment(self) -> Environment:
        own = [FileSystemLoader(folder) for folder in self._folders]
        return SandboxedEnvironment(
            loader=ChoiceLoader([*own, PackageLoader("backstay.mail")]),
            autoescape=select_autoescape(),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def render(self, body: str, *, subject: str, meta: Meta) -> str:
        """Return a whole HTML document.

        body: HTML, as the owner wrote it and `fill` filled it
        """
        template = self._environment.get_template(TEMPLATE)
        return template.render(
            body=Markup(body),  # noqa: S704 - what was filled in is escaped
            subject=subject,
            app_name=meta.app_name,
            app_url=meta.app_url,
            accent=meta.accent_color or Meta().accent_color,
        )
