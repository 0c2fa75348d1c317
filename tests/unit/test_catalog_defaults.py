"""What the server puts into collections, where the facts of the real server can't show it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from backstay.catalog import Catalog, Collection, collection_json
from backstay.catalog.defaults import collection_id, free_id, new_secret
from backstay.catalog.imports import plan_import
from backstay.catalog.merge import created, updated
from backstay.catalog.system import first_collections
from backstay.errors import BadRequest

NOW = "2026-01-01 00:00:00.000Z"
LATER = "2026-01-02 00:00:00.000Z"
FRESH = Catalog(first_collections(now=NOW))


def users() -> Collection:
    found = FRESH.find("users")
    assert found is not None
    return found


def secret_of(collection: Collection) -> str:
    assert collection.auth is not None
    return collection.auth.authToken.secret


def test_every_token_has_its_own_secret() -> None:
    plain = [collection_json(item, secrets=True) for item in FRESH]
    found = [
        value["secret"]
        for item in plain
        for value in item.values()
        if isinstance(value, dict) and "secret" in value
    ]
    assert len(found) == len(set(found)) == 10
    assert all(len(secret) == 50 for secret in found)
    assert len({new_secret() for _ in range(100)}) == 100


@pytest.mark.parametrize(
    ("patch", "rotates"),
    [
        pytest.param({"authRule": "verified = true"}, True, id="who may sign in changed"),
        pytest.param({"authRule": None}, True, id="nobody may sign in any more"),
        pytest.param({"authRule": ""}, False, id="the same rule again"),
        pytest.param({"manageRule": "id = 'a'"}, False, id="another rule"),
        pytest.param({"name": "people"}, False, id="another name"),
    ],
)
def test_a_changed_auth_rule_signs_everybody_out(patch: dict[str, Any], rotates: bool) -> None:
    draft = updated(users(), patch, now=LATER)
    assert (secret_of(draft) != secret_of(users())) is rotates


def test_secrets_are_kept_when_a_client_sends_back_what_it_got() -> None:
    draft = updated(users(), collection_json(users()), now=NOW)
    assert collection_json(draft, secrets=True) == collection_json(users(), secrets=True)


def test_dates_are_the_servers_but_created_can_be_changed() -> None:
    body = {"name": "x", "created": "2000-01-01 00:00:00.000Z", "updated": "2000-01-01 00:00:00.000Z"}
    assert (created(FRESH, body, now=NOW).created, created(FRESH, body, now=NOW).updated) == (NOW, NOW)
    draft = updated(users(), body, now=LATER)
    assert (draft.created, draft.updated) == (body["created"], LATER)
    assert updated(users(), {"created": "never"}, now=LATER).created == NOW


def test_an_id_cannot_be_changed() -> None:
    with pytest.raises(BadRequest, match="Failed to update collection"):
        updated(users(), {"id": "other"}, now=NOW)


def test_generated_ids_are_numbered_when_taken() -> None:
    first = collection_id("base", "posts")
    assert free_id("base", "posts", set()) == first
    assert free_id("base", "posts", {first, f"{first}2"}) == f"{first}3"


def test_wrong_types_are_explained() -> None:
    body = {"name": "x", "fields": [{"type": "text", "name": "a"}, {"type": "text", "name": "b", "max": "5"}]}
    with pytest.raises(BadRequest) as refusal:
        created(FRESH, body, now=NOW)
    assert refusal.value.at == "fields.1.max"
    assert refusal.value.message == "Failed to load the submitted data due to invalid formatting."


def test_an_export_imports_without_changing_anything() -> None:
    bodies = [collection_json(item) for item in FRESH]
    plan = plan_import(FRESH, bodies, delete_missing=True, now=NOW)
    assert plan.deleted == ()
    assert stored(plan.drafts) == stored(FRESH)


def stored(collections: Iterable[Collection]) -> dict[str, dict[str, Any]]:
    return {item.id: collection_json(item, secrets=True) for item in collections}


def test_an_import_leaves_system_collections_alone() -> None:
    plan = plan_import(FRESH, [{"name": "x"}], delete_missing=True, now=NOW)
    assert [item.name for item in plan.deleted] == ["users"]
    assert [item.name for item in plan.drafts] == ["x"]


def test_views_are_imported_last() -> None:
    bodies = [{"name": "v", "type": "view", "viewQuery": "select id from x"}, {"name": "x"}]
    plan = plan_import(FRESH, bodies, delete_missing=False, now=NOW)
    assert [item.name for item in plan.drafts] == ["x", "v"]


def test_drafts_encode() -> None:
    draft = created(FRESH, {"name": "x", "fields": [{"type": "number", "name": "n", "min": 5.0}]}, now=NOW)
    assert b'"min":5,' in msgspec.json.encode(collection_json(draft))
