"""What a client's JSON means for a collection: a new one, a changed one, one that may be deleted.

What comes back is a draft, completed with what the server itself puts in. It is judged by
`backstay.catalog.validate` and stored by others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

import msgspec

from backstay.catalog.casts import to_date
from backstay.catalog.defaults import MakeSecret, blank, completed, free_id, new_secret, taken_ids
from backstay.catalog.fieldlist import read_fields
from backstay.catalog.model import AuthOptions, Catalog, Collection, CollectionType, OAuth2Provider
from backstay.errors import BadRequest
from backstay.overlay import Misfit, overlay, zero


class _Head(msgspec.Struct, frozen=True):
    """All of a collection's JSON but its fields and what auth collections have beyond the others."""

    id: str
    name: str
    type: str
    system: bool
    listRule: str | None
    viewRule: str | None
    createRule: str | None
    updateRule: str | None
    deleteRule: str | None
    indexes: tuple[str, ...]
    viewQuery: str
    appendOnly: bool
    created: str
    updated: str


class _Kind(msgspec.Struct, frozen=True):
    """What must be known to start a new collection."""

    name: str = ""
    type: str = ""


_HEAD_KEYS = tuple(field.name for field in msgspec.structs.fields(_Head))


def created(
    catalog: Catalog, body: Mapping[str, Any], *, now: str, secret: MakeSecret = new_secret
) -> Collection:
    """Return the draft of the new collection that `body` describes.

    now: a protocol date

    Raises BadRequest when `body` has values of the wrong type.
    """
    try:
        kind = overlay(_Kind(), body, fold=True)
    except Misfit as misfit:
        raise _malformed(
            "Failed to load the collection type data due to invalid formatting.", misfit
        ) from misfit
    try:
        draft = new_draft(catalog, kind.type, kind.name, body, secret=secret)
    except Misfit as misfit:
        raise _malformed("Failed to load the submitted data due to invalid formatting.", misfit) from misfit
    return msgspec.structs.replace(draft, created=now, updated=now)


def updated(
    old: Collection, patch: Mapping[str, Any], *, now: str, secret: MakeSecret = new_secret
) -> Collection:
    """Return the draft of `old` as `patch` changes it; what `patch` doesn't name stays.

    Raises BadRequest when `patch` has values of the wrong type or another id.
    """
    try:
        draft = edited(old, patch)
    except Misfit as misfit:
        raise _malformed("Failed to load the submitted data due to invalid formatting.", misfit) from misfit
    if draft.id != old.id:
        raise BadRequest(
            "Failed to update collection. Raw error: \nThe id of a collection cannot be changed.", at="id"
        )
    draft = completed(draft, old=old, secret=secret)
    return msgspec.structs.replace(draft, created=to_date(draft.created) or old.created, updated=now)


def _malformed(message: str, misfit: Misfit) -> BadRequest:
    return BadRequest(message, hint=str(misfit), at=misfit.path or None)


def new_draft(
    catalog: Catalog,
    type: str,
    name: str,
    body: Mapping[str, Any],
    *,
    secret: MakeSecret = new_secret,
    guards: bool = False,
) -> Collection:
    """Return a new collection from `body`, completed, with guards as `completed` has them. Raises Misfit."""
    known = type if type in {"auth", "view"} else "base"
    id = free_id(known, name, taken_ids(catalog))
    draft = edited(blank(known, name, id=id, secret=secret), body)
    draft = msgspec.structs.replace(draft, id=draft.id or id)
    return completed(draft, old=None, secret=secret, guards=guards)


def edited(old: Collection, patch: Mapping[str, Any]) -> Collection:
    """Return `old` with everything replaced that `patch` names, and nothing completed. Raises Misfit."""
    head = overlay(_Head(**{key: getattr(old, key) for key in _HEAD_KEYS}), patch)
    changes = {key: getattr(head, key) for key in _HEAD_KEYS} | {"type": cast("CollectionType", head.type)}
    fields = read_fields(patch["fields"]) if "fields" in patch else old.fields
    auth = _auth(old.auth or zero(AuthOptions), patch) if head.type == "auth" else None
    return msgspec.structs.replace(old, **changes, fields=fields, auth=auth)


def _auth(old: AuthOptions, patch: Mapping[str, Any]) -> AuthOptions:
    auth = overlay(old, patch)
    sent = patch.get("oauth2")
    providers = sent.get("providers") if isinstance(sent, Mapping) else None
    if providers:
        # providers are known by their name: what is not sent of one, as its secret, stays
        known = {provider.name: provider for provider in old.oauth2.providers}
        merged = [_provider(item, known, at) for at, item in enumerate(providers)]
    else:
        merged = auth.oauth2.providers
    merged = [msgspec.structs.replace(item, extra=item.extra or {}) for item in merged]
    return msgspec.structs.replace(auth, oauth2=msgspec.structs.replace(auth.oauth2, providers=merged))


def _provider(item: Mapping[str, Any] | None, known: Mapping[str, OAuth2Provider], at: int) -> OAuth2Provider:
    item = item or {}
    name = item.get("name")
    old = known.get(name) if isinstance(name, str) else None
    return overlay(old or OAuth2Provider(), item, path=f"oauth2.providers.{at}")


def check_delete(collection: Collection, catalog: Catalog, *, used_by: Iterable[Collection] = ()) -> None:
    """Raise BadRequest when `collection` may not be deleted.

    used_by: the views which read from it
    """
    referring = {item.name for item, _ in catalog.references(collection) if item.id != collection.id}
    if referring:
        names = ", ".join(sorted(referring))
        raise BadRequest(f"Failed to delete collection probably due to existing reference in {names}.")
    if collection.system:
        raise BadRequest("Failed to delete collection.", hint="System collections cannot be deleted.")
    views = ", ".join(sorted(view.name for view in used_by))
    if views:
        raise BadRequest("Failed to delete collection.", hint=f"These views read from it: {views}.")
