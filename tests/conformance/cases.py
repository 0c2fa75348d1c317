"""What a case is: named steps, each a request, plus short ways to write the usual ones.

A case knows no server. Text in urls, headers and bodies may hold `{{name}}`: the value that an earlier step of the
same case has kept under that name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias
from urllib.parse import quote, urlencode

import msgspec

Json: TypeAlias = object
"""Whatever JSON can hold; taken apart with isinstance."""


class Raw(msgspec.Struct, frozen=True):
    """A body sent byte for byte."""

    content: bytes
    type: str = "application/json"


class Padded(msgspec.Struct, frozen=True):
    """A JSON body with `size` letters x between two texts, made when it is sent."""

    before: str
    size: int
    after: str = '"}'


class Template(msgspec.Struct, frozen=True):
    """A JSON body as text, in which kept values stand as they were; of lists only the items."""

    text: str


class Form(msgspec.Struct, frozen=True):
    """A url-encoded body; names may repeat."""

    pairs: tuple[tuple[str, str], ...]


class File(msgspec.Struct, frozen=True):
    """An upload inside of a multipart body."""

    name: str
    content: bytes
    type: str = "application/octet-stream"


class Multipart(msgspec.Struct, frozen=True):
    """A multipart body; names may repeat."""

    parts: tuple[tuple[str, str | File], ...]


class Nothing(msgspec.Struct, frozen=True):
    """No body and no content type."""


NOTHING = Nothing()


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One request.

    who:     guest, superuser, or the name of one of the seed's people
    keep:    name -> dotted path in the answer's JSON, for `{{name}}` in later steps
    mask:    dotted paths whose values are random; `*` stands for every key or index
    headers_compared: names of answer headers which must be equal too
    unordered: dotted path of a list whose order says nothing
    any_order: the real server's keys come in random order
    quiet:   preparation; its answer is compared by status only
    """

    method: str
    url: str
    body: Json = NOTHING
    who: str = "guest"
    headers: Mapping[str, str] = {}
    keep: Mapping[str, str] = {}
    mask: tuple[str, ...] = ()
    headers_compared: tuple[str, ...] = ()
    unordered: str = ""
    any_order: bool = False
    quiet: bool = False


class Expected(msgspec.Struct, frozen=True, kw_only=True):
    """What Backstay answers to one step where it differs on purpose."""

    step: int
    status: int
    body: Json = NOTHING


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A named conversation.

    differs:  why Backstay answers otherwise than PocketBase; empty where it must not
    expected: its own answers to the steps which differ; the other steps are still compared
    """

    name: str
    steps: tuple[Step, ...]
    differs: str = ""
    expected: tuple[Expected, ...] = ()


def case(name: str, *steps: Step, differs: str = "", expected: Iterable[Expected] = ()) -> Case:
    """Make a case from its steps."""
    return Case(name=name, steps=steps, differs=differs, expected=tuple(expected))


def get(url: str, who: str = "superuser", **more: object) -> Step:
    """Ask for a page; `more` becomes the query string, None values left out."""
    query = urlencode({k: v for k, v in more.items() if v is not None}, quote_via=quote)
    return Step(method="GET", url=f"{url}?{query}" if query else url, who=who)


def send(
    method: str,
    url: str,
    body: Json = NOTHING,
    who: str = "superuser",
    *,
    keep: Mapping[str, str] | None = None,
    mask: Sequence[str] = (),
    headers: Mapping[str, str] | None = None,
    quiet: bool = False,
) -> Step:
    """Send a body."""
    return Step(
        method=method,
        url=url,
        body=body,
        who=who,
        keep=keep or {},
        mask=tuple(mask),
        headers=headers or {},
        quiet=quiet,
    )


def post(url: str, body: Json = NOTHING, who: str = "superuser", **more: Json) -> Step:
    """Send a POST; `more` as in `send`."""
    return send("POST", url, body, who, **more)  # type: ignore[arg-type]  # the names are checked at run time


def patch(url: str, body: Json = NOTHING, who: str = "superuser", **more: Json) -> Step:
    """Send a PATCH; `more` as in `send`."""
    return send("PATCH", url, body, who, **more)  # type: ignore[arg-type]  # the names are checked at run time


def delete(url: str, who: str = "superuser", *, quiet: bool = False) -> Step:
    """Send a DELETE."""
    return send("DELETE", url, NOTHING, who, quiet=quiet)


def records(collection: str, record_id: str = "") -> str:
    """Return the url of a collection's records, or of one."""
    base = f"/api/collections/{collection}/records"
    return f"{base}/{record_id}" if record_id else base


def listing(collection: str, filter: str, who: str = "superuser", **more: object) -> Step:
    """List the ids that pass a filter, in a stable order, with the total."""
    query: dict[str, object] = {"sort": "id", "fields": "id", "perPage": 200, **more}
    return get(records(collection), who, filter=filter, **query)


def field(type: str, name: str, **options: Json) -> dict[str, Json]:
    """Describe a field of a collection."""
    return {"type": type, "name": name, **options}


def make(name: str, fields: Sequence[Json] = (), **options: Json) -> Step:
    """Create a collection of the case's own, open to everybody unless `options` say otherwise."""
    options.setdefault("type", "base")
    rules = ["listRule", "viewRule"]
    if options["type"] != "view":
        rules += ["createRule", "updateRule", "deleteRule"]
    for rule in rules:
        options.setdefault(rule, "")
    body = {"name": name, "fields": list(fields), **options}
    return post("/api/collections", body, quiet=True)


def add(collection: str, **values: Json) -> Step:
    """Create a record as the superuser, as preparation."""
    return post(records(collection), values, quiet=True)


def drop(*names: str) -> tuple[Step, ...]:
    """Delete a case's own collections, dependent ones first."""
    return tuple(delete(f"/api/collections/{name}", quiet=True) for name in names)
