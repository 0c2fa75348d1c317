"""Finding auth records, and what belongs to them: their one-time passwords, second factors, places, links."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from backstay.accounts.recent import Fetch
from backstay.catalog import Catalog, Collection
from backstay.catalog.fields import TextField
from backstay.catalog.model import AuthOptions
from backstay.catalog.patterns import generate
from backstay.catalog.unique import unique_collation
from backstay.records.changes import NOTHING_FOLLOWS, Change, Follower
from backstay.records.draft import RecordValues, zero_values
from backstay.records.statements import StatementBook
from backstay.records.writer import Writer
from backstay.stores.base import Transaction

END_WITH_KEY = ("_otps", "_mfas", "_authOrigins")
"""What hangs on a token key: when that changes, all of it ends."""


class People:
    """Auth records of one site, past their rules: for the sign-in doors alone."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self.book: StatementBook = writer.book
        self.clock = writer.clock

    async def by_email(self, fetch: Fetch, collection: Collection, email: str) -> RecordValues | None:
        """Return the record with an e-mail address, compared as its unique index does, or None."""
        return await self.by_unique(fetch, collection, "email", email)

    async def by_unique(
        self, fetch: Fetch, collection: Collection, field: str, value: str
    ) -> RecordValues | None:
        """Return the record with a value in a field that is unique, or None; also where the field is not."""
        collation = unique_collation(collection, field)
        if not value or collation is None or field not in collection.by_name:
            return None
        statements = self.book.of(collection)
        rows = await fetch(statements.find_by(field, collation), [value])
        return statements.read(rows[0]) if rows else None

    async def load(self, fetch: Fetch, collection: Collection, record_id: str) -> RecordValues | None:
        """Return a record by its id, or None."""
        statements = self.book.of(collection)
        rows = await fetch(statements.load, [record_id])
        return statements.read(rows[0]) if rows else None

    def system(self, catalog: Catalog, name: str) -> Collection:
        """Return one of the system's collections."""
        found = catalog.find(name)
        assert found is not None, "every site has its system collections"
        return found

    async def add(self, tx: Transaction, catalog: Catalog, name: str, **values: object) -> RecordValues:
        """Store a record in a system collection, with an id of its own unless it has one."""
        collection = self.system(catalog, name)
        id_field = collection.by_name["id"]
        pattern = id_field.autogeneratePattern if isinstance(id_field, TextField) else ""
        given = {key: collection.by_name[key].cast(value) for key, value in values.items()}
        record = zero_values(collection) | {"id": generate(pattern or "[a-z0-9]{15}")} | given
        await self._writer.insert_within(tx, catalog, collection, record)
        return record

    async def where(
        self, fetch: Fetch, collection: Collection, values: Mapping[str, object]
    ) -> list[RecordValues]:
        """Return the records of a system collection whose fields have the given texts."""
        statements = self.book.of(collection)
        names = tuple(values)
        rows = await fetch(statements.where(names), [str(values[name]) for name in names])
        return [statements.read(row) for row in rows]

    async def owned(
        self, fetch: Fetch, owned: Collection, collection: Collection, record_id: str
    ) -> list[RecordValues]:
        """Return the records of a system collection that belong to an auth record."""
        statements = self.book.of(owned)
        return [statements.read(row) for row in await fetch(statements.owned_by, [collection.id, record_id])]

    async def remove(self, tx: Transaction, catalog: Catalog, name: str, values: RecordValues) -> bool:
        """Delete a record of a system collection; of two at once, one is told True."""
        return await self._writer.remove_within(tx, catalog, self.system(catalog, name), values)

    async def end(
        self, tx: Transaction, catalog: Catalog, collection: Collection, record_id: str, *names: str
    ) -> None:
        """Delete what belongs to an auth record in the named system collections."""
        for name in names:
            for values in await self.owned(tx.fetch, self.system(catalog, name), collection, record_id):
                await self.remove(tx, catalog, name, values)

    async def change(
        self,
        tx: Transaction,
        catalog: Catalog,
        collection: Collection,
        old: RecordValues,
        values: RecordValues,
    ) -> RecordValues:
        """Set values of an auth record; see `Writer.change_within`."""
        return await self._writer.change_within(tx, catalog, collection, old, values)


class KeyWatch:
    """Ends what hangs on a token key when it changes: a new password leaves nothing of the old one."""

    def __init__(self, people: People) -> None:
        self._people = people

    def watches(self, collection: Collection) -> bool:
        return collection.is_auth

    def follower(self, collection: Collection) -> Follower | None:
        return None if self.watches(collection) else NOTHING_FOLLOWS

    async def changed(self, tx: Transaction, change: Change) -> None:
        if change.old is None or change.new is None or change.old["tokenKey"] == change.new["tokenKey"]:
            return
        await self._people.end(tx, change.catalog, change.collection, change.id, *END_WITH_KEY)

    async def dropped(self, tx: Transaction, collection: Collection) -> None:
        """Do nothing: the change of schema itself takes what belonged to its people."""


def is_over(created: object, duration_s: float, now: datetime) -> bool:
    """Tell whether something that was made at a protocol date and lasts `duration_s` is over."""
    try:
        began = datetime.fromisoformat(str(created))
    except ValueError:
        return True
    return now > began + timedelta(seconds=duration_s)


def auth_of(collection: Collection) -> AuthOptions:
    """Return the options of an auth collection."""
    assert collection.auth is not None, "the door has checked the type"
    return collection.auth


def new_token_key(collection: Collection) -> str:
    """Return a new token key, which ends all tokens of the record that gets it."""
    field = collection.by_name["tokenKey"]
    assert isinstance(field, TextField), "every auth collection has one"
    return generate(field.autogeneratePattern or "[a-zA-Z0-9]{50}")
