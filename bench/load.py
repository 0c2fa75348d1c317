"""Load one server with the requests of one case for some seconds, and say what came back.

wrk does it where it is installed; else a loop of ours on asyncio, which is slower than a quick server and says so in
the report's `tool`. Both send the requests in the order given, over and over, and count every answer that is not 2xx.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from string import Template

import msgspec

from bench.client import Client, ConnectionBroken


class Call(msgspec.Struct, frozen=True):
    """One request. `body` is JSON text; in it `@` becomes a number that grows with every request."""

    method: str
    path: str
    body: str = ""


class Load(msgspec.Struct, frozen=True):
    """What to send: the calls in turn, over `clients` connections."""

    calls: Sequence[Call]
    clients: int = 32
    token: str = ""


class Result(msgspec.Struct, frozen=True):
    """What one round gave. Latencies in milliseconds."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    refused: int  # answers outside of 2xx
    broken: int  # connections and answers that never came

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds


def load_tool() -> str:
    return "wrk" if shutil.which("wrk") else "asyncio"


def run_load(load: Load, port: int, seconds: int, *, first: int = 0) -> Result:
    """Send `load` for about `seconds`, beginning with call number `first`."""
    if load_tool() == "wrk":
        return _run_wrk(load, port, seconds, first)
    return asyncio.run(_run_asyncio(load, port, seconds, first))


# A response callback would cost wrk a third of its speed, so it counts what it counts by itself: answers over 399.
_SCRIPT = Template("""
local calls = {}
for line in io.lines("$calls") do
  local method, path, body = line:match("([^\\t]*)\\t([^\\t]*)\\t(.*)")
  calls[#calls + 1] = {method, path, body ~= "" and body or nil}
end
local at = $first
local headers = {$headers}
local ready = {}

function request()
  at = at + 1
  local number = (at - 1) % #calls + 1
  if ready[number] then return ready[number] end
  local call = calls[number]
  if call[3] then
    return wrk.format(call[1], call[2], headers, (call[3]:gsub("@", tostring(at))))
  end
  ready[number] = wrk.format(call[1], call[2], headers)
  return ready[number]
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format(
    '\\nRESULT {"requests":%d,"seconds":%f,"p50_ms":%f,"p99_ms":%f,"refused":%d,"broken":%d}\\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    e.status, e.connect + e.read + e.write + e.timeout))
end
""")


def _run_wrk(load: Load, port: int, seconds: int, first: int) -> Result:
    headers = {"Content-Type": "application/json"} | ({"Authorization": load.token} if load.token else {})
    lua_headers = ", ".join(f"[{_lua(name)}] = {_lua(value)}" for name, value in headers.items())
    with tempfile.TemporaryDirectory() as folder:
        # The calls lie in a file of their own: Lua takes no program with more than 65,536 constants.
        calls, script = Path(folder, "calls.tsv"), Path(folder, "load.lua")
        calls.write_text("".join(f"{call.method}\t{call.path}\t{call.body}\n" for call in load.calls))
        script.write_text(_SCRIPT.substitute(calls=calls, first=first, headers=lua_headers))
        command = ["wrk", "-t1", f"-c{load.clients}", f"-d{seconds}s", "-s", str(script)]
        command.append(f"http://127.0.0.1:{port}")
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=seconds + 60)
    for line in done.stdout.splitlines():
        if line.startswith("RESULT "):
            return msgspec.json.decode(line[7:], type=Result)
    raise RuntimeError(f"wrk failed: {done.stdout}{done.stderr}")


def _lua(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


class _Tally:
    """What the clients of one round saw together."""

    def __init__(self) -> None:
        self.latencies_s: list[float] = []
        self.refused = 0
        self.broken = 0


async def _run_asyncio(load: Load, port: int, seconds: int, first: int) -> Result:
    tally = _Tally()
    numbers = iter(range(first, 1 << 62))
    started = time.perf_counter()
    deadline = started + seconds
    await asyncio.gather(*(_one_client(load, port, numbers, deadline, tally) for _ in range(load.clients)))
    took_s = time.perf_counter() - started
    ordered = sorted(tally.latencies_s) or [0.0]
    return Result(
        requests=len(tally.latencies_s),
        seconds=took_s,
        p50_ms=ordered[len(ordered) // 2] * 1e3,
        p99_ms=ordered[len(ordered) * 99 // 100] * 1e3,
        refused=tally.refused,
        broken=tally.broken,
    )


async def _one_client(load: Load, port: int, numbers: Iterator[int], deadline: float, tally: _Tally) -> None:
    async with Client(port, token=load.token) as client:
        while (started := time.perf_counter()) < deadline:
            number = next(numbers)
            call = load.calls[number % len(load.calls)]
            body = msgspec.Raw(call.body.replace("@", str(number)).encode()) if call.body else None
            try:
                reply = await client.request(call.method, call.path, body)
            except ConnectionBroken:
                tally.broken += 1
                continue
            tally.latencies_s.append(time.perf_counter() - started)
            tally.refused += not reply.ok
