"""The types of fields: `title: str = field.text(required=True, max=200)`.

Each function returns what a record's value is for the editor and the type checker. Sizes are in bytes, lengths in
characters; 0 and empty mean the default that the catalog has for the type. Options of all types: `spec.Common`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypedDict, TypeVar, Unpack, overload

from backstay.declared.spec import Common, Shown, spec

RELATIONS_MAX = 999
"""Records that a relation with `many` holds, unless it says `max_select`."""
FILES_MAX = 99
"""Files that a field with `many` holds, unless it says `max_select`."""

S = TypeVar("S", bound=str)


class GeoPoint(TypedDict):
    """A place: longitude and latitude in degrees."""

    lon: float
    lat: float


def text(
    *, min: int = 0, max: int = 0, pattern: str = "", autogenerate: str = "", **common: Unpack[Common]
) -> str:
    """Text of `min` to `max` (0: 5,000) characters which matches `pattern`.

    autogenerate: a pattern from which the value of a new record is made that has none
    """
    made: str = spec("text", common, min=min, max=max, pattern=pattern, autogeneratePattern=autogenerate)
    return made


def editor(*, max_bytes: int = 0, convert_urls: bool = False, **common: Unpack[Common]) -> str:
    """HTML of up to `max_bytes` (0: 5 MB)."""
    made: str = spec("editor", common, maxSize=max_bytes, convertURLs=convert_urls)
    return made


@overload
def number(
    *, whole: Literal[True], min: float | None = None, max: float | None = None, **common: Unpack[Common]
) -> int: ...
@overload
def number(
    *,
    whole: Literal[False] = False,
    min: float | None = None,
    max: float | None = None,
    **common: Unpack[Common],
) -> float: ...
def number(
    *, whole: bool = False, min: float | None = None, max: float | None = None, **common: Unpack[Common]
) -> float:
    """A number from `min` to `max`; a `whole` one has no fraction."""
    made: float = spec("number", common, onlyInt=whole, min=min, max=max)
    return made


def boolean(**common: Unpack[Common]) -> bool:
    """True or false."""
    made: bool = spec("bool", common)
    return made


def email(
    *, only_domains: Sequence[str] = (), except_domains: Sequence[str] = (), **common: Unpack[Common]
) -> str:
    """An e-mail address."""
    made: str = spec("email", common, **_domains(only_domains, except_domains))
    return made


def url(
    *, only_domains: Sequence[str] = (), except_domains: Sequence[str] = (), **common: Unpack[Common]
) -> str:
    """A web address."""
    made: str = spec("url", common, **_domains(only_domains, except_domains))
    return made


def date(*, min: str = "", max: str = "", **common: Unpack[Common]) -> str:
    """A time in UTC, as the protocol writes it: `2026-01-31 12:30:00.000Z`; '' is none."""
    made: str = spec("date", common, min=min, max=max)
    return made


def autodate(*, on_create: bool = False, on_update: bool = False, **shown: Unpack[Shown]) -> str:
    """The time of the creation, or of the last change, or of both; nobody sets it."""
    made: str = spec("autodate", shown, onCreate=on_create, onUpdate=on_update)
    return made


@overload
def select(
    *values: S, many: Literal[True], max_select: int | None = None, **common: Unpack[Common]
) -> list[S]: ...
@overload
def select(*values: S, many: Literal[False] = False, **common: Unpack[Common]) -> S: ...
def select(
    *values: S, many: bool = False, max_select: int | None = None, **common: Unpack[Common]
) -> S | list[S]:
    """One of `values`, or with `many` up to `max_select` (all) of them."""
    made: S = spec("select", common, values=list(values), maxSelect=_most(many, max_select, len(values)))
    return made


@overload
def file(
    *,
    many: Literal[True],
    max_select: int | None = None,
    max_bytes: int = 0,
    mime_types: Sequence[str] = (),
    thumbs: Sequence[str] = (),
    protected: bool = False,
    **common: Unpack[Common],
) -> list[str]: ...
@overload
def file(
    *,
    many: Literal[False] = False,
    max_bytes: int = 0,
    mime_types: Sequence[str] = (),
    thumbs: Sequence[str] = (),
    protected: bool = False,
    **common: Unpack[Common],
) -> str: ...
def file(
    *,
    many: bool = False,
    max_select: int | None = None,
    max_bytes: int = 0,
    mime_types: Sequence[str] = (),
    thumbs: Sequence[str] = (),
    protected: bool = False,
    **common: Unpack[Common],
) -> str | list[str]:
    """The name of a file of up to `max_bytes` (0: 5 MB), or with `many` of up to `max_select` (99) files.

    thumbs:    sizes of thumbnails, like '100x100'
    protected: reading it needs a token of somebody who may view the record
    """
    made: str = spec(
        "file",
        common,
        maxSelect=_most(many, max_select, FILES_MAX),
        maxSize=max_bytes,
        mimeTypes=list(mime_types),
        thumbs=list(thumbs),
        protected=protected,
    )
    return made


@overload
def relation(
    target: str | type,
    *,
    many: Literal[True],
    max_select: int | None = None,
    min_select: int = 0,
    cascade_delete: bool = False,
    **common: Unpack[Common],
) -> list[str]: ...
@overload
def relation(
    target: str | type,
    *,
    many: Literal[False] = False,
    cascade_delete: bool = False,
    **common: Unpack[Common],
) -> str: ...
def relation(
    target: str | type,
    *,
    many: bool = False,
    max_select: int | None = None,
    min_select: int = 0,
    cascade_delete: bool = False,
    **common: Unpack[Common],
) -> str | list[str]:
    """The id of a record of `target`, or with `many` up to `max_select` (999) ids.

    target:         a collection, by its name or class
    cascade_delete: this record is deleted with the last one that it refers to
    """
    made: str = spec(
        "relation",
        common,
        target,
        maxSelect=_most(many, max_select, RELATIONS_MAX),
        minSelect=min_select,
        cascadeDelete=cascade_delete,
    )
    return made


def json(*, max_bytes: int = 0, **common: Unpack[Common]) -> Any:
    """Any JSON of up to `max_bytes` (0: 1 MB)."""
    return spec("json", common, maxSize=max_bytes)


def geo_point(**common: Unpack[Common]) -> GeoPoint:
    """A place on earth."""
    made: GeoPoint = spec("geoPoint", common)
    return made


def password(
    *,
    min: int = 0,
    max: int = 0,
    pattern: str = "",
    cost: int = 0,
    min_score: int = 0,
    **common: Unpack[Common],
) -> str:
    """A password, kept as a hash; it is never sent, so its value in Python is ''."""
    made: str = spec("password", common, min=min, max=max, pattern=pattern, cost=cost, minScore=min_score)
    return made


def _most(many: bool, max_select: int | None, usual: int) -> int:
    if not many:
        return 1
    most = usual if max_select is None else max_select
    if most < 2:
        raise ValueError(
            "a field with 'many' holds at least 2: leave 'many' away, or give a larger max_select"
        )
    return most


def _domains(only: Sequence[str], excepted: Sequence[str]) -> dict[str, Any]:
    return {"onlyDomains": list(only), "exceptDomains": list(excepted)}
