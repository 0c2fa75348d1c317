"""Files, value by value: names, kinds told by content, ranges, sizes of thumbnails."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstay.files.kinds import HEAD_BYTES, PASSIVE, kind_of
from backstay.files.names import stored_name
from backstay.files.ranges import RANGES_MAX, Span, parse_ranges
from backstay.files.sizes import ThumbSize, parse_size
from backstay.files.stores import LocalStore

NAME = re.compile(r"[a-z0-9_A-Z]+_[A-Za-z0-9]{10}(\.[A-Za-z0-9.]{1,19})?")


@pytest.mark.parametrize(
    ("original", "start", "ending"),
    [
        ("My Photo.PNG", "my_photo_", ".PNG"),
        ("holidayPicture2.jpeg", "holiday_picture2_", ".jpeg"),
        ("archive.tar.gz", "archive_", ".tar.gz"),
        ("Ünlikely ñame.txt", "unlikely_name_", ".txt"),
        ("../../etc/passwd", "passwd_", ".txt"),
        ("C:\\windows\\system32\\evil.exe", "evil_", ".exe"),
        (".htaccess", "htaccess_", ".txt"),
        ("report.", "report_", ".txt"),
        ("a.b", "a", ".b"),
        ("x" * 300 + ".png", "x" * 100 + "_", ".png"),
        ("name." + "e" * 50, "name_", "e" * 20),
        ("日本語.png", "", ".png"),
        ("a\x00b\r\n.png", "a_b_", ".png"),
    ],
)
def test_names(original: str, start: str, ending: str) -> None:
    name = stored_name(original, ".txt")
    assert name.startswith(start)
    assert name.endswith(ending)
    assert stored_name(original) != stored_name(original)


@given(st.text(max_size=300))
def test_any_name_is_harmless(original: str) -> None:
    name = stored_name(original)
    assert NAME.fullmatch(name), name
    assert len(name) < 150


PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00"


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"", "text/plain"),
        (b"hello", "text/plain"),
        ("grüße\n".encode(), "text/plain"),
        (b'{"a": 1}', "application/json"),
        (b"<!DOCTYPE html><p>x", "text/html"),
        (b"\n  <!-- x --><script>alert(1)</script>", "text/html"),
        (b"\xef\xbb\xbf<HTML>", "text/html"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'>", "image/svg+xml"),
        (b"<?xml version='1.0'?><!-- c --><svg >", "image/svg+xml"),
        (b"<?xml version='1.0'?><feed/>", "text/xml"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n\x00", "application/pdf"),
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01", "image/jpeg"),
        (b"GIF89a\x01\x00\x01\x00\x80\x00\x00", "image/gif"),
        (b"RIFF\x1a\x00\x00\x00WEBPVP8L", "image/webp"),
        (b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00", "video/mp4"),
        (b"\x00\x00\x00\x20ftypavif\x00\x00\x00\x00", "image/avif"),
        (b"\x1f\x8b\x08\x00\x00\x00\x00\x00", "application/gzip"),
        (b"\x00\x01\x02\x03\x04nonsense", "application/octet-stream"),
        (("ü" * HEAD_BYTES).encode()[:HEAD_BYTES], "text/plain"),
        (("x" + "ü" * HEAD_BYTES).encode()[:HEAD_BYTES], "text/plain"),
    ],
)
def test_kinds(head: bytes, kind: str) -> None:
    assert kind_of(head) == kind


@given(st.binary(max_size=200))
def test_what_browsers_run_is_never_passive(tail: bytes) -> None:
    for lead in (b"<html>", b"<script>x</script>", b"<svg ", b"<?xml version='1.0'?>"):
        assert kind_of(lead + tail.replace(b"\x00", b"")) not in PASSIVE
    assert isinstance(kind_of(tail), str)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", [(0, 99)]),
        ("bytes=0-0", [(0, 0)]),
        ("bytes=10-", [(10, 99)]),
        ("bytes=-10", [(90, 99)]),
        ("bytes=-1000", [(0, 99)]),
        ("bytes=90-1000", [(90, 99)]),
        ("Bytes= 1-2 , 4-5", [(1, 2), (4, 5)]),
        ("bytes=4-5,1-2", [(4, 5), (1, 2)]),
        ("bytes=100-", None),
        ("bytes=-0", None),
        ("bytes=5-1", None),
        ("bytes=0-50,40-60", [(0, 99)]),
        ("bytes=" + ",".join(f"{n * 2}-{n * 2}" for n in range(RANGES_MAX + 1)), [(0, 99)]),
        ("bytes=0-,0-,0-,0-", [(0, 99)]),
        ("bytes=a-b", [(0, 99)]),
        ("bytes=-", [(0, 99)]),
        ("lines=1-2", [(0, 99)]),
        ("bytes=\u0661-\u0662", [(0, 99)]),
        ("bytes=" + "9" * 5000 + "-", [(0, 99)]),
    ],
)
def test_ranges(header: str, expected: list[tuple[int, int]] | None) -> None:
    found = parse_ranges(header, 100)
    assert found == (None if expected is None else [Span(*pair) for pair in expected])


@given(st.text(alphabet="bytes=0123456789-, ", max_size=60), st.integers(1, 50))
def test_ranges_are_never_more_than_the_file(header: str, size: int) -> None:
    spans = parse_ranges(header, size) or []
    assert sum(span.length for span in spans) <= size
    assert all(0 <= span.start <= span.end < size for span in spans)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("100x50", ThumbSize(100, 50)),
        ("100x50t", ThumbSize(100, 50, "t")),
        ("100x50b", ThumbSize(100, 50, "b")),
        ("100x50f", ThumbSize(100, 50, "f")),
        ("0x50", ThumbSize(0, 50)),
        ("50x0", ThumbSize(50, 0)),
        ("0x0", None),
        ("10001x5", None),
        ("50", None),
        ("50x50z", None),
        ("-1x5", None),
        ("\u0661x5", None),
    ],
)
def test_sizes(text: str, size: ThumbSize | None) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("key", ["../x", "a/../../x", "/etc/passwd", "a/\x00b", "a\\..\\x", ".."])
async def test_no_key_leads_out(tmp_path: Path, key: str) -> None:
    store = LocalStore(tmp_path / "files")
    (tmp_path / "x").write_text("secret")
    assert await store.find(key) is None
    with pytest.raises((OSError, ValueError)):
        await store.fetch(key, tmp_path / "copy")


async def test_a_link_is_no_file(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "files")
    (tmp_path / "files/a").mkdir(parents=True)
    (tmp_path / "secret").write_text("x")
    (tmp_path / "files/a/link").symlink_to(tmp_path / "secret")
    assert await store.find("a/link") is None


pytestmark = pytest.mark.anyio


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"
