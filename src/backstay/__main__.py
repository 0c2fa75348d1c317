"""`python -m backstay` is the same as the `backstay` command."""

from __future__ import annotations

from backstay.cli import main

if __name__ == "__main__":
    main()
