"""The views that a site has, while its tables change under them: put aside, made again, followed in what they give."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from backstay.catalog import Catalog, Collection
from backstay.collections.tables import SchemaFault
from backstay.collections.view_text import keep_names
from backstay.collections.views import ViewProbe, ViewShape
from backstay.plans.params import Statement
from backstay.stores.base import StoreError, Transaction
from backstay.stores.catalog import save_collection
from backstay.stores.schema import Ddl


def views_of(catalog: Catalog) -> list[Collection]:
    """Return the views of a catalog."""
    return [collection for collection in catalog if collection.is_view]


class StandingViews:
    """Looks after views within one transaction."""

    def __init__(self, tx: Transaction, ddl: Ddl) -> None:
        self._tx = tx
        self._ddl = ddl
        self._aside: dict[str, str] = {}
        self._before: dict[str, str] = {}

    async def broken(self, views: Iterable[Collection]) -> list[Collection]:
        """Return those views which can't be read, since something is gone that they need."""
        found: list[Collection] = []
        self._before = dict(await self._texts())
        for view in views:
            try:
                async with self._tx.savepoint():
                    await self._tx.fetch(Statement(self._ddl.look_into(view.name)))
            except StoreError:
                found.append(view)
        return found

    async def put_aside(self, views: Sequence[Collection]) -> None:
        """Drop views, and keep their texts for `put_back`."""
        if not views:
            return
        texts = dict(await self._texts())
        by_name = {view.name: view for view in views}
        for view in [by_name[name] for name in texts if name in by_name]:
            if view.name in texts:
                self._aside[view.id] = texts[view.name]
                await self._run(self._ddl.drop_view(view.name), view.name)

    async def put_back(self, views: Iterable[Collection]) -> None:
        """Create views that were put aside as they were, whether they can be read or not."""
        names = {view.id: view.name for view in views}
        for id in [id for id in self._aside if id in names]:  # in the order in which they were made
            await self._run(self._aside.pop(id), names[id])

    async def create(self, view: Collection, shape: ViewShape) -> None:
        """Create the view of a collection, whose fields are those of `shape`."""
        names = [field.name for field in view.fields]
        await self._run(self._ddl.create_view(view, columns=names, casts_id=shape.casts_id), view.name)

    async def follow(self, catalog: Catalog, *, leave: Iterable[Collection] = (), now: str) -> None:
        """Bring the views up to date with the tables: their queries, their fields, their rows in `_collections`.

        catalog: as it is stored by now
        leave:   views that are left as they are
        now:     a protocol date

        Raises SchemaFault for a view which no longer works.
        """
        left = {view.id for view in leave}
        texts = dict(await self._texts())
        probe, again = ViewProbe(catalog), True
        while again:  # since a view may read from another that just changed
            again = False
            probe = ViewProbe(catalog)
            for view in views_of(catalog):
                if view.id in left:
                    continue
                changed, shape = await self._followed(probe, view, texts.get(view.name, ""))
                if changed != view:
                    again = True
                    changed = msgspec.structs.replace(changed, updated=now)
                    await self._run(self._ddl.drop_view(view.name), view.name)
                    await self.create(changed, shape)
                    await save_collection(self._tx, changed)
                    catalog = catalog.having(changed)
                    texts.pop(view.name, None)
        await self._make_missing(probe, [view for view in views_of(catalog) if view.id not in left])

    async def _make_missing(self, probe: ViewProbe, views: Sequence[Collection]) -> None:
        """Create the views that went together with others from which they read."""
        there = dict(await self._texts())
        waiting = [view for view in views if view.name not in there]
        while waiting:
            left: list[Collection] = []
            for view in waiting:
                shape = await probe.look(self._tx, view.viewQuery, old=view.fields)
                if shape.error is None:
                    await self.create(view, shape)
                else:
                    left.append(view)
            if len(left) == len(waiting):
                raise SchemaFault(f"error in view {left[0].name} - it reads from a view that is gone")
            waiting = left

    async def _followed(self, probe: ViewProbe, view: Collection, text: str) -> tuple[Collection, ViewShape]:
        is_same = not text or text == self._before.get(view.name)
        query = view.viewQuery if is_same else self._renamed_query(view, text)
        shape = await probe.look(self._tx, query, old=view.fields)
        if shape.error is not None:
            raise SchemaFault(f"error in view {view.name} - {shape.error}")
        return msgspec.structs.replace(view, viewQuery=query, fields=shape.fields), shape

    async def _texts(self) -> list[tuple[str, str]]:
        return [(str(name), str(text)) for name, text in await self._tx.fetch(self._ddl.view_texts)]

    async def _run(self, text: str, name: str) -> None:
        try:
            await self._tx.execute(Statement(text), long=True)
        except StoreError as exc:
            raise SchemaFault(f"error in view {name} - {exc}") from exc

    def _renamed_query(self, view: Collection, text: str) -> str:
        """Return a view's query as the database has rewritten it, with its columns called as before."""
        given = self._ddl.view_query(text)
        if given is None or given == view.viewQuery.strip().rstrip(";"):
            return view.viewQuery
        return keep_names(given, [field.name for field in view.fields])
