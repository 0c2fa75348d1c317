"""Whose files a view shows: a file field of a view is a column of some collection, and the file is that record's."""

from __future__ import annotations

from collections import OrderedDict

from backstay.catalog import Catalog, Collection
from backstay.catalog.fields import FileField
from backstay.collections.view_text import read_view
from backstay.errors import NotFound
from backstay.records.statements import StatementBook
from backstay.records.uploads import folder_of
from backstay.stores.base import Store, Transaction

ORIGINS_MAX = 1000


class ViewFiles:
    """Finds the folders of files that views show. What a column stands for is kept until the schema changes."""

    def __init__(self, store: Store, book: StatementBook) -> None:
        self._store, self._book = store, book
        self._origins: OrderedDict[tuple[int, str, str], tuple[str, str]] = OrderedDict()

    async def folder(self, catalog: Catalog, view: Collection, column: str, name: str) -> str:
        """Return the folder of the file `name` that a view's column shows. Raises NotFound."""
        table, field_name = await self._origin(catalog, view, column)
        origin = catalog.find(table)
        field = origin.by_name.get(field_name) if origin else None
        if origin is None or not isinstance(field, FileField):
            raise NotFound
        statements = self._book.of(origin)
        rows = await self._store.fetch(statements.referring(field), [name])
        if not rows:
            raise NotFound
        return folder_of(origin, str(statements.read(rows[0])["id"]))

    async def _origin(self, catalog: Catalog, view: Collection, column: str) -> tuple[str, str]:
        key = (catalog.version, view.id, column)
        known = self._origins.get(key)
        if known is None:
            known = self._origins[key] = await self._look(view, column)
            if len(self._origins) > ORIGINS_MAX:
                self._origins.popitem(last=False)
        return known

    async def _look(self, view: Collection, column: str) -> tuple[str, str]:
        async def job(tx: Transaction) -> tuple[str, str]:
            shape = await tx.describe(read_view(view.viewQuery).query)
            found = (item for item in shape.columns if item.name.lower() == column.lower())
            return next(((item.table, item.column) for item in found), ("", ""))

        return await self._store.write(job)
