"""/api/collections (A1, A4): superusers only."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from starlette.routing import BaseRoute, Route

from backstay.catalog import Collection, collection_json
from backstay.catalog.defaults import scaffolds
from backstay.catalog.fields import BoolField, TextField
from backstay.catalog.model import field_json
from backstay.catalog.providers import PROVIDERS, logo
from backstay.checks import first, length, required
from backstay.errors import BadRequest, NotFound
from backstay.filters import Name, walk
from backstay.http.bodies import parse_body
from backstay.http.context import Ask, Door, decoded
from backstay.http.replies import Reply, json_reply, no_content
from backstay.moments import Block, Moment, SchemaChange
from backstay.overlay import Misfit, overlay
from backstay.plans.sort import parse_sort
from backstay.records.plan_cache import parse_filter
from backstay.records.query import ListQuery

INVALID_LOAD = "An error occurred while loading the submitted data."
DRY_RUN_MAX_CHARS = 5000
INVALID_VALUES = "An error occurred while validating the submitted data."

STORED = Collection(
    id="_collections",
    name="_collections",
    fields=(
        TextField(name="id"),
        TextField(name="name"),
        TextField(name="type"),
        BoolField(name="system"),
        TextField(name="created"),
        TextField(name="updated"),
    ),
)
"""What of collections can be filtered and sorted by: their own table, read like records."""
_SORTABLE = frozenset(STORED.by_name) | {"@random", "@rowid"}


class _ImportBody(msgspec.Struct, frozen=True):
    collections: list[Any] = []
    deleteMissing: bool = False


class _DryRunBody(msgspec.Struct, frozen=True):
    query: str = ""


B = TypeVar("B", bound=msgspec.Struct)


async def list_collections(ask: Ask) -> Reply:
    ask.require_superuser()
    catalog, query = ask.site.catalog, ask.list_query()
    _check_names(query)
    with_stored = catalog.having(STORED)
    counts_all = not query.filter and not query.skip_total
    ids = msgspec.structs.replace(
        query,
        sort=query.sort or "@rowid",
        expand="",
        fields="id",
        skip_total=query.skip_total or counts_all,  # the catalog knows how many there are
    )
    page: dict[str, Any] = decoded(await ask.site.schema_reader.list(with_stored, STORED, ids, ask.info()))
    if counts_all:
        page |= {"totalItems": len(catalog), "totalPages": -(-len(catalog) // query.per_page)}
    found = (catalog.find(item["id"]) for item in page["items"])
    page["items"] = [collection_json(item) for item in found if item]
    return _page(page, query.fields)


def _check_names(query: ListQuery) -> None:
    """Raise BadRequest for what only records can be filtered and sorted by: requests, other collections, modifiers."""
    terms = [name for name, _ in parse_sort(query.sort)]
    unknown = [name for name in terms if name not in _SORTABLE]
    if query.filter:
        for compare in walk(parse_filter(query.filter).node):
            sides = (compare.left, compare.right)
            unknown += [
                side.path
                for side in sides
                if isinstance(side, Name) and (":" in side.path or side.path.startswith(_ONLY_FOR_RECORDS))
            ]
    if unknown:
        names = ", ".join(STORED.by_name)
        raise BadRequest(
            hint=f"Collections can't be filtered or sorted by '{unknown[0][:100]}', but by {names}."
        )


_ONLY_FOR_RECORDS = ("@request.", "@collection.")


def _page(page: dict[str, Any], fields: str) -> Reply:
    """Answer with a page; `fields` picks within its items."""
    if fields:
        page["items"] = [decoded(json_reply(item, fields).body) for item in page["items"]]
    return json_reply(page)


async def view_collection(ask: Ask) -> Reply:
    return json_reply(collection_json(_found(ask)), ask.fields)


def _found(ask: Ask) -> Collection:
    """Return the collection in the path, for superusers only. Raises Unauthorized, Forbidden or NotFound."""
    ask.require_superuser()
    found = ask.site.catalog.find(ask.path("collection"))
    if found is None:
        raise NotFound
    return found


async def create_collection(ask: Ask) -> Reply:
    ask.require_superuser()
    body = await _body(ask, "Failed to load the collection type data due to invalid formatting.")
    async with _changing(ask, "create", "", body):
        return json_reply(collection_json(await ask.site.changes.create(body)), ask.fields)


def _changing(ask: Ask, action: str, collection: str, body: object = None) -> Block:
    """Return the block in which collections change, so that the site's own code may have its say."""
    subject = SchemaChange(action, collection, body)
    return ask.site.moments.around("schema", lambda: Moment(name="schema", subject=subject, info=ask.info()))


