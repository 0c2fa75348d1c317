"""`python -m bench.writer PORT`: a writer in a process of its own, so that no crowd stands in its way.

For each line on stdin it creates a record, and prints when it began (the machine's monotonic clock, in seconds) and
how many milliseconds the answer took.
"""

from __future__ import annotations

import asyncio
import sys
import time

from bench.client import Client
from bench.dataset import expect_ok


async def main(port: int) -> None:
    async with Client(port) as client:
        number = 0
        while await asyncio.to_thread(sys.stdin.readline):
            number += 1
            started = time.perf_counter()
            expect_ok(await client.request("POST", "/api/collections/news/records", {"text": f"n{number}"}))
            print(started, (time.perf_counter() - started) * 1000, flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
