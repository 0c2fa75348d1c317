"""The post office: takes letters within a transaction, and sends them once it is on disk.

A letter waits in the outbox until the server has taken it, over restarts and outages. Without a mail server it goes
to a folder as a file that every mail program opens, with a line on stderr, so that none is lost without a word.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

import msgspec

from backstay.catalog.model import MailTemplate
from backstay.mail.fill import fill, fill_subject
from backstay.mail.layout import Layout
from backstay.mail.letter import BadAddress, Letter, Sender, compose
from backstay.moments import Moment, Moments, Posting
from backstay.outbox import Effect, GiveUp, Outbox, Retry
from backstay.settings import Settings
from backstay.stores.base import Transaction

TOPIC = "mail.send"
RETRY = Retry(attempts=12, first_s=10.0, longest_s=3600.0)
"""About six hours in all: longer than most outages of a mail server."""


class MailFailed(Exception):
    """A mail could not be sent; the text says why, for the owner."""


class PostOffice:
    """The mail of one site.

    settings: as they are when a letter is made or sent
    folder:   where letters go while there is no mail server; made when it is needed
    """

    def __init__(
        self,
        outbox: Outbox,
        settings: Callable[[], Awaitable[Settings]],
        folder: Path,
        layout: Layout | None = None,
        moments: Moments | None = None,
    ) -> None:
        self._moments = moments or Moments()
        self._outbox, self._settings, self._folder = outbox, settings, folder
        self._layout = layout or Layout()
        outbox.handle(TOPIC, self._deliver, RETRY)

    async def post(self, tx: Transaction, to: str, template: MailTemplate, values: Mapping[str, str]) -> None:
        """Send a filled template once the transaction is on disk.

        values: by placeholder, without its braces; `APP_NAME` and `APP_URL` are known
        """
        await self.post_letter(tx, self.write(await self._settings(), to, template, values))

    async def post_letter(self, tx: Transaction, letter: Letter) -> None:
        """Send a letter once the transaction is on disk."""
        posting = Posting(letter.to, letter.subject, letter.html, letter.text)
        async with self._moments.around("mail", lambda: Moment(name="mail", subject=posting, tx=tx)):
            await self._outbox.add(tx, TOPIC, msgspec.to_builtins(posting))

    def write(self, settings: Settings, to: str, template: MailTemplate, values: Mapping[str, str]) -> Letter:
        """Return the letter that a template makes, in the site's layout."""
        meta = settings.meta
        known = {"APP_NAME": meta.app_name, "APP_URL": meta.app_url.rstrip("/"), **values}
        subject = fill_subject(template.subject, known)
        page = self._layout.render(fill(template.body, known), subject=subject, meta=meta)
        return Letter(to, subject, page)

    async def send_now(self, letter: Letter) -> None:
        """Send a letter at once, and wait for it. Raises MailFailed with the reason."""
        try:
            await self._send(letter)
        except Exception as exc:  # whatever the library or the network raises is the owner's to read
            raise MailFailed(f"{type(exc).__name__}: {exc}") from exc

    async def _deliver(self, effect: Effect) -> None:
        from backstay.mail.smtp import Refused

        try:
            await self._send(msgspec.convert(effect.payload, Letter))
        except (BadAddress, Refused) as exc:
            raise GiveUp(str(exc)) from exc

    async def _send(self, letter: Letter) -> None:
        settings = await self._settings()
        message = compose(letter, Sender(settings.meta.sender_address, settings.meta.sender_name))
        if settings.smtp.enabled:
            from backstay.mail.smtp import send

            await send(message, settings.smtp)
            return
        path = await asyncio.to_thread(self._keep, message)
        print(  # noqa: T201 - operators look here for it
            f"mail to {letter.to}: '{letter.subject}' is in {path} (no mail server is set up)",
            file=sys.stderr,
            flush=True,
        )

    def _keep(self, message: EmailMessage) -> Path:
        """Write a message to the folder; only the server's user may read it, since links in it open accounts."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        moment = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        path = self._folder / f"{moment}-{secrets.token_hex(4)}.eml"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(message.as_bytes())
        return path
