"""The broker: takes events off the channel and tells each client what it may know of them.

One task does that, event by event, so that a client hears of a record's changes in their order; the one who wrote has
its answer long before. All who would get the same answer share one check and one encoding: everybody, where the
rule does not ask who looks; all superusers; otherwise each viewer. The check is made on the record as the write left
it, with the rules and the viewer as they are now.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from backstay.catalog import Catalog, Collection
from backstay.catalog.fields import DbValue
from backstay.clock import Clock
from backstay.errors import RequestError, Unavailable
from backstay.moments import Messaging, Moment, Moments
from backstay.plans.request import GUEST, RequestInfo, Viewer
from backstay.realtime.channel import Channel, Stream
from backstay.realtime.clients import Client, Clients
from backstay.realtime.events import Happened, Lapsed, Numbered, Relay, Subscribe
from backstay.realtime.replay import EventLog, Replays, Topics
from backstay.realtime.topics import Topic, keys_of
from backstay.records.changes import Change, Follower
from backstay.records.draft import RecordValues
from backstay.records.event_reader import EventReader
from backstay.records.query import ListQuery
from backstay.stores.base import StoreError, Transaction

log = logging.getLogger("backstay")

RESUME_S = 300.0
"""How long after a stream has ended its events are kept, though nobody listens."""
CHUNK = 50
"""Clients that are told before others get a turn; each of them wakes up to send."""
SWEEP_S = 5.0
AWAY_S, AWAY_TRIES_MAX = 0.5, 5
"""How often it is looked whether the database is back, and how often a message is made again that it went away over."""
WAITING_MAX = 100_000
"""Events that may wait to be told; beyond it, clients are cut off rather than told late."""
OAUTH2_TOPIC = "@oauth2"

FindViewer = Callable[[Catalog, str], Awaitable[Viewer | None]]


class Broker:
    """The realtime side of one process.

    viewer:  finds who a token stands for, None for an invalid one
    catalog: the current one
    """

    def __init__(
        self,
        channel: Channel,
        reader: EventReader,
        viewer: FindViewer,
        catalog: Callable[[], Awaitable[Catalog]],
        moments: Moments,
        clock: Clock,
    ) -> None:
        self.channel, self.clients = channel, Clients()
        self._reader, self._viewer, self._catalog = reader, viewer, catalog
        self._moments, self._clock = moments, clock
        self._waiting: asyncio.Queue[Numbered] = asyncio.Queue()
        self._log = EventLog()
        self._replays = Replays(self._log, channel, self.clients, self._tell_missed)
        self._tasks: list[asyncio.Task[None]] = []
        self._is_telling = False

    def start(self) -> None:
        self.channel.start(self._deliver)
        self._tasks = [
            asyncio.create_task(self._tell_forever(), name="realtime"),
            asyncio.create_task(self._sweep_forever(), name="streams"),
        ]

    async def stop(self) -> None:
        self.close_all()
        await self._replays.stop()
        await self.channel.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def close_all(self) -> None:
        """End all streams: the server stops, and clients come back to the next one."""
        for client in self.clients:
            client.close()

    def _deliver(self, event: Numbered) -> None:
        if self._waiting.qsize() >= WAITING_MAX:
            self.close_all()
            return
        self._waiting.put_nowait(event)

    # -- what writers do ------------------------------------------------------------------------------------

    def watches(self, collection: Collection) -> bool:
        return self.channel.may_matter()

    def follower(self, collection: Collection) -> Follower | None:
        handing = self.channel.handing()

        def values(change: Change) -> dict[str, DbValue]:
            return handing.values(_happened(change)) if handing.values else {}

        return Follower(lambda change: handing.done(lambda: _happened(change)), handing.plan, values)

    async def changed(self, tx: Transaction, change: Change) -> None:
        await self.channel.publish(tx, _happened(change))

    async def dropped(self, tx: Transaction, collection: Collection) -> None:
        """Nobody is told record by record."""

    # -- what clients do ------------------------------------------------------------------------------------

    async def open(self, client: Client) -> None:
        """Begin a stream."""
        self.clients.add(client)
        await self.channel.opened(Stream(client.id, client.address, "", oauth2=False))

    async def close(self, client: Client) -> None:
        """End a stream that its client has left."""
        client.close()
        may_resume = any(topic.options.resume is not None for topic in client.wanted.values())
        self.clients.remove(client)
        if may_resume:
            await self.channel.hold(RESUME_S)
        await self.channel.closed(client.id)

    async def subscribe(self, stream: Stream, topics: list[str], token: str, viewer_key: str) -> None:
        """Replace a client's subscriptions, wherever its stream is, and say who it is."""
        listens = any(topic.partition("?")[0] == OAUTH2_TOPIC for topic in topics)
        client = self.clients.find(stream.id)
        if client is None:
            await self.channel.send(Subscribe(stream.id, topics, token))
            return
        client.viewer_key = viewer_key
        self._listen(client, topics, token)
        await self.channel.changed(Stream(client.id, client.address, viewer_key, listens))

    async def relay(self, client_id: str, topic: str, data: Any) -> bool:
        """Send a message to one client, if it listens to the topic; tells whether there is such a client."""
        client = self.clients.find(client_id)
        if client is not None:
            if client.closed or not client.listens_to(topic):
                return False
            client.put(topic, msgspec.json.encode(data))
            return True
        stream = await self.channel.find(client_id)
        if stream is None or not stream.oauth2:
            return False
        await self.channel.send(Relay(client_id, topic, data))
        return True

    def _listen(self, client: Client, topics: list[str], token: str) -> None:
        client.token = token
        resuming = self.clients.want(client, topics)
        if resuming:
            self._replays.begin(client, resuming)

    # -- telling --------------------------------------------------------------------------------------------

    async def _sweep_forever(self) -> None:
        """End streams whose time is over, and cut those that could not end: one look at all, instead of a timer for each."""
        while True:
            await asyncio.sleep(SWEEP_S)
            now = time.monotonic()
            for client in self.clients:
                if client.closed:
                    client.cut()
                elif client.is_over(now):
                    client.close()

    @property
    def is_quiet(self) -> bool:
        """Tell whether everything that has come in has been told."""
        return not self._is_telling and self._waiting.empty() and self._replays.is_quiet

    async def _tell_forever(self) -> None:
        while True:
            numbered = await self._waiting.get()
            self._is_telling = True
            try:
                await self._tell(numbered)
            except Exception:  # one event that can't be told must not end the others
                log.exception("an event could not be told")
            finally:
                self._is_telling = False

    async def _tell(self, numbered: Numbered) -> None:
        event = numbered.event
        self._log.last = numbered.number
        match event:
            case Happened():
                self._log.add(numbered)
                await self._tell_change(numbered.number, event)
            case Subscribe():
                client = self.clients.find(event.client_id)
                if client is not None:
                    self._listen(client, event.topics, event.token)
            case Relay():
                client = self.clients.find(event.client_id)
                if client is not None and client.listens_to(event.topic):
                    client.put(event.topic, msgspec.json.encode(event.data))
            case Lapsed():
                self._log.forget(numbered.number)
                self._replays.tell_gap()

    async def _tell_change(self, number: int, event: Happened) -> None:
        catalog = await self._catalog_then()
        collection = catalog.find(event.collection_id)
        if collection is None:
            return
        listening = self.clients.listening((collection.id, collection.name), event.record_id)
        if listening:
            teller = _Teller(self, catalog, collection, event)
            for start in range(0, len(listening), CHUNK):
                await asyncio.sleep(0)  # the writer's answer, and everybody else's, goes first
                for client, topic in listening[start : start + CHUNK]:
                    if not client.has_heard(topic, number):
                        await self._send(teller, client, topic, number)

    async def _tell_missed(self, client: Client, topics: Topics, numbered: Numbered) -> None:
        """Tell a client that has come back of an event, as far as topics that it still wants are about it."""
        event = numbered.event
        assert isinstance(event, Happened), "clients hear of records"
        catalog = await self._catalog_then()
        collection = catalog.find(event.collection_id)
        if collection is None:
            return
        teller = _Teller(self, catalog, collection, event)
        for key in keys_of((collection.id, collection.name), event.record_id):
            for topic in topics.get(key, ()):
                if client.wants(topic):
                    await self._send(teller, client, topic, numbered.number)

    async def _catalog_then(self) -> Catalog:
        """Return the catalog as soon as the database is there: what has happened is told late rather than not at all."""
        while True:
            try:
                return await self._catalog()
            except Unavailable:
                await asyncio.sleep(AWAY_S)

    async def _data(self, teller: _Teller, client: Client, topic: Topic) -> bytes | None:
        """Return the message for a subscription; where the database goes away meanwhile, once it is back."""
        for _ in range(AWAY_TRIES_MAX):
            try:
                return await teller.data(client, topic)
            except Unavailable:
                await asyncio.sleep(AWAY_S)
                await self._catalog_then()
        log.warning("a message could not be made: the database goes away each time")
        return None

    async def _send(self, teller: _Teller, client: Client, topic: Topic, number: int) -> None:
        data = await self._data(teller, client, topic)
        if data is not None and self._moments.has("message", teller.collection):
            data = await self._by_code(teller, client, topic, data)
        if data is not None and not client.closed:
            client.put(topic.text, self._numbered(data, topic, number))

    async def _by_code(self, teller: _Teller, client: Client, topic: Topic, data: bytes) -> bytes | None:
        """Return a message as the site's own code leaves it, None where it refuses it, or fails."""
        viewer = await self.viewer_of(teller.catalog, client)
        if viewer is None:
            return None
        subject = Messaging(client.id, topic.text, msgspec.json.decode(data))
        info = self._info(topic, viewer)
        moment = Moment(name="message", subject=subject, collection=teller.collection, info=info)
        try:
            async with self._moments.around("message", lambda: moment, teller.collection):
                return msgspec.json.encode(subject.data)
        except RequestError:
            return None
        except Exception:
            log.exception("a message to one client could not be made")
            return None

    def _info(self, topic: Topic, viewer: Viewer) -> RequestInfo:
        options = topic.options
        return RequestInfo(viewer, "realtime", "GET", options.query, options.headers, clock=self._clock)

    def _numbered(self, data: bytes, topic: Topic, number: int) -> bytes:
        if topic.options.resume is None:
            return data
        return data[:-1] + b',"seq":"%b-%d"}' % (self.channel.epoch.encode(), number)

    async def viewer_of(self, catalog: Catalog, client: Client) -> Viewer | None:
        """Return who a client is now; None when its token has ended, which ends the stream."""
        if not client.token:
            return GUEST
        viewer = await self._viewer(catalog, client.token)
        if viewer is None:
            client.close()
        return viewer

    def is_changed_for_each(self, collection: Collection) -> bool:
        """Tell whether the site's own code has a say in what of a record is sent to whom."""
        return self._reader.showing.shows(collection)

    async def show(
        self,
        catalog: Catalog,
        collection: Collection,
        values: dict[str, DbValue],
        rule: str | None,
        topic: Topic,
        viewer: Viewer,
    ) -> bytes | None:
        """Return a record for a subscription, None when it is not for its viewer's eyes."""
        query = topic.options.query
        info = self._info(topic, viewer)
        wanted = ListQuery(
            filter=query.get("filter", ""), expand=query.get("expand", ""), fields=query.get("fields", "")
        )
        try:
            return await self._reader.show(catalog, collection, values, rule, wanted, info)
        except Unavailable:
            raise
        except Exception as exc:
            if not isinstance(exc, RequestError | StoreError):  # the site's own code has a fault
                log.exception("an event can't be shown")
            return None  # a filter that can't be used matches nothing, and a rule that fails lets nobody pass


