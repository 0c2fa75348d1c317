"""Bodies: JSON, forms and multipart, with their limits (A1).

JSON is read strictly: one value, no duplicate keys, no NaN, no broken text. Forms give texts, whose booleans and
numbers are told by their look, and whose repeated keys become lists.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.types import Message, Receive

from backstay.catalog import Collection
from backstay.catalog.casts import to_list
from backstay.errors import BadRequest, TooLarge
from backstay.files.incoming import Incoming, name_upload
from backstay.files.kinds import HEAD_BYTES
from backstay.records.upload import Upload
from backstay.strict_json import SAFE_DIGITS, read_json

BODY_MAX_BYTES = 32 << 20
FORM_FIELDS_MAX = 1000
FORM_FILES_MAX = 100
FORM_PART_MAX_BYTES = 8 << 20
PAYLOAD_KEY = "@jsonPayload"
UNSUPPORTED = "Unsupported Content-Type."
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,15})(?:\.\d{1,17})?")


class ParsedBody(msgspec.Struct, frozen=True, eq=False):
    """What a request's body holds: its values, and the files that came with it, by their key.

    In the values, the names under which files would be stored stand beside what else was sent for their key.
    """

    values: dict[str, Any]
    files: dict[str, list[Upload]] = {}

    def close(self) -> None:
        """Remove the files that nobody has taken."""
        for uploads in self.files.values():
            for upload in uploads:
                upload.path.unlink(missing_ok=True)


def parse_json(raw: bytes) -> Any:
    """Read JSON strictly. Raises BadRequest."""
    try:
        return read_json(raw.decode("utf-8"))
    except ValueError as exc:
        raise BadRequest(hint=f"The body is not valid JSON: {str(exc)[:200]}.", at="body") from exc


def declared_length(request: Request) -> int:
    """Return what Content-Length promises, 0 when it is no number; the server in front has checked it."""
    text = request.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < SAFE_DIGITS else 0


async def read_body(request: Request, limit: int = BODY_MAX_BYTES) -> bytes:
    """Return the whole body. Raises TooLarge as soon as it is over `limit` bytes."""
    if declared_length(request) > limit:
        raise TooLarge
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise TooLarge
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def parse_body(
    request: Request,
    limit: int = BODY_MAX_BYTES,
    *,
    null_is_empty: bool = True,
    incoming: Incoming | None = None,
) -> ParsedBody:
    """Read a body into an object, whatever its kind. Raises BadRequest or TooLarge.

    incoming: where files may wait, which are left out without it; `close` the body when it is done with
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if kind == "multipart/form-data":
        return await _parse_multipart(request, limit, incoming)
    raw = await read_body(request, limit)
    if not raw:
        return ParsedBody({})
    if kind.startswith("application/json"):
        value = parse_json(raw)
        if value is None and null_is_empty:
            return ParsedBody({})
        if not isinstance(value, dict):
            raise BadRequest(hint="The body must be a JSON object.", at="body")
        return ParsedBody(value)
    if kind == "application/x-www-form-urlencoded":
        return ParsedBody(form_values(form_pairs(raw)))
    if kind in {"application/xml", "text/xml"}:
        raise BadRequest(hint="XML bodies can't become records; send JSON.", at="body")
    raise BadRequest(UNSUPPORTED, hint="Send application/json, a form, or multipart/form-data.")


def form_pairs(raw: bytes) -> list[tuple[str, str]]:
    """Return the names and texts of a form (application/x-www-form-urlencoded). Raises BadRequest."""
    try:
        text = raw.decode("ascii")
        if re.search(r"%(?![0-9a-fA-F]{2})", text):
            raise ValueError("a % is not followed by two hex digits")
        if ";" in text:
            raise ValueError("a ; must be written as %3B")
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=FORM_FIELDS_MAX)
    except ValueError as exc:
        raise BadRequest(hint=f"The form can't be read: {exc}.", at="body") from exc


def _charset(request: Request) -> str:
    """Return the encoding that a content type names. Python knows some that take quadratic time, or make no text."""
    for option in request.headers.get("content-type", "").split(";")[1:]:
        name, _, value = option.partition("=")
        if name.strip().lower() == "charset":
            return value.strip(' \t"').lower()
    return ""


def _limited(receive: Receive, limit: int) -> Receive:
    """Return `receive`, which raises TooLarge as soon as it has given over `limit` bytes."""
    size = 0

    async def receive_within_limit() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > limit:
            raise TooLarge
        return message

    return receive_within_limit


