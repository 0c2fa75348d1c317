"""/api/realtime (A8): the stream of events, what it is to be about, and the page that ends an OAuth2 popup."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Literal
from urllib.parse import quote

import msgspec
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from backstay.accounts.forms import read_texts
from backstay.checks import first, length, required
from backstay.errors import BadRequest, Fault, Faults, Forbidden, NotFound, RequestError, Unavailable
from backstay.http.auth import small_body
from backstay.http.bodies import form_pairs, read_body
from backstay.http.context import Ask, Door
from backstay.http.replies import COMMON_HEADERS, Reply, no_content
from backstay.http.routing import Route
from backstay.moments import Moment, Subscribing
from backstay.realtime.broker import OAUTH2_TOPIC, Broker
from backstay.realtime.channel import Stream
from backstay.realtime.clients import CLIENTS_MAX, Client
from backstay.realtime.topics import TOPIC_MAX_CHARS, TOPICS_MAX

CODE_MAX_CHARS = 4096
NAME_MAX_CHARS = 150
FORM_MAX_BYTES = 64 << 10
NO_CLIENT = "Missing or invalid client id."
OTHER_AUTH = "The current and the previous request authorization don't match."


async def connect(ask: Ask) -> EventStream:
    """Open a stream. Who it is for is said with the subscriptions."""
    broker = ask.site.realtime
    if len(broker.clients) >= CLIENTS_MAX:
        raise Unavailable(hint=f"This server has {CLIENTS_MAX} streams open.")
    client = Client(ask.address)
    subject = Subscribing(client.id, [])
    async with ask.site.moments.around("connect", lambda: _moment("connect", ask, subject)):
        return EventStream(broker, client)


def _moment(name: Literal["connect", "subscribe"], ask: Ask, subject: Subscribing) -> Moment:
    return Moment(name=name, subject=subject, info=ask.info())


class EventStream:
    """An answer that goes on (server-sent events, HTML Standard, section 9.2)."""

    def __init__(self, broker: Broker, client: Client) -> None:
        self._broker, self._client = broker, client

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [
            (b"content-type", b"text/event-stream"),
            (b"cache-control", b"no-store"),
            (b"x-accel-buffering", b"no"),
            *scope.pop(COMMON_HEADERS),
        ]
        client = self._client
        await self._broker.open(client)
        leaving = asyncio.ensure_future(self._wait_until_left(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            client.put("PB_CONNECT", msgspec.json.encode({"clientId": client.id}))
            await self._send_all(send)
            with contextlib.suppress(Exception):
                await send({"type": "http.response.body", "body": b""})
        finally:
            leaving.cancel()
            await asyncio.shield(self._broker.close(client))

    async def _send_all(self, send: Send) -> None:
        client = self._client
        while not client.closed:
            await client.awake.wait()
            messages = client.take()
            if messages:
                await send({"type": "http.response.body", "body": messages, "more_body": True})

    async def _wait_until_left(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._client.close()


async def subscribe(ask: Ask) -> Reply:
    """Say what a stream is to be about, and who listens."""
    client_id, topics = await _read(ask)
    stream = await _stream(ask, client_id)
    if stream.address != ask.address:
        raise BadRequest(hint="The stream belongs to another address.")
    viewer = ask.viewer
    key = f"{viewer.collection.id}/{viewer.id}" if viewer.collection else ""
    if stream.viewer and stream.viewer != key:
        raise Forbidden(OTHER_AUTH)
    token = ask.signed_in.token if ask.signed_in else ""
    subject = Subscribing(client_id, topics)
    async with ask.site.moments.around("subscribe", lambda: _moment("subscribe", ask, subject)):
        await ask.site.realtime.subscribe(stream, subject.topics, token, key)
    return no_content()


async def _stream(ask: Ask, client_id: str) -> Stream:
    """Return a stream, of this process or another. Raises NotFound."""
    broker = ask.site.realtime
    client = broker.clients.find(client_id)
    if client is not None and not client.closed:
        return Stream(client.id, client.address, client.viewer_key, client.listens_to(OAUTH2_TOPIC))
    found = await broker.channel.find(client_id) if client is None else None
    if found is None:
        raise NotFound(NO_CLIENT)
    return found


async def _read(ask: Ask) -> tuple[str, list[str]]:
    """Return the client's id and its subscriptions. Raises BadRequest with all faults, in the words of this door."""
    try:
        body = await small_body(ask)
        client_id = read_texts(body, "clientId")["clientId"]
    except BadRequest as exc:
        raise BadRequest(hint=exc.hint, at=exc.at) from exc
    raw = next((value for key, value in body.items() if key.lower() == "subscriptions"), None) or []
    if not isinstance(raw, list) or not all(isinstance(topic, str) for topic in raw):
        raise BadRequest(hint="'subscriptions' is a list of texts.")
    faults: dict[str, Fault | Faults] = {}
    fault = first(client_id, required, length(1, 255))
    if fault:
        faults["clientId"] = fault
    if len(raw) > TOPICS_MAX:
        faults["subscriptions"] = _too_long(TOPICS_MAX)
    else:
        long = {
            str(at): _too_long(TOPIC_MAX_CHARS)
            for at, topic in enumerate(raw)
            if len(topic) > TOPIC_MAX_CHARS
        }
        if long:
            faults["subscriptions"] = long
    if faults:
        raise BadRequest(faults=faults)
    return client_id, raw


