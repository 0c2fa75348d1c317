"""Keeps several worker processes running: starts them, restarts one that crashes, stops them all.

The supervisor itself serves nothing, opens no database and starts no thread, so that forking is safe and a worker
inherits nothing but loaded code. What a worker does is given by the caller; see `server.py`.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from types import FrameType

from backstay.errors import SetupError

Work = Callable[[Callable[[], None]], int]
"""What a worker runs: it is given what to call when it is ready, and returns its exit code."""

KILL_AFTER_S = 4.0
"""Workers stop by themselves within 2 s of SIGTERM; one that hasn't by then is killed."""
RESTARTS_MIN_GAP_S = 0.5
"""A worker which crashes sooner than this after its start is restarted only when the gap is over."""


def supervise(workers: int, work: Work, ready: Callable[[], None]) -> int:
    """Run `work` in `workers` processes until SIGTERM or SIGINT; return the exit code.

    Each worker must be ready before the next one starts, so that only the first creates what is missing. One
    that ends before it was ready has told why on stderr; then all stop, since a restart would fail alike.
    """
    return _Supervisor(work).run(workers, ready)


class _Supervisor:
    def __init__(self, work: Work) -> None:
        self._work = work
        self._started_s: dict[int, float] = {}
        self._stopping = False
        # A worker finds the reading end closed when the supervisor dies, however that came, and stops too.
        self._lifeline_read, self._lifeline_write = os.pipe()

    def run(self, workers: int, ready: Callable[[], None]) -> int:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGALRM, self._kill)
        gc.freeze()  # what is loaded by now stays shared between the processes: the collector won't touch it
        for _ in range(workers):
            if not self._start_worker():
                return self._give_up()
        if not self._stopping:
            ready()
        return self._watch()

    def _watch(self) -> int:
        """Restart workers that crash, until all have stopped."""
        while self._started_s:
            pid, status = os.wait()
            started_s = self._started_s.pop(pid, None)
            if self._stopping or started_s is None:
                continue
            print(f"worker {pid} {_ending(status)}; starting another", file=sys.stderr, flush=True)  # noqa: T201
            time.sleep(max(0.0, started_s + RESTARTS_MIN_GAP_S - time.monotonic()))
            if not self._stopping and not self._start_worker():
                return self._give_up()
        return 0

    def _start_worker(self) -> bool:
        """Fork a worker and wait until it is ready. False when it ended first, and not because we are stopping."""
        ready_read, ready_write = os.pipe()
        signals = {signal.SIGTERM, signal.SIGINT, signal.SIGALRM}
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)  # no signal between the fork and knowing the pid
        pid = os.fork()
        if pid == 0:
            os.close(ready_read)
            self._become_worker(ready_write, signals)
        self._started_s[pid] = time.monotonic()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
        os.close(ready_write)
        if self._stopping:
            self._send(signal.SIGTERM)
        with os.fdopen(ready_read, "rb") as end:
            return end.read(1) == b"1" or self._stopping

    def _become_worker(self, ready_write: int, signals: set[signal.Signals]) -> None:
        """Run the work in the new process and leave it; never returns into the supervisor's code."""
        code = 1
        try:
            for number in signals:
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
            os.close(self._lifeline_write)
            _stop_when_closed(self._lifeline_read)
            code = self._work(lambda: _say_ready(ready_write))
        except SetupError as exc:
            print(exc, file=sys.stderr)  # noqa: T201
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _stop(self, _number: int = 0, _frame: FrameType | None = None) -> None:
        if not self._stopping:
            signal.setitimer(signal.ITIMER_REAL, KILL_AFTER_S)
        self._stopping = True
        self._send(signal.SIGTERM)

    def _kill(self, _number: int = 0, _frame: FrameType | None = None) -> None:
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        for pid in self._started_s:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _give_up(self) -> int:
        self._stop()
        self._watch()
        return 1


def _say_ready(ready_write: int) -> None:
    os.write(ready_write, b"1")
    os.close(ready_write)


def _stop_when_closed(lifeline_read: int) -> None:
    """Send ourselves SIGTERM when the supervisor has gone."""
    import threading

    def wait() -> None:
        os.read(lifeline_read, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="lifeline", daemon=True).start()


def _ending(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"was killed by {signal.Signals(os.WTERMSIG(status)).name}"
    return f"ended with exit code {os.WEXITSTATUS(status)}"
