"""What a file is, told by its content: the name and the client's word count for nothing.

Text is looked at first, since signatures of a few letters are found in any text: what a browser would run (HTML, SVG,
XML) is told from what it only shows.
"""

from __future__ import annotations

import mimetypes
import re

HEAD_BYTES = 64 << 10
"""How much of a file is looked at."""
UNKNOWN = "application/octet-stream"
PASSIVE = frozenset(
    (
        *("image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/avif", "image/x-icon"),
        *("video/mp4", "video/webm", "video/quicktime", "video/3gpp", "video/ogg", "video/mpeg"),
        *("audio/mpeg", "audio/mp4", "audio/ogg", "audio/wav", "audio/x-wav", "audio/aac", "audio/flac"),
        *("audio/webm", "audio/midi", "audio/aiff"),
    )
)
"""Types that browsers show without running anything in them; all others are downloaded."""

_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_SPACE_AND_COMMENTS = re.compile(
    r"(?:\ufeff|\s|<\?.*?\?>|<!--.*?-->|<!doctype\s+svg[^>]*>)*", re.DOTALL | re.IGNORECASE
)
_HTML = re.compile(
    r"<(?:!doctype\s+html|html|head|body|script|iframe|h1|div|font|table|a|style|title|b|br|p|img|form|meta|base)\b",
    re.IGNORECASE,
)
_ALIASES = {
    "image/jpg": "image/jpeg",
    "image/x-png": "image/png",
    "image/x-ms-bmp": "image/bmp",
    "image/vnd.microsoft.icon": "image/x-icon",
    "audio/wave": "audio/wav",
    "audio/vnd.wave": "audio/wav",
    "audio/mp3": "audio/mpeg",
    "application/x-gzip": "application/gzip",
}
_ENDINGS = {"image/jpeg": ".jpg", "text/plain": ".txt", "audio/mpeg": ".mp3", UNKNOWN: ""}


def kind_of(head: bytes) -> str:
    """Return the MIME type of a file that begins with `head`."""
    if not head:
        return "text/plain"
    if _starts_isobmff(head):
        return _isobmff(head)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    text = _as_text(head)
    return _text_kind(text) if text is not None else _binary_kind(head)


def ending_of(kind: str) -> str:
    """Return the usual ending of a type, with its dot, or ''."""
    known = _ENDINGS.get(kind)
    return known if known is not None else mimetypes.guess_extension(kind) or ""


def _as_text(head: bytes) -> str | None:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head.decode("utf-16", "ignore")
    if _CONTROL.search(head):
        return None
    try:
        return head.decode("utf-8")
    except UnicodeDecodeError as exc:
        cut_off = exc.start >= len(head) - 3 and len(head) >= HEAD_BYTES
        return head[: exc.start].decode() if cut_off else None


def _text_kind(text: str) -> str:
    lead = _SPACE_AND_COMMENTS.match(text)
    body = text[lead.end() if lead else 0 :]
    if _HTML.match(body):
        return "text/html"
    if body[:5].lower() == "<svg " or body[:5].lower() == "<svg>" or body[:5].lower() == "<svg\n":
        return "image/svg+xml"
    if text.lstrip("\ufeff \t\r\n").lower().startswith("<?xml"):
        return "text/xml"
    if text.startswith("%PDF-"):
        return "application/pdf"
    if body[:1] in {"{", "["} and body.rstrip()[-1:] in {"}", "]"}:
        return "application/json"
    return "text/plain"


def _binary_kind(head: bytes) -> str:
    import puremagic

    try:
        found = puremagic.magic_string(head)
    except (puremagic.PureError, ValueError):
        return UNKNOWN
    kind = next((match.mime_type for match in found if match.mime_type), UNKNOWN)
    kind = _ALIASES.get(kind, kind)
    return UNKNOWN if kind in {"text/html", "image/svg+xml", "text/xml"} else kind


def _starts_isobmff(head: bytes) -> bool:
    return head[4:8] == b"ftyp"


def _isobmff(head: bytes) -> str:
    """Tell the formats apart that share one box format (ISO/IEC 14496-12), by their major brand."""
    brand = head[8:12]
    if brand in {b"avif", b"avis"}:
        return "image/avif"
    if brand in {b"heic", b"heix", b"mif1", b"msf1"}:
        return "image/heic"
    if brand in {b"M4A ", b"M4B "}:
        return "audio/mp4"
    if brand[:3] == b"3gp":
        return "video/3gpp"
    return "video/quicktime" if brand == b"qt  " else "video/mp4"
