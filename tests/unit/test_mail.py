"""Mails, value by value: what is filled in stays text, and nothing in a letter can add a header or a reader."""

from __future__ import annotations

from email import policy
from email.parser import BytesParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstay.mail import Letter, compose, fill
from backstay.mail.fill import SUBJECT_MAX_CHARS, fill_subject
from backstay.mail.layout import Layout
from backstay.mail.letter import BadAddress, Sender
from backstay.mail.plain import plain_text
from backstay.settings import Meta

SENDER = Sender("shop@example.com", "The Shop")


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("{TOKEN}", "t0k"),
        ("{RECORD:name}", "{TOKEN} &lt;b&gt; &amp; &quot;q&quot;"),
        ("{RECORD:other} {NOPE} {token} {} {TOKEN", "{RECORD:other} {NOPE} {token} {} {TOKEN"),
        ("{{TOKEN}}", "{t0k}"),
        ('<a href="{APP_URL}/x/{TOKEN}">', '<a href="https://example.com/x/t0k">'),
    ],
)
def test_filling(text: str, filled: str) -> None:
    values = {"TOKEN": "t0k", "RECORD:name": '{TOKEN} <b> & "q"', "APP_URL": "https://example.com"}
    assert fill(text, values) == filled


@given(st.text(max_size=400))
def test_a_subject_is_one_line(value: str) -> None:
    subject = fill_subject("For {RECORD:name}!", {"RECORD:name": value})
    assert len(subject) <= SUBJECT_MAX_CHARS
    assert not any(ord(char) < 32 or ord(char) == 127 for char in subject)
    message = BytesParser(policy=policy.default).parsebytes(
        compose(Letter("a@example.com", subject, "<p>x</p>"), SENDER).as_bytes()
    )
    assert set(message.keys()) == {
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "Auto-Submitted",
        "MIME-Version",
        "Content-Type",
    }


@pytest.mark.parametrize(
    "name", ["Evil\r\nBcc: all@example.com", "a, b <c@example.com>", '"', "Ünïcode 日本", "\u202eevil"]
)
def test_a_sender_adds_nothing(name: str) -> None:
    message = compose(Letter("a@example.com", "x", "<p>x</p>"), Sender("shop@example.com", name))
    parsed = BytesParser(policy=policy.default).parsebytes(message.as_bytes())
    assert parsed["Bcc"] is None
    assert [address.addr_spec for address in parsed["From"].addresses] == ["shop@example.com"]


@pytest.mark.parametrize(
    "address",
    [
        "",
        "x",
        "a@",
        "@b.c",
        "a@b.c, d@e.f",
        "a@b.c\r\nBcc: d@e.f",
        "A <a@b.c>",
        "a@b.c\x00",
        "a b@c.d",
        "a@b.c;d@e.f",
        "\ud800@b.c",
    ],
)
def test_what_is_no_address_gets_no_mail(address: str) -> None:
    with pytest.raises(BadAddress):
        compose(Letter(address, "x", "<p>x</p>"), SENDER)


@pytest.mark.parametrize(
    ("address", "sent"), [("a@example.com", "a@example.com"), ("a@bücher.example", "a@xn--bcher-kva.example")]
)
def test_addresses(address: str, sent: str) -> None:
    assert compose(Letter(address, "x", text="x"), SENDER)["To"].addresses[0].addr_spec == sent


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>Hello,</p>\n<p>a\n  b</p>", "Hello,\n\na b\n"),
        ('<p>Go <a href="https://x/y">there</a>.</p>', "Go there: https://x/y .\n"),
        ('<a href="https://x">https://x</a>', "https://x\n"),
        ("<ul><li>one</li><li>two</li></ul>", "- one\n- two\n"),
        (
            "<head><title>t</title><style>s</style></head><p>x &amp; y<br>z</p><script>no()</script>",
            "x & y\nz\n",
        ),
        ("<p>unclosed <b>tags", "unclosed tags\n"),
        ("", "\n"),
    ],
)
def test_the_text_part(html: str, text: str) -> None:
    assert plain_text(html) == text


@given(st.text(alphabet='<>/ab"= &;p!-', max_size=100))
def test_any_html_gives_a_text(html: str) -> None:
    assert plain_text(html).endswith("\n")


def test_the_layout_keeps_what_the_owner_wrote() -> None:
    page = Layout().render("<p><b>mine</b></p>", subject="<i>s</i>", meta=Meta(app_name="<A & B>"))
    assert "<p><b>mine</b></p>" in page
    assert "&lt;i&gt;s&lt;/i&gt;" in page
    assert "&lt;A &amp; B&gt;" in page
