"""Effects that follow from a write: recorded in its transaction, done after it, tried again until they succeed."""

from backstay.outbox.outbox import Outbox, Queued
from backstay.outbox.topics import Effect, GiveUp, Handler, Retry

__all__ = ["Effect", "GiveUp", "Handler", "Outbox", "Queued", "Retry"]
