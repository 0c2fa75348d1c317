"""Which domains a field takes. What counts as an address at all is told by `backstay.checks`."""

from __future__ import annotations

from collections.abc import Sequence


def domain_allowed(domain: str, only: Sequence[str] | None, excepted: Sequence[str] | None) -> bool:
    """Tell whether `domain` passes the two lists; case does not count (RFC 4343)."""
    name = domain.lower()
    if only and name not in {item.lower() for item in only}:
        return False
    return not (excepted and name in {item.lower() for item in excepted})
