"""What tests of running processes share."""

from __future__ import annotations

import socket

import pytest

from backstay.options import Address


@pytest.fixture
def address() -> Address:
    """An address on this machine where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return Address("127.0.0.1", int(probe.getsockname()[1]))
