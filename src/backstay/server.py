"""Runs the HTTP server: one process by default, or several under a small supervisor (`supervisor.py`).

Granian's embedded server gets the application and one uvloop; signals, draining, start and stop are ours.
Measured here against Granian's own multi-process form with one worker (trivial Starlette application, 32 clients,
2 cores): the same 39,000 requests a second, 28 MB of memory instead of 37, so the embedded form is the one used.
More Rust threads or another task implementation gained nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import resource
import signal
import socket
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from backstay.errors import SetupError
from backstay.options import Address, ServeOptions

if TYPE_CHECKING:
    from granian.server.embed import Server
    from starlette.types import ASGIApp

    from backstay.lifespan import Lifespan, Requests

Create = Callable[[ServeOptions], "ASGIApp"]
Ready = Callable[[], None]

CONNECTIONS_MAX = 20_000
"""Open connections a worker takes before new ones wait in the backlog; event streams count too."""
BACKLOG_MAX = 4096
HEADER_TIMEOUT_MS = 10_000
CONNECTION_BUFFER_BYTES = 128 << 10
"""What is read ahead of a connection, its headers too, and what waits for a client who does not read."""
DRAIN_S = 1.5
"""How long requests in flight may go on after SIGTERM; then they are cancelled."""
CUT_S = 0.3
"""How long cancelled requests may take to end; then their connections are abandoned."""
ACCEPTS_WITHIN_S = 5.0


def run(options: ServeOptions, *, create: Create | None = None, ready: Ready | None = None) -> int:
    """Serve until SIGTERM or SIGINT and return the exit code.

    create: makes the application, once in each worker process; default `backstay.app.create_asgi`
    ready:  called when the server accepts connections; with several workers, when all of them do

    Raises SetupError when the address can't be had or the application can't start.
    """
    check_address(options.address)
    _raise_open_files()
    make = create or _application
    on_ready = ready or (lambda: None)
    if options.workers == 1:
        return serve_here(options, make, on_ready)
    from backstay.supervisor import supervise

    _load_code(own_application=create is None)
    return supervise(options.workers, lambda started: serve_here(options, make, started), on_ready)


def serve_here(options: ServeOptions, create: Create, ready: Ready) -> int:
    """Serve in this process, on a new uvloop."""
    import uvloop

    return uvloop.run(_serve(options, create, ready))


def check_address(address: Address) -> None:
    """Raise SetupError unless `address` is free and may be bound.

    Granian binds with SO_REUSEPORT, so a second server would start and share the port without a word. This
    socket binds without it and finds whoever listens.
    """
    try:
        family, kind, proto, _, where = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, proto) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(where)
    except socket.gaierror as exc:
        raise SetupError(
            f"cannot listen on '{address.host}'",
            why=f"the name has no address on this machine ({exc.strerror})",
            do="give --http an address of this machine, like 127.0.0.1:8090 or :8090 for all",
        ) from exc
    except OSError as exc:
        raise _bind_error(address, exc) from exc


def _bind_error(address: Address, exc: OSError) -> SetupError:
    import errno

    what = (
        f"cannot listen on {address.host}:{address.port} ({errno.errorcode.get(exc.errno or 0, exc.errno)})"
    )
    other = f"--http {address.host}:{address.port + 1 if address.port < 65535 else 8090}"
    if exc.errno == errno.EADDRINUSE:
        return SetupError(what, why="another program listens on this port", do=f"stop it, or choose {other}")
    if exc.errno in {errno.EACCES, errno.EPERM}:
        return SetupError(
            what,
            why="ports below 1024 are for privileged users",
            do="choose a higher port and put a proxy before it, or grant CAP_NET_BIND_SERVICE",
        )
    return SetupError(what, why=exc.strerror or str(exc), do="give --http an address of this machine")


def _application(options: ServeOptions) -> ASGIApp:
    from backstay.app import create_asgi

    return create_asgi(options)


def _load_code(*, own_application: bool) -> None:
    """Import before the fork what all workers use, so that they share its memory. Nothing is opened or started."""
    modules = ["uvloop", "granian.server.embed", "backstay.lifespan"]
    for name in [*modules, "backstay.app"] if own_application else modules:
        importlib.import_module(name)


def _raise_open_files() -> None:
    """Lift the soft limit of open files to the hard one: each client of a stream is an open file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _serve(options: ServeOptions, create: Create, ready: Ready) -> int:
    from backstay.lifespan import Lifespan, Requests

    stop = _stop_on_signals()
    app = create(options)
    lifespan = Lifespan(app)
    await lifespan.start()
    requests = Requests(app, lifespan.state)
    server = _granian(options.address, requests)
    serving = asyncio.ensure_future(server.serve())
    accepting = asyncio.ensure_future(_call_when_accepting(options.address, ready))
    stopped = asyncio.ensure_future(stop.wait())
    await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
    accepting.cancel()
    failed = serving.done()
    await _drain(server, serving, requests, lifespan)
    return 1 if failed else 0


def _stop_on_signals() -> asyncio.Event:
    """Return an event which SIGTERM and SIGINT set. Later ones change nothing: a stop is short, and bounded."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


def _granian(address: Address, app: ASGIApp) -> Server:
    from granian.constants import HTTPModes, Interfaces
    from granian.http import HTTP1Settings
    from granian.server.embed import Server

    where = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[
        0
    ]
    return Server(
        app,
        address=str(where[4][0]),
        port=address.port,
        interface=Interfaces.ASGINL,  # the lifespan is run by `Lifespan`, so that its errors are ours
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(
            header_read_timeout=HEADER_TIMEOUT_MS, max_buffer_size=CONNECTION_BUFFER_BYTES
        ),
        websockets=False,
        backlog=BACKLOG_MAX,
        backpressure=CONNECTIONS_MAX,
        log_enabled=False,
    )


async def _call_when_accepting(address: Address, ready: Ready) -> None:
    """Call `ready` as soon as a connection is accepted; Granian itself doesn't tell."""
    loop = asyncio.get_running_loop()
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.host, address.host)  # noqa: S104
    deadline_s = loop.time() + ACCEPTS_WITHIN_S
    while loop.time() < deadline_s:
        try:
            _, writer = await asyncio.open_connection(host, address.port)
        except OSError:
            await asyncio.sleep(0.005)
            continue
        writer.close()
        break
    ready()


async def _drain(
    server: Server, serving: asyncio.Future[None], requests: Requests, lifespan: Lifespan
) -> None:
    """Stop accepting, let requests finish for `DRAIN_S`, cancel the rest, then run the application's stop.

    Granian alone would wait for ever for a stream that never ends or a client that stopped reading.
    """
    lifespan.state.get("on_drain", lambda: None)()
    server.stop()  # type: ignore[no-untyped-call]  # Granian types no results
    await asyncio.wait({serving}, timeout=DRAIN_S)
    if not serving.done():
        requests.cancel()
        await asyncio.wait({serving}, timeout=CUT_S)
    if serving.done() and not serving.cancelled() and serving.exception() is not None:
        print(f"error: the HTTP server failed: {serving.exception()!r}", file=sys.stderr)  # noqa: T201
    await lifespan.stop()
