"""Signing in from Python: for endpoints of a site's own that let people in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import msgspec
from starlette.requests import Request

from backstay.accounts.people import auth_of
from backstay.accounts.places import Place
from backstay.catalog import Collection
from backstay.errors import NotFound
from backstay.http.context import Ask
from backstay.plans.request import RequestInfo
from backstay.records.query import RecordCall
from backstay.site import Site

R = TypeVar("R")


class SignedInAs(msgspec.Struct, Generic[R], frozen=True):
    """Somebody who was let in, and the token to send as `Authorization`."""

    record: R
    token: str


class Accounts(Generic[R]):
    """The people of one auth collection."""

    def __init__(self, site: Callable[[], Site], name: str, make: Callable[[dict[str, Any]], R]) -> None:
        self._site, self._name, self._make = site, name, make

    async def sign_in(self, identity: str, password: str, *, request: Request | None = None) -> SignedInAs[R]:
        """Let somebody in with a password, by the same gate as the API: its rule, second factors, delays.

        request: where it comes from, for delays and mails about new places

        Raises BadRequest, Forbidden where the collection or its rule refuses, TooManyRequests, and RequestError with
        status 401 where a second factor is wanted.
        """
        site, collection = self._site(), await self._collection()
        body = {"identity": identity, "password": password}
        call = RecordCall(
            site.catalog, collection, RequestInfo(context="password", body=body, clock=site.clock), body=body
        )
        place = Place() if request is None else Ask(site, request.scope, request.receive).place
        answer: dict[str, Any] = msgspec.json.decode(await site.sign_in.with_password(call, place))
        return SignedInAs(self._make(answer["record"]), answer["token"])

    async def token(self, record: Mapping[str, Any] | str, *, duration_s: int = 0) -> str:
        """Return a token of a record, or of an id: whoever holds it is signed in as that. Raises NotFound.

        duration_s: how long it lives; 0 is what the collection says
        """
        site, collection = self._site(), await self._collection()
        record_id = record if isinstance(record, str) else str(record["id"])
        stored = await site.viewers.load(collection, record_id)
        if stored is None:
            raise NotFound
        lives_s = duration_s or auth_of(collection).authToken.duration
        return site.sign_in.new_token(collection, stored, duration_s=lives_s, refreshable=True)

    async def _collection(self) -> Collection:
        site = self._site()
        await site.refresh()
        found = site.catalog.find(self._name)
        if found is None or not found.is_auth:
            raise LookupError(f"there is no auth collection '{self._name}'")
        return found
