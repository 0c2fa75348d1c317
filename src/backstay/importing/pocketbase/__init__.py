"""Takes over a PocketBase data folder: collections, records, accounts, settings, logs and files.

`source` opens the folder without changing it, `definitions` reads what collections there are, `rows` copies records
into tables of our own, `storage` copies files, `target` makes the new folder appear whole or not at all, and
`takeover` leads through it. Nothing here prints; the command is `backstay.cli.import_pocketbase`.
"""

from __future__ import annotations

from backstay.importing.pocketbase.takeover import Steps, Taken, take_over

__all__ = ["Steps", "Taken", "take_over"]
