"""Schemas of collections themselves (protocol A4, A5), made of the catalog's own definitions."""

from __future__ import annotations

from typing import Any, get_args

from backstay.catalog import Collection
from backstay.catalog.fields import Field
from backstay.catalog.model import LISTS_NEVER_NULL, SECRET_KEYS, TOLD_WHEN_USED, AuthOptions
from backstay.openapi.structs import as_answered, as_sent
from backstay.openapi.values import DATE, TEXT, Schema, listing

_REF = "#/components/schemas/"
_TYPES: dict[str, Any] = {str(kind.__struct_config__.tag): kind for kind in get_args(Field)}
_OWN = ("auth", "viewQuery", "appendOnly")
"""Keys that only some types of collections have."""
_GUARDS = ("systemOnly", "appendOnly")
"""What only the site's own code sets."""
COLLECTION: Schema = {
    "oneOf": [{"$ref": f"{_REF}collection.{type}"} for type in ("base", "auth", "view")],
    "discriminator": {
        "propertyName": "type",
        "mapping": {type: f"{_REF}collection.{type}" for type in ("base", "auth", "view")},
    },
}
FIELD: Schema = {"$ref": f"{_REF}collection.field"}
CREATED: Schema = {"$ref": f"{_REF}collection.new"}
CHANGED: Schema = {"$ref": f"{_REF}collection.changes"}


def collection_schemas() -> dict[str, Schema]:
    """Return the schemas of collections and of their fields, by the names of their components."""
    found = {f"collection.field.{name}": _field(kind) for name, kind in _TYPES.items()}
    found |= {f"collection.newField.{name}": _new_field(kind) for name, kind in _TYPES.items()}
    found |= {"collection.field": _by_type("field"), "collection.newField": _by_type("newField")}
    found |= {f"collection.{type}": _collection(type) for type in ("base", "auth", "view")}
    body = _body()
    found |= {
        "collection.new": {**body, "required": ["name"], "examples": [{"name": "things", "fields": []}]},
        "collection.changes": body,
    }
    return found


def _by_type(what: str) -> Schema:
    refs = {name: f"{_REF}collection.{what}.{name}" for name in _TYPES}
    return {
        "oneOf": [{"$ref": ref} for ref in refs.values()],
        "discriminator": {"propertyName": "type", "mapping": refs},
    }


def _field(kind: Any) -> Schema:
    found = as_answered(kind, sometimes=TOLD_WHEN_USED)
    for key in LISTS_NEVER_NULL & set(found["properties"]):
        found["properties"][key] = listing(TEXT)
    return found


def _new_field(kind: Any) -> Schema:
    """Return the schema of a field in a body; one that has an id is the field of that id."""
    found = as_sent(kind, without=_GUARDS)
    del found["examples"]
    return {**found, "required": ["type", "name"]}


def _collection(type: str) -> Schema:
    found = as_answered(Collection, without=_OWN)
    own: dict[str, Schema] = {
        "type": {"const": type},
        "fields": listing(FIELD),
        "created": DATE,
        "updated": DATE,
    }
    required = list(found["required"])
    if type == "base":
        own["appendOnly"] = {"const": True}
    if type == "view":
        own["viewQuery"] = TEXT
        required.append("viewQuery")
    if type == "auth":
        auth = as_answered(AuthOptions, without=SECRET_KEYS)
        own |= auth["properties"]
        required += auth["required"]
    return {**found, "properties": found["properties"] | own, "required": required}


def _body() -> Schema:
    found = as_sent(Collection, without=("auth", *_GUARDS))
    own = {"fields": listing({"$ref": f"{_REF}collection.newField"})}
    return {**found, "properties": found["properties"] | as_sent(AuthOptions)["properties"] | own}
