"""Which domains a field takes. What counts as an address at all is told by `backstay.checks`."""

from __future__ import annotations

import re
from collections.abc import Sequence

_PORT = re.compile(r":\d*$")


def domain_allowed(domain: str, only: Sequence[str] | None, excepted: Sequence[str] | None) -> bool:
    """Tell whether `domain`, which may have a port behind it, passes the two lists.

    `only` wants the very text, as the protocol has it. `excepted` keeps a domain out however it is written: case does
    not count (RFC 4343), nor does the port.
    """
    if only and domain not in only:
        return False
    name = _PORT.sub("", domain).lower()
    return not (excepted and name in {item.lower() for item in excepted})