def _too_long(most: int) -> Fault:
    message = f"The length must be no more than {most}."
    return Fault("validation_length_too_long", message, {"max": most, "min": 0})


async def oauth2_redirect(ask: Ask) -> Reply:
    """End a popup: hand the code to the page that opened it, over its stream, and show how it went.

    Apple posts the answer as a form, with the user's name the first time.
    """
    is_post = ask.scope["method"] == "POST"
    values = await _posted(ask) if is_post else dict(ask.query)
    state, code = values.get("state", "")[:255], values.get("code", "")[:CODE_MAX_CHARS]
    error = values.get("error", "")[:255]
    name = _name(values.get("user", "")) if is_post else ""
    if name and code:
        await ask.site.codes.keep_name(code, name)
    told = {"state": state, "code": code, "error": error}
    reached = bool(state) and await ask.site.realtime.relay(state, OAUTH2_TOPIC, told)
    worked = reached and code and not error
    page = "success" if worked else "failure"
    return Reply(
        b"",
        303 if is_post else 307,
        headers={"Location": f"{_root(ask)}/_/#/auth/oauth2-redirect-{page}", "Cache-Control": "no-store"},
    )


def _name(user: str) -> str:
    """Return the name in the user that Apple posts: `{"name":{"firstName":"…","lastName":"…"}}`."""
    try:
        found = msgspec.json.decode(user, type=_AppleUser).name
    except (msgspec.DecodeError, UnicodeEncodeError):
        return ""
    return f"{found.firstName} {found.lastName}".strip()[:NAME_MAX_CHARS]


class _AppleName(msgspec.Struct):
    firstName: str = ""
    lastName: str = ""


class _AppleUser(msgspec.Struct):
    name: _AppleName = msgspec.field(default_factory=_AppleName)


async def _posted(ask: Ask) -> dict[str, str]:
    try:
        return dict(form_pairs(await read_body(ask.request, FORM_MAX_BYTES)))
    except RequestError:
        return {}


def _root(ask: Ask) -> str:
    return quote(ask.scope.get("root_path", ""))


routes: list[BaseRoute] = [
    Route("/api/realtime", Door(connect), methods=["GET"]),
    Route("/api/realtime", Door(subscribe), methods=["POST"]),
    Route("/api/oauth2-redirect", Door(oauth2_redirect), methods=["GET", "POST"]),
]
