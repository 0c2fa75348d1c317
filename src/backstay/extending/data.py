"""Data from Python: the records of a collection, read and written with the filter language, as the system or as a viewer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Generic, TypeVar, overload

import msgspec

from backstay.catalog import Collection
from backstay.declared import Collection as DeclaredCollection
from backstay.declared import name_of
from backstay.errors import NotFound
from backstay.extending.placeholders import fill, literal
from backstay.plans.limits import PER_PAGE_DEFAULT, PER_PAGE_MAX
from backstay.plans.request import RequestInfo, Viewer
from backstay.records.query import ListQuery, RecordCall, ViewQuery
from backstay.records.upload import Upload
from backstay.site import Site
from backstay.stores.joined import transaction

OFFSET_MAX = 2**63 - 1
R = TypeVar("R")
D = TypeVar("D", bound=DeclaredCollection)
_decode = msgspec.json.Decoder().decode


class Record(dict[str, Any]):
    """A record as the API answers with it: by key, or as an attribute where no method of a dict has the name."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"this record has no '{name}'") from None


class Page(msgspec.Struct, Generic[R], frozen=True):
    """One page of records. `total` is -1 where it was not counted."""

    items: list[R]
    page: int
    per_page: int
    total: int


class File(msgspec.Struct, frozen=True):
    """A file to be stored with a record."""

    name: str
    content: bytes


