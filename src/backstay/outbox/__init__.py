"""Effects that follow from a write: recorded in its transaction, done after it, tried again until they succeed."""

from backstay.outbox.outbox import Effect, GiveUp, Handler, Outbox, Retry

__all__ = ["Effect", "GiveUp", "Handler", "Outbox", "Retry"]
