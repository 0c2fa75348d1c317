"""Copies the records of one collection by one statement, into a table of ours.

Tables of older servers have columns of other types, may hold NULL, and keep lists where a field is single by now,
or a text where it holds several. So nothing is copied as it is: each column goes through the expression of its field,
which gives what that field's `store` would. JSON may be kept as BLOB, which SQLite would take for its binary JSON;
so columns are read as TEXT first.
"""

from __future__ import annotations

from collections.abc import Collection as Names

import apsw
import sqlalchemy as sa
from sqlalchemy import case, cast, func, literal_column

from backstay.catalog import Collection
from backstay.catalog.casts import to_date
from backstay.catalog.fields import AutodateField, DateField, Field, GeoPointField, Kind, ListField
from backstay.plans.dialects.base import Dialect, Expression
from backstay.plans.tables import column_of, table_of

SOURCE = "source"
"""The name under which the source database is attached."""
READ_DATE = "backstay_read_date"
"""The SQL function that reads a date in one of its odd forms."""

_EMPTY: Expression = literal_column("''")
_ZERO: Expression = literal_column("0")
_NO_ITEMS: Expression = literal_column("'[]'")
_DATE: Expression = literal_column(
    "'[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9] [0-9][0-9]:[0-9][0-9]:[0-9][0-9].[0-9][0-9][0-9]Z'"
)


def compile_copy(dialect: Dialect, collection: Collection, columns: Names[str]) -> str:
    """Return the statement which copies a collection's records in their order.

    columns: the columns that the source's table has; fields without one get their zero value
    """
    stored = {name.lower() for name in columns}
    fields = [field for field in collection.fields if field.name.lower() in stored]
    source = sa.table(collection.name, *(sa.column(field.name) for field in fields), schema=SOURCE)
    rows = sa.select(*(taken(field, column_of(source, field.name)) for field in fields))
    ordered = rows.select_from(source).order_by(literal_column("_rowid_"))
    query = sa.insert(table_of(collection)).from_select([field.name for field in fields], ordered)
    return dialect.compile(query, {}).sql


def taken(field: Field, column: Expression) -> Expression:
    """Return what a field's column is to hold, whatever the source has there."""
    text = cast(column, sa.Text)
    match field:
        case DateField() | AutodateField():
            return _date(text)
        case ListField():
            return _items(text) if field.is_list else _last_item(text)
        case GeoPointField():
            return _point(text)
    match field.column_kind:
        case Kind.NUMBER:
            return func.coalesce(cast(column, sa.Numeric), _ZERO)
        case Kind.BOOL:
            return _bool(column)
        case Kind.JSON:
            return _json(text)
    return func.coalesce(text, _EMPTY)


def read_date(*values: apsw.SQLiteValue) -> str:
    """Read a date as the API does; what is none becomes ''."""
    return to_date(values[0])


def _date(text: Expression) -> Expression:
    odd = getattr(func, READ_DATE)(text)
    return case((func.ifnull(text, _EMPTY) == _EMPTY, _EMPTY), (text.op("GLOB")(_DATE), text), else_=odd)


def _bool(column: Expression) -> Expression:
    is_number = func.typeof(column).in_((literal_column("'integer'"), literal_column("'real'")))
    words: list[Expression] = [literal_column(word) for word in ("'1'", "'t'", "'true'")]
    return case((is_number, column != _ZERO), else_=func.coalesce(func.lower(column).in_(words), _ZERO))


def _is_array(text: Expression) -> Expression:
    """Tell whether a column holds a JSON list; plain texts, which most are, cost no parsing."""
    is_list = case((func.json_valid(text), func.json_type(text) == literal_column("'array'")), else_=_ZERO)
    return case((text.op("GLOB")(literal_column("'[[]*'")), is_list), else_=_ZERO)


def _is_blank(text: Expression) -> Expression:
    return func.ifnull(text, _EMPTY).in_((_EMPTY, literal_column("'null'")))


def _items(text: Expression) -> Expression:
    return case((_is_blank(text), _NO_ITEMS), (_is_array(text), func.json(text)), else_=func.json_array(text))


def _last_item(text: Expression) -> Expression:
    last = cast(func.json_extract(text, literal_column("'$[#-1]'")), sa.Text)
    return func.coalesce(case((_is_array(text), last), else_=text), _EMPTY)


def _json(text: Expression) -> Expression:
    valid = func.json_valid(text)
    return case((_is_blank(text), sa.null()), (valid, func.json(text)), else_=func.json_quote(text))


def _point(text: Expression) -> Expression:
    return case(
        (func.ifnull(func.json_valid(text), _ZERO) == _ZERO, literal_column("""'{"lon":0,"lat":0}'""")),
        else_=func.json_object(
            literal_column("'lon'"), _degrees(text, "lon"), literal_column("'lat'"), _degrees(text, "lat")
        ),
    )


def _degrees(text: Expression, key: str) -> Expression:
    path: Expression = literal_column(f"'$.{key}'")
    is_number = func.json_type(text, path).in_((literal_column("'integer'"), literal_column("'real'")))
    return case((is_number, func.json_extract(text, path)), else_=_ZERO)
