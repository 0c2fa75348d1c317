"""JSON schemas of fields (JSON Schema 2020-12): as they are answered, and as a body sends them."""

from __future__ import annotations

from typing import Any, TypeAlias

from backstay.catalog.fields import (
    AutodateField,
    BoolField,
    DateField,
    Field,
    FileField,
    GeoPointField,
    JsonField,
    NumberField,
    PasswordField,
    RelationField,
    SelectField,
    TextField,
)
from backstay.catalog.fields.lists import ListField

Schema: TypeAlias = dict[str, Any]
TEXT: Schema = {"type": "string"}
DATE_PATTERN = r"^(\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}\.\d{3}Z)?$"

DATE: Schema = {"type": "string", "pattern": DATE_PATTERN}


def shape(fields: dict[str, Schema], *required: str) -> Schema:
    """Return the schema of an object."""
    return {"type": "object", "properties": fields, **({"required": list(required)} if required else {})}


def listing(item: Schema) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": item}


def page_of(item: Schema) -> Schema:
    """Return the schema of a page of a list."""
    keys = ("page", "perPage", "totalItems", "totalPages")
    fields: dict[str, Schema] = {"items": listing(item), **{key: {"type": "integer"} for key in keys}}
    return shape(fields, *fields)


def answered(field: Field) -> Schema:
    """Return the schema of a field's value in an answer."""
    match field:
        case NumberField():
            return {"type": "number"}
        case BoolField():
            return {"type": "boolean"}
        case DateField() | AutodateField():
            return DATE
        case GeoPointField():
            return _point()
        case JsonField():
            return {"description": "any JSON"}
        case SelectField():
            return _listed(field, {"type": "string"})
        case RelationField() | FileField():
            what = "the id of a record" if isinstance(field, RelationField) else "the name of a file"
            return _listed(field, {"type": "string", "description": what})
    return {"type": "string"}


def sent(field: Field) -> Schema:
    """Return the schema of a field's value in a JSON body."""
    match field:
        case TextField() | PasswordField():
            found: Schema = {"type": "string"}
            if field.min and field.required:
                found["minLength"] = field.min
            if field.max:
                found["maxLength"] = field.max
            return found
        case NumberField():
            limits = {"minimum": field.min, "maximum": field.max}
            kind = "integer" if field.onlyInt else "number"
            given = {key: value for key, value in limits.items() if value is not None}
            return {"type": kind, **(given if field.required else {})}
        case SelectField():
            return _listed(
                field, {"type": "string", "enum": [*field.values, *([] if field.required else [""])]}
            )
    return answered(field)


def modifiers(field: Field) -> dict[str, Schema]:
    """Return the schemas of a field's modifiers, by their key in a body."""
    value = {"type": "number"} if isinstance(field, NumberField) else {"type": ["string", "array"]}
    return {modifier.replace("name", field.name): value for modifier in sorted(field.modifiers)}


def _listed(field: ListField, item: Schema) -> Schema:
    return {"type": "array", "items": item} if field.is_list else item


def _point() -> Schema:
    number = {"type": "number"}
    return {"type": "object", "properties": {"lon": number, "lat": number}, "required": ["lon", "lat"]}
