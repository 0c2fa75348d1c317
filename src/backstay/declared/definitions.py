"""Declared classes as the protocol's JSON, and as what a catalog shall become.

Ids. A collection is known by `__id__`, else by its name, else by an earlier name (`__was__`). A field is known by
`id=`, else by its name and type, else by an earlier name (`was=`). What is not known gets an id made of its type and
of the first name it ever had, so that a new site and one that saw all renames end with the same ids.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any, TypeAlias

from backstay.catalog.defaults import blank, collection_id, completed
from backstay.catalog.fieldlist import checksum
from backstay.catalog.fields import Field, RelationField
from backstay.catalog.merge import edited, new_draft
from backstay.catalog.model import Catalog, field_json
from backstay.catalog.model import Collection as Stored
from backstay.catalog.system import first_collections
from backstay.declared.model import (
    AuthCollection,
    Collection,
    ViewCollection,
    annotated,
    is_abstract,
    name_of,
    specs_of,
)
from backstay.declared.options import Index
from backstay.declared.spec import Spec
from backstay.errors import SetupError
from backstay.overlay import Misfit

Class: TypeAlias = type[Collection]
_TAKEN = frozenset({"from_record"})


def declared_in(source: ModuleType | Iterable[Class]) -> list[Class]:
    """Return the classes of a module which describe collections, or those given, without abstract ones."""
    if isinstance(source, ModuleType):
        inside = [item for item in vars(source).values() if isinstance(item, type)]
        classes = [cls for cls in inside if issubclass(cls, Collection) and cls.__module__ == source.__name__]
    else:
        classes = list(source)
    return [cls for cls in dict.fromkeys(classes) if not is_abstract(cls)]


def declarations(
    source: ModuleType | Iterable[Class], catalog: Catalog | None = None
) -> list[dict[str, Any]]:
    """Return the JSON of declared collections.

    catalog: what there is already, for ids; default that of a new site

    Raises SetupError when a class says what can't be.
    """
    known = Catalog(first_collections(now="", secret=str)) if catalog is None else catalog
    classes = declared_in(source)
    _check_names(classes)
    found = {name_of(cls): _stored(cls, known) for cls in classes}
    ids = {item.name: item.id for item in known}
    ids |= {name_of(cls): _collection_id(cls, found[name_of(cls)]) for cls in classes}
    return [_json(cls, ids, found[name_of(cls)]) for cls in classes]


def target(catalog: Catalog, source: ModuleType | Iterable[Class]) -> Catalog:
    """Return what `catalog` becomes with the declared collections; others stay. Raises SetupError."""
    drafts: list[Stored] = []
    for body in declarations(source, catalog):
        old = next((item for item in catalog if item.id == body["id"]), None)
        try:
            if old is None or old.type != body["type"]:
                drafts.append(new_draft(catalog, body["type"], body["name"], body, guards=True))
            else:
                drafts.append(completed(edited(old, body), old=old, guards=True))
        except Misfit as exc:
            raise _fault(body["name"], str(exc), "give the option a value of that type") from exc
    return catalog.having(*drafts)


def _fault(name: str, why: str, do: str) -> SetupError:
    return SetupError(f"the collection '{name}' can't be declared like that", why=why, do=do)


def _check_names(classes: Sequence[Class]) -> None:
    seen: dict[str, Class] = {}
    for cls in classes:
        name = name_of(cls)
        if name.lower() in seen:
            other = seen[name.lower()]
            why = f"{other.__module__}.{other.__name__} and {cls.__module__}.{cls.__name__} both declare it"
            raise _fault(name, why, "set __collection__ in one of them")
        seen[name.lower()] = cls


def _earlier(was: str | tuple[str, ...]) -> tuple[str, ...]:
    return (was,) if isinstance(was, str) else tuple(was)


def _stored(cls: Class, catalog: Catalog) -> Stored | None:
    """Return the collection that a class stands for, as it is so far."""
    if cls.__id__:
        return next((item for item in catalog if item.id == cls.__id__), None)
    names = (name_of(cls), *reversed(_earlier(cls.__was__)))
    by_name = {item.name: item for item in catalog if item.type == cls.__type__}
    return next((by_name[name] for name in names if name in by_name), None)


def _collection_id(cls: Class, stored: Stored | None) -> str:
    first = (*_earlier(cls.__was__), name_of(cls))[0]
    return cls.__id__ or (stored.id if stored else collection_id(cls.__type__, first))


def _json(cls: Class, ids: Mapping[str, str], stored: Stored | None) -> dict[str, Any]:
    name = name_of(cls)
    out: dict[str, Any] = {"id": ids[name], "name": name, "type": cls.__type__, **cls.__rules__.json()}
    if issubclass(cls, ViewCollection):
        return out | {"viewQuery": cls.__query__.strip()}
    _check_class(cls)
    out["fields"] = _fields(cls, ids, stored)
    out["indexes"] = [item.sql(name) if isinstance(item, Index) else item for item in cls.__indexes__]
    if issubclass(cls, AuthCollection):
        return out | cls.__auth__.json()
    return out | {"appendOnly": cls.__append_only__}


def _check_class(cls: Class) -> None:
    specs, name = specs_of(cls), name_of(cls)
    bare = [key for key in annotated(cls) if key not in specs]
    if bare:
        raise _fault(
            name, f"'{bare[0]}' has a type and no field", f"write {bare[0]}: … = field.text(), or the like"
        )
    if _TAKEN & set(specs):
        raise _fault(
            name, f"'{min(_TAKEN & set(specs))}' is a method of the class", "give the field another name"
        )
    if cls.__append_only__ and issubclass(cls, AuthCollection):
        raise _fault(name, "accounts change with each new password", "take __append_only__ away")


def _fields(cls: Class, ids: Mapping[str, str], stored: Stored | None) -> list[dict[str, Any]]:
    """Return the fields: first those that every collection of the type has, as they are unless the class says."""
    specs = specs_of(cls)
    usual = blank(cls.__type__, name_of(cls), id=ids[name_of(cls)], secret=str).fields
    taken: set[str] = set()
    out: list[dict[str, Any]] = []
    for field in usual:
        kept = (stored.by_name.get(field.name) if stored else None) or field
        body = field_json(kept)
        if field.name in specs:
            body = {**_field_json(cls, field.name, specs[field.name], ids), "id": kept.id, "system": True}
            body |= {"primaryKey": True, "required": True} if field.name == "id" else {}
        taken.add(kept.id)
        out.append(body)
    names = {field.name for field in usual}
    own = {name: spec for name, spec in specs.items() if name not in names}
    known = _known_ids(own, ids, stored)
    taken |= set(known.values())
    old_ids = {field.id for field in stored.fields} if stored else set()
    for name, spec in own.items():
        id = known.get(name) or _free_id(name, spec, taken | old_ids)
        taken.add(id)
        out.append({**_field_json(cls, name, spec, ids), "id": id})
    return out


def _known_ids(specs: Mapping[str, Spec], ids: Mapping[str, str], stored: Stored | None) -> dict[str, str]:
    """Return the ids of the fields that are there already; each is taken once, by its name rather than an earlier one."""
    out = {name: spec.id for name, spec in specs.items() if spec.id}
    before = {field.name: field for field in stored.fields} if stored else {}
    for names in ({name: (name,) for name in specs}, {name: spec.was[::-1] for name, spec in specs.items()}):
        for name, earlier in names.items():
            fits = (
                before[was] for was in earlier if was in before and _is_same(before[was], specs[name], ids)
            )
            field = next((item for item in fits if item.id not in out.values()), None)
            if name not in out and field is not None:
                out[name] = field.id
    return out


def _is_same(field: Field, spec: Spec, ids: Mapping[str, str]) -> bool:
    if field.type != spec.type:
        return False
    return not isinstance(field, RelationField) or field.collectionId == ids.get(_target_name(spec))


def _free_id(name: str, spec: Spec, taken: set[str]) -> str:
    base = id = spec.type + checksum((*spec.was, name)[0])
    number = 2
    while id in taken:
        id, number = f"{base}{number}", number + 1
    return id


def _target_name(spec: Spec) -> str:
    if isinstance(spec.target, type) and issubclass(spec.target, Collection):
        return name_of(spec.target)
    return str(spec.target)


def _field_json(cls: Class, name: str, spec: Spec, ids: Mapping[str, str]) -> dict[str, Any]:
    out = {"name": name, "type": spec.type, **spec.options}
    if spec.type == "relation":
        goal = _target_name(spec)
        if goal not in ids:
            why = f"'{name}' refers to '{goal}', and there is no such collection"
            raise _fault(name_of(cls), why, "declare it, or correct the name")
        out["collectionId"] = ids[goal]
    return out
