"""Parameters of operations: in the path, and in the query."""

from __future__ import annotations

from typing import Any

from backstay.openapi.values import TEXT, Schema

Parameter = dict[str, Any]


def in_path(name: str, description: str = "") -> Parameter:
    """Return a part of the path."""
    told = {"description": description} if description else {}
    return {"name": name, "in": "path", "required": True, "schema": TEXT, **told}


def in_query(name: str, description: str = "", schema: Schema = TEXT) -> Parameter:
    """Return an option in the query string."""
    told = {"description": description} if description else {}
    return {"name": name, "in": "query", "schema": schema, **told}


EXPAND = in_query("expand", "relations whose records come along: `author,tags`")
FIELDS = in_query("fields", "keys to answer with, fewer than the schema says: `id,title`")
