"""The clock of one site. Its parts ask it, so that a test can move it; it costs them a call."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime


class Clock:
    """Tells the time of a site.

    read: returns Unix seconds; may be replaced while the site is open
    """

    __slots__ = ("read",)

    def __init__(self, read: Callable[[], float] = time.time) -> None:
        self.read = read

    def unix_s(self) -> float:
        """Return the time as Unix seconds."""
        return self.read()

    def now(self) -> datetime:
        """Return the time as aware UTC."""
        return datetime.fromtimestamp(self.read(), UTC)


SYSTEM_CLOCK = Clock()
"""The machine's own, for what belongs to no site."""
