"""The base classes of declared collections. A class describes its collection, an object of it is a record."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from inspect import get_annotations
from typing import Any, ClassVar, Self

from backstay.catalog.fieldlist import read_fields
from backstay.declared.options import Auth, Index, Rules
from backstay.declared.spec import Spec

_WORD_START = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class Collection:
    """A collection of records.

        class Posts(Collection):
            __rules__ = Rules(list="", view="", create="@request.auth.id != ''")
            title: str = field.text(required=True, max=200)

    __collection__:  its name; default the class's name in small letters, words parted by _ (`BlogPosts`: blog_posts)
    __was__:         the names that it had before, the oldest first
    __id__:          its id, where it is not to be made of its type and first name
    __append_only__: records are only added; no client changes or deletes one, superusers neither
    __abstract__:    True for a class that is only there to be inherited from; said in each such class
    """

    __collection__: ClassVar[str] = ""
    __was__: ClassVar[str | tuple[str, ...]] = ()
    __id__: ClassVar[str] = ""
    __rules__: ClassVar[Rules] = Rules()
    __indexes__: ClassVar[Sequence[Index | str]] = ()
    __append_only__: ClassVar[bool] = False
    __abstract__: ClassVar[bool] = True
    __type__: ClassVar[str] = "base"
    __values__: ClassVar[dict[str, Any] | None] = None

    id: str
    collectionId: str
    collectionName: str
    expand: dict[str, Any]

    def __init__(self, record: Mapping[str, Any]) -> None:
        """Take the values of a record's JSON; what it leaves out (hidden fields, say) is empty. Others are ignored."""
        names = value_names(type(self))
        values = {
            name: zero.copy() if isinstance(zero, list | dict) else zero for name, zero in names.items()
        }
        values |= {name: value for name, value in record.items() if name in names}
        self.__dict__.update(values)

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Return a record's JSON as an object of this class."""
        return cls(record)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id}>"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.__dict__ == self.__dict__

    def __hash__(self) -> int:
        return hash((type(self), self.id))


class AuthCollection(Collection):
    """A collection of people who sign in."""

    __abstract__: ClassVar[bool] = True
    __type__: ClassVar[str] = "auth"
    __auth__: ClassVar[Auth] = Auth()

    email: str
    emailVisibility: bool
    verified: bool


class ViewCollection(Collection):
    """What a query gives. Its fields follow from the query; annotations say what the editor shall know of them."""

    __abstract__: ClassVar[bool] = True
    __type__: ClassVar[str] = "view"
    __query__: ClassVar[str] = ""


_BASES = (Collection, AuthCollection, ViewCollection)
_EMPTY: dict[str, Any] = {"expand": {}, "emailVisibility": False, "verified": False}


def name_of(cls: type[Collection]) -> str:
    """Return the name of a class's collection."""
    own = cls.__dict__.get("__collection__", "")
    return str(own) or _WORD_START.sub("_", cls.__name__).lower()


def is_abstract(cls: type[Collection]) -> bool:
    """Tell whether a class is only there to be inherited from."""
    return bool(cls.__dict__.get("__abstract__", False))


def specs_of(cls: type[Collection]) -> dict[str, Spec]:
    """Return the declared fields in their order, those of the classes that it inherits from first."""
    found: dict[str, Spec] = {}
    for base in reversed(cls.__mro__):
        found |= {name: value for name, value in vars(base).items() if isinstance(value, Spec)}
    return found


def annotated(cls: type[Collection]) -> list[str]:
    """Return the names that a class and those it inherits from annotate, but ours."""
    bases = [base for base in reversed(cls.__mro__) if base not in _BASES]
    names = [name for base in bases for name in get_annotations(base)]
    return [name for name in dict.fromkeys(names) if not name.startswith("_")]


def value_names(cls: type[Collection]) -> dict[str, Any]:
    """Return the names of a record's values, each with what it is when the record does not tell."""
    known: dict[str, Any] | None = cls.__dict__.get("__values__")
    if known is not None:
        return known
    own = [name for base in _BASES if issubclass(cls, base) for name in base.__annotations__]
    names: dict[str, Any] = {name: _EMPTY.get(name, "") for name in own if not name.startswith("_")}
    names |= dict.fromkeys(annotated(cls))
    for name, spec in specs_of(cls).items():
        (field,) = read_fields([{**spec.options, "name": name, "type": spec.type}])
        names[name] = field.zero
    cls.__values__ = names
    return names
