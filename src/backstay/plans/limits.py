"""Limits of what one request may ask for; each is refused with 400 before any SQL."""

from __future__ import annotations

from typing import Final

SORT_MAX_TERMS: Final = 8
SORT_TERM_MAX_CHARS: Final = 255
PATH_MAX_RELATIONS: Final = 6
"""Relations in one path of a filter, sort or expand."""
JOINS_MAX: Final = 48
"""Joins of one statement; SQLite itself stops at 64 tables."""
PER_PAGE_DEFAULT: Final = 30
PER_PAGE_MAX: Final = 1000
BACK_EXPAND_MAX: Final = 1000
"""Records which one back-relation adds to one record by expand."""
EXPAND_RECORDS_MAX: Final = 50_000
"""Records which one answer may expand in all."""
EXPAND_MAX_CHARS: Final = 32 << 20
"""JSON of expanded records in one answer: records which refer to each other stand in it again and again."""
EXPAND_RELATIONS_MAX: Final = 100
"""Relations in one expand parameter; each costs a statement."""
