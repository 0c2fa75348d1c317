"""Benchmarks and reliability experiments: Backstay beside the real PocketBase, as real processes.

Nothing here is part of the package. `python -m bench` measures, `python -m bench.reliability` breaks things.
"""
