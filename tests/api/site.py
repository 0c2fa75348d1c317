"""A site that is served in process, with people in it who talk to it.

`build` makes its data folder once; `serve` runs the application over a copy of it, its lifespan included. People are
`guest`, `ann` and `ben` (members of `people`), `chief` (who manages them), `cleo` (of another auth collection) and
`boss`, a superuser.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import msgspec
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Scope

from backstay.catalog import collection_json
from backstay.http.application import create_application
from backstay.lifespan import Lifespan, Requests
from backstay.plans.request import RequestInfo, Viewer
from backstay.records.query import RecordCall
from backstay.site import Site, open_site
from tests.api.shape import DEFAULTS, PEOPLE, SELF_RELATIONS, collections
from tests.mailbox import Mail, mails_in

Json: TypeAlias = Any
PASSWORD = "correct horse ü"
BOSS_EMAIL = "boss@example.com"


class Answer:
    """What came back: status, headers by lower-case name, and the body."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    def json(self) -> Json:
        """Return the body as JSON; fails the test when it is none."""
        return json.loads(self.body)

    @property
    def ids(self) -> list[str]:
        """The ids of a list's items."""
        assert self.status == 200, self.body
        return [item["id"] for item in self.json()["items"]]

    @property
    def total(self) -> int:
        """A list's `totalItems`."""
        assert self.status == 200, self.body
        return int(self.json()["totalItems"])

    @property
    def faults(self) -> dict[str, str]:
        """The codes of a refusal, by field."""
        assert self.status == 400, self.body
        return {name: fault.get("code", "") for name, fault in self.json()["data"].items()}

    def __repr__(self) -> str:
        return f"<{self.status} {self.body[:300]!r}>"


class Served:
    """A running application, and what one asks of it."""

    def __init__(
        self, app: ASGIApp, site: Site, client: httpx.AsyncClient, routes: Sequence[BaseRoute]
    ) -> None:
        self.app, self.site, self.routes = app, site, routes
        self.client = client
        self.tokens = {"guest": "", "broken": "not.a.token"}

    async def sign(self) -> None:
        """Make a token for everybody."""
        for who, (collection, record_id) in PEOPLE.items():
            self.tokens[who] = await self.token(collection, record_id)
        superusers = self.site.superusers
        statements = self.site.book.of(superusers)
        found = await self.site.store.fetch(statements.find_by("email", ""), [BOSS_EMAIL])
        self.tokens["boss"] = await self.token("_superusers", str(statements.read(found[0])["id"]))

    async def token(self, collection: str, record_id: str, duration_s: int = 3600) -> str:
        """Return an auth token of a record."""
        found = self.site.catalog.find(collection)
        assert found is not None
        record = await self.site.viewers.load(found, record_id)
        assert record is not None
        return self.site.sign_in.new_token(found, record, duration_s=duration_s, refreshable=True)

    async def send(
        self,
        method: str,
        path: str,
        *,
        who: str = "guest",
        body: Json = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, object] | None = None,
    ) -> Answer:
        """Send one request; `who` is a name, or a token."""
        token = self.tokens.get(who, who)
        given = {"authorization": token} if token else {}
        reply = await self.client.request(
            method,
            path,
            params={key: str(value) for key, value in (params or {}).items()} or None,
            headers={**given, **(headers or {})},
            json=body,
        )
        return Answer(reply.status_code, reply.headers, reply.content)

    async def get(self, path: str, who: str = "guest", **params: object) -> Answer:
        return await self.send("GET", path, who=who, params=params)

    async def list(self, collection: str, who: str = "guest", **params: object) -> Answer:
        """List records."""
        return await self.send("GET", f"/api/collections/{collection}/records", who=who, params=params)

    async def view(self, collection: str, record_id: str, who: str = "guest", **params: object) -> Answer:
        """View one record."""
        return await self.send(
            "GET", f"/api/collections/{collection}/records/{record_id}", who=who, params=params
        )

    async def create(self, collection: str, body: Json, who: str = "guest", **params: object) -> Answer:
        """Create a record."""
        path = f"/api/collections/{collection}/records"
        return await self.send("POST", path, who=who, body=body, params=params)

    async def update(
        self, collection: str, record_id: str, body: Json, who: str = "guest", **params: object
    ) -> Answer:
        """Change a record."""
        path = f"/api/collections/{collection}/records/{record_id}"
        return await self.send("PATCH", path, who=who, body=body, params=params)

    async def delete(self, collection: str, record_id: str, who: str = "guest") -> Answer:
        """Delete a record."""
        return await self.send("DELETE", f"/api/collections/{collection}/records/{record_id}", who=who)

    async def add(self, collection: str, **values: object) -> Json:
        """Create a record as superuser; what is not given has an unlikely value."""
        reply = await self.create(collection, {**DEFAULTS.get(collection, {}), **values}, "boss")
        assert reply.status == 200, reply
        return reply.json()

    async def change(self, collection: str, **definition: object) -> None:
        """Change a collection, as a superuser would."""
        found = self.site.catalog.find(collection)
        assert found is not None
        await self.site.changes.update(found.id, definition)

    async def batch(self, who: str, *requests: Json) -> Answer:
        """Send a batch; `allow_batch` comes first."""
        return await self.send("POST", "/api/batch", who=who, body={"requests": list(requests)})

    async def mails(self) -> Sequence[Mail]:
        """Return the mails that the site has sent by now, those that wait for it included."""
        await self.site.outbox.drain()
        return mails_in(self.site.data / "mails")

    async def allow_batch(self) -> None:
        """Switch batches on."""
        reply = await self.send("PATCH", "/api/settings", who="boss", body={"batch": {"enabled": True}})
        assert reply.status == 200, reply

    async def raw(
        self,
        method: str = "GET",
        path: str = "/",
        *,
        query: bytes = b"",
        headers: Iterable[tuple[bytes, bytes]] = (),
        chunks: Iterable[bytes] = (b"",),
        cut: bool = False,
        who: str = "guest",
    ) -> Answer:
        """Send what no client library would: bytes as they are, straight to the application.

        path: as the server has decoded it; what was no UTF-8 is there as lone surrogates
        cut:  the connection breaks after the chunks, and more of the body was to come
        """
        token = self.tokens.get(who, who)
        given = [(b"authorization", token.encode())] if token else []
        return await ask(self.app, method, path, query, [*given, *headers], chunks, cut=cut)