async def update_collection(ask: Ask) -> Reply:
    old = _found(ask)
    body = await _body(ask, "Failed to load the submitted data due to invalid formatting.")
    async with _changing(ask, "update", old.name, body):
        return json_reply(collection_json(await ask.site.changes.update(old.id, body)), ask.fields)


async def delete_collection(ask: Ask) -> Reply:
    old = _found(ask)
    async with _changing(ask, "delete", old.name):
        await ask.site.changes.delete(old.id)
    return no_content()


async def truncate_collection(ask: Ask) -> Reply:
    old = _found(ask)
    async with _changing(ask, "truncate", old.name):
        await ask.site.changes.truncate(old)
    return no_content()


async def import_collections(ask: Ask) -> Reply:
    ask.require_superuser()
    body = await _read(ask, _ImportBody())
    bodies = [{} if item is None else item for item in body.collections]
    if not all(isinstance(item, dict) for item in bodies):
        raise BadRequest(INVALID_LOAD, hint="'collections' is a list of objects.", at="collections")
    async with _changing(ask, "import", "", bodies):
        await ask.site.changes.replace(bodies, delete_missing=body.deleteMissing)
    return no_content()


async def view_scaffolds(ask: Ask) -> Reply:
    ask.require_superuser()
    return json_reply(scaffolds(), ask.fields)


async def view_providers(ask: Ask) -> Reply:
    ask.require_superuser()
    found = [{"name": name, "displayName": shown, "logo": logo(name)} for name, shown in PROVIDERS.items()]
    return json_reply(found, ask.fields)


async def dry_run_view(ask: Ask) -> Reply:
    ask.require_superuser()
    query = (await _read(ask, _DryRunBody())).query
    fault = first(query, required, length(0, DRY_RUN_MAX_CHARS))
    if fault is not None:
        raise BadRequest(INVALID_VALUES, {"query": fault})
    found = await ask.site.changes.dry_run(query)
    sample = [msgspec.Raw(text.encode()) for text in found.sample]
    return json_reply({"fields": [field_json(field) for field in found.fields], "sample": sample}, ask.fields)


async def _read(ask: Ask, empty: B) -> B:
    """Return a body of known keys, which may be written in any case. Raises BadRequest."""
    try:
        return overlay(empty, await _body(ask, INVALID_LOAD), fold=True)
    except Misfit as misfit:
        raise BadRequest(INVALID_LOAD, hint=str(misfit), at=misfit.path or None) from misfit


async def _body(ask: Ask, message: str) -> dict[str, Any]:
    try:
        return (await parse_body(ask.request)).values
    except BadRequest as exc:
        raise BadRequest(message, hint=exc.hint, at=exc.at) from exc


_ALL = "/api/collections"
_ONE = _ALL + "/{collection}"

routes: list[BaseRoute] = [
    Route(_ALL, Door(list_collections), methods=["GET"]),
    Route(_ALL, Door(create_collection), methods=["POST"]),
    Route(f"{_ALL}/import", Door(import_collections), methods=["PUT"]),
    Route(f"{_ALL}/meta/scaffolds", Door(view_scaffolds), methods=["GET"]),
    Route(f"{_ALL}/meta/oauth2-providers", Door(view_providers), methods=["GET"]),
    Route(f"{_ALL}/meta/dry-run-view", Door(dry_run_view), methods=["POST"]),
    Route(f"{_ONE}/truncate", Door(truncate_collection), methods=["DELETE"]),
    Route(_ONE, Door(view_collection), methods=["GET"]),
    Route(_ONE, Door(update_collection), methods=["PATCH"]),
    Route(_ONE, Door(delete_collection), methods=["DELETE"]),
]
