"""The operands of the filter language, turned into SQL: literals, macros, paths, what the request holds, functions."""

from __future__ import annotations

import re
from collections.abc import Callable

from msgspec.structs import replace
from sqlalchemy import case, func

from backstay.catalog.fields import FieldBase, Kind, ListField, RelationField
from backstay.errors import Forbidden
from backstay.filters import And, Call, Compare, Name, Node, Number, Or, Text
from backstay.filters import Operand as Token
from backstay.plans.compare import Many, Operand, compare
from backstay.plans.conditions import All, Any, Condition
from backstay.plans.dialects.base import Expression, Side
from backstay.plans.errors import UnknownName
from backstay.plans.joins import Joins
from backstay.plans.macros import MACROS, NUMBER_MACROS
from backstay.plans.params import Form, Source, value_class
from backstay.plans.request import MISSING
from backstay.plans.scope import Place, Scope, Target

_NAME = re.compile(r"@?\w[\w.:]*")
_AFTER_KEY = re.compile(r"\W")
_MODIFIERS = frozenset({"isset", "each", "length", "lower", "changed"})
_FORM_KINDS: dict[Form, Kind] = {"like": Kind.TEXT, "text": Kind.TEXT}
"""Forms which make another kind of a value."""
GEO_ARGUMENTS = 4
STRFTIME_ARGUMENTS_MAX = 10


class Literals:
    """Numbers the literals of a client's filter, so that filters which differ in them alone share a statement."""

    def __init__(self) -> None:
        self.count = 0

    def next(self) -> int:
        self.count += 1
        return self.count - 1


def build(scope: Scope, node: Node, literals: Literals | None = None) -> Condition:
    """Turn a tree into a condition.

    literals: given for clients' filters, whose literals come with each request; the literals of rules are constants
    """
    match node:
        case And(items=items):
            return All(tuple(build(scope, item, literals) for item in items))
        case Or(items=items):
            return Any(tuple(build(scope, item, literals) for item in items))
        case Compare(left=left, op=op, right=right):
            lhs = resolve(scope, left, literals)
            rhs = resolve(scope, right, literals)
            return compare(lhs, op, rhs, scope.frame.dialect)


def resolve(scope: Scope, token: Token, literals: Literals | None = None) -> Operand:
    """Turn one operand into SQL. Raises UnknownName, NotListable, TooComplex or Forbidden."""
    match token:
        case Text(value=value) | Number(value=value):
            return _constant(scope, value, literals)
        case Call():
            return _call(scope, token, literals)
        case Name(path=path):
            return _name(scope, path)


def _constant(scope: Scope, value: str | float, literals: Literals | None) -> Operand:
    source, key = ("literal", literals.next()) if literals else ("const", value)
    if value == "" and isinstance(value, str):
        return _empty_text(scope)
    if isinstance(value, str):
        return _param(scope, source, key, Kind.TEXT, "plain")  # type: ignore[arg-type]
    return _param(scope, source, key, Kind.NUMBER, "number")  # type: ignore[arg-type]


def _param(scope: Scope, source: Source, key: object, kind: Kind, form: Form) -> Operand:
    """Return a value which is neither NULL nor '', sent as a parameter."""
    frame = scope.frame

    def in_form(wanted: Form) -> Expression:
        return frame.dialect.value(frame.param(source, key, wanted), _FORM_KINDS.get(wanted, kind))

    return Operand(in_form(form), kind, "known", in_form)


def _empty_text(scope: Scope) -> Operand:
    dialect = scope.frame.dialect
    return Operand(
        dialect.text(""),
        Kind.TEXT,
        "empty",
        lambda form: dialect.text("%%" if form == "like" else ""),
    )


def _name(scope: Scope, path: str) -> Operand:
    if path in MACROS:
        kind = Kind.NUMBER if path in NUMBER_MACROS else Kind.TEXT
        return _param(scope, "macro", path, kind, "plain")
    try:
        return path_operand(scope, path)
    except UnknownName:
        word = _word(scope, path)
        if word is None:
            raise
        return word


def _word(scope: Scope, path: str) -> Operand | None:
    """Return `null`, `true` or `false`, which mean this only where no field has the name."""
    dialect = scope.frame.dialect
    match path.lower():
        case "null":
            return Operand(dialect.null, None, "empty")
        case "true":
            return Operand(dialect.true, Kind.BOOL, "known")
        case "false":
            return Operand(dialect.false, Kind.BOOL, "known")
    return None


