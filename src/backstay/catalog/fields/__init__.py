"""The field types, one file each."""

from __future__ import annotations

from typing import TypeAlias

from backstay.catalog.fields.base import DbValue, FieldBase, Kind, Value
from backstay.catalog.fields.boolean import BoolField
from backstay.catalog.fields.date import AutodateField, DateField
from backstay.catalog.fields.editor import EditorField
from backstay.catalog.fields.email import EmailField
from backstay.catalog.fields.file import FileField
from backstay.catalog.fields.geo_point import GeoPointField
from backstay.catalog.fields.json import JsonField
from backstay.catalog.fields.lists import ListField
from backstay.catalog.fields.number import NumberField
from backstay.catalog.fields.password import PasswordField
from backstay.catalog.fields.relation import RelationField
from backstay.catalog.fields.select import SelectField
from backstay.catalog.fields.text import TextField
from backstay.catalog.fields.url import UrlField

Field: TypeAlias = (
    TextField
    | EditorField
    | NumberField
    | BoolField
    | EmailField
    | UrlField
    | DateField
    | AutodateField
    | SelectField
    | FileField
    | RelationField
    | JsonField
    | PasswordField
    | GeoPointField
)

__all__ = [
    "AutodateField",
    "BoolField",
    "DateField",
    "DbValue",
    "EditorField",
    "EmailField",
    "Field",
    "FieldBase",
    "FileField",
    "GeoPointField",
    "JsonField",
    "Kind",
    "ListField",
    "NumberField",
    "PasswordField",
    "RelationField",
    "SelectField",
    "TextField",
    "UrlField",
    "Value",
]
