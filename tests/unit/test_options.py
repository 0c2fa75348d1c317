"""Texts from the command line become options, or an error in three lines."""

from __future__ import annotations

import pytest

from backstay.errors import SetupError
from backstay.options import Address, parse_address, parse_origins, parse_workers


@pytest.mark.parametrize(
    ("text", "address", "url"),
    [
        ("127.0.0.1:8090", Address("127.0.0.1", 8090), "http://127.0.0.1:8090"),
        (":8090", Address("0.0.0.0", 8090), "http://127.0.0.1:8090"),
        ("[::1]:80", Address("::1", 80), "http://[::1]:80"),
        ("[::]:80", Address("::", 80), "http://[::1]:80"),
        ("localhost:65535", Address("localhost", 65535), "http://localhost:65535"),
    ],
)
def test_address(text: str, address: Address, url: str) -> None:
    assert parse_address(text) == address
    assert parse_address(text).url == url


@pytest.mark.parametrize(
    "text", ["", "8090", "127.0.0.1", "127.0.0.1:", "a:0", "a:65536", "a:-1", "a:٣", "::1:80", "a: 80"]
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(SetupError) as caught:
        parse_address(text)
    assert "--http" in caught.value.do


@pytest.mark.parametrize(("text", "workers"), [("1", 1), ("64", 64)])
def test_workers(text: str, workers: int) -> None:
    assert parse_workers(text) == workers


@pytest.mark.parametrize("text", ["", "0", "65", "-1", "two", "1.5", "٣"])
def test_what_is_no_number_of_workers(text: str) -> None:
    with pytest.raises(SetupError):
        parse_workers(text)


@pytest.mark.parametrize(
    ("text", "origins"),
    [
        ("*", ("*",)),
        ("https://a.example", ("https://a.example",)),
        ("https://a.example/, http://localhost:5173", ("https://a.example", "http://localhost:5173")),
    ],
)
def test_origins(text: str, origins: tuple[str, ...]) -> None:
    assert parse_origins(text) == origins


@pytest.mark.parametrize(
    "text",
    ["", ",", "a.example", "https://a.example/path", "https://u@a.example", "https://a:b", "https://a?x"],
)
def test_what_is_no_origin(text: str) -> None:
    with pytest.raises(SetupError):
        parse_origins(text)