def path_operand(scope: Scope, path: str) -> Operand:
    root, _, rest = path.partition(".")
    if root in {"@request", "@collection"}:
        if scope.client:
            raise Forbidden(f"Only superusers can filter by {root}.")
        return _request(scope, rest) if root == "@request" else _collection(scope, rest)
    if not _NAME.fullmatch(path) or path.startswith("@"):
        raise UnknownName(path, scope.base.collection.name)
    return _field(scope, lambda _: scope.base, tuple(path.split(".")))


def _collection(scope: Scope, path: str) -> Operand:
    head, _, rest = path.partition(".")
    name, _, alias = head.partition(":")
    if not rest or ":" in alias:
        raise UnknownName(f"@collection.{path}", scope.base.collection.name)
    return _field(scope, lambda joins: scope.collection_place(joins, name, alias), tuple(rest.split(".")))


# -- fields -------------------------------------------------------------------------------------------------------


def _field(scope: Scope, root: Callable[[Joins], Place], keys: tuple[str, ...]) -> Operand:
    """Return a path's column; when it has several values, also all of them over joins of their own."""
    target = scope.walk(root(scope.joins), keys, scope.joins)
    sql, is_each = _column(scope, target, scope.joins)
    place = is_each or target.place
    many = _all_values(scope, root, keys) if place.multiple else None
    return Operand(
        sql,
        _kind(target),
        is_json=_is_json(target),
        is_column=_is_column(target),
        joins=place.join.needs if place.join else (),
        many=many,
        guards=_email_guard(scope, target),
    )


def _all_values(scope: Scope, root: Callable[[Joins], Place], keys: tuple[str, ...]) -> Many:
    joins = scope.joins.private()
    target = scope.walk(root(joins), keys, joins)
    sql, is_each = _column(scope, target, joins)
    place = is_each or target.place
    assert place.join is not None
    return Many(sql, place.join.needs, _email_guard(scope, target), tuple(joins.guards.values()))


def _column(scope: Scope, target: Target, joins: Joins) -> tuple[Expression, Place | None]:
    """Return the SQL of a path's end, and the place of its elements where `:each` asked for them."""
    dialect, field, column = scope.frame.dialect, target.field, target.column
    if target.rest:
        keys = [_AFTER_KEY.sub("", key) for key in target.rest]
        return dialect.extract(column, keys, lambda key: scope.frame.param("const", key)), None
    modifier = target.modifier
    if modifier and modifier not in _MODIFIERS:
        raise UnknownName(f"{field.name}:{modifier}", target.place.collection.name)
    if isinstance(field, ListField) and modifier == "length":
        if field.is_list:
            return func.coalesce(dialect.length(column), dialect.number(0)), None
        return case((column != dialect.text(""), dialect.number(1)), else_=dialect.number(0)), None
    if modifier == "each" and field.is_list:
        place = scope.elements(target.place, field, joins)
        return place.source.c.value, place
    if field.column_kind is Kind.JSON:
        column = dialect.extract(column, (), lambda key: scope.frame.param("const", key))
    if field.column_kind is Kind.LIST:
        column = dialect.kept(column, Kind.LIST)
    if modifier == "lower":
        kind = None if field.column_kind is Kind.JSON else _plain_kind(field)
        column = dialect.lower(Side(column, kind, is_json=kind is None))
    return column, None


def _kind(target: Target) -> Kind | None:
    if target.rest:
        return None
    if target.modifier == "length" and isinstance(target.field, ListField):
        return Kind.NUMBER
    return Kind.TEXT if target.modifier == "lower" else _plain_kind(target.field)


def _plain_kind(field: FieldBase) -> Kind | None:
    kind = field.column_kind
    return {Kind.LIST: Kind.TEXT, Kind.JSON: None}.get(kind, kind)


def _is_json(target: Target) -> bool:
    return target.field.column_kind is Kind.JSON


def _is_column(target: Target) -> bool:
    """Tell whether a path ends in a column as it is, of texts, numbers or booleans."""
    is_changed = target.modifier in {"lower", "length"} and (
        target.modifier == "lower" or isinstance(target.field, ListField)
    )
    is_plain = target.field.column_kind not in {Kind.LIST, Kind.JSON}
    return is_plain and not is_changed


