"""Rate limits of the settings (A10): fixed windows per client address and rule.

A rule's label is `collection:action`, `*:action`, `METHOD /path`, `/path` or `/prefix/`; the first that is found
counts, in this order. Superusers and excluded addresses are not limited.

The counts live in this process, so that counting costs nothing. Processes of one site tell each other what they have counted
four times a second, by way of the database; a client may get as much more as it sends to the others in that time.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Sequence
from functools import partial
from typing import TypeAlias

import msgspec

from backstay.accounts.recent import Recent
from backstay.errors import TooManyRequests
from backstay.http.addresses import is_among
from backstay.plans.request import Viewer
from backstay.settings import RateLimits, RateRule
from backstay.stores.base import Store, Transaction

log = logging.getLogger("backstay")
Key: TypeAlias = tuple[str, str, str]
"""The label of a rule, whom it is for, and the address of a client."""

WINDOWS_MAX = 100_000
"""Windows that are kept; the oldest give way."""


SHARE_S = 0.25
"""How often processes tell each other their counts."""
SHARED_MAX = 500
"""Windows that are told at a time."""


class _Window(msgspec.Struct, eq=False):
    """ends: monotonic seconds; used: requests here; told: of these, how many others know of; elsewhere: theirs"""

    ends: float
    used: int = 0
    told: int = 0
    elsewhere: int = 0


class _Total(msgspec.Struct, frozen=True):
    """A window as all processes know it. ends: Unix time; used: requests at all of them"""

    ends: float
    used: int


class RateLimiter:
    """Counts requests for the rules of the settings."""

    def __init__(self) -> None:
        self._windows: OrderedDict[Key, _Window] = OrderedDict()
        self._untold: dict[Key, _Window] = {}
        self._is_shared = False
        self._totals = Recent("rate", _Total)

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
            window = self._windows[key] = _Window(now + rule.duration)
            if len(self._windows) > WINDOWS_MAX:
                self._windows.popitem(last=False)
        window.used += 1
        if self._is_shared:
            self._untold[key] = window
        if window.used + window.elsewhere > rule.max_requests:
            raise TooManyRequests(retry_after_s=max(1, round(window.ends - now)))

    async def share_forever(self, store: Store) -> None:
        """Count together with the other processes that work on a database."""
        self._is_shared = True
        while True:
            await asyncio.sleep(SHARE_S)
            if self._untold:
                try:
                    await store.write(self._share)
                except Exception:  # the database is away: what is untold is told later
                    log.warning("rate limits can't be shared", exc_info=True)

    async def _share(self, tx: Transaction) -> None:
        for key, window in list(self._untold.items())[:SHARED_MAX]:
            left_s = window.ends - time.monotonic()
            if left_s <= 0:
                self._untold.pop(key, None)
                continue
            fresh, now = window.used - window.told, time.time()
            known = await self._totals.read(tx.fetch, *key)
            if known is None or known.ends <= now:
                known = _Total(now + left_s, 0)
            total = _Total(known.ends, known.used + fresh)
            await self._totals.write(tx, total, *key, for_s=total.ends - now)
            tx.after_commit(partial(self._told, key, window, fresh, total))

    def _told(self, key: Key, window: _Window, fresh: int, total: _Total) -> None:
        window.told += fresh
        window.elsewhere = total.used - window.told
        window.ends = time.monotonic() + total.ends - time.time()
        if window.used == window.told:
            self._untold.pop(key, None)


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
