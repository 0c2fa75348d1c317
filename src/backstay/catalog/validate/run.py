"""Runs all checks of a collection, in the order in which one fault hides another."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from backstay.catalog.model import Catalog, Collection
from backstay.catalog.validate.auth import auth_faults
from backstay.catalog.validate.case import Case, Judge, ViewAnalysis
from backstay.catalog.validate.fields import fields_faults
from backstay.catalog.validate.head import id_fault, name_fault, system_fault, type_fault
from backstay.catalog.validate.indexes import index_faults
from backstay.catalog.validate.rules import rule_faults
from backstay.checks import REQUIRED, gather
from backstay.errors import BadRequest, Fault, Faults


def validate(
    new: Collection,
    *,
    old: Collection | None,
    catalog: Catalog,
    judge: Judge,
    siblings: Sequence[Collection] = (),
) -> tuple[Collection, Faults]:
    """Return `new`, with the fields of its query when it is a view, and all its faults.

    new:      a completed draft
    old:      the collection that it changes, None for a new one
    catalog:  where relations are looked up
    siblings: collections that are imported together with it, itself among them
    """
    others = {item.id: item for item in catalog if old is None or item.id != old.id}
    if any(item is new for item in siblings):
        others = {
            item.id: item for item in (*others.values(), *siblings) if item is not new and item.id != new.id
        }
        twin = next((item for item in siblings if item is not new and item.id == new.id), None)
        others |= {twin.id: twin} if twin else {}
    analysis = judge.analyse_view(new.viewQuery) if new.is_view and new.viewQuery else ViewAnalysis()
    if new.is_view:
        new = msgspec.structs.replace(new, fields=analysis.fields)
    return new, _faults(Case(new, old, tuple(others.values()), catalog, judge), analysis)


def check(new: Collection, *, old: Collection | None, catalog: Catalog, judge: Judge) -> Collection:
    """Return `new` as it may be stored, or raise BadRequest with all its faults."""
    done, faults = validate(new, old=old, catalog=catalog, judge=judge)
    if faults:
        raise BadRequest(f"Failed to {'update' if old else 'create'} collection.", faults)
    return done


def _faults(case: Case, analysis: ViewAnalysis) -> Faults:
    found: dict[str, Fault | Faults | None] = {
        "id": id_fault(case),
        "system": system_fault(case),
        "type": type_fault(case),
        "name": name_fault(case),
        "fields": fields_faults(case),
        "indexes": index_faults(case),
    }
    found |= rule_faults(case)
    if case.new.is_auth and case.new.auth is not None:
        found |= auth_faults(case, case.new.auth)
    if case.new.is_view:
        found["viewQuery"] = _query_fault(case.new.viewQuery, analysis)
    return gather(found)


def _query_fault(query: str, analysis: ViewAnalysis) -> Fault | None:
    if not query:
        return REQUIRED
    if analysis.error is None:
        return None
    return Fault("validation_invalid_view_query", f"Invalid query - {analysis.error.removesuffix('.')}.")