def _email_guard(scope: Scope, target: Target) -> tuple[Expression, ...]:
    """Let clients use an e-mail address only where it is public, or their own."""
    collection = target.place.collection
    if not scope.client or target.field.name != "email" or not collection.is_auth:
        return ()
    return (email_visible(scope, target.place),)


def email_visible(scope: Scope, place: Place) -> Expression:
    """Tell whether the viewer may see the e-mail address of a row of an auth collection."""
    frame = scope.frame
    public = frame.dialect.is_true(place.source.c.emailVisibility)
    viewer = frame.info.viewer
    if viewer.collection is None or viewer.collection.id != place.collection.id:
        return public
    return public | (place.source.c.id == frame.param("request", "auth.id"))


# -- @request -----------------------------------------------------------------------------------------------------


def _request(scope: Scope, path: str) -> Operand:
    head, _, rest = path.partition(".")
    bare, _, modifier = path.partition(":")
    if (head in {"context", "method"}) is bool(rest):
        raise UnknownName(f"@request.{path}", scope.base.collection.name)
    if modifier and modifier not in _MODIFIERS:
        raise UnknownName(f"@request.{path}", scope.base.collection.name)
    match head:
        case "auth":
            return _request_auth(scope, rest)
        case "body":
            return _request_body(scope, rest)
        case "context" | "method" | "query" | "headers" if modifier != "changed":
            return _request_value(scope, bare, modifier)
    raise UnknownName(f"@request.{path}", scope.base.collection.name)


def _null(scope: Scope) -> Operand:
    return Operand(scope.frame.dialect.null, None, "empty")


def _request_auth(scope: Scope, path: str) -> Operand:
    collection = scope.frame.info.viewer.collection
    if collection is None:
        if path.endswith(":isset"):
            return _bool(scope, value=False)
        return _null(scope)
    name, _, modifier = path.partition(":")
    field = collection.by_name.get(name)
    is_plain = field is not None and field.column_kind in {Kind.TEXT, Kind.NUMBER, Kind.BOOL}
    if name in {"collectionId", "collectionName"} or (is_plain and modifier in {"", "lower", "isset"}):
        # `:isset` asks what a body or a query holds; the viewer's own values are compared as they are
        modifier = modifier.removeprefix("isset")
        return _request_value(scope, f"auth.{name}", modifier, field)

    def root(joins: Joins) -> Place:
        place = scope.viewer_place(joins)
        assert place is not None
        return place

    try:
        return _field(scope, root, tuple(path.split(".")))
    except UnknownName:
        return _null(scope)


def _request_body(scope: Scope, path: str) -> Operand:
    head, _, rest = path.partition(".")
    name, _, modifier = head.partition(":")
    field = scope.base.collection.by_name.get(name)
    if isinstance(field, RelationField) and rest:
        if value_class(scope.frame.request_value(f"body.{name}")) in {"-", "0", "e"}:
            return _null(scope)
        return _field(scope, lambda joins: scope.body_place(joins, field), tuple(rest.split(".")))
    if field is not None and not rest and modifier in {"each", "length"}:
        if not isinstance(field, ListField):
            raise UnknownName(f"@request.body.{path}", scope.base.collection.name)
        return _body_each(scope, field) if modifier == "each" else _body_length(scope, field)
    if field is None and modifier in {"each", "length"}:
        raise UnknownName(f"@request.body.{path}", scope.base.collection.name)
    if modifier == "changed":
        return _body_changed(scope, name)
    bare, _, last = path.partition(":")
    return _request_value(scope, f"body.{bare}", last, field)


def _body_each(scope: Scope, field: ListField) -> Operand:
    key = f"@body.{field.name}[]"

    def place(joins: Joins) -> Place:
        def make(alias: str):  # type: ignore[no-untyped-def]
            return scope.frame.dialect.each(
                scope.frame.param("request", f"body.{field.name}", "list"), alias
            ).source, None

        join = joins.add(key, make, None, scoped=True)
        return Place(scope.base.collection, join.source, join, key, multiple=True)

    one = place(scope.joins)
    assert one.join is not None
    many = None
    if field.is_list:
        all_values = place(scope.joins.private())
        assert all_values.join is not None
        many = Many(all_values.source.c.value, all_values.join.needs)
    # "known": where the body has no values, the missing one equals nothing, not even the missing id of a guest
    return Operand(one.source.c.value, Kind.TEXT, "known", joins=one.join.needs, many=many)


