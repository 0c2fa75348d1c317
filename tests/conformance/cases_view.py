"""Looking at one record."""

from __future__ import annotations

from tests.conformance.cases import case, get, records

CASES = [
    *(
        case(f"view: everything {n} as {who}", get(records("everything", f"everything{n:05}"), who))
        for n in range(1, 13)
        for who in ("guest", "superuser")
    ),
]
