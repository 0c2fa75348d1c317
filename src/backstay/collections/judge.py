"""What validation asks of the planner: whether a rule can be used."""

from __future__ import annotations

from backstay.catalog import Catalog, Collection
from backstay.errors import RequestError
from backstay.filters import FilterSyntaxError
from backstay.plans.check import plan_predicate
from backstay.plans.dialects.base import Dialect
from backstay.plans.errors import UnknownName
from backstay.plans.request import RequestInfo
from backstay.plans.scope import Frame


def rule_problem(catalog: Catalog, dialect: Dialect, collection: Collection, rule: str) -> str | None:
    """Return why `rule` can't be used in `collection`, without a full stop, or None.

    catalog: as it will be when the change is made, so that a rule may name the collection itself
    """
    others = [item for item in catalog if item.id != collection.id]
    frame = Frame(Catalog([*others, collection]), dialect, RequestInfo())
    try:
        plan_predicate(frame, collection, rule)
    except FilterSyntaxError as exc:
        return f"invalid or incomplete filter expression: {exc.hint}".rstrip(".")
    except UnknownName as exc:
        return f'invalid operand "{exc.name}" - {exc.hint}'.rstrip(".")
    except RequestError as exc:
        return (exc.hint or exc.message).rstrip(".")
    return None
