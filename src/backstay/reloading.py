"""Development: runs the same command in a process of its own, and again whenever the site's code changes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import FrameType

from backstay.errors import SetupError

WATCHED = "BACKSTAY_WATCHED"
"""Tells the process that is started again the end of a pipe which closes when its parent goes, however it goes."""
ENDINGS = (".py", ".html", ".toml")
STOP_MAX_S = 5.0


def is_watched() -> bool:
    """Tell whether this process is the one that is started again and again. If so, it ends with its parent."""
    lifeline = os.environ.pop(WATCHED, "")
    if not lifeline:
        return False

    def end_with_parent() -> None:
        os.read(int(lifeline), 1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=end_with_parent, name="lifeline", daemon=True).start()
    return True


def run_again_on_change(folder: Path, *, but: Path) -> int:
    """Run this very command until SIGTERM or Ctrl-C, from the start after each change in a folder; return 0.

    but: a folder in it whose changes don't count

    Raises SetupError where watchfiles is not installed.
    """
    try:
        from watchfiles import watch
    except ImportError as exc:
        raise SetupError(
            "--dev needs the package watchfiles",
            why="it sees changes of files",
            do="pip install 'backstay[dev]'",
        ) from exc
    ignored = but.resolve()

    def counts(_: object, path: str) -> bool:
        return path.endswith(ENDINGS) and not Path(path).is_relative_to(ignored)

    lifeline, _kept = os.pipe()  # we never write; the system closes our end
    process = _start(lifeline)

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    try:
        for changes in watch(folder, watch_filter=counts, raise_interrupt=True):
            names = sorted({Path(path).name for _, path in changes})
            print(f"changed: {', '.join(names)}; starting again", file=sys.stderr, flush=True)  # noqa: T201
            _stop(process)
            process = _start(lifeline)
    except KeyboardInterrupt:
        pass
    finally:
        _stop(process)
    return 0


def _start(lifeline: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "backstay", *sys.argv[1:]]
    environment = {**os.environ, WATCHED: str(lifeline)}
    return subprocess.Popen(command, env=environment, pass_fds=[lifeline])  # noqa: S603 - our own command


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_MAX_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
