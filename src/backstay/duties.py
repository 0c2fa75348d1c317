"""What every site does by the clock, under the names that the protocol has for it."""

from __future__ import annotations

from collections.abc import Iterator

from backstay.accounts.expired import Expired
from backstay.jobs import Schedule
from backstay.jobs.times import Times
from backstay.stores.base import Store
from backstay.stores.upkeep import optimize


def duties(store: Store, expired: Expired) -> Iterator[Schedule]:
    """Yield the schedules of a site's own. What was missed is not made up for: the next run does it all."""
    for name, expression, duty in (
        ("__pbDBOptimize__", "0 0 * * *", lambda: optimize(store)),
        ("__pbMFACleanup__", "0 * * * *", expired.remove_mfas),
        ("__pbOTPCleanup__", "0 * * * *", expired.remove_otps),
    ):
        yield Schedule(name, Times(expression), duty, missed="skip")
