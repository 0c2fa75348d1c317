"""Copies a site from one database to another: from SQLite to PostgreSQL, back, or into a file to keep."""

from backstay.moving.copy import Copied, NotEmptyError, NotTheSameError, Step, copy_site, into_file

__all__ = ["Copied", "NotEmptyError", "NotTheSameError", "Step", "copy_site", "into_file"]
