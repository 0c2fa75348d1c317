"""Files of records: named, told by their content, kept in a folder or a bucket, removed with their record.

Nothing here knows who may see a file; that is decided at the door (`backstay.http.files`).
"""

from backstay.files.keeper import Keeper
from backstay.files.stores import FileStore, LocalStore, Stored

__all__ = ["FileStore", "Keeper", "LocalStore", "Stored"]
