"""Runs an import: what to do with a new or an existing collection, the batches, the refusals, all or nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from itertools import islice
from typing import Any, Protocol

import msgspec

from backstay.errors import SetupError
from backstay.importing.convert import Convert, UnfitError, convert_row, converter
from backstay.importing.infer import Column, infer_columns
from backstay.importing.sources import Row, Source

BATCH_ROWS = 1000
REFUSALS_MAX = 1000
"""Refusals that are kept to be shown; the rest are only counted."""

__all__ = ["Bulk", "Outcome", "Refusal", "Site", "Steps", "load_file"]


class Bulk(Protocol):
    """Writes into one collection in one transaction."""

    async def load(self, rows: list[dict[str, Any]]) -> Sequence[tuple[int, Mapping[str, Any]]]:
        """Insert what is valid; return the index and the faults of what isn't."""
        ...


class Field(Protocol):
    @property
    def name(self) -> str: ...


class Collection(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def fields(self) -> Sequence[Field]: ...


class Catalog(Protocol):
    def find(self, key: str) -> Collection | None: ...


class Site(Protocol):
    """What an import needs of a site."""

    @property
    def catalog(self) -> Catalog: ...
    async def create_collection(self, definition: dict[str, Any]) -> Any: ...
    async def delete_collection(self, name: str) -> None: ...
    def bulk(self, collection_name: str) -> AbstractAsyncContextManager[Bulk]: ...


class Refusal(msgspec.Struct, frozen=True):
    """Why the row which starts on `line` was not loaded."""

    line: int
    faults: dict[str, Any]


class Outcome(msgspec.Struct, kw_only=True):
    """What an import did. `loaded` is 0 when anything was refused and refusals were not to be skipped."""

    collection: str
    created: bool = False
    read: int = 0
    loaded: int = 0
    refused: int = 0
    refusals: list[Refusal] = []
    columns: list[Column] = []


class Steps(Protocol):
    """Who wants to know how far an import is."""

    def inferred(self, columns: Sequence[Column]) -> None:
        """The collection will be made with these."""

    def counted(self, rows: int) -> None:
        """There are so many rows to load."""

    def advanced(self, rows: int) -> None:
        """So many more rows are done."""


class _RefusedError(Exception):
    """Leaves the transaction, so that nothing stays."""


class _Load(msgspec.Struct, frozen=True):
    """One import under way."""

    source: Source
    plan: dict[str, tuple[str, Convert | None]]
    outcome: Outcome
    steps: Steps
    skip_errors: bool


async def load_file(
    site: Site, source: Source, into: str, *, steps: Steps, skip_errors: bool = False
) -> Outcome:
    """Load all rows of `source` into the collection `into`, which is made when it's missing.

    With `skip_errors` the good rows stay; without, one refused row means that nothing does, and a collection
    made for the import is removed again. The outcome lists the refused rows in both cases.

    Raises SetupError when the file can't be read, has no rows, or has columns that the collection has no field for;
    BadRequest when the collection can't be made.
    """
    outcome = Outcome(collection=into)
    found = site.catalog.find(into)
    if found is None:
        columns = _infer(source, steps)
        await site.create_collection(_definition(into, columns))
        outcome.columns, outcome.created = columns, True
        plan = {column.source: (column.name, converter(column.type)) for column in columns}
    else:
        plan = _plan_for(found, source, steps)
    load = _Load(source, plan, outcome, steps, skip_errors)
    try:
        async with site.bulk(into) as bulk:
            await _load_all(bulk, load)
            if outcome.refused and not skip_errors:
                raise _RefusedError
    except _RefusedError:
        outcome.loaded = 0
        if outcome.created:
            await site.delete_collection(into)
            outcome.created = False
    return outcome


def _infer(source: Source, steps: Steps) -> list[Column]:
    count = 0

    def readable() -> Iterator[dict[str, Any]]:
        nonlocal count
        for row in source.rows():
            count += 1
            if row.fault is None:
                yield row.values

    columns = infer_columns(readable(), typed=source.typed)
    if not columns:
        raise _no_rows()
    steps.inferred(columns)
    steps.counted(count)
    return columns


def _definition(name: str, columns: Sequence[Column]) -> dict[str, Any]:
    """Return the new collection: closed to all but superusers, as no rule means."""
    return {"name": name, "type": "base", "fields": [column.field for column in columns]}


def _plan_for(found: Collection, source: Source, steps: Steps) -> dict[str, tuple[str, Convert | None]]:
    """Match columns with the fields of an existing collection by their names."""
    if found.type == "view":
        raise SetupError(
            f"cannot load into '{found.name}'",
            why="it is a view: what it shows is computed",
            do="load into the collection that the view reads",
        )
    keys: dict[str, None] = {}
    count = 0
    for row in source.rows():
        count += 1
        keys.update(dict.fromkeys(row.values))
    if not count:
        raise _no_rows()
    kinds = {field.name: _kind_of(field) for field in found.fields}
    unknown = [key for key in keys if key not in kinds]
    if unknown:
        raise SetupError(
            f"'{found.name}' has no field for the column{'s' if unknown[1:] else ''} "
            + ", ".join(f"'{name}'" for name in unknown),
            why=f"its fields are {', '.join(kinds)}",
            do="rename the columns or add the fields, then run the import again",
        )
    steps.counted(count)
    return {key: (key, converter(kinds[key])) for key in keys}


def _kind_of(field: Field) -> str:
    """Return the type of a field, the tag of its struct; one that takes a single choice takes it as a text."""
    kind = str(type(field).__struct_config__.tag)  # type: ignore[attr-defined]  # every field is a tagged Struct
    return "text" if kind in {"select", "relation"} and getattr(field, "maxSelect", 0) <= 1 else kind


def _no_rows() -> SetupError:
    return SetupError(
        "there is nothing to load", why="the file has no rows that can be read", do="give a file with rows"
    )


async def _load_all(bulk: Bulk, load: _Load) -> None:
    rows = load.source.rows()
    while batch := list(islice(rows, BATCH_ROWS)):
        await _load_batch(bulk, batch, load)
        load.steps.advanced(len(batch))


async def _load_batch(bulk: Bulk, batch: Sequence[Row], load: _Load) -> None:
    outcome = load.outcome
    lines: list[int] = []
    records: list[dict[str, Any]] = []
    for row in batch:
        fault = row.fault
        if fault is None:
            try:
                records.append(convert_row(row.values, load.plan))
                lines.append(row.line)
                continue
            except UnfitError as exc:
                fault = exc.fault
        _refuse(outcome, row.line, {"": {"code": fault.code, "message": fault.message}})
    refused = await bulk.load(records) if records else []
    for index, faults in refused:
        _refuse(outcome, lines[index], dict(faults))
    outcome.read += len(batch)
    outcome.loaded += len(records) - len(refused)


def _refuse(outcome: Outcome, line: int, faults: dict[str, Any]) -> None:
    outcome.refused += 1
    if len(outcome.refusals) < REFUSALS_MAX:
        outcome.refusals.append(Refusal(line, faults))