class Records(Generic[R]):
    """The records of one collection.

    Without `as_` the system itself reads and writes: rules don't apply, checks do. Within `app.transaction()` and in
    hooks all of it belongs to that transaction. Filters take values as `{:name}`.
    """

    def __init__(
        self,
        site: Callable[[], Site],
        name: str,
        make: Callable[[dict[str, Any]], R],
        viewer: Viewer | None = None,
    ) -> None:
        self._site, self._name, self._make, self._viewer = site, name, make, viewer

    def as_(self, viewer: Viewer) -> Records[R]:
        """Return the same records as a viewer may see and change them."""
        return Records(self._site, self._name, self._make, viewer)

    # -- reading --------------------------------------------------------------------------------------------

    async def get(self, record_id: str, *, expand: str = "") -> R:
        """Return a record. Raises NotFound."""
        call = await self._call(record_id, query=ViewQuery(expand=expand))
        return self._read(await self._site().reader.view(call))

    async def find(self, record_id: str, *, expand: str = "") -> R | None:
        """Return a record, or None."""
        try:
            return await self.get(record_id, expand=expand)
        except NotFound:
            return None

    async def first(
        self, filter: str = "", /, *, sort: str = "", expand: str = "", **values: Any
    ) -> R | None:
        """Return the first record that a filter finds, or None."""
        query = ListQuery(1, 1, sort, fill(filter, values), expand, skip_total=True)
        return next(iter((await self._list(query)).items), None)

    async def list(
        self,
        filter: str = "",
        /,
        *,
        sort: str = "",
        page: int = 1,
        per_page: int = PER_PAGE_DEFAULT,
        offset: int | None = None,
        expand: str = "",
        skip_total: bool = False,
        **values: Any,
    ) -> Page[R]:
        """Return a page of records; `per_page` is 1000 at most.

        offset: records to leave out, instead of a page
        """
        if page < 1 or (offset is not None and offset < 0) or not 1 <= per_page <= PER_PAGE_MAX:
            raise ValueError(f"pages start at 1, offsets at 0; pages have 1 to {PER_PAGE_MAX} records")
        return await self._list(
            ListQuery(
                page,
                per_page,
                sort,
                fill(filter, values),
                expand,
                skip_total=skip_total,
                offset=-1 if offset is None else min(offset, OFFSET_MAX),
            )
        )

    async def iterate(self, filter: str = "", /, *, expand: str = "", **values: Any) -> AsyncIterator[R]:
        """Yield all records that a filter finds, in the order of their ids; memory holds 500 at a time."""
        filled = fill(filter, values)
        last = ""
        while True:
            where = f"id > {literal(last)}" + (f" && ({filled}\n)" if filled else "")
            items = await self._raw(ListQuery(1, 500, "id", where, expand, skip_total=True))
            for item in items["items"]:
                yield self._make(item)
            if len(items["items"]) < 500:
                return
            last = items["items"][-1]["id"]

    async def count(self, filter: str = "", /, **values: Any) -> int:
        """Return how many records a filter finds."""
        return int((await self._raw(ListQuery(1, 1, "", fill(filter, values), fields="id")))["totalItems"])

    # -- writing --------------------------------------------------------------------------------------------

    async def create(self, values: Mapping[str, Any] | None = None, /, **more: Any) -> R:
        """Create a record. Raises BadRequest with all faults; as a viewer also what its rules raise."""
        call = await self._write_call("", {**(values or {}), **more})
        return self._read(await self._site().writer.create(call))

    async def update(self, record_id: str, values: Mapping[str, Any] | None = None, /, **more: Any) -> R:
        """Change a record; keys may be modifiers like `views+`. Raises NotFound, BadRequest with all faults."""
        call = await self._write_call(record_id, {**(values or {}), **more})
        return self._read(await self._site().writer.update(call))

    async def update_if(
        self, record_id: str, where: str, values: Mapping[str, Any], /, **bound: Any
    ) -> R | None:
        """Change a record if it satisfies a filter, all in one transaction; return None when it does not.

        `await products.update_if(id, "stock >= {:n}", {"stock-": 2}, n=2)` sells two, or none.
        """
        condition = f"id = {literal(record_id)} && ({fill(where, bound)}\n)"
        async with transaction(self._site().store):
            if await self.first(condition) is None:
                return None
            return await self.update(record_id, values)

    async def upsert(self, by: str, values: Mapping[str, Any], /) -> R:
        """Change the record whose field `by` has the value in `values`, or create it; in one transaction."""
        async with transaction(self._site().store):
            found = await self._raw(
                ListQuery(1, 1, "", f"{by} = {literal(values[by])}", fields="id", skip_total=True)
            )
            if not found["items"]:
                return await self.create(values)
            return await self.update(found["items"][0]["id"], values)

    async def delete(self, record_id: str, /) -> None:
        """Delete a record with all that cascades. Raises NotFound, BadRequest when a relation must keep it."""
        await self._site().writer.delete(await self._call(record_id))

    # -- parts ----------------------------------------------------------------------------------------------

    async def _collection(self) -> Collection:
        site = self._site()
        await site.refresh()
        found = site.catalog.find(self._name)
        if found is None:
            raise LookupError(f"there is no collection '{self._name}'")
        return found

    async def _call(
        self, record_id: str, body: Mapping[str, Any] | None = None, query: ViewQuery | None = None
    ) -> RecordCall:
        site, collection = self._site(), await self._collection()
        info = self._info(site, body)
        return RecordCall(
            site.catalog,
            collection,
            info,
            record_id,
            body or {},
            query or ViewQuery(),
            by_code=self._viewer is None,
        )

    def _info(self, site: Site, body: Mapping[str, Any] | None = None) -> RequestInfo:
        viewer = self._viewer or Viewer(site.superusers)
        return RequestInfo(viewer=viewer, body=body or {}, clock=site.clock)

    async def _write_call(self, record_id: str, values: Mapping[str, Any]) -> RecordCall:
        body, uploads = self._receive(values)
        call = await self._call(record_id, body)
        return msgspec.structs.replace(call, uploads=uploads) if uploads else call

    def _receive(self, values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Upload]]:
        """Return values as a body has them, and the files among them."""
        uploads: dict[str, Upload] = {}

        def plain(value: Any) -> Any:
            if isinstance(value, File):
                upload = self._site().keeper.incoming.receive(value.name, value.content)
                uploads[upload.name] = upload
                return upload.name
            return [plain(item) for item in value] if isinstance(value, list | tuple) else value

        body = {key: plain(value) for key, value in values.items()}
        if "password" in body:
            body.setdefault("passwordConfirm", body["password"])
        return {key: msgspec.to_builtins(value) for key, value in body.items()}, uploads

    async def _raw(self, query: ListQuery) -> dict[str, Any]:
        site, collection = self._site(), await self._collection()
        info = self._info(site)
        found: dict[str, Any] = _decode(
            await site.reader.list(site.catalog, collection, query, info, by_code=self._viewer is None)
        )
        return found

    async def _list(self, query: ListQuery) -> Page[R]:
        raw = await self._raw(query)
        return Page(
            [self._make(item) for item in raw["items"]], query.page, query.per_page, raw["totalItems"]
        )

    def _read(self, text: bytes) -> R:
        return self._make(_decode(text))


@overload
def records_of(site: Callable[[], Site], kind: str) -> Records[Record]: ...
@overload
def records_of(site: Callable[[], Site], kind: type[D]) -> Records[D]: ...
def records_of(site: Callable[[], Site], kind: Any) -> Any:
    """Return the records of a collection, by its name or its class."""
    if isinstance(kind, str):
        return Records(site, kind, Record)
    return Records(site, name_of(kind), kind.from_record)
