"""Imports of collections: many changes at once, in an order in which each finds what it needs (A4).

First what can be judged without the database, since drafts hold SQL that must not run before; then the tables;
then the views, each as soon as those are there that it reads from; then everything is judged again, wholly.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from backstay.catalog import Catalog, Collection
from backstay.catalog.fieldlist import listed
from backstay.catalog.fields import TextField
from backstay.catalog.imports import ImportPlan, check_import
from backstay.catalog.validate import Judge, ViewAnalysis
from backstay.collections.judge import judge_with
from backstay.collections.standing_views import StandingViews, views_of
from backstay.collections.tables import SchemaFault, Tables
from backstay.collections.views import ViewProbe, ViewShape
from backstay.plans.dialects.base import Dialect
from backstay.stores.base import Transaction
from backstay.stores.catalog import delete_collection, park_name, save_collection
from backstay.stores.databases import ddl_for

_ID = TextField(name="id", system=True, primaryKey=True, required=True, pattern="^[a-z0-9]+$")
_UNKNOWN = ViewAnalysis(fields=listed((_ID,)))
_PATIENT = Judge(check_rule=lambda collection, rule: None, analyse_view=lambda query: _UNKNOWN)
"""Judges what needs neither planner nor database, and finds the rest right."""


class Import:
    """One import, within one transaction."""

    def __init__(self, tx: Transaction, dialect: Dialect, catalog: Catalog, plan: ImportPlan) -> None:
        ddl = ddl_for(dialect)
        self._tx = tx
        self._dialect = dialect
        self._tables = Tables(tx, ddl)
        self._views = StandingViews(tx, ddl)
        self._before = catalog
        self._plan = plan
        self._shapes: dict[str, ViewShape] = {}

    async def run(self) -> None:
        """Make the changes. Raises BadRequest and SchemaFault."""
        check_import(self._before, self._plan, _PATIENT)
        views = views_of(self._before)
        broken = await self._views.broken(views)
        await self._views.put_aside(views)
        for old in self._plan.deleted:
            await self._tables.drop(old)
            await delete_collection(self._tx, old)
        tables = [draft for draft in self._plan.drafts if not draft.is_view]
        await self._tables.apply([(self._before.find(draft.id), draft) for draft in tables])
        made = await self._make_views(self._catalog(tables), broken)
        judge = judge_with(Catalog([*self._catalog(tables), *made]), self._dialect, self._shapes.__getitem__)
        drafts = (*tables, *(view for view in made if view.id in self._drafted))
        _, checked = check_import(self._before, msgspec.structs.replace(self._plan, drafts=drafts), judge)
        await self._save((*checked, *(view for view in made if view.id not in self._drafted)))

    @property
    def _drafted(self) -> set[str]:
        return {draft.id for draft in self._plan.drafts}

    def _catalog(self, tables: Sequence[Collection]) -> Catalog:
        """Return the catalog after the import, without views."""
        gone = {item.id for item in self._plan.deleted} | self._drafted
        stay = (item for item in self._before if item.id not in gone and not item.is_view)
        return Catalog((*stay, *tables), self._before.version)

    async def _make_views(self, catalog: Catalog, broken: Sequence[Collection]) -> list[Collection]:
        """Create the imported views and those that stay, and return them with their fields.

        Those that stay and were broken before remain so.
        """
        gone = {item.id for item in self._plan.deleted} | self._drafted
        waiting = [view for view in views_of(self._before) if view.id not in gone]
        waiting += [draft for draft in self._plan.drafts if draft.is_view]
        made: list[Collection] = []
        reasons: dict[str, str] = {}
        count = -1
        while waiting and count != len(made):
            count = len(made)
            for view in tuple(waiting):
                new, reason = await self._make(catalog.having(*made), view)
                if reason is None:
                    made.append(new)
                    waiting.remove(view)
                reasons[view.id] = reason or ""
        forgiven = {view.id for view in broken} - self._drafted
        for view in waiting:
            if view.id not in forgiven:
                raise SchemaFault(reasons[view.id], collection=view.name)
        await self._views.put_back(waiting)
        return made

    async def _make(self, catalog: Catalog, view: Collection) -> tuple[Collection, str | None]:
        old = self._before.find(view.id)
        shape = await ViewProbe(catalog).look(
            self._tx, view.viewQuery, old=old.fields if old else (), scan=view.id in self._drafted
        )
        self._shapes[view.viewQuery] = shape
        new = msgspec.structs.replace(view, fields=shape.fields)
        if shape.error is None:
            await self._views.create(new, shape)
        return new, shape.error

    async def _save(self, collections: Sequence[Collection]) -> None:
        for new in collections:
            old = self._before.find(new.id)
            if old is not None and old.name != new.name:
                await park_name(self._tx, old)
        for new in collections:
            if new != self._before.find(new.id):
                await save_collection(self._tx, new)