def _body_length(scope: Scope, field: FieldBase) -> Operand:
    return _param(scope, "request", f"body.{field.name}", Kind.NUMBER, "count")


def _body_changed(scope: Scope, name: str) -> Operand:
    """Tell whether the body sets the field to another value than the record has."""
    if name not in scope.base.collection.by_name:
        raise UnknownName(f"@request.body.{name}:changed", scope.base.collection.name)
    if scope.frame.request_value(f"body.{name}") is MISSING:
        return _bool(scope, value=False)
    old = _field(scope, lambda _: scope.base, (name,))
    new = _request_value(scope, f"body.{name}", "", scope.base.collection.by_name[name])
    dialect = scope.frame.dialect
    changed = compare(old, "!=", new, dialect).sql
    return Operand(case((changed, dialect.true), else_=dialect.false), Kind.BOOL, "known")


def _bool(scope: Scope, *, value: bool) -> Operand:
    dialect = scope.frame.dialect
    return Operand(dialect.true if value else dialect.false, Kind.BOOL, "known")


def _request_value(scope: Scope, path: str, modifier: str, field: FieldBase | None = None) -> Operand:
    """Return a value of the request as a parameter; only whether it is missing or empty shows in the statement."""
    frame = scope.frame
    value = frame.request_value(path)
    if modifier == "isset":
        return _bool(scope, value=value is not MISSING)
    found = value_class(value)
    if found in {"-", "0"}:
        return _null(scope)
    if found == "e":
        return _empty_text(scope)
    is_number = field is not None and field.column_kind is Kind.NUMBER
    kind = Kind.NUMBER if found == "n" or (is_number and found == "d") else Kind.TEXT
    operand = _param(scope, "request", path, kind, "number" if is_number else "plain")
    if path.startswith("auth.") and field is not None and field.column_kind in {Kind.NUMBER, Kind.BOOL}:
        operand = replace(operand, sql=frame.dialect.numeric(operand.sql), is_column=True)
    return _lowered(scope, operand) if modifier == "lower" else operand


def _lowered(scope: Scope, operand: Operand) -> Operand:
    dialect, form = scope.frame.dialect, operand.form
    assert form is not None, "a parameter has forms"

    def in_form(wanted: Form) -> Expression:
        return form(wanted) if wanted == "like" else lowered  # LIKE minds no case

    lowered = dialect.lower(operand)
    return Operand(lowered, Kind.TEXT, "known", in_form)


# -- functions ----------------------------------------------------------------------------------------------------


def _is_strftime(call: Call) -> bool:
    """Tell whether a call is `strftime('format', time, 'modifier' ...)`."""
    if not 1 <= len(call.args) <= STRFTIME_ARGUMENTS_MAX or not isinstance(call.args[0], Text):
        return False
    is_time = len(call.args) == 1 or not isinstance(call.args[1], Call)
    return is_time and all(isinstance(argument, Text) for argument in call.args[2:])


def _has_call(call: Call) -> bool:
    return any(isinstance(argument, Call) for argument in call.args)


def _call(scope: Scope, call: Call, literals: Literals | None) -> Operand:
    arguments = [resolve(scope, argument, literals) for argument in call.args]
    dialect = scope.frame.dialect
    match call.name:
        case "geoDistance" if len(arguments) == GEO_ARGUMENTS and not _has_call(call):
            if any(argument.kind is Kind.TEXT and argument.state == "known" for argument in arguments):
                raise UnknownName(call.name, scope.base.collection.name)
            sql = dialect.distance_km(*arguments)
            kind: Kind | None = Kind.NUMBER
        case "strftime" if _is_strftime(call):
            sql = dialect.strftime(arguments, lambda: scope.frame.param("macro", "@now"))
            kind = Kind.TEXT
        case _:
            raise UnknownName(f"{call.name}()", scope.base.collection.name)
    return Operand(
        sql,
        kind,
        is_json=call.name == "geoDistance",
        joins=tuple({id(join): join for argument in arguments for join in argument.joins}.values()),
        guards=tuple(guard for argument in arguments for guard in argument.guards),
    )
