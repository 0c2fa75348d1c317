"""The joins of one statement: which tables hang on which row, and which of them multiply rows.

A join to one row (a single relation) stands in the statement's own FROM. A join which may give several rows (a
multiple relation, a back-relation, `@collection`) is *scoped*: it stands inside an EXISTS, so that the statement's
own rows stay distinct and may be counted and paged without DISTINCT. Joins are shared by path: two conditions over
the same path talk about the same row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import count

import msgspec
from sqlalchemy import FromClause, exists, select, true
from sqlalchemy.sql.selectable import Join as SqlJoin

from backstay.plans.dialects.base import Dialect, Expression
from backstay.plans.errors import TooComplex
from backstay.plans.limits import JOINS_MAX


class Join(msgspec.Struct, frozen=True, eq=False):
    """One joined source. `needs` lists the scoped joins it hangs on, itself included when it is scoped."""

    key: str
    source: FromClause
    on: Expression
    needs: tuple[Join, ...] = ()


class Names:
    """Aliases of one statement: t1, t2 ..."""

    def __init__(self) -> None:
        self._next = count(1)

    def next(self) -> str:
        number = next(self._next)
        if number > JOINS_MAX:
            raise TooComplex(hint=f"This needs more than {JOINS_MAX} joins; use fewer relation paths.")
        return f"t{number}"


Make = Callable[[str], tuple[FromClause, Expression | None]]
"""Takes an alias, gives what to join and on which condition (None: every row)."""


class Joins:
    """A registry of joins. A private registry keeps its scoped joins to itself and shares the others."""

    def __init__(self, names: Names, outer: Joins | None = None) -> None:
        self._names = names
        self._outer = outer
        self._entries: dict[str, Join] = {}
        self.guards: dict[str, Expression] = {}
        """By key of a scoped join: what a joined record must satisfy to be seen by the viewer at all."""

    def private(self) -> Joins:
        """Return a registry with fresh scoped joins, for a subquery about the same base row."""
        return Joins(self._names, self)

    def add(self, key: str, make: Make, parent: Join | None, *, scoped: bool) -> Join:
        """Return the join of `key`, made when it is not there yet."""
        scoped = scoped or bool(parent and parent.needs)
        if not scoped and self._outer is not None:
            return self._outer.add(key, make, parent, scoped=False)
        found = self._entries.get(key)
        if found is not None:
            return found
        source, on = make(self._names.next())
        join = Join(key, source, true() if on is None else on)
        if scoped:
            join = msgspec.structs.replace(join, needs=(*(parent.needs if parent else ()), join))
        self._entries[key] = join
        return join

    def apply(self, base: FromClause) -> FromClause:
        """Return `base` with every join to one row."""
        return hang(base, self.outer)

    @property
    def outer(self) -> list[Join]:
        """The joins to one row."""
        return [join for join in self._entries.values() if not join.needs]

    def find(self, key: str) -> Join:
        """Return the join of `key`, which is there."""
        found = self._entries.get(key)
        if found is None:
            assert self._outer is not None, f"join {key} was never added"
            return self._outer.find(key)
        return found


def hang(base: FromClause, joins: Iterable[Join]) -> FromClause:
    """Left-join all `joins` to `base`, in their order."""
    out = base
    for join in joins:
        out = SqlJoin(out, join.source, join.on, isouter=True)
    return out


def exists_over(dialect: Dialect, joins: Sequence[Join], condition: Expression) -> Expression:
    """Tell whether a combination of the joined rows meets `condition`; missing rows are NULL."""
    unit = dialect.unit
    query = select(dialect.number(1)).select_from(hang(unit, joins)).where(condition)
    return exists(query.correlate_except(unit, *(join.source for join in joins)))
