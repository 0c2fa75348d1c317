"""Bodies: JSON, forms and multipart, with their limits (A1).

JSON is read strictly: one value, no duplicate keys, no NaN, no broken text. Forms give texts, whose booleans and
numbers are told by their look, and whose repeated keys become lists.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request

from backstay.catalog import Collection
from backstay.catalog.fields import EditorField, FileField, JsonField, editor, file
from backstay.catalog.fields import json as json_field
from backstay.errors import BadRequest, Fault, TooLarge

BODY_MAX_BYTES = 32 << 20
FORM_FIELDS_MAX = 1000
FORM_FILES_MAX = 100
FORM_PART_MAX_BYTES = 8 << 20
PAYLOAD_KEY = "@jsonPayload"
UNSUPPORTED = "Unsupported Content-Type."
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,15})(?:\.\d{1,17})?")


class ParsedBody:
    """What a request's body holds: its values, and the files that were uploaded with it, by their key.

    Storing files is not part of this version: `refuse_files` says so instead of dropping them silently.
    """

    __slots__ = ("files", "values")

    def __init__(self, values: dict[str, Any], files: dict[str, list[UploadFile]] | None = None) -> None:
        self.values = values
        self.files = files or {}

    def refuse_files(self, message: str) -> None:
        """Raise BadRequest, with `message`, when there are files in the body."""
        names = {key for key, uploads in self.files.items() if any(upload.filename for upload in uploads)}
        if names:
            fault = Fault("validation_invalid_file", "This version does not store files yet.")
            raise BadRequest(
                message, dict.fromkeys(sorted(names), fault), hint="Send the record without files."
            )


def parse_json(raw: bytes) -> Any:
    """Read JSON strictly. Raises BadRequest."""
    try:
        value = json.loads(raw.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_constant)
    except (ValueError, RecursionError) as exc:
        raise BadRequest(hint=f"The body is not valid JSON: {_reason(exc)}.", at="body") from exc
    return value


def _reason(exc: Exception) -> str:
    return "it is nested too deeply" if isinstance(exc, RecursionError) else str(exc)[:200]


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key '{twice[:50]}' is there twice")
    for key, value in pairs:
        if isinstance(value, str):
            value.encode()  # a lone surrogate is no text
        elif isinstance(value, float) and value in {float("inf"), float("-inf")}:
            raise ValueError(f"the number in '{key[:50]}' is too large")
    return out


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON value")


async def read_body(request: Request, limit: int = BODY_MAX_BYTES) -> bytes:
    """Return the whole body. Raises TooLarge as soon as it is over `limit` bytes."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise TooLarge
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise TooLarge
        chunks.append(chunk)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


async def parse_body(request: Request, limit: int = BODY_MAX_BYTES) -> ParsedBody:
    """Read a body into an object, whatever its kind. Raises BadRequest or TooLarge."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if kind == "multipart/form-data":
        return await _parse_multipart(request, limit)
    raw = await read_body(request, limit)
    if not raw:
        return ParsedBody({})
    if kind == "application/json":
        value = parse_json(raw)
        if value is None:
            return ParsedBody({})
        if not isinstance(value, dict):
            raise BadRequest(hint="The body must be a JSON object.", at="body")
        return ParsedBody(value)
    if kind == "application/x-www-form-urlencoded":
        return ParsedBody(form_values(_pairs(raw)))
    if kind in {"application/xml", "text/xml"}:
        raise BadRequest(hint="XML bodies can't become records; send JSON.", at="body")
    raise BadRequest(UNSUPPORTED, hint="Send application/json, a form, or multipart/form-data.")


def _pairs(raw: bytes) -> list[tuple[str, str]]:
    try:
        text = raw.decode("ascii")
        if re.search(r"%(?![0-9a-fA-F]{2})", text):
            raise ValueError("a % is not followed by two hex digits")
        return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=FORM_FIELDS_MAX)
    except ValueError as exc:
        raise BadRequest(hint=f"The form can't be read: {exc}.", at="body") from exc


async def _parse_multipart(request: Request, limit: int) -> ParsedBody:
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise TooLarge
    try:
        form = await request.form(
            max_files=FORM_FILES_MAX, max_fields=FORM_FIELDS_MAX, max_part_size=FORM_PART_MAX_BYTES
        )
    except (MultiPartException, ValueError, KeyError, AssertionError) as exc:
        raise BadRequest(hint="The multipart body can't be read.", at="body") from exc
    except Exception as exc:
        if type(exc).__name__ not in {"HTTPException", "MultipartParseError"}:
            raise
        raise BadRequest(hint="The multipart body can't be read.", at="body") from exc
    texts: list[tuple[str, str]] = []
    files: dict[str, list[UploadFile]] = {}
    for key, value in form.multi_items():
        if isinstance(value, str):
            texts.append((key, value))
        else:
            files.setdefault(key, []).append(value)
    return ParsedBody(form_values(texts), files)


def form_values(pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Turn a form's pairs into values; the JSON of `@jsonPayload` is merged in."""
    out: dict[str, Any] = {}
    payloads: list[dict[str, Any]] = []
    for key, text in pairs:
        if key == PAYLOAD_KEY:
            payload = parse_json(text.encode("utf-8", "surrogatepass"))
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
    extra = 0
    for field in collection.fields:
        match field:
            case FileField():
                extra += (field.maxSize or file.DEFAULT_MAX_BYTES) * max(field.maxSelect, 1)
            case JsonField():
                extra += field.maxSize or json_field.DEFAULT_MAX_BYTES
            case EditorField():
                extra += field.maxSize or editor.DEFAULT_MAX_BYTES
    return BODY_MAX_BYTES + extra
