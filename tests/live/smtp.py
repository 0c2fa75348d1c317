"""A real SMTP server on loopback that puts each mail into a folder, as JSON for scripts of any language."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from tests.mailbox import Mail


class Sink:
    """Takes every mail, unless it is told to answer something else."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.answer = folder, "250 OK"
        self.mails: list[Mail] = []
        self.envelopes: list[Envelope] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if not self.answer.startswith("250"):
            return self.answer
        raw = envelope.content
        assert isinstance(raw, bytes)
        mail = Mail(raw)
        self.mails.append(mail)
        self.envelopes.append(envelope)
        link = mail.link if "/account/" in mail.html or "/auth/" in mail.html else ""
        code = next((word for word in mail.text.split() if word.isdigit()), "")
        told = {"to": mail.to, "subject": mail.subject, "text": mail.text, "link": link, "code": code}
        told["token"] = link.rpartition("/")[2]
        path = self.folder / f"{len(self.mails):04}.json"
        path.with_suffix(".part").write_text(json.dumps(told))
        path.with_suffix(".part").rename(path)
        return self.answer


def _authenticate(
    server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
) -> AuthResult:
    good = isinstance(data, LoginPassword) and (data.login, data.password) == (b"user", b"pass word")
    return AuthResult(success=good, handled=True)


@contextmanager
def smtp_server(
    folder: Path, *, port: int = 0, tls: ssl.SSLContext | None = None, needs_auth: bool = False
) -> Iterator[tuple[Sink, int]]:
    """Run a server; give what it took, and its port.

    tls: offer STARTTLS with this context, and demand it
    """
    from tests.live.test_server import free_port

    sink = Sink(folder)
    options: dict[str, Any] = {}
    if tls is not None:
        options |= {"tls_context": tls, "require_starttls": True}
    if needs_auth:
        options |= {
            "authenticator": _authenticate,
            "auth_required": True,
            "auth_require_tls": tls is not None,
        }
    controller = Controller(sink, hostname="127.0.0.1", port=port or free_port(), **options)
    controller.start()
    try:
        yield sink, controller.port
    finally:
        controller.stop()
