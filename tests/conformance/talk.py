"""Sends the steps of a case to one server and collects the answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import urlencode

import httpx
import msgspec

from tests.conformance.cases import Case, File, Form, Json, Multipart, Nothing, Padded, Raw, Step, Template

BOUNDARY = "conformance-part-5f3a"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a server said to one step; `body` is parsed JSON, or text where it is none."""

    status: int
    body: Json
    headers: Mapping[str, str]


class Talker:
    """A client of one server, signed in as several people.

    client: its base url is the server
    tokens: who -> token, without guests
    """

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        self.tokens: dict[str, str] = {}

    def run(self, case: Case) -> list[Answer]:
        """Send all steps in order, whatever the answers are."""
        kept: dict[str, str] = {}
        return [self.step(step, kept) for step in case.steps]

    def step(self, step: Step, kept: dict[str, str]) -> Answer:
        """Send one step and keep what later ones need."""
        content, content_type = encode_body(step.body, kept)
        headers = {name: fill(value, kept) for name, value in step.headers.items()}
        if content_type:
            headers.setdefault("Content-Type", content_type)
        if step.who != "guest":
            headers.setdefault("Authorization", self.tokens[step.who])
        reply = self.client.request(step.method, fill(step.url, kept), content=content, headers=headers)
        answer = Answer(status=reply.status_code, body=parse(reply), headers=reply.headers)
        for name, path in step.keep.items():
            value = at_path(answer.body, path)
            kept[name] = (
                value if isinstance(value, str) else json.dumps(value).removeprefix("[").removesuffix("]")
            )
        return answer


def parse(reply: httpx.Response) -> Json:
    """Return the JSON of a reply, or its text."""
    try:
        return json.loads(reply.content)
    except ValueError:
        return reply.text


def at_path(value: Json, path: str) -> Json:
    """Follow a dotted path; None where it ends early."""
    for name in path.split("."):
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        else:
            return None
    return value


def fill(text: str, kept: Mapping[str, str]) -> str:
    """Put kept values in place of their `{{name}}`."""
    for name, value in kept.items():
        text = text.replace("{{" + name + "}}", value)
    return text


def encode_body(body: Json, kept: Mapping[str, str]) -> tuple[bytes, str]:
    """Return the bytes of a body and its content type, empty when there is none."""
    match body:
        case Nothing():
            return b"", ""
        case Raw():
            return body.content, body.type
        case Padded():
            return f"{body.before}{'x' * body.size}{body.after}".encode(), "application/json"
        case Template():
            return fill(body.text, kept).encode(), "application/json"
        case Form():
            pairs = [(name, fill(value, kept)) for name, value in body.pairs]
            return urlencode(pairs).encode(), "application/x-www-form-urlencoded"
        case Multipart():
            return encode_multipart(body, kept), f"multipart/form-data; boundary={BOUNDARY}"
        case _:
            return fill(json.dumps(body), kept).encode(), "application/json"


def encode_multipart(body: Multipart, kept: Mapping[str, str]) -> bytes:
    """Write the parts between boundaries."""
    lines: list[bytes] = []
    for name, value in body.parts:
        lines.append(f"--{BOUNDARY}".encode())
        if isinstance(value, File):
            disposition = f'Content-Disposition: form-data; name="{name}"; filename="{value.name}"'
            lines += [disposition.encode(), f"Content-Type: {value.type}".encode(), b"", value.content]
        else:
            lines += [
                f'Content-Disposition: form-data; name="{name}"'.encode(),
                b"",
                fill(value, kept).encode(),
            ]
    return b"\r\n".join([*lines, f"--{BOUNDARY}--".encode(), b""])
