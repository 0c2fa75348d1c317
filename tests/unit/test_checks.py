"""Checks that settings, collections and records share; what the real server takes stands among the facts."""

from __future__ import annotations

import time

import pytest

from backstay.checks import email, host, ip_or_subnet, is_email, is_url, length, url


@pytest.mark.parametrize("value", ["", "a@b.co", "a.b+c@sub.example.com", "é@b.co", "o'hara@example.org"])
def test_takes_addresses(value: str) -> None:
    assert email(value) is None


@pytest.mark.parametrize(
    "value",
    [
        "a",
        "a@b",
        "@b.co",
        "a@",
        "a..b@c.de",
        "a b@c.de",
        "a@b.co\n",
        "a@b.co\r\nBcc: x@y.zz",
        "a@b\u2028.co",
        '"a"@b.co',
    ],
)
def test_refuses_what_mail_cannot_go_to(value: str) -> None:
    assert email(value) is not None


@pytest.mark.parametrize(
    "value", ["http://a b.co", "http://a.co\n", "javascript:alert(1)", "http://", "//a.co", "x" * 3000]
)
def test_refuses_what_is_no_url(value: str) -> None:
    assert url(value) is not None


@pytest.mark.parametrize("value", ["10.0.0.5/8", "::1", "fe80::/10", "127.0.0.1"])
def test_takes_networks(value: str) -> None:
    assert ip_or_subnet(value) is None


@pytest.mark.parametrize("value", ["10.0.0.5/33", "1.2.3.4/255.0.0.0", "1.2.3", "", "1.2.3.4/-1", "1.2.3.4/"])
def test_refuses_what_is_no_network(value: str) -> None:
    assert ip_or_subnet(value) is not None


def test_length_counts_bytes() -> None:
    assert length(1, 4)("éé") is None
    assert length(1, 3)("éé") is not None


@pytest.mark.parametrize(
    "value",
    [
        "a@" + "a." * 155 + "!",
        "a" * 319 + "!",
        "a." * 159 + "@",
        "a@" + "a-" * 150 + "!",
        "http://" + "a-" * 1000 + "!",
    ],
)
def test_no_text_makes_them_slow(value: str) -> None:
    start = time.perf_counter()
    assert not is_email(value)
    assert not is_url(value)
    host(value)
    assert time.perf_counter() - start < 0.5