class _WholeMultipart(MultiPartParser):
    """Refuses a body that ends before its last boundary: it was cut off on its way."""

    incoming: Incoming | None = None
    _has_begun = _has_ended = False

    def on_headers_finished(self) -> None:
        """Let a file wait on the disk where it will be kept: it may be large, and a spool lies in memory first."""
        super().on_headers_finished()
        part = self._current_part
        if part.file is not None and self.incoming is not None:
            part.file.file.close()
            part.file.file = self.incoming.new_path().open("w+b")

    def on_part_begin(self) -> None:
        self._has_begun = True
        super().on_part_begin()

    def on_end(self) -> None:
        self._has_ended = True

    async def parse(self) -> FormData:
        form = await super().parse()
        if self._has_begun and not self._has_ended:
            raise MultiPartException("The last boundary is missing.")
        return form


async def _parse_multipart(request: Request, limit: int, incoming: Incoming | None) -> ParsedBody:
    if declared_length(request) > limit:
        raise TooLarge
    if _charset(request) not in {"", "utf-8", "utf8", "us-ascii"}:
        raise BadRequest(hint="Send multipart bodies in UTF-8.", at="body")
    parser = _WholeMultipart(
        request.headers,
        Request(request.scope, _limited(request.receive, limit)).stream(),
        max_files=FORM_FILES_MAX,
        max_fields=FORM_FIELDS_MAX,
        max_part_size=FORM_PART_MAX_BYTES,
    )
    parser.incoming = incoming
    try:
        form = await parser.parse()
        return await asyncio.to_thread(_read_form, form, incoming)
    except BaseException as exc:
        await asyncio.to_thread(_discard, parser.items)
        if isinstance(exc, MultiPartException | ValueError | KeyError | AssertionError):
            raise BadRequest(hint="The multipart body can't be read.", at="body") from exc
        raise


def _read_form(form: FormData, incoming: Incoming | None) -> ParsedBody:
    """Look at the files of a form, in a thread: name them, and tell what they are by their content."""
    texts: list[tuple[str, str]] = []
    files: dict[str, list[Upload]] = {}
    for key, value in form.multi_items():
        if isinstance(value, str):
            texts.append((key, value))
        elif incoming is not None and value.filename:
            files.setdefault(key, []).append(_upload(value))
        else:  # a form's empty file input
            _discard([(key, value)])
    values = form_values(texts)
    for key, uploads in files.items():
        values[key] = [*to_list(values.get(key)), *(upload.name for upload in uploads)]
    return ParsedBody(values, files)


def _upload(file: UploadFile) -> Upload:
    head = file.file.read(HEAD_BYTES)
    size = file.file.seek(0, os.SEEK_END)
    file.file.close()
    return name_upload(file.filename or "", head, size, Path(str(file.file.name)))


def _discard(items: Iterable[tuple[str, str | UploadFile]]) -> None:
    """Close the files of a form that is not taken, and remove them."""
    for _, value in items:
        if isinstance(value, UploadFile):
            name = getattr(value.file, "name", None)
            value.file.close()
            if isinstance(name, str):
                Path(name).unlink(missing_ok=True)


def form_values(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Turn a form's pairs into values; the JSON of `@jsonPayload` is merged in."""
    out: dict[str, Any] = {}
    payloads: list[dict[str, Any]] = []
    for key, text in pairs:
        if key == PAYLOAD_KEY:
            payload = parse_json(text.encode("utf-8", "surrogatepass"))
            if payload is None:
                continue
            if not isinstance(payload, dict):
                raise BadRequest(hint=f"{PAYLOAD_KEY} must hold a JSON object.", at="body")
            payloads.append(payload)
            continue
        value = infer(text)
        if key in out:
            known = out[key]
            out[key] = [*known, value] if isinstance(known, list) else [known, value]
        else:
            out[key] = value
    for payload in payloads:
        out |= payload
    return out


def infer(text: str) -> str | bool | int | float:
    """Return a form's text as a boolean or a number when it looks exactly like one."""
    if text == "true":
        return True
    if text == "false":
        return False
    if _NUMBER.fullmatch(text):
        number = float(text)
        printed = str(int(number)) if number.is_integer() else repr(number)
        if printed == text:
            return int(number) if number.is_integer() else number
    return text


def record_limit(collection: Collection) -> int:
    """Return how many bytes the body of a record may have: the common limit and what its large fields may hold."""
    return BODY_MAX_BYTES + collection.large_bytes
