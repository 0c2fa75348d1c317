"""Refusals of the planner. To clients they are the protocol's bare 400; `hint` tells developers what to do."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from backstay.errors import BadRequest


class UnknownName(BadRequest):
    """A filter, sort or rule names something that does not exist, or that the viewer may not use."""

    def __init__(self, name: str, collection: str, visible: Iterable[str] = ()) -> None:
        self.name, self.collection = name, collection
        fields = sorted(visible)
        near = get_close_matches(name, fields, n=1)
        advice = f"Did you mean '{near[0]}'?" if near else f"Fields: {', '.join(fields)}." if fields else ""
        super().__init__(hint=f"There is no field '{name}' to use in '{collection}'. {advice}".strip())


class NotListable(BadRequest):
    """A path leads into a collection whose records the viewer may not list."""

    def __init__(self, collection: str) -> None:
        super().__init__(
            hint=f"The records of '{collection}' can't be used here: they are not listable for you."
        )


class TooComplex(BadRequest):
    """A filter, sort or expand is over one of the limits of `plans.limits`."""
