"""Says what of a PocketBase is not taken over, so that nobody finds out later."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import apsw

from backstay.catalog import Collection
from backstay.catalog.indexes import parse_index
from backstay.importing.pocketbase.source import DATABASE, LOGS, STORAGE

_TAKEN_FILES = frozenset(
    f"{name}{end}" for name in (DATABASE, LOGS) for end in ("", "-wal", "-shm", "-journal")
)
_PRIVATE = frozenset({STORAGE, "types.d.ts", ".notify", ".autocert_cache"})
"""What is taken, or made anew by any server without being missed."""
_OWN_TABLES = frozenset({"_collections", "_params", "_migrations"})
_SCHEMA = "SELECT type, name, tbl_name FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"
_COLUMNS = "SELECT name FROM pragma_table_info(?)"

_REASONS = {
    "backups": "backups/ ({count} files): copy the ones you want to keep",
    "pb_hooks": "../pb_hooks: hooks in JavaScript are to be written anew in Python",
    "pb_migrations": "../pb_migrations: what they did is in the data already",
    "pb_public": "../pb_public: copy the pages to public/ in your site's folder",
}


def left_behind(db: apsw.Connection, folder: Path, collections: Iterable[Collection]) -> list[str]:
    """Return a sentence for each thing that stays behind."""
    return [*_folders(folder), *_schema(db, list(collections))]


def _folders(folder: Path) -> Iterator[str]:
    for entry in sorted(folder.iterdir()):
        if entry.name == "backups":
            count = sum(1 for _ in entry.iterdir())
            if count:
                yield _REASONS["backups"].format(count=count)
        elif entry.name not in _TAKEN_FILES | _PRIVATE:
            yield f"{entry.name}{'/' if entry.is_dir() else ''}: not of the data"
    for name in ("pb_hooks", "pb_migrations", "pb_public"):
        if (folder.resolve().parent / name).is_dir():
            yield _REASONS[name]


def _schema(db: apsw.Connection, collections: list[Collection]) -> Iterator[str]:
    """Yield what the owner has put into the database past the collections, and what servers kept for themselves."""
    names = {collection.name.lower() for collection in collections}
    indexes = {_index_name(text) for collection in collections for text in collection.indexes}
    for kind, name, table in db.execute(_SCHEMA):
        if kind == "table" and name == "_migrations":
            yield "table '_migrations': the list of PocketBase's own changes"
        elif kind in ("table", "view") and name.lower() not in names | _OWN_TABLES:
            yield f"{kind} '{name}': it belongs to no collection"
        elif kind == "trigger" or (
            kind == "index" and table.lower() in names and name.lower() not in indexes
        ):
            yield f"{kind} '{name}' on '{table}': it is in no collection's definition"
    for collection in collections:
        stored = [str(row[0]) for row in db.execute(_COLUMNS, (collection.name,))]
        known = {field.name.lower() for field in collection.fields}
        for column in stored:
            if not collection.is_view and column.lower() not in known:
                yield f"column '{column}' of '{collection.name}': it belongs to no field"


def _index_name(text: str) -> str:
    index = parse_index(text)
    return index.name.lower() if index else ""
