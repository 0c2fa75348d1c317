"""Reads what a PocketBase has: its collections and its settings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import apsw
import msgspec

from backstay import settings
from backstay.catalog import Collection
from backstay.catalog.casts import format_date
from backstay.catalog.indexes import on_table, parse_index
from backstay.catalog.model import RULES, CollectionType
from backstay.catalog.system import first_collections
from backstay.errors import SetupError
from backstay.filters import FilterSyntaxError, parse
from backstay.plans.dialects.sqlite import SqliteDialect
from backstay.settings import Settings
from backstay.stores.catalog import read_collection, select_collections

_SETTINGS = "SELECT CAST(value AS TEXT) FROM _params WHERE id = 'settings'"
_ENCRYPTED = re.compile(r"\s*[A-Za-z0-9+/]{40,}={0,2}\s*")
_OPENING = frozenset("[{")
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_PROVIDED_TYPES = frozenset(get_args(CollectionType))


def read_collections(db: apsw.Connection, path: Path) -> tuple[Collection, ...]:
    """Return the collections of a PocketBase, with the system ones as today's server has them.

    Raises SetupError when the database is of no PocketBase, of one too old, or has a collection that can't be read.
    """
    _check_version(db, path)
    found = tuple(_read(row) for row in db.execute(select_collections(SqliteDialect()).sql))
    return complete_system(found, now=format_date(datetime.now(UTC)))


def _check_version(db: apsw.Connection, path: Path) -> None:
    columns = {row[1] for row in db.execute("PRAGMA table_info(_collections)")}
    if "fields" in columns:
        return
    if "schema" in columns:
        raise SetupError(
            f"'{path}' is of a PocketBase before 0.23",
            why="its collections are defined in another way",
            do="let a current PocketBase upgrade a copy (pocketbase migrate up --dir COPY), then import that",
        )
    raise SetupError(
        f"'{path}' is not of a PocketBase",
        why="it has no table '_collections'",
        do="give the folder which PocketBase calls pb_data",
    )


def _read(row: tuple[object, ...]) -> Collection:
    collection_id, _, kind, name = row[:4]
    try:
        if kind not in _PROVIDED_TYPES:
            raise ValueError(f"there is no collection type '{kind}'")
        collection = read_collection(tuple(map(_without_nulls, row)))
        indexes = tuple(_read_index(text, collection.name) for text in collection.indexes)
    except (ValueError, TypeError) as exc:
        raise SetupError(
            f"cannot read the definition of collection '{name}' ({collection_id})",
            why=str(exc).rstrip("."),
            do="open the collection in PocketBase's dashboard, change what the line above names, and save it",
        ) from exc
    return msgspec.structs.replace(collection, indexes=indexes)


def _without_nulls(value: object) -> object:
    """Take the nulls out of a JSON object or list: what isn't set is null there, and is left out here."""
    if isinstance(value, bytes):
        value = value.decode()  # some servers have stored JSON as BLOB
    if not isinstance(value, str) or value[:1] not in _OPENING:
        return value
    try:
        return _encode(_prune(_decode(value)))
    except msgspec.DecodeError:
        return value  # a rule, or a definition which is refused with its reason later


def _prune(value: Any) -> Any:
    match value:
        case dict():
            return {key: _prune(inner) for key, inner in value.items() if inner is not None}
        case list():
            return [_prune(inner) for inner in value]
    return value


def _read_index(text: str, table: str) -> str:
    """Return an index for the collection's table: older servers left the table's former name in some texts."""
    if parse_index(text) is None:
        raise ValueError(f"its index is no CREATE INDEX statement: {text}")
    return on_table(text, table)


def complete_system(found: tuple[Collection, ...], *, now: str) -> tuple[Collection, ...]:
    """Add the system collections and their fields which an older server did not have yet."""
    by_name = {item.name: item for item in found}
    wanted = {item.name: item for item in first_collections(now=now) if item.system}
    added = tuple(item for name, item in wanted.items() if name not in by_name)
    return (*(_complete(item, wanted.get(item.name)) for item in found), *added)


def _complete(old: Collection, wanted: Collection | None) -> Collection:
    if wanted is None:
        return old
    missing = tuple(field for field in wanted.fields if field.name not in old.by_name)
    return msgspec.structs.replace(old, fields=(*old.fields, *missing)) if missing else old


def read_settings(db: apsw.Connection, path: Path) -> Settings:
    """Return the settings; what an older server did not have gets its default.

    Raises SetupError when they are encrypted or can't be read.
    """
    rows = list(db.execute(_SETTINGS))
    if not rows or rows[0][0] is None:
        return Settings()
    text = str(rows[0][0])
    try:
        return settings.decode(text)
    except ValueError as exc:
        encrypted = _ENCRYPTED.fullmatch(text) is not None
        raise SetupError(
            f"cannot read the settings in '{path}'",
            why="they are encrypted with the key of --encryptionEnv" if encrypted else str(exc).rstrip("."),
            do="run this again with --default-settings, then fill in the settings by hand; all else is taken over",
        ) from exc


def unreadable_rules(collections: Iterable[Collection]) -> Iterator[str]:
    """Yield a sentence for each rule which can't be read: it lets nobody but superusers through."""
    for collection in collections:
        rules = {name: getattr(collection, name) for name in RULES}
        if collection.auth is not None:
            auth = collection.auth
            rules |= {"authRule": auth.authRule, "manageRule": auth.manageRule, "mfa.rule": auth.mfa.rule}
        for name, rule in rules.items():
            try:
                if rule:
                    parse(rule)
            except FilterSyntaxError as exc:
                yield f"{name} of '{collection.name}' can't be read: {exc}"
