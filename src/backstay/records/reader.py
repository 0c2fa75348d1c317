"""Lists and views: from a query to the bytes of its answer."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Sequence

import msgspec

from backstay.catalog import Catalog, Collection
from backstay.catalog.fields import DbValue
from backstay.errors import BadRequest, Forbidden, NotFound
from backstay.plans.expand import ExpandTree, expand_tree
from backstay.plans.fields import BadFields, Picker, parse_fields, pick
from backstay.plans.params import Values, bind
from backstay.plans.read import ReadPlan, plan_list, plan_view
from backstay.plans.request import RequestInfo
from backstay.plans.scope import Frame
from backstay.plans.sort import parse_sort
from backstay.records.expander import ExpandRow, Fetch, expand_rows
from backstay.records.plan_cache import PlanCache, parse_filter
from backstay.records.query import ListQuery, RecordCall
from backstay.records.showing import Showing
from backstay.stores.base import Row, Store
from backstay.stores.schema import COUNT_RECORDS

COUNTS_MAX = 1000
TURN_S = 0.005
"""How long the records of one answer are cut down before others have their turn."""
_OFFSET_MAX = 2**63 - 1
"""The largest offset that the databases take."""
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
ONLY_SUPERUSERS = "Only superusers can perform this action."


class Reader:
    """Answers lists and views for one store."""

    def __init__(self, store: Store, showing: Showing | None = None) -> None:
        self._store = store
        self.showing = showing or Showing()
        self._plans: PlanCache[ReadPlan] = PlanCache(store.dialect)
        self._counts: OrderedDict[tuple[str, tuple[DbValue, ...]], tuple[int, int]] = OrderedDict()

    async def list(
        self,
        catalog: Catalog,
        collection: Collection,
        query: ListQuery,
        info: RequestInfo,
        *,
        by_code: bool = False,
    ) -> bytes:
        """Return the page of records that the viewer may list (A6).

        by_code: the site's own code asks, which gets records as they are

        Raises Forbidden when the list is for superusers only, BadRequest for what can't be filtered or sorted by.
        """
        rule = _rule(collection.listRule, info)
        picker = picker_of(query.fields)
        literals: tuple[str | int | float, ...] = ()
        shape = ""
        if query.filter:
            parsed = parse_filter(query.filter)
            shape, literals = parsed.skeleton, parsed.literals
        picked = self.showing.picked(collection, picked_keys(picker), by_code=by_code)
        key = ("list", collection.id, info.viewer.shape, shape, query.sort, query.expand, picked)

        def make(frame: Frame) -> ReadPlan:
            node = parse_filter(query.filter).node if query.filter else None
            tree = expand_for(catalog, collection, query.expand, info, picked)
            return plan_list(
                frame, collection, rule=rule, node=node, sort=parse_sort(query.sort), picked=picked, tree=tree
            )

        plan = self._plans.get(catalog, key, info, make)
        offset = query.offset if query.offset >= 0 else min((query.page - 1) * query.per_page, _OFFSET_MAX)
        given: dict[str, DbValue] = {"limit": query.per_page, "offset": offset}
        values = Values(info, literals, given)
        total = -1 if query.skip_total else await self._count(collection, plan, values)
        rows = await self._store.fetch(plan.rows, bind(plan.rows, values))
        items = await finish_rows(plan, rows, self._store.fetch, info)
        if not by_code:
            items = await self.showing.change(catalog, collection, items, info, expands=plan.has_expand)
        if picker is not None and picked is None:
            items = await _pick_each(items, picker)
        return _page(items, query, total)

    async def _count(self, collection: Collection, plan: ReadPlan, values: Values) -> int:
        """Return the exact total. It is looked up, not counted, for whole collections, and kept until a commit."""
        statement = plan.count or COUNT_RECORDS
        bound = bind(statement, values) if plan.count else (collection.id,)
        version = self._store.version()
        known = self._counts.get((statement.sql, bound))
        if known is not None and known[0] == version:
            return known[1]
        total = int((await self._store.fetch(statement, bound))[0][0])
        self._counts[statement.sql, bound] = (version, total)
        if len(self._counts) > COUNTS_MAX:
            self._counts.popitem(last=False)
        return total

    async def view(self, call: RecordCall) -> bytes:
        """Return one record. Raises Forbidden for superuser-only views, NotFound for what is not to be seen."""
        rule = _rule(call.collection.viewRule, call.info)
        return await self.view_within(self._store.fetch, call, rule=rule)

    async def view_within(self, fetch: Fetch, call: RecordCall, *, rule: str | None = None) -> bytes:
        """Return one record as `fetch` sees it, which may be within a transaction; `rule` None checks nothing."""
        catalog, collection, info, query = call.catalog, call.collection, call.info, call.query
        picker = picker_of(query.fields)
        picked = self.showing.picked(collection, picked_keys(picker), by_code=call.by_code)
        key = ("view", collection.id, info.viewer.shape, rule, query.expand, picked)

        def make(frame: Frame) -> ReadPlan:
            tree = expand_for(catalog, collection, query.expand, info, picked)
            return plan_view(frame, collection, rule=rule, picked=picked, tree=tree)

        plan = self._plans.get(catalog, key, info, make)
        rows = await fetch(plan.rows, bind(plan.rows, Values(info, given={"id": call.record_id})))
        if not rows:
            raise NotFound
        texts = await finish_rows(plan, rows, fetch, info)
        if not call.by_code:
            texts = await self.showing.change(catalog, collection, texts, info, expands=plan.has_expand)
        text = texts[0]
        if picker is not None and picked is None:
            return _encode(pick(_decode(text), picker))
        return text.encode()


def _rule(rule: str | None, info: RequestInfo) -> str | None:
    """Return the rule to check, None for superusers. Raises Forbidden when only superusers may pass."""
    if info.viewer.is_superuser:
        return None
    if rule is None:
        raise Forbidden(ONLY_SUPERUSERS)
    return rule


def picker_of(text: str) -> Picker | None:
    """Read a `fields` parameter. Raises BadRequest."""
    if not text:
        return None
    try:
        return parse_fields(text)
    except BadFields as exc:
        raise BadRequest(hint=str(exc), at="fields") from exc


def picked_keys(picker: Picker | None) -> frozenset[str] | None:
    """Return the keys which the database can pick by itself, or None when all are needed."""
    if picker is None or picker.everything or not picker.is_flat or "expand" in picker.keys:
        return None
    return frozenset(picker.keys)


def expand_for(
    catalog: Catalog, collection: Collection, expand: str, info: RequestInfo, picked: frozenset[str] | None
) -> ExpandTree | None:
    """Return what `expand` asks for and the viewer may have, or None."""
    if not expand or picked is not None:
        return None
    return expand_tree(catalog, collection, expand, info.viewer) or None


async def finish_rows(plan: ReadPlan, rows: Sequence[Row], fetch: Fetch, info: RequestInfo) -> list[str]:
    """Return the JSON of each row, with what is expanded."""
    if not plan.has_expand:
        return [row[0] for row in rows]
    open_rows = [ExpandRow(row[2], row[0], row[1], row[3:]) for row in rows]
    within = msgspec.structs.replace(info, context="expand")
    return await expand_rows(open_rows, plan.expand, fetch, within)


async def _pick_each(items: Sequence[str], picker: Picker) -> list[str]:
    """Cut the JSON of records down; others have their turn meanwhile, since an excerpt may take a millisecond."""
    out: list[str] = []
    ends = time.perf_counter() + TURN_S
    for item in items:
        out.append(_encode(pick(_decode(item), picker)).decode())
        if time.perf_counter() > ends:
            await asyncio.sleep(0)
            ends = time.perf_counter() + TURN_S
    return out


def _page(items: list[str], query: ListQuery, total: int) -> bytes:
    pages = -1 if total < 0 else -(-total // query.per_page)
    body = f"[{','.join(items)}]"
    return (
        f'{{"items":{body},"page":{query.page},"perPage":{query.per_page},'
        f'"totalItems":{total},"totalPages":{pages}}}'
    ).encode()
