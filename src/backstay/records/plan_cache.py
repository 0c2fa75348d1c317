"""Plans kept by the shape of requests.

A plan depends on the catalog, on who asks in kind (not in person), on what is asked without its literals, and on
which of the request's values that a rule looks at are missing or empty. All else travels as parameters.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import lru_cache
from typing import Generic, TypeVar

import msgspec

from backstay.catalog import Catalog
from backstay.filters import FILTER_MAX_CHARS, Node, parse, skeleton
from backstay.plans.dialects.base import Dialect
from backstay.plans.params import value_class
from backstay.plans.request import RequestInfo
from backstay.plans.scope import Frame

PLANS_MAX = 2000
VARIANTS_MAX = 64
P = TypeVar("P")


class ParsedFilter(msgspec.Struct, frozen=True, eq=False):
    """A client's filter: its tree, its text without literals, and the literals."""

    node: Node
    skeleton: str
    literals: tuple[str | int | float, ...]


@lru_cache(maxsize=2048)
def parse_filter(text: str) -> ParsedFilter:
    """Read a client's filter. Raises FilterSyntaxError."""
    node = parse(text, max_chars=FILTER_MAX_CHARS)
    return ParsedFilter(node, *skeleton(node))


class _Entry(Generic[P]):
    """The plans of one shape, by what the rules found in the request."""

    def __init__(self) -> None:
        self.paths: tuple[str, ...] = ()
        self.variants: dict[tuple[str, ...], P] = {}

    def signature(self, info: RequestInfo) -> tuple[str, ...]:
        return tuple(value_class(info.lookup(path)) for path in self.paths)

    def add(self, consulted: dict[str, str], info: RequestInfo, plan: P) -> None:
        """Keep a plan; when it looked at values that others did not, what was known before is void."""
        new = tuple(path for path in consulted if path not in self.paths)
        if new or len(self.variants) >= VARIANTS_MAX:
            self.variants.clear()
            self.paths += new
        self.variants[self.signature(info)] = plan


class PlanCache(Generic[P]):
    """A bounded cache of plans for one catalog at a time."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._entries: OrderedDict[Hashable, _Entry[P]] = OrderedDict()
        self._catalog: Catalog | None = None

    def get(self, catalog: Catalog, key: Hashable, info: RequestInfo, make: Callable[[Frame], P]) -> P:
        """Return the plan of `key` for this request, made when it is not there."""
        if catalog is not self._catalog:
            self._entries.clear()
            self._catalog = catalog
        entry = self._entries.get(key)
        if entry is not None:
            plan = entry.variants.get(entry.signature(info))
            if plan is not None:
                return plan
        frame = Frame(catalog, self._dialect, info)
        plan = make(frame)
        if entry is None:
            entry = self._entries[key] = _Entry()
            if len(self._entries) > PLANS_MAX:
                self._entries.popitem(last=False)
        entry.add(frame.consulted, info, plan)
        return plan
