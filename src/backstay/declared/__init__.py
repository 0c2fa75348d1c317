"""Collections as Python classes: typed fields, options and rules, so that an editor knows `post.title`.

Nothing here knows a database. `declarations` turns classes into the protocol's JSON; `target` says what a catalog
becomes with them; `backstay.migrations` brings it there.
"""

from __future__ import annotations

from backstay.declared import field
from backstay.declared.definitions import declarations, declared_in, target
from backstay.declared.model import AuthCollection, Collection, ViewCollection, name_of
from backstay.declared.options import Auth, Index, Rules

__all__ = [
    "Auth",
    "AuthCollection",
    "Collection",
    "Index",
    "Rules",
    "ViewCollection",
    "declarations",
    "declared_in",
    "field",
    "name_of",
    "target",
]
