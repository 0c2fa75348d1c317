"""The mails of a site under test: those that wait in its folder, as a mail program reads them."""

from __future__ import annotations

import re
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

_LINK = re.compile(r'href="([^"]+/(?:account|auth)/[^"]+)"')


class Mail:
    """One mail."""

    def __init__(self, raw: bytes) -> None:
        message = BytesParser(policy=policy.default).parsebytes(raw)
        assert isinstance(message, EmailMessage)
        self.message = message
        self.to, self.subject = str(message["To"]), str(message["Subject"])
        html, text = message.get_body(("html",)), message.get_body(("plain",))
        self.html = html.get_content() if html else ""
        self.text = text.get_content().replace("\r\n", "\n") if text else ""

    @property
    def link(self) -> str:
        """The link that the mail is about."""
        found = _LINK.search(self.html)
        assert found, self.html
        return found[1]

    @property
    def token(self) -> str:
        return self.link.rpartition("/")[2]

    @property
    def code(self) -> str:
        """The one-time password in the mail."""
        found = re.search(r"\b\d{4,}\b", self.text)
        assert found, self.text
        return found[0]


def mails_in(folder: Path) -> list[Mail]:
    """Return the mails of a folder, the oldest first."""
    files = sorted(folder.glob("*.eml"), key=lambda path: path.stat().st_mtime_ns)
    return [Mail(path.read_bytes()) for path in files]
