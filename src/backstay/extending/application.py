"""`Backstay`: the application of a site, which its own Python code extends."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar, overload

from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from backstay.declared import AuthCollection, Collection, name_of
from backstay.errors import SetupError
from backstay.extending.accounts import Accounts
from backstay.extending.data import Record, Records, records_of
from backstay.extending.described import described
from backstay.extending.endpoints import Endpoint, make_endpoint
from backstay.extending.hooks import EVERY, AnyHook, HookBook
from backstay.extending.mounts import WSGI_THREADS, WsgiApp, from_wsgi, with_viewer
from backstay.http.application import create_application, takes
from backstay.http.openapi import openapi_routes
from backstay.jobs import Jobs
from backstay.lifespan import Lifespan
from backstay.migrations.start import prepared
from backstay.moments import MomentName
from backstay.options import ServeOptions
from backstay.outbox import Retry
from backstay.site import Site, open_site
from backstay.stores.joined import transaction

P = ParamSpec("P")
R = TypeVar("R")
F = TypeVar("F", bound=Callable[..., Any])
C = TypeVar("C", bound=Collection)
A = TypeVar("A", bound=AuthCollection)
Names = str | type[Collection] | Sequence[str | type[Collection]]
Life = Callable[["Backstay"], AbstractAsyncContextManager[None]]


class Backstay:
    """The application of one site. It is an ASGI application, and has nothing open until its lifespan runs.

    data:     the folder of the database and the files, where `backstay serve` names none
    database: `postgresql://...`, '' for SQLite in the data folder; by default what BACKSTAY_DATABASE says
    origins:  web origins whose pages may call the API
    """

    def __init__(
        self, *, data: str | Path = "data", database: str | None = None, origins: Sequence[str] = ("*",)
    ) -> None:
        where = os.environ.get("BACKSTAY_DATABASE", "") if database is None else database
        self._options = ServeOptions.of_folder(Path(data), database=where, origins=tuple(origins))
        self.hooks = HookBook(self)
        self._endpoints: list[Endpoint] = []
        self._mounts: list[BaseRoute] = []
        self._lives: list[Life] = []
        self.classes: list[type[Collection]] = []
        self.jobs = Jobs()
        self.job, self.cron = self.jobs.job, self.jobs.cron
        self._plugins: list[str] = []
        self._site: Site | None = None
        self._asgi: ASGIApp | None = None

    # -- hooks ----------------------------------------------------------------------------------------------

    def before(self, collections: Names = EVERY, *actions: str) -> Callable[[AnyHook], AnyHook]:
        """Let an async function run in the transaction, before a record is checked and written: it may change or refuse.

        collections: names or classes; default all but the system's own
        actions:     "create", "update", "delete"; default all
        """
        return lambda hook: self.hooks.add("before", names_of(collections), actions, hook)

    def after(self, collections: Names = EVERY, *actions: str) -> Callable[[AnyHook], AnyHook]:
        """Let an async function run in the transaction, after a record is written: what it raises undoes all of it."""
        return lambda hook: self.hooks.add("after", names_of(collections), actions, hook)

    def around(self, collections: Names = EVERY, *actions: str) -> Callable[[AnyHook], AnyHook]:
        """Let an async generator run around a write, in its transaction; it yields once."""
        return lambda hook: self.hooks.add("around", names_of(collections), actions, hook)

    def committed(
        self,
        collections: Names = EVERY,
        *actions: str,
        attempts: int = 8,
        first_s: float = 5.0,
        longest_s: float = 3600.0,
    ) -> Callable[[AnyHook], AnyHook]:
        """Let an async function run once a write is on disk: at least once, again until it succeeds, over any crash.

        attempts, first_s, longest_s: how often, and how long between the tries, twice as long each time; then it is
        kept as failed
        """
        retry = Retry(attempts, first_s, longest_s)
        return lambda hook: self.hooks.add("committed", names_of(collections), actions, hook, retry)

    def reading(self, collections: Names) -> Callable[[AnyHook], AnyHook]:
        """Let an async function change records before they are sent to a viewer: it gets a `Reading`.

        It runs for every door that sends records: lists, views, answers to writes, sign-ins, expands, batches and
        events. What the site's own code reads is left as it is.
        """
        return lambda hook: self.hooks.add_reading(names_of(collections), hook)

    def on(self, moment: MomentName, collections: Names = EVERY) -> Callable[[AnyHook], AnyHook]:
        """Let code run at another moment: an async function before it, an async generator around it.

        moment: "sign_in", "oauth2", "account", "mail", "file_token", "download", "connect", "subscribe", "message", "batch",
                "settings", "schema"; what it is given is a `MomentEvent`
        """
        return lambda hook: self.hooks.add_moment(moment, names_of(collections), hook)

    def lifespan(
        self, life: Callable[[Backstay], AsyncIterator[None]]
    ) -> Callable[[Backstay], AsyncIterator[None]]:
        """Let an async generator run around the life of the opened site: what is before its `yield` at the start."""
        self._lives.append(asynccontextmanager(life))
        return life

    # -- endpoints ------------------------------------------------------------------------------------------

    def endpoint(self, method: str, path: str, **options: Any) -> Callable[[F], F]:
        """Serve a typed async function at a path; see `Endpoint` for the options. Who calls it is signed in unless `public`.

        Raises SetupError where another endpoint has the path, TypeError where the function can't be one.
        """

        def declare(function: F) -> F:
            found = make_endpoint(method, path, function, **options)
            if any((other.method, other.path) == (method, path) for other in self._endpoints):
                raise SetupError(
                    f"two endpoints answer {method} {path}",
                    why=f"the second one is {function.__module__}.{function.__qualname__}",
                    do="give one of them another path",
                )
            self._endpoints.append(found)
            return function

        return declare

    def get(self, path: str, **options: Any) -> Callable[[F], F]:
        """Serve GET; see `endpoint`."""
        return self.endpoint("GET", path, **options)

    def post(self, path: str, **options: Any) -> Callable[[F], F]:
        """Serve POST; see `endpoint`."""
        return self.endpoint("POST", path, **options)

    def put(self, path: str, **options: Any) -> Callable[[F], F]:
        """Serve PUT; see `endpoint`."""
        return self.endpoint("PUT", path, **options)

    def patch(self, path: str, **options: Any) -> Callable[[F], F]:
        """Serve PATCH; see `endpoint`."""
        return self.endpoint("PATCH", path, **options)

    def delete(self, path: str, **options: Any) -> Callable[[F], F]:
        """Serve DELETE; see `endpoint`."""
        return self.endpoint("DELETE", path, **options)

    def mount(self, path: str, app: ASGIApp) -> None:
        """Serve another ASGI application under a path; it finds the viewer in `scope["state"]["viewer"]`."""
        self._mounts.append(Mount(path, with_viewer(app)))

    def mount_wsgi(self, path: str, app: WsgiApp, *, threads: int = WSGI_THREADS) -> None:
        """Serve a WSGI application (Django, Flask) under a path; it finds the viewer in `environ["backstay.viewer"]`.

        Raises SetupError where `backstay[wsgi]` is not installed.
        """
        self.mount(path, from_wsgi(app, threads))

    # -- plugins --------------------------------------------------------------------------------------------

    def use(self, plugin: Callable[Concatenate[Backstay, P], R], *args: P.args, **options: P.kwargs) -> R:
        """Let a plugin declare what it brings: it is a function of the application and its own options.

        Raises SetupError when it is used twice.
        """
        name = f"{plugin.__module__}.{plugin.__qualname__}"
        if name in self._plugins:
            raise SetupError(
                f"the plugin {name} is used twice", why="it would declare all twice", do="use it once"
            )
        self._plugins.append(name)
        return plugin(self, *args, **options)

    def collection(self, cls: type[C]) -> type[C]:
        """Declare a collection by its class, in the site's own code or a plugin's; a decorator."""
        self.classes.append(cls)
        return cls

    # -- data -----------------------------------------------------------------------------------------------

    @property
    def site(self) -> Site:
        """The opened site. Raises RuntimeError outside of the application's lifespan."""
        if self._site is None:
            raise RuntimeError(
                "the site is not open: it is while the application runs, or within 'app.open()'"
            )
        return self._site

    @overload
    def records(self, collection: str) -> Records[Record]: ...
    @overload
    def records(self, collection: type[C]) -> Records[C]: ...
    def records(self, collection: Any) -> Any:
        """Return the records of a collection, by its name, or by its class for records that the editor knows."""
        return records_of(lambda: self.site, collection)

    @overload
    def accounts(self, collection: str) -> Accounts[Record]: ...
    @overload
    def accounts(self, collection: type[A]) -> Accounts[A]: ...
    def accounts(self, collection: Any) -> Any:
        """Return the people of an auth collection, by its name or its class: to let them in."""
        if isinstance(collection, str):
            return Accounts(lambda: self.site, collection, Record)
        return Accounts(lambda: self.site, name_of(collection), collection.from_record)

    def transaction(self) -> AbstractAsyncContextManager[Any]:
        """Return a block that is one transaction: all that is read and written in it, or nothing.

        Within a transaction it is a savepoint. It holds the site's writer: keep it short, and wait for nothing else.
        """
        return transaction(self.site.store)

    # -- running --------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def open(self, options: ServeOptions | None = None, *, works: bool = False) -> AsyncIterator[Site]:
        """Open the site for the block: its data, hooks and plugins.

        works: do what waits in the outbox, and tell subscribers
        """
        asked = options or self._options
        if self._site is not None:
            raise RuntimeError("the site is open already")
        opening = open_site(
            asked.data,
            database=asked.database,
            shared=asked.shared,
            works=works,
            jobs=asked.jobs,
            templates=[asked.site / "templates"],
            prepare=self._bind,
        )
        try:
            schema = prepared(opening, asked.site, dev=asked.dev, more=self.classes)
            async with schema as site, _all(self, self._lives):
                yield site
        finally:
            self._site = None

    def _bind(self, site: Site) -> None:
        """Let the hooks run in a site that is about to open."""
        self._site = site
        site.writer.hooked.hooks = self.hooks
        site.moments.hooks = self.hooks.moments
        site.showing.hooks = self.hooks if self.hooks.has_reading else None
        self.hooks.bind(site.store, site.outbox)
        try:
            site.use_jobs(self.jobs)
        except ValueError as exc:
            raise SetupError("cannot start the schedules", why=str(exc), do="rename one of them") from exc

    def asgi(self, options: ServeOptions) -> ASGIApp:
        """Return the ASGI application which serves the site with these options while its lifespan lasts."""
        for endpoint in self._endpoints:
            if takes(endpoint.method, endpoint.path):
                raise SetupError(
                    f"the endpoint {endpoint.method} {endpoint.path} is Backstay's own",
                    why="clients rely on what it answers",
                    do="give yours another path",
                )
        routes = [
            *(endpoint.route() for endpoint in self._endpoints),
            *openapi_routes(lambda viewer: described(self._endpoints, viewer)),
            *self._mounts,
        ]
        return create_application(self.open(options, works=True), origins=options.origins, extra=routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as an ASGI application. Mounted in another, let that one enter `running` in its lifespan."""
        if scope["type"] == "lifespan":
            self._asgi = self.asgi(self._options)
        elif self._asgi is None:
            raise RuntimeError(
                "the site is not open: enter 'app.running()' in the lifespan of the application around it"
            )
        if scope["type"] == "http" and self._state:
            scope["state"] = {**scope.get("state", {}), **self._state}
        await self._asgi(scope, receive, send)

    _state: Mapping[str, Any] = {}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Site]:
        """Run the site for the block, where another ASGI application has the lifespan."""
        self._asgi = self.asgi(self._options)
        life = Lifespan(self._asgi)
        await life.start()
        self._state = life.state
        try:
            yield self.site
        finally:
            self._state = {}
            await life.stop()


@asynccontextmanager
async def _all(app: Backstay, lives: Sequence[Life]) -> AsyncIterator[None]:
    """Enter all lifespans, one after the other."""
    if not lives:
        yield
        return
    async with lives[0](app), _all(app, lives[1:]):
        yield


def names_of(collections: Names) -> tuple[str, ...]:
    """Return the names of collections that are given by name or class, one or several."""
    given = [collections] if isinstance(collections, str | type) else collections
    return tuple(item if isinstance(item, str) else name_of(item) for item in given)
