"""Loads rows of a JSON or CSV file into a collection, which it makes when there is none.

`sources` reads a file into rows with their line numbers, `infer` decides what fields a new collection gets,
`convert` turns a cell into what a field takes, `load` runs it all against a site. Nothing here prints; the command
is `backstay.cli.import_rows`.
"""

from __future__ import annotations

from backstay.importing.infer import Column, infer_columns
from backstay.importing.load import Outcome, Refusal, Site, Steps, load_file
from backstay.importing.sources import CsvSource, JsonSource, Row, Source

__all__ = [
    "Column",
    "CsvSource",
    "JsonSource",
    "Outcome",
    "Refusal",
    "Row",
    "Site",
    "Source",
    "Steps",
    "infer_columns",
    "load_file",
]