async def ask(
    app: ASGIApp,
    method: str,
    path: str,
    query: bytes,
    headers: Iterable[tuple[bytes, bytes]],
    chunks: Iterable[bytes],
    *,
    cut: bool = False,
) -> Answer:
    """Call an ASGI application by hand."""
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode("utf-8", "replace"),
        "query_string": query,
        "headers": list(headers),
        "client": ("127.0.0.1", 40000),
        "server": ("127.0.0.1", 8090),
        "root_path": "",
    }
    waiting = iter(chunks)
    following = next(waiting, b"")
    ended = False
    sent: list[Message] = []

    async def receive() -> Message:
        nonlocal following, ended
        if ended:
            return {"type": "http.disconnect"}
        part = following
        try:
            following = next(waiting)
        except StopIteration:
            ended = True
        return {"type": "http.request", "body": part, "more_body": cut or not ended}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start, *rest = sent
    found = {name.decode("latin-1"): value.decode("latin-1") for name, value in start["headers"]}
    return Answer(start["status"], found, b"".join(message.get("body", b"") for message in rest))


async def build(folder: Path) -> None:
    """Make a site with collections, people and records."""
    async with open_site(folder) as site:
        await site.change_superuser("create", BOSS_EMAIL, PASSWORD)
        for definition in collections():
            await site.create_collection(definition)
        for name, definition in SELF_RELATIONS.items():
            found = site.catalog.find(name)
            assert found is not None
            fields = msgspec.json.decode(msgspec.json.encode(collection_json(found)["fields"]))
            await site.changes.update(found.id, {"fields": [*fields, definition]})
        boss = RequestInfo(viewer=Viewer(site.superusers))
        for name, (collection, record_id) in PEOPLE.items():
            found = site.catalog.find(collection)
            assert found is not None
            body = {
                **DEFAULTS[collection],
                "id": record_id,
                "name": name,
                "email": f"{name}@example.com",
                "password": PASSWORD,
                "passwordConfirm": PASSWORD,
            }
            if collection == "people":
                body |= {"role": "chief" if name == "chief" else "member", "diary": f"{name} was here"}
            await site.writer.create(RecordCall(site.catalog, found, boss, body=body))


@asynccontextmanager
async def serve(folder: Path, *, shared: bool = False) -> AsyncIterator[Served]:
    """Run the application over a data folder.

    shared: as one of several processes
    """
    opened: list[Site] = []

    @asynccontextmanager
    async def keep() -> AsyncIterator[Site]:
        async with open_site(folder, shared=shared) as site:
            opened.append(site)
            site.realtime.start()
            yield site

    application = create_application(keep())
    routes: Sequence[BaseRoute] = application._routes.routes  # type: ignore[attr-defined]
    lifespan = Lifespan(application)
    await lifespan.start()
    app = Requests(application, lifespan.state)
    transport = httpx.ASGITransport(app, client=("127.0.0.1", 40000))
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://site.test") as client:
            served = Served(app, opened[0], client, routes)
            await served.sign()
            yield served
    finally:
        await lifespan.stop()
