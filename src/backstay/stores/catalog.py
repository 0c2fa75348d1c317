"""The catalog as it is stored: a row per collection in `_collections`."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec
import sqlalchemy as sa

from backstay.catalog import Catalog, Collection
from backstay.catalog.fields import DbValue
from backstay.catalog.model import RULES, AuthOptions, decode_fields, field_json, options_json
from backstay.plans.dialects.base import Dialect
from backstay.plans.params import Statement
from backstay.stores.base import Row, Transaction

_COLUMNS = ("id", "system", "type", "name", "fields", "indexes", *RULES, "options", "created", "updated")
_NAMES = ", ".join(f'"{name}"' for name in _COLUMNS)
SELECT_VERSION = Statement("SELECT value FROM _params WHERE id = 'catalogVersion'", is_cheap=True)
_SETS = ", ".join(f'"{name}" = excluded."{name}"' for name in _COLUMNS[1:])
UPSERT_COLLECTION = Statement(
    f"INSERT INTO _collections ({_NAMES}) VALUES ({', '.join('?' * len(_COLUMNS))}) "
    f"ON CONFLICT (id) DO UPDATE SET {_SETS}"
)
_PARK = Statement("UPDATE _collections SET name = id WHERE id = ?")
_DELETE = Statement("DELETE FROM _collections WHERE id = ?")
BUMP_VERSION = Statement(
    "INSERT INTO _params (id, value) VALUES ('catalogVersion', '1') "
    "ON CONFLICT (id) DO UPDATE SET value = CAST(CAST(_params.value AS INTEGER) + 1 AS TEXT)"
)
_encode = msgspec.json.Encoder().encode
_decode_indexes = msgspec.json.Decoder(tuple[str, ...]).decode
_decode_auth = msgspec.json.Decoder(AuthOptions, strict=False).decode
_decode_any = msgspec.json.Decoder(dict[str, Any]).decode


@cache
def select_collections(dialect: Dialect) -> Statement:
    """Return what reads all collections in the order of their creation, as rows for `read_catalog`."""
    table = sa.table("_collections", *map(sa.column, _COLUMNS))
    return dialect.compile(sa.select(*table.columns).order_by(dialect.row_order(table)), {})


def read_collection(row: Row) -> Collection:
    """Turn a row of `select_collections` into a collection."""
    values = dict(zip(_COLUMNS, row, strict=True))
    options = values.pop("options")
    values["system"] = bool(values["system"])
    values["fields"] = decode_fields(values["fields"])
    values["indexes"] = _decode_indexes(values["indexes"])
    kind = values["type"]
    more = _decode_any(options) if kind != "auth" else {}
    return Collection(
        **values,
        auth=_decode_auth(options) if kind == "auth" else None,
        viewQuery=more.get("viewQuery", "") if kind == "view" else "",
        appendOnly=kind == "base" and more.get("appendOnly") is True,
    )


def read_catalog(rows: list[Row], version: int) -> Catalog:
    """Turn the rows of `select_collections` into a catalog."""
    return Catalog((read_collection(row) for row in rows), version)


async def load_catalog(tx: Transaction) -> Catalog:
    """Return the catalog as a transaction sees it."""
    return read_catalog(await tx.fetch(select_collections(tx.dialect)), await load_version(tx))


async def load_version(tx: Transaction) -> int:
    """Return the version of the catalog as a transaction sees it."""
    rows = await tx.fetch_known(SELECT_VERSION)
    return int(rows[0][0]) if rows else 0


def collection_row(collection: Collection) -> list[DbValue]:
    """Return the values of `UPSERT_COLLECTION`."""
    return [
        collection.id,
        collection.system,
        collection.type,
        collection.name,
        _encode([field_json(field) for field in collection.fields]).decode(),
        _encode(collection.indexes).decode(),
        *(getattr(collection, rule) for rule in RULES),
        _encode(options_json(collection, secrets=True)).decode(),
        collection.created,
        collection.updated,
    ]


async def save_collection(tx: Transaction, collection: Collection) -> None:
    """Write a collection's row."""
    await tx.execute(UPSERT_COLLECTION, collection_row(collection))
    await tx.execute(BUMP_VERSION)


async def park_name(tx: Transaction, collection: Collection) -> None:
    """Free the name of a collection that is about to be saved under another: names are unique at every moment."""
    await tx.execute(_PARK, (collection.id,))


async def delete_collection(tx: Transaction, collection: Collection) -> None:
    """Remove a collection's row."""
    await tx.execute(_DELETE, (collection.id,))
    await tx.execute(BUMP_VERSION)
