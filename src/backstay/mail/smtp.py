"""Sending by SMTP, as the settings say (A10).

`tls` speaks TLS from the first byte; without it the connection is upgraded when the server offers that (STARTTLS).
A password travels only over TLS, or to this machine.
"""

from __future__ import annotations

import ssl
from email.message import EmailMessage
from ipaddress import ip_address

import aiosmtplib

from backstay.settings import Smtp

TIMEOUT_S = 20.0
"""How long the server may take for each step."""
FOR_GOOD = 500
"""From this reply code on the server will not change its mind (RFC 5321, section 4.2.1)."""
_AUTH_CODES = frozenset({530, 534, 535, 538})
"""Replies about signing in: the operator mends the settings, and the mail goes."""


class Refused(Exception):
    """The server will not take this message, however often it is offered."""


class Unsafe(Exception):
    """The settings would send a password in the clear."""


async def send(message: EmailMessage, smtp: Smtp) -> None:
    """Hand a message to the server.

    Raises Refused for good, and whatever else may pass another time: OSError, aiosmtplib's errors, Unsafe.
    """
    client = aiosmtplib.SMTP(
        hostname=smtp.host,
        port=smtp.port,
        use_tls=smtp.tls,
        start_tls=None,
        local_hostname=smtp.local_name or "localhost",
        timeout=TIMEOUT_S,
        tls_context=ssl.create_default_context(),
    )
    try:
        async with client:
            if smtp.username or smtp.password:
                await _sign_in(client, smtp)
            await client.send_message(message)
    except aiosmtplib.SMTPRecipientsRefused as exc:
        codes = [refused.code for refused in exc.recipients]
        if all(code >= FOR_GOOD for code in codes):
            raise Refused(str(exc)) from exc
        raise
    except (aiosmtplib.SMTPSenderRefused, aiosmtplib.SMTPDataError) as exc:
        if exc.code >= FOR_GOOD and exc.code not in _AUTH_CODES:
            raise Refused(str(exc)) from exc
        raise


async def _sign_in(client: aiosmtplib.SMTP, smtp: Smtp) -> None:
    is_clear = client.get_transport_info("sslcontext") is None
    if is_clear and not _is_this_machine(smtp.host):
        raise Unsafe(f"{smtp.host} offers no TLS, and a password must not travel in the clear")
    if client.is_ehlo_or_helo_needed:  # what was said before STARTTLS is forgotten (RFC 3207)
        await client.ehlo()
    match smtp.auth_method:
        case "LOGIN":
            await client.auth_login(smtp.username, smtp.password)
        case "PLAIN":
            await client.auth_plain(smtp.username, smtp.password)
        case _:
            await client.login(smtp.username, smtp.password)


def _is_this_machine(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
