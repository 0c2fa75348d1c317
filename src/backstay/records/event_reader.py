"""Shows a record as a write has left it, to one who may see it: what `Reader` is for records that are stored."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from backstay.catalog import Catalog, Collection
from backstay.catalog.fields import DbValue
from backstay.plans.event import plan_event
from backstay.plans.fields import pick
from backstay.plans.params import Values, bind
from backstay.plans.read import ReadPlan
from backstay.plans.request import RequestInfo
from backstay.plans.scope import Frame
from backstay.records.plan_cache import PlanCache, parse_filter
from backstay.records.query import ListQuery
from backstay.records.reader import expand_for, finish_rows, picked_keys, picker_of
from backstay.records.showing import Showing
from backstay.stores.base import Store

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class EventReader:
    """Shows events of one store."""

    def __init__(self, store: Store, showing: Showing | None = None) -> None:
        self._store = store
        self.showing = showing or Showing()
        self._plans: PlanCache[ReadPlan] = PlanCache(store.dialect)

    async def show(
        self,
        catalog: Catalog,
        collection: Collection,
        values: Mapping[str, DbValue],
        rule: str | None,
        query: ListQuery,
        info: RequestInfo,
    ) -> bytes | None:
        """Return a record's JSON, or None when the viewer may not see it or the filter is not satisfied.

        values: the record's database values by field
        rule:   '' when everybody may; None is for superusers alone

        Raises BadRequest for a filter, fields or expand that can't be used.
        """
        superuser = info.viewer.is_superuser
        if rule is None and not superuser:
            return None
        rule = None if superuser else rule
        parsed = parse_filter(query.filter) if query.filter else None
        picker = picker_of(query.fields)
        picked = self.showing.picked(collection, picked_keys(picker))
        shape = parsed.skeleton if parsed else ""
        key = ("event", collection.id, info.viewer.shape, rule, shape, query.expand, picked)

        def make(frame: Frame) -> ReadPlan:
            tree = expand_for(catalog, collection, query.expand, info, picked)
            node = parsed.node if parsed else None
            return plan_event(frame, collection, rule=rule, node=node, picked=picked, tree=tree)

        plan = self._plans.get(catalog, key, info, make)
        bound = bind(plan.rows, Values(info, parsed.literals if parsed else (), dict(values)))
        rows = await self._store.fetch(plan.rows, bound)
        if not rows:
            return None
        texts = await finish_rows(plan, rows, self._store.fetch, info)
        [text] = await self.showing.change(catalog, collection, texts, info, expands=plan.has_expand)
        if picker is not None and picked is None:
            return _encode(pick(_decode(text), picker))
        return text.encode()
