"""What a site's data looks like: collections, field types, rules and indexes."""

from __future__ import annotations

from backstay.catalog.model import AuthOptions, Catalog, Collection, collection_json

__all__ = ["AuthOptions", "Catalog", "Collection", "collection_json"]
