"""Changes of tables: the DDL that turns what some collections were into what they shall be.

Everything here runs in the transaction of a change of schema. Views stay in place while tables and columns get new
names, since the database then renames in their text too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import msgspec

from backstay.catalog import Collection
from backstay.catalog.fields import Field
from backstay.catalog.indexes import Index, parse_index, refused
from backstay.errors import Fault, Faults
from backstay.plans.params import Statement
from backstay.stores.base import StoreError, Transaction
from backstay.stores.schema import Ddl, passing

Change: TypeAlias = tuple[Collection | None, Collection]
"""A collection as it was, None for a new one, and as it shall be."""


class SchemaFault(Exception):
    """The database refused a change.

    reason:     why, without a full stop
    faults:     what is wrong with the collection's indexes, when that is it
    collection: the name of the collection that shall change
    """

    def __init__(self, reason: str, *, faults: Faults | None = None, collection: str = "") -> None:
        self.reason = reason
        self.faults = faults
        self.collection = collection
        super().__init__(reason)


class Moved(msgspec.Struct, frozen=True):
    """What a change does to the columns of one table."""

    dropped: tuple[Field, ...]
    added: tuple[Field, ...]
    renamed: tuple[tuple[Field, Field], ...]
    rekinded: tuple[tuple[Field, Field], ...]

    def __bool__(self) -> bool:
        return bool(self.dropped or self.renamed or self.rekinded)


def moved(old: Collection, new: Collection) -> Moved:
    """Compare the columns of two collections; fields are the same when their ids are."""
    before = {field.id: field for field in old.fields}
    kept = [(before[field.id], field) for field in new.fields if field.id in before]
    wanted = {field.id for field in new.fields}
    return Moved(
        tuple(field for field in old.fields if field.id not in wanted),
        tuple(field for field in new.fields if field.id not in before),
        tuple((was, is_now) for was, is_now in kept if was.name != is_now.name),
        tuple((was, is_now) for was, is_now in kept if was.column_kind is not is_now.column_kind),
    )


def _definition(text: str) -> Index | str:
    """Return what makes an index the same, whatever its table is called."""
    index = parse_index(text)
    return msgspec.structs.replace(index, table="") if index else text


class _Plan(msgspec.Struct, frozen=True):
    """What is to be done for one collection."""

    old: Collection | None
    new: Collection
    moved: Moved | None
    stale_indexes: tuple[str, ...]
    new_indexes: tuple[tuple[int, str], ...]

    @property
    def is_renamed(self) -> bool:
        return self.old is not None and self.old.name != self.new.name


def _plan(change: Change) -> _Plan:
    old, new = change
    numbered = tuple(enumerate(new.indexes))
    if old is None:
        return _Plan(None, new, None, (), numbered)
    columns = moved(old, new)
    if columns:
        return _Plan(old, new, columns, old.indexes, numbered)
    had = {_definition(text) for text in old.indexes}
    wants = {_definition(text) for text in new.indexes}
    stale = tuple(text for text in old.indexes if _definition(text) not in wants)
    return _Plan(
        old, new, columns, stale, tuple(item for item in numbered if _definition(item[1]) not in had)
    )


class Tables:
    """Changes the tables of collections within one transaction. Raises SchemaFault where the database refuses."""

    def __init__(self, tx: Transaction, ddl: Ddl) -> None:
        self._tx = tx
        self._ddl = ddl

    async def drop(self, collection: Collection) -> None:
        """Drop a table or view."""
        for text in self._ddl.drop(collection):
            await self._run(text, f"failed to drop {collection.name}")

    async def apply(self, changes: Iterable[Change]) -> None:
        """Make all changes at once, so that collections may swap names, and indexes theirs."""
        plans = [_plan(change) for change in changes]
        for plan in plans:
            for text in plan.stale_indexes:
                await self._run(self._ddl.drop_index(text), f"failed to drop an index of {plan.new.name}")
        await self._rename([plan for plan in plans if plan.is_renamed])
        for plan in plans:
            try:
                await self._reshape(plan)
            except SchemaFault as fault:
                fault.collection = plan.new.name
                raise
        await self._rekind([plan for plan in plans if plan.moved and plan.moved.rekinded])
        for plan in plans:
            await self._index(plan)

    async def _rename(self, plans: Sequence[_Plan]) -> None:
        """Rename over passing names: SQLite takes names which differ in case alone for the same."""
        for plan in plans:
            assert plan.old is not None, "only what was there has another name"
            label = f"failed to rename {plan.old.name}"
            await self._run(self._ddl.rename_table(plan.old.name, passing(plan.new.id)), label)
        for plan in plans:
            label = f"failed to rename to {plan.new.name}"
            await self._run(self._ddl.rename_table(passing(plan.new.id), plan.new.name), label)

    async def _reshape(self, plan: _Plan) -> None:
        table, columns = plan.new.name, plan.moved
        if columns is None:
            label = f"failed to create the table {table}"
            for text in (self._ddl.create_table(plan.new), *self._ddl.create_counter(plan.new)):
                await self._run(text, label)
            return
        for field in columns.dropped:
            await self._run(self._ddl.drop_column(table, field.name), f"failed to drop column {field.name}")
        for was, _ in columns.renamed:
            text = self._ddl.rename_column(table, was.name, passing(was.id))
            await self._run(text, f"failed to rename column {was.name}")
        for was, is_now in columns.renamed:
            text = self._ddl.rename_column(table, passing(was.id), is_now.name)
            await self._run(text, f"failed to rename column {was.name}")
        for field in columns.added:
            await self._run(self._ddl.add_column(table, field), f"failed to add column {field.name}")

    async def _rekind(self, plans: Sequence[_Plan]) -> None:
        """Turn columns into another kind, with all views put aside: these would follow the old column.

        Where a view's text depends on the types of columns, who looks after views makes them anew.
        """
        if not plans:
            return
        views = await self._tx.fetch(self._ddl.view_texts)
        for name, _ in views:
            await self._run(self._ddl.drop_view(name), f"failed to put the view {name} aside")
        for plan in plans:
            for was, is_now in plan.moved.rekinded if plan.moved else ():
                for text in self._ddl.change_kind(plan.new.name, was, is_now):
                    await self._run(text, f"failed to change column {is_now.name}")
        for name, text in views if self._ddl.views_take_any_kind else ():
            await self._run(text, f"failed to restore the view {name}")

    async def _index(self, plan: _Plan) -> None:
        """Create indexes. Raises SchemaFault with the faults of all that can't be created."""
        faults: dict[str, Fault | Faults] = {}
        for at, text in plan.new_indexes:
            index = parse_index(text)
            try:
                async with self._tx.savepoint():
                    await self._tx.execute(Statement(self._ddl.index(plan.new, text)), long=True)
            except StoreError as exc:
                found = refused(at, index.name if index else "", str(exc))["indexes"]
                assert not isinstance(found, Fault), "they are keyed by their place"
                faults |= found
        if faults:
            raise SchemaFault(
                "failed to create indexes", faults={"indexes": faults}, collection=plan.new.name
            )

    async def _run(self, text: str, label: str) -> None:
        try:
            await self._tx.execute(Statement(text), long=True)
        except StoreError as exc:
            raise SchemaFault(f"{label} - {exc}") from exc
