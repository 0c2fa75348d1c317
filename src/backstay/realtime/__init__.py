"""Realtime: who listens to what, and telling them of each change that their rules let them see (protocol A8)."""

from backstay.realtime.broker import Broker
from backstay.realtime.clients import Client, Clients
from backstay.realtime.local import LocalChannel
from backstay.realtime.shared import SharedChannel

__all__ = ["Broker", "Client", "Clients", "LocalChannel", "SharedChannel"]
