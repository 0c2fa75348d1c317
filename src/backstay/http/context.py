"""One request: the site, who asks, and what rules may know of it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from backstay.accounts.places import Place
from backstay.accounts.viewers import SignedIn, viewer_of
from backstay.catalog import Collection
from backstay.errors import BadRequest, Forbidden, NotFound, RequestError, Unauthorized
from backstay.http.addresses import client_address, is_among
from backstay.http.replies import error_reply
from backstay.plans.limits import PER_PAGE_DEFAULT, PER_PAGE_MAX
from backstay.plans.request import RequestInfo, Viewer
from backstay.records.query import ListQuery, RecordCall, ViewQuery
from backstay.records.upload import Uploads
from backstay.site import Site
from backstay.stores.base import StoreError

log = logging.getLogger("backstay")

QUERY_MAX_BYTES = 64 << 10
_INTEGER_MAX_CHARS = 100
"""A number may have leading zeros; beyond this it is not read at all."""
QUERY_MAX_PARAMETERS = 200
_TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE = frozenset({"", "0", "f", "F", "false", "FALSE", "False"})
_SCHEMES = frozenset({"bearer", "token"})
MISSING_COLLECTION = "Missing collection context."
INVALID_COLLECTION = "Missing or invalid collection context."
INVALID_AUTH_COLLECTION = "Missing or invalid auth collection context."


class Headers(Mapping[str, str]):
    """A request's headers as rules name them: lower case, `_` for `-`; decoded when one is asked for."""

    def __init__(self, raw: list[tuple[bytes, bytes]]) -> None:
        self._raw = raw

    def _all(self) -> dict[str, str]:
        pairs = (
            (name.decode("latin-1").lower().replace("-", "_"), value) for name, value in reversed(self._raw)
        )
        return {name: value.decode("latin-1") for name, value in pairs}

    def __getitem__(self, key: str) -> str:
        return self._all()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._raw)


class Ask:
    """One request at one of the doors."""

    __slots__ = ("_receive", "_signed_in", "scope", "site")

    def __init__(self, site: Site, scope: Scope, receive: Receive) -> None:
        self.site = site
        self.scope = scope
        self._receive = receive
        self._signed_in: SignedIn | None = None

    @property
    def request(self) -> Request:
        """The request, for its body; most need no more than `scope`."""
        return Request(self.scope, self._receive)

    @property
    def raw_query(self) -> bytes:
        return self.scope["query_string"]  # type: ignore[no-any-return]

    @property
    def query(self) -> Mapping[str, str]:
        return query_values(self.raw_query)

    @property
    def fields(self) -> str:
        return self.query.get("fields", "") if self.raw_query else ""

    def path(self, name: str) -> str:
        """Return a part of the path. Raises NotFound when it is no text: nothing has such a name."""
        value: str = self.scope["path_params"][name]
        if not value.isascii():
            try:
                value.encode()
            except UnicodeEncodeError as exc:
                raise NotFound from exc
        return value

    @property
    def address(self) -> str:
        """The client's address; see `addresses`."""
        client = self.scope.get("client")
        connection = client[0] if client else ""
        trusted = self.site.settings.trusted_proxy
        if not trusted.headers:
            return connection
        return client_address(connection, self.scope["headers"], trusted)

    @property
    def place(self) -> Place:
        """Where the request comes from."""
        agent = next((value for name, value in self.scope["headers"] if name == b"user-agent"), b"")
        return Place(self.address, agent.decode("latin-1"))

    @property
    def signed_in(self) -> SignedIn | None:
        return self._signed_in

    @property
    def viewer(self) -> Viewer:
        return viewer_of(self._signed_in)

    async def identify(self) -> None:
        """Find out who asks, from the Authorization header with or without `Bearer` or `Token`."""
        for name, value in self.scope["headers"]:
            if name == b"authorization":
                token = value.decode("latin-1").strip()
                scheme, _, rest = token.partition(" ")
                if scheme.lower() in _SCHEMES:
                    token = rest
                if token:
                    self._signed_in = await self.site.viewers.find(self.site.catalog, token)
                    if self._signed_in is not None and self._signed_in.viewer.is_superuser:
                        self.check_superuser_address()
                return

    def check_superuser_address(self) -> None:
        """Raise Forbidden where the settings name the addresses of superusers, and this is none of them."""
        allowed = self.site.settings.superuser_ips
        if allowed and not is_among(self.address, allowed):
            raise Forbidden(
                hint="Superusers may not come from this address; see 'superuserIPs' in the settings."
            )

    def info(self, body: Mapping[str, Any] | None = None, *, context: str = "default") -> RequestInfo:
        """Return what rules may know of this request."""
        return RequestInfo(
            viewer=self.viewer,
            context=context,
            method=self.scope["method"],
            query=query_values(self.raw_query) if self.raw_query else {},
            headers=Headers(self.scope["headers"]),
            body=body or {},
            clock=self.site.clock,
        )

    def collection(self, missing: str = "") -> Collection:
        """Return the collection in the path. Raises NotFound with the message `missing`, or the one of the method."""
        found = self.site.catalog.find(self.path("collection"))
        if found is None:
            is_write = self.scope["method"] in {"POST", "PATCH"}
            message = missing or (INVALID_COLLECTION if is_write else MISSING_COLLECTION)
            raise NotFound(message, hint="There is no collection with this name or id.")
        return found

    def auth_collection(self, missing: str = INVALID_COLLECTION) -> Collection:
        """Return the auth collection in the path. Raises NotFound."""
        found = self.collection(missing)
        if not found.is_auth:
            raise NotFound(INVALID_AUTH_COLLECTION)
        return found

    def sign_in_collection(self) -> Collection:
        """Return the auth collection in the path. Raises NotFound, or Forbidden for superusers from elsewhere."""
        found = self.auth_collection()
        if found.is_superusers:
            self.check_superuser_address()
        return found

    def member_of(self, collection: Collection) -> SignedIn:
        """Return who is signed in as a record of a collection. Raises Unauthorized, Forbidden for other members."""
        if self._signed_in is None:
            raise Unauthorized
        own = self._signed_in.viewer.collection
        if own is None or own.id != collection.id:
            theirs = own or collection  # the protocol names the collection that the viewer is from
            raise Forbidden(f"The request requires auth record from {theirs.name} collection.")
        return self._signed_in

    def require_superuser(self) -> None:
        """Raise Unauthorized for guests and Forbidden for other members."""
        if self.viewer.is_guest:
            raise Unauthorized
        if not self.viewer.is_superuser:
            raise Forbidden("The authorized record is not allowed to perform this action.")

    def call(
        self,
        body: Mapping[str, Any] | None = None,
        *,
        record_id: str = "",
        uploads: Uploads | None = None,
    ) -> RecordCall:
        """Return what is asked of the collection in the path. Raises NotFound."""
        info = self.info(body)
        return RecordCall(
            self.site.catalog,
            self.collection(),
            info,
            record_id,
            body or {},
            self.view_query(),
            uploads or {},
        )

    def list_query(self) -> ListQuery:
        return parse_list(self.raw_query)

    def view_query(self) -> ViewQuery:
        if not self.raw_query:
            return _PLAIN_VIEW
        values = self.query
        return ViewQuery(values.get("expand", ""), values.get("fields", ""))


