"""Experiments that break a running server and look at what is left: kill -9, full disk, locked database and others.

Each experiment is a coroutine that takes a `Launcher` and gives an `Outcome`; the same experiment runs against
Backstay and against the real PocketBase. `tests/live` runs the short forms, `python -m bench.reliability` the long.
"""
