"""A service that speaks S3, on loopback: moto's server in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.live.test_server import free_port

START_S = 30


@contextmanager
def s3_service() -> Iterator[str]:
    """Start the service; yield its address."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    deadline_s = time.monotonic() + START_S
    try:
        while True:
            try:
                httpx.get(url, timeout=2)
                break
            except httpx.HTTPError:
                assert time.monotonic() < deadline_s, "the S3 service did not start"
                time.sleep(0.05)
        yield url
    finally:
        process.kill()
        process.wait()
