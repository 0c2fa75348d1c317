"""What there is to be judged, and what only others can judge."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from backstay.catalog.fields import Field
from backstay.catalog.model import Catalog, Collection


class ViewAnalysis(msgspec.Struct, frozen=True):
    """What a view's query gives: its fields as far as they could be told, and why it can't be used, or None."""

    fields: tuple[Field, ...] = ()
    error: str | None = None


class Judge(msgspec.Struct, frozen=True):
    """What needs the planner or the database.

    check_rule: tells why a rule of a collection can't be used (without a full stop), or None
    analyse_view: tells what a view query gives
    """

    check_rule: Callable[[Collection, str], str | None]
    analyse_view: Callable[[str], ViewAnalysis]


class Case(msgspec.Struct, frozen=True):
    """A collection to be judged.

    old:     what it was before, or None for a new one
    others:  all other collections, for what must be unique
    catalog: where relations are looked up
    """

    new: Collection
    old: Collection | None
    others: tuple[Collection, ...]
    catalog: Catalog
    judge: Judge
