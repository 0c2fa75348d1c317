"""Puts related records into the JSON of those that refer to them, a statement per relation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

import msgspec

from backstay.catalog.fields import DbValue
from backstay.errors import BadRequest
from backstay.plans.expand import ExpandPlan, Relation
from backstay.plans.limits import BACK_EXPAND_MAX, EXPAND_MAX_CHARS, EXPAND_RECORDS_MAX
from backstay.plans.params import Statement, Values, bind
from backstay.plans.request import RequestInfo
from backstay.stores.base import Row

Fetch: TypeAlias = Callable[[Statement, Sequence[DbValue]], Awaitable[list[Row]]]
_decode_ids = msgspec.json.Decoder(list[str]).decode
_encode = msgspec.json.Encoder().encode


class ExpandRow(msgspec.Struct, eq=False):
    """A record whose JSON is still open: its head, its tail, and the values of its forward relations."""

    id: str
    head: str
    tail: str
    relations: tuple[str, ...]


class _Count(msgspec.Struct):
    """What this answer has expanded so far: records, and characters of their JSON as often as it is repeated."""

    records: int = 0
    chars: int = 0

    def add_records(self, number: int) -> None:
        self.records += number
        if self.records > EXPAND_RECORDS_MAX:
            raise BadRequest(
                hint=f"expand would add over {EXPAND_RECORDS_MAX} records; ask for fewer per page.",
                at="expand",
            )

    def add_texts(self, texts: Sequence[str]) -> None:
        self.chars += sum(map(len, texts))
        if self.chars > EXPAND_MAX_CHARS:
            raise BadRequest(
                hint=f"expand would add over {EXPAND_MAX_CHARS >> 20} MB; ask for fewer records or levels.",
                at="expand",
            )


async def expand_rows(
    rows: Sequence[ExpandRow], plans: Sequence[ExpandPlan], fetch: Fetch, info: RequestInfo
) -> list[str]:
    """Return the JSON of each row with its `expand` object. Raises BadRequest when that is too much."""
    return await _close(rows, plans, fetch, info, _Count())


async def _close(
    rows: Sequence[ExpandRow], plans: Sequence[ExpandPlan], fetch: Fetch, info: RequestInfo, count: _Count
) -> list[str]:
    if not plans:
        return [_join(row, "") for row in rows]
    members: list[list[str]] = [[] for _ in rows]
    forward = 0
    for plan in plans:
        position = forward
        forward += not plan.relation.is_back
        wanted = [_wanted(row, plan.relation, position) for row in rows]
        found = await _find(plan, wanted, fetch, info, count)
        for row_members, ids in zip(members, wanted, strict=True):
            json = _member(plan.relation, ids, found, count)
            if json:
                row_members.append(f'"{plan.name}":{json}')
    return [_join(row, f'"expand":{{{",".join(items)}}}') for row, items in zip(rows, members, strict=True)]


def _join(row: ExpandRow, expand: str) -> str:
    parts = [part for part in (row.head[1:-1], expand, row.tail[1:-1]) if part]
    return f"{{{','.join(parts)}}}"


def _wanted(row: ExpandRow, relation: Relation, position: int) -> list[str]:
    if relation.is_back:
        return [row.id]
    value = row.relations[position]
    if not value:
        return []
    return _decode_ids(value) if relation.field.is_list else [value]


async def _find(
    plan: ExpandPlan, wanted: list[list[str]], fetch: Fetch, info: RequestInfo, count: _Count
) -> dict[str, list[str]]:
    """Return the JSON of the records found, by the id that asked for them."""
    ids = list(dict.fromkeys(item for items in wanted for item in items))
    if not ids:
        return {}
    values = Values(info, given={"ids": _encode(ids).decode()})
    rows = await fetch(plan.statement, bind(plan.statement, values))
    count.add_records(len(rows))
    open_rows = [ExpandRow(row[1], row[2], row[3], row[4:]) for row in rows]
    texts = await _close(open_rows, plan.children, fetch, info, count)
    asked = set(ids)
    found: dict[str, list[str]] = {}
    for row, text in zip(rows, texts, strict=True):
        keys = _decode_ids(row[0]) if plan.relation.is_back and plan.relation.field.is_list else (row[0],)
        for key in keys:
            if key in asked:
                found.setdefault(key, []).append(text)
    return found


def _member(relation: Relation, ids: list[str], found: dict[str, list[str]], count: _Count) -> str:
    texts = [text for item in ids for text in found.get(item, ())][
        : BACK_EXPAND_MAX if relation.is_list else 1
    ]
    count.add_texts(texts)
    if not texts:
        return ""
    return f"[{','.join(texts)}]" if relation.is_list else texts[0]
