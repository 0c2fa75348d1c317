"""Sending: a real SMTP server on loopback, with and without TLS and sign-in, that refuses, hangs, and comes back."""

from __future__ import annotations

import asyncio
import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.live.smtp import smtp_server
from tests.mailbox import mails_in

from backstay.mail import Letter, MailFailed
from backstay.plans.params import Statement
from backstay.settings import Smtp
from backstay.site import Site
from backstay.stores.base import Transaction

pytestmark = pytest.mark.anyio
LETTER = Letter("ann@example.com", "Grüße", "<p>Hello <b>Ann</b></p>")
STATES = Statement("SELECT attempts, failed, error FROM _outbox ORDER BY id")


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


async def use(site: Site, port: int, **options: object) -> None:
    smtp = msgspec.structs.replace(Smtp(True, port, "127.0.0.1"), **options)
    await site.change_settings(lambda settings: msgspec.structs.replace(settings, smtp=smtp))


async def post(site: Site, letter: Letter = LETTER) -> None:
    async def job(tx: Transaction) -> None:
        await site.post.post_letter(tx, letter)

    await site.store.write(job)


async def test_without_a_server_mails_are_kept(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    await post(site)
    await site.outbox.drain()
    [mail] = mails_in(site.data / "mails")
    assert (mail.to, mail.subject, mail.text) == ("ann@example.com", "Grüße", "Hello Ann\n")
    [path] = (site.data / "mails").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert str(path) in capsys.readouterr().err


async def test_a_mail_of_a_write_that_is_undone_is_not_sent(site: Site) -> None:
    async def job(tx: Transaction) -> None:
        await site.post.post_letter(tx, LETTER)
        raise LookupError

    with pytest.raises(LookupError):
        await site.store.write(job)
    await site.outbox.drain()
    assert not (site.data / "mails").exists()


async def test_sending(site: Site, inbox: Path) -> None:
    with smtp_server(inbox) as (sink, port):
        await use(site, port)
        await post(site)
        await site.outbox.drain()
        [mail] = sink.mails
        assert (mail.to, mail.subject, mail.text) == ("ann@example.com", "Grüße", "Hello Ann\n")
        assert str(mail.message["From"]) == "Support <support@example.com>"
        assert sink.envelopes[0].rcpt_tos == ["ann@example.com"]


async def test_a_server_that_is_away_gets_it_later(site: Site, inbox: Path) -> None:
    with smtp_server(inbox) as (_, port):
        pass
    await use(site, port)
    await post(site)
    await site.outbox.drain()
    [(attempts, failed, error)] = await site.store.fetch(STATES)
    assert (attempts, failed) == (1, 0)
    assert "SMTPConnect" in error
    with smtp_server(inbox, port=port) as (sink, _):
        await site.store.write(lambda tx: tx.execute(Statement("UPDATE _outbox SET due = 0")))
        await site.outbox.drain()
        assert len(sink.mails) == 1
    assert await site.store.fetch(STATES) == []


@pytest.mark.parametrize(
    ("answer", "failed"), [("451 try later", 0), ("550 no such user", 1), ("552 too much", 1)]
)
async def test_what_the_server_answers(site: Site, inbox: Path, answer: str, failed: int) -> None:
    with smtp_server(inbox) as (sink, port):
        sink.answer = answer
        await use(site, port)
        await post(site)
        await site.outbox.drain()
        [(attempts, state, error)] = await site.store.fetch(STATES)
        assert (attempts, state) == (1, failed)
        assert answer[:3] in error


async def test_an_address_that_is_none_is_given_up(site: Site) -> None:
    await post(site, msgspec.structs.replace(LETTER, to="a@b.c, d@e.f"))
    await site.outbox.drain()
    assert [row[1] for row in await site.store.fetch(STATES)] == [1]


def certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Return a server's TLS context for 127.0.0.1, and the file that a client has to trust."""
    from ipaddress import ip_address

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    chain, private = folder / "chain.pem", folder / "key.pem"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, private)
    return context, chain


async def test_starttls_and_sign_in(
    site: Site, inbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, chain = certificate(tmp_path)
    with smtp_server(inbox, tls=context, needs_auth=True) as (sink, port):
        for method in ("", "PLAIN", "LOGIN"):
            await use(site, port, username="user", password="pass word", auth_method=method)
            with pytest.raises(MailFailed, match=r"(?i)certificate"):
                await site.post.send_now(LETTER)
        monkeypatch.setenv("SSL_CERT_FILE", str(chain))
        for method in ("", "PLAIN", "LOGIN"):
            await use(site, port, username="user", password="pass word", auth_method=method)
            await site.post.send_now(LETTER)
        assert len(sink.mails) == 3
        await use(site, port, username="user", password="wrong")
        with pytest.raises(MailFailed):
            await site.post.send_now(LETTER)
        await post(site)
        await site.outbox.drain()
        assert [row[:2] for row in await site.store.fetch(STATES)] == [(1, 0)], (
            "a wrong password can be mended"
        )


async def test_a_server_that_says_nothing_holds_up_nobody(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    from backstay.mail import smtp as smtp_module

    monkeypatch.setattr(smtp_module, "TIMEOUT_S", 0.3)

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    async with server:
        await use(site, server.sockets[0].getsockname()[1])
        with pytest.raises(MailFailed, match="Timeout"):
            await site.post.send_now(LETTER)
