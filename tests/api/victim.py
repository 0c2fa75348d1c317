"""A site that takes whatever is thrown at it, and what its answers must look like."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.routing import Route

from tests.api.shape import OPEN, field, relation
from tests.api.site import Answer, Served, serve
from tests.databases import DATABASES

RECORD = "record000000001"
EVERYTHING = (
    *(
        "id",
        "text",
        "editor",
        "number",
        "integer",
        "bool",
        "email",
        "url",
        "date",
        "select",
        "selects",
        "json",
    ),
    *("geo", "pass", "one", "many", "file", "files", "auto"),
)
"""The fields of the collection `everything`: one of each type, single and multiple."""

KEYS = tuple(
    f"{before}{name}{after}"
    for name in EVERYTHING
    for before, after in (("", ""), ("", "+"), ("+", ""), ("", "-"), ("", ":autogenerate"))
)


@asynccontextmanager
async def serve_victim(template: Path, folder: Path) -> AsyncIterator[Served]:
    """Serve a copy of the template with the collection `everything` beside the others."""
    DATABASES.copy(template, folder)
    async with serve(folder) as site:
        await site.site.create_collection(_everything())
        await site.add("everything", id=RECORD)
        await site.allow_batch()
        yield site


def _everything() -> dict[str, object]:
    return {
        "name": "everything",
        "type": "base",
        **OPEN,
        "updateRule": "@request.body.json.a:isset != true || @request.query.q ~ @request.body.text",
        "fields": [
            field("text", "text"),
            field("editor", "editor"),
            field("number", "number"),
            field("number", "integer", onlyInt=True, min=-5, max=10**9),
            field("bool", "bool"),
            field("email", "email"),
            field("url", "url"),
            field("date", "date"),
            field("select", "select", values=["a", "b"], maxSelect=1),
            field("select", "selects", values=["a", "b"], maxSelect=2),
            field("json", "json"),
            field("geoPoint", "geo"),
            field("password", "pass"),
            relation("one", "people"),
            relation("many", "people", most=3),
            field("file", "file", maxSelect=1),
            field("file", "files", maxSelect=3),
            field("autodate", "auto", onCreate=True),
        ],
    }


class Findings:
    """What an attack found, all of it: one run shows every 5xx, not the first alone."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def look(self, reply: Answer, asked: object) -> None:
        """Note an answer that is a 5xx, or a refusal without the body of one."""
        if fault := fault_of(reply):
            self.found.append(f"{fault}: {str(asked)[:300]}")

    def assert_none(self) -> None:
        assert not self.found, f"{len(self.found)} findings:\n" + "\n".join(self.found[:40])


def fault_of(reply: Answer) -> str:
    """Return what is wrong with an answer to malformed input, or ''."""
    if reply.status >= 500:
        return str(reply.status)
    if reply.headers.get("content-type", "").startswith("text/html") and b"</html>" in reply.body:
        return ""  # a page for people
    if not reply.body or "json" not in reply.headers.get("content-type", ""):
        return f"{reply.status} without an error body" if reply.status >= 400 and reply.body else ""
    try:
        error = reply.json()
    except ValueError:
        return f"{reply.status} whose body is no JSON"
    if reply.status < 400:
        return ""
    known = {"status", "message", "data", "hint", "at"}
    return "" if error.get("status") == reply.status and set(error) <= known else f"odd error {error}"


def routes(site: Served) -> list[tuple[str, str]]:
    """Return the application's routes as methods and paths."""
    return [
        (method, route.path)
        for route in site.routes
        if isinstance(route, Route)
        for method in sorted(route.methods or ())
    ]
