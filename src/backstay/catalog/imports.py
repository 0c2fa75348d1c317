"""What an import of collections means: which are made, changed and deleted. All of it happens, or nothing does."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from backstay.catalog.casts import to_text
from backstay.catalog.defaults import MakeSecret, completed, new_secret
from backstay.catalog.fieldlist import added, find, identified
from backstay.catalog.merge import edited, new_draft
from backstay.catalog.model import Catalog, Collection
from backstay.catalog.validate import Judge, validate
from backstay.errors import BadRequest, Fault, Faults
from backstay.overlay import Misfit


class ImportPlan(msgspec.Struct, frozen=True):
    """The changes that an import asks for, in the order in which they are to be made: deletions, then drafts.

    drafts: new and changed collections, views last, since these may read from the others
    """

    deleted: tuple[Collection, ...]
    drafts: tuple[Collection, ...]


def plan_import(
    catalog: Catalog,
    bodies: Sequence[Mapping[str, Any]],
    *,
    delete_missing: bool,
    now: str,
    secret: MakeSecret = new_secret,
) -> ImportPlan:
    """Return what importing `bodies` changes in `catalog`.

    A body is for the collection with its id, or else its name, and changes it as PATCH does; but fields which it
    leaves out stay, unless `delete_missing`. That also deletes all collections without a body, except system ones.

    Raises BadRequest when there are none, or one has values of the wrong type.
    """
    if not bodies:
        faults = {"collections": Fault("validation_required", "Cannot be blank.")}
        raise BadRequest("An error occurred while validating the submitted data.", faults)
    try:
        drafts = [_draft(catalog, body, delete_missing, secret) for body in bodies]
    except Misfit as misfit:
        reason = f"Failed to import the collections configuration. Raw error:\n{misfit}"
        raise import_failure(reason) from misfit
    drafts.sort(key=lambda draft: (draft.is_view, draft.created, draft.updated))
    kept = {draft.id for draft in drafts}
    deleted = [item for item in catalog if delete_missing and item.id not in kept and not item.system]
    return ImportPlan(tuple(deleted), tuple(_dated(catalog, draft, now) for draft in drafts))


def plan_change(before: Catalog, after: Catalog, *, now: str) -> ImportPlan:
    """Return what leads from one catalog to another: both are wholly known, so nothing is merged.

    now: a protocol date
    """
    kept = {item.id for item in after}
    drafts = [item for item in after if item != before.find(item.id)]
    drafts.sort(key=lambda draft: draft.is_view)
    deleted = tuple(item for item in before if item.id not in kept)
    return ImportPlan(deleted, tuple(_dated(before, draft, now) for draft in drafts))


def import_failure(message: str) -> BadRequest:
    """Return the answer to an import that can't be made."""
    fault = Fault("validation_collections_import_failure", message)
    return BadRequest("Failed to import collections.", {"collections": fault})


def _dated(catalog: Catalog, draft: Collection, now: str) -> Collection:
    old = catalog.find(draft.id)
    return msgspec.structs.replace(draft, created=old.created if old else now, updated=now)


def _draft(catalog: Catalog, body: Mapping[str, Any], delete_missing: bool, secret: MakeSecret) -> Collection:
    old = catalog.find(to_text(body.get("id")) or to_text(body.get("name")))
    if old is None:
        type, name = body.get("type"), body.get("name")
        if not isinstance(name, str | None):
            raise Misfit("name", "a text")
        return new_draft(catalog, type if isinstance(type, str) else "", name or "", body, secret=secret)
    if delete_missing and body.get("fields") is None:
        body = {**body, "fields": []}
    draft = _with_old_fields(edited(old, body), old, delete_missing)
    return completed(draft, old=old, secret=secret)


def _with_old_fields(draft: Collection, old: Collection, delete_missing: bool) -> Collection:
    """Put back the fields that the body left out; one that it has by name and type keeps its column."""
    fields = draft.fields
    for field in old.fields:
        if (delete_missing and not field.system) or find(fields, id=field.id):
            continue
        same = find(fields, name=field.name)
        if same is not None and same.type == field.type:
            fields = tuple(identified(item, field.id) if item is same else item for item in fields)
        fields = added(fields, field)
    return msgspec.structs.replace(draft, fields=fields)


def check_import(catalog: Catalog, plan: ImportPlan, judge: Judge) -> tuple[Catalog, tuple[Collection, ...]]:
    """Return the catalog after the import, and its drafts with the fields of views filled in.

    judge: as it is after all drafts but views are stored, since these may be read from

    Raises BadRequest for the first draft with faults.
    """
    gone = {item.id for item in plan.deleted} | {draft.id for draft in plan.drafts}
    stay = [item for item in catalog if item.id not in gone]
    after = Catalog((*stay, *plan.drafts))
    checked: list[Collection] = []
    for draft in plan.drafts:
        done, faults = validate(
            draft, old=catalog.find(draft.id), catalog=after, judge=judge, siblings=plan.drafts
        )
        if faults:
            text = json.dumps(plain_text(faults), indent=2, ensure_ascii=False, sort_keys=True)
            raise import_failure(
                f'Data validations failed for collection "{draft.name}" ({draft.id}):\n{text}.'
            )
        checked.append(done)
    return Catalog((*stay, *checked)), tuple(checked)


_UNSENTENCED = (
    "validation_required",
    "validation_nil",
    "validation_empty",
    "validation_length",
    "validation_match",
    "validation_in_invalid",
    "validation_not_in_invalid",
    "validation_min_",
    "validation_max_",
    "validation_is_",
)
"""Codes whose messages the protocol writes in lower case where they stand inside another message."""


def plain_text(faults: Faults | Fault) -> Any:
    """Return faults with their bare messages, as they stand inside another message."""
    if not isinstance(faults, Fault):
        return {name: plain_text(fault) for name, fault in faults.items()}
    if faults.code.startswith(_UNSENTENCED):
        return faults.message[:1].lower() + faults.message[1:].removesuffix(".")
    return faults.message.removesuffix(".") if faults.code == "validation_invalid_rule" else faults.message
