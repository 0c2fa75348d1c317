"""A letter, and the MIME message it becomes (RFC 5322).

Headers are made by the standard library's own policy, which encodes what is no ASCII and refuses line ends: nothing
that a letter holds can add a header or a recipient.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid

import msgspec

from backstay.mail.fill import one_line
from backstay.mail.plain import plain_text


class Letter(msgspec.Struct, frozen=True):
    """What is sent to one address. `html` is a whole document; without it the letter is text alone.

    text: made of the HTML when it is ''
    """

    to: str
    subject: str
    html: str = ""
    text: str = ""


class Sender(msgspec.Struct, frozen=True):
    """Who a letter is from."""

    address: str
    name: str = ""


class BadAddress(ValueError):
    """An address that no mail can be sent to."""


def compose(letter: Letter, sender: Sender) -> EmailMessage:
    """Return the message of a letter. Raises BadAddress."""
    message = EmailMessage(policy=SMTP)
    message["From"] = _address(sender.address, one_line(sender.name))
    message["To"] = _address(letter.to)
    message["Subject"] = one_line(letter.subject)
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = make_msgid(domain=_domain(sender.address))
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday answers to these
    message.set_content(letter.text or plain_text(letter.html))
    if letter.html:
        message.add_alternative(letter.html, subtype="html")
    return message


def _address(text: str, name: str = "") -> Address:
    """Return one address, its domain in ASCII. Raises BadAddress for anything else, a list above all."""
    local, at, domain = text.rpartition("@")
    try:
        ascii_domain = domain if domain.isascii() else domain.encode("idna").decode()
        address = Address(name, addr_spec=f"{local}@{ascii_domain}")
    except (ValueError, HeaderParseError, IndexError, UnicodeError) as exc:
        raise BadAddress(f"'{text}' is no address for mail") from exc
    if not at or not address.username or not address.domain or text != one_line(text):
        raise BadAddress(f"'{text}' is no address for mail")
    return address


def _domain(address: str) -> str:
    domain = address.rpartition("@")[2]
    return domain if domain.isascii() and domain else "localhost"