_PLAIN_VIEW = ViewQuery()
Handler: TypeAlias = Callable[[Ask], Awaitable[ASGIApp]]
"""What a door does: it returns the answer, which is an ASGI application; mostly a `Reply`."""


class Door:
    """An endpoint: an ASGI application around one handler, which turns what it raises into an answer.

    actions: what rate limits call it, the most particular first
    """

    def __init__(self, handler: Handler, *actions: str) -> None:
        self._handler = handler
        self._actions = actions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        site: Site = scope["state"]["site"]
        try:
            if site.is_stale():
                await site.refresh()
            ask = Ask(site, scope, receive)
            await ask.identify()
            if site.settings.rate_limits.enabled:
                self._limit(ask)
            reply: ASGIApp = await self._handler(ask)
        except RequestError as exc:
            reply = error_reply(exc)
        except ClientDisconnect:
            reply = error_reply(BadRequest(hint="The body ended before its length was reached.", at="body"))
        except StoreError:
            # A rule or filter that fails on this request's values lets nobody pass.
            log.warning("statement refused", exc_info=True, extra={"path": scope["path"]})
            reply = error_reply(BadRequest())
        await reply(scope, receive, send)

    def _limit(self, ask: Ask) -> None:
        """Count the request under the rate limits of its action and of its path. Raises TooManyRequests."""
        limits, limiter = ask.site.settings.rate_limits, ask.scope["state"]["limiter"]
        path = ask.scope["path"]
        limiter.check(limits, (f"{ask.scope['method']} {path}", path), ask.address, ask.viewer)
        labels = self.labels(ask)
        if labels:
            limiter.check(limits, labels, ask.address, ask.viewer)

    def labels(self, ask: Ask) -> Sequence[str]:
        """Return what rate limits call the request beside its path, the most particular first."""
        if not self._actions:
            return ()
        found = ask.site.catalog.find(ask.path("collection"))
        name = found.name if found else "*"
        return [f"{owner}:{action}" for action in self._actions for owner in (name, "*")]


@lru_cache(maxsize=2048)
def query_values(raw: bytes) -> Mapping[str, str]:
    """Return a query string's parameters; of repeated ones the first counts. Raises BadRequest."""
    if len(raw) > QUERY_MAX_BYTES:
        raise BadRequest(hint=f"A query string may have {QUERY_MAX_BYTES} bytes.")
    try:
        pairs = parse_qsl(
            raw.decode("latin-1"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=QUERY_MAX_PARAMETERS,
        )
    except ValueError as exc:
        raise BadRequest(hint="The query string is not valid UTF-8, or has too many parameters.") from exc
    return dict(reversed(pairs))


@lru_cache(maxsize=4096)
def parse_list(raw: bytes) -> ListQuery:
    """Read the parameters of a list. Raises BadRequest."""
    values = query_values(raw)
    return ListQuery(
        page=max(_integer(values, "page", 1), 1),
        per_page=_per_page(_integer(values, "perPage", PER_PAGE_DEFAULT)),
        sort=values.get("sort", ""),
        filter=values.get("filter", ""),
        expand=values.get("expand", ""),
        fields=values.get("fields", ""),
        skip_total=_boolean(values, "skipTotal"),
    )


def _per_page(asked: int) -> int:
    return PER_PAGE_DEFAULT if asked <= 0 else min(asked, PER_PAGE_MAX)


def _integer(values: Mapping[str, str], key: str, default: int) -> int:
    text = values.get(key, "")
    if not text:
        return default
    digits = text.removeprefix("-").removeprefix("+")
    if digits.isascii() and digits.isdigit() and len(digits) < _INTEGER_MAX_CHARS:
        number = int(text)
        if -(2**63) <= number < 2**63:
            return number
    raise BadRequest(hint=f"'{key}' must be a whole number of 64 bits.", at=key)


def _boolean(values: Mapping[str, str], key: str) -> bool:
    text = values.get(key, "")
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise BadRequest(hint=f"'{key}' must be true or false.", at=key)


def decoded(raw: bytes) -> Any:
    """Return JSON of ours as values."""
    return msgspec.json.decode(raw)