class _Teller:
    """One event, told to many: what is the same for several of them is made once."""

    def __init__(self, broker: Broker, catalog: Catalog, collection: Collection, event: Happened) -> None:
        self._broker, self.catalog, self.collection, self._event = broker, catalog, collection, event
        self._made: dict[tuple[Any, ...], bytes | None] = {}

    async def data(self, client: Client, topic: Topic) -> bytes | None:
        """Return the message for a subscription, or None."""
        viewer = await self._broker.viewer_of(self.catalog, client)
        if viewer is None:
            return None
        rule = self.collection.listRule if topic.record_id == "*" else self.collection.viewRule
        key = (self._group(viewer, rule, topic), rule, topic.options.key, topic.options.leave)
        if key not in self._made:
            self._made[key] = await self._make(viewer, rule, topic)
        return self._made[key]

    def _group(self, viewer: Viewer, rule: str | None, topic: Topic) -> str:
        """Return what viewers have in common who get the same answer."""
        is_changed = self._broker.is_changed_for_each(self.collection)
        if viewer.is_superuser and not is_changed:
            return "superusers"
        query = topic.options.query
        asks = (
            is_changed
            or self.collection.is_auth
            or query.get("filter")
            or query.get("expand")
            or "@request.auth" in (rule or "")
        )
        if not asks:
            return "everybody"
        return f"{viewer.collection.id}/{viewer.id}" if viewer.collection else "guests"

    async def _make(self, viewer: Viewer, rule: str | None, topic: Topic) -> bytes | None:
        event = self._event
        values = event.new if event.new is not None else event.old
        assert values is not None, "an event has a record"
        shown = await self._show(values, rule, topic, viewer)
        if shown is not None:
            return b'{"action":"%b","record":%b}' % (event.action.encode(), shown)
        may_leave = topic.options.leave and event.action == "update" and event.old is not None
        if may_leave and await self._show(event.old or {}, rule, topic, viewer) is not None:
            return msgspec.json.encode({"action": "leave", "record": self._name()})
        return None

    def _name(self) -> dict[str, str]:
        """Return what may be told of a record that its listener no longer sees."""
        collection = self.collection
        return {"collectionId": collection.id, "collectionName": collection.name, "id": self._event.record_id}

    async def _show(
        self, values: dict[str, DbValue], rule: str | None, topic: Topic, viewer: Viewer
    ) -> bytes | None:
        return await self._broker.show(self.catalog, self.collection, values, rule, topic, viewer)


def _happened(change: Change) -> Happened:
    collection = change.collection
    old, new = kept(collection, change.old), kept(collection, change.new)
    return Happened(change.action, collection.id, change.id, old, new)


def kept(collection: Collection, values: RecordValues | None) -> dict[str, DbValue] | None:
    """Return a record's values as the database keeps them."""
    if values is None:
        return None
    return {field.name: field.store(values[field.name]) for field in collection.fields}
