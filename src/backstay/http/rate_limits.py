"""Rate limits of the settings (A10): fixed windows per client address and rule.

A rule's label is `collection:action`, `*:action`, `METHOD /path`, `/path` or `/prefix/`; the first that is found
counts, in this order. Superusers and excluded addresses are not limited. The counts live in this process.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Sequence

import msgspec

from backstay.errors import TooManyRequests
from backstay.http.addresses import is_among
from backstay.plans.request import Viewer
from backstay.settings import RateLimits, RateRule

WINDOWS_MAX = 100_000
"""Windows that are kept; the oldest give way."""


class _Window(msgspec.Struct):
    ends: float
    used: int


class RateLimiter:
    """Counts requests for the rules of the settings."""

    def __init__(self) -> None:
        self._windows: OrderedDict[tuple[str, str, str], _Window] = OrderedDict()

    def check(self, limits: RateLimits, labels: Sequence[str], address: str, viewer: Viewer) -> None:
        """Count one request under the first of `labels` that has a rule. Raises TooManyRequests."""
        if viewer.is_superuser or is_among(address, limits.excluded_ips):
            return
        rule = find_rule(limits, labels, viewer)
        if rule is not None:
            self._count(rule, address)

    def _count(self, rule: RateRule, address: str) -> None:
        now = time.monotonic()
        key = (rule.label, rule.audience, address)
        window = self._windows.get(key)
        if window is None or window.ends <= now:
            self._windows.pop(key, None)
            window = self._windows[key] = _Window(now + rule.duration, 0)
            if len(self._windows) > WINDOWS_MAX:
                self._windows.popitem(last=False)
        window.used += 1
        if window.used > rule.max_requests:
            raise TooManyRequests(retry_after_s=max(1, round(window.ends - now)))


def find_rule(limits: RateLimits, labels: Sequence[str], viewer: Viewer) -> RateRule | None:
    """Return the rule that applies to the first label which has one for this viewer."""
    audience = "@guest" if viewer.is_guest else "@auth"
    for label in labels:
        for rule in limits.rules:
            if rule.audience in {"", audience} and _fits(rule.label, label):
                return rule
    return None


def _fits(rule: str, label: str) -> bool:
    return rule == label or (rule.startswith("/") and rule.endswith("/") and f"{label}/".startswith(rule))
