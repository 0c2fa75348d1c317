"""Operations and schemas of a collection's records (protocol A1, A4, A6)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from backstay.catalog import Collection
from backstay.catalog.fields import Field, FileField, PasswordField
from backstay.openapi.parameters import EXPAND, FIELDS, in_path, in_query
from backstay.openapi.values import Schema, answered, modifiers, page_of, sent, shape
from backstay.plans.limits import PER_PAGE_DEFAULT, PER_PAGE_MAX
from backstay.plans.request import Viewer


def shown_fields(collection: Collection, viewer: Viewer) -> list[Field]:
    """Return the fields that a viewer may know of, in the order of a record's JSON."""
    shown = (field for field in collection.sorted_fields if not isinstance(field, PasswordField))
    return [
        field for field in shown if field.name != "tokenKey" and (viewer.is_superuser or not field.hidden)
    ]


def record_schemas(collection: Collection, viewer: Viewer, *, by_code: bool = False) -> dict[str, Schema]:
    """Return the schemas of a collection, by the names of their components.

    by_code: code of the site's own changes records before they are sent, and may leave out or add what it likes
    """
    name, record = collection.name, _record(collection, viewer)
    if by_code:
        del record["required"]
        record["description"] = (
            "The site's own code changes it: keys may be left out, and others stand there."
        )
    page = page_of({"$ref": f"#/components/schemas/{name}.record"})
    found: dict[str, Schema] = {f"{name}.record": record, f"{name}.page": page}
    if not collection.is_view:
        found |= {f"{name}.create": _body(collection, viewer, new=True)}
        found |= {f"{name}.update": _body(collection, viewer, new=False)}
    return found


def _record(collection: Collection, viewer: Viewer) -> Schema:
    properties: dict[str, Schema] = {
        "collectionId": {"const": collection.id},
        "collectionName": {"const": collection.name},
        **{field.name: answered(field) for field in shown_fields(collection, viewer)},
        "expand": {"type": "object", "description": "the records that `expand` asked for"},
    }
    optional = {"expand", *(["email"] if collection.is_auth else [])}
    return shape(properties, *(key for key in properties if key not in optional))


def _body(collection: Collection, viewer: Viewer, *, new: bool) -> Schema:
    settable = collection.settable_fields if viewer.is_superuser else collection.public_settable_fields
    fields = [field for field in settable.values() if field.name != "tokenKey"]
    properties: dict[str, Schema] = {}
    for field in fields:
        if field.name != "id" or new:
            properties[field.name] = sent(field)
            properties |= {} if new else modifiers(field)
    required = [field.name for field in fields if new and _must_be_sent(field)]
    if collection.is_auth:
        properties["passwordConfirm"] = {"type": "string"}
        if new:
            required.append("passwordConfirm")
        else:
            properties["oldPassword"] = {"type": "string"}
    return {"type": "object", "properties": properties, "required": required}


def _multipart(collection: Collection, viewer: Viewer, *, new: bool) -> Schema | None:
    """Return the schema of a body that brings files; None where it can't."""
    body = _body(collection, viewer, new=new)
    files = [field for field in collection.file_fields if field.name in body["properties"]]
    own: dict[str, Schema] = {field.name: _file(field) for field in files}
    return body | {"properties": body["properties"] | own} if own else None


def _file(field: FileField) -> Schema:
    one: Schema = {"type": "string", "contentMediaType": "application/octet-stream"}
    return {"type": "array", "items": one} if field.is_list else one


def _must_be_sent(field: Field) -> bool:
    generated = bool(getattr(field, "autogeneratePattern", ""))
    return bool(getattr(field, "required", False)) and not generated and field.name != "id"


def record_operations(collection: Collection, viewer: Viewer) -> Iterator[dict[str, Any]]:
    """Yield the operations whose rules let a viewer's kind in."""
    name = collection.name
    many = f"/api/collections/{name}/records"
    one = many + "/{id}"
    record = {"$ref": f"#/components/schemas/{name}.record"}
    by_id = in_path("id")
    reads, writes = (404,), (404, 413, 507)

    options: dict[str, Any] = {}

    def may(rule: str | None) -> bool:
        return viewer.is_superuser or rule is not None

    if may(collection.listRule):
        page = {"$ref": f"#/components/schemas/{name}.page"}
        yield _operation(
            "GET", many, f"List {name}", name, parameters=_list_parameters(), answer=page, errors=reads
        )
    if may(collection.viewRule):
        parameters = [by_id, EXPAND, FIELDS]
        yield _operation(
            "GET", one, f"View one of {name}", name, parameters=parameters, answer=record, errors=reads
        )
    if collection.is_view:
        return
    if may(collection.createRule):
        body = {"$ref": f"#/components/schemas/{name}.create"}
        options = {
            "parameters": [EXPAND, FIELDS],
            "body": body,
            "answer": record,
            "errors": writes,
            "multipart": _multipart(collection, viewer, new=True),
        }
        yield _operation("POST", many, f"Create one of {name}", name, **options)
    if may(collection.updateRule):
        body = {"$ref": f"#/components/schemas/{name}.update"}
        options = {
            "parameters": [by_id, EXPAND, FIELDS],
            "body": body,
            "answer": record,
            "errors": writes,
            "multipart": _multipart(collection, viewer, new=False),
        }
        yield _operation("PATCH", one, f"Change one of {name}", name, **options)
    if may(collection.deleteRule):
        options = {"parameters": [by_id], "status": 204, "errors": writes}
        yield _operation("DELETE", one, f"Delete one of {name}", name, **options)


def _operation(method: str, path: str, summary: str, tag: str, **more: Any) -> dict[str, Any]:
    return {"method": method, "path": path, "summary": summary, "tag": tag, **more}


def _list_parameters() -> list[dict[str, Any]]:
    page = {"type": "integer", "minimum": 1, "default": 1}
    per_page = {"type": "integer", "minimum": 1, "maximum": PER_PAGE_MAX, "default": PER_PAGE_DEFAULT}
    return [
        in_query("page", "which page", page),
        in_query("perPage", "records of a page", per_page),
        in_query("sort", "fields to sort by, `-` for the largest first: `-created,title`"),
        in_query("filter", "a filter, like `title ~ 'sea' && created > '2026-01-01'`"),
        EXPAND,
        FIELDS,
        in_query("skipTotal", "don't count: totals are -1", {"type": "boolean", "default": False}),
    ]
