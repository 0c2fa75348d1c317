"""Operations fit the catalog that they are for, or say why they don't."""

from __future__ import annotations

from typing import Any

import pytest

from backstay.catalog import Catalog
from backstay.catalog.operations import (
    AddField,
    AddIndex,
    ChangeCollection,
    ChangeField,
    CreateCollection,
    DropCollection,
    DropField,
    DropIndex,
    Mismatch,
    Operation,
    RenameCollection,
    RenameField,
    losses,
    replay,
)
from backstay.migrations.files import first_catalog
from backstay.migrations.literals import WIDTH, literal

POSTS: dict[str, Any] = {
    "id": "postsid",
    "name": "posts",
    "fields": [
        {"id": "t", "name": "title", "type": "text"},
        {"id": "s", "name": "tags", "type": "select", "values": ["a", "b"], "maxSelect": 2},
    ],
    "indexes": ["CREATE INDEX by_title ON posts (title)"],
}


@pytest.fixture
def catalog() -> Catalog:
    return replay(first_catalog(), [CreateCollection(POSTS)])


WRONG: list[tuple[Operation, str]] = [
    (CreateCollection({"name": "Posts"}), "already"),
    (CreateCollection({"name": "other", "id": "postsid"}), "already"),
    (CreateCollection({"name": "other", "fields": ["x"]}), "no list of objects"),
    (CreateCollection({"name": "other", "fields": 5}), "no list of objects"),
    (CreateCollection({"name": 5}), "a text"),
    (CreateCollection({"name": "other", "fields": [{"name": "a", "type": "nothing"}]}), "one of"),
    (DropCollection("nope"), "no collection 'nope'"),
    (RenameCollection("nope", "x"), "no collection 'nope'"),
    (ChangeCollection("posts", {"id": "x"}), "'id' is not changed"),
    (ChangeCollection("posts", {"fields": []}), "'fields' is not changed"),
    (ChangeCollection("posts", {"listRule": 5}), "a text"),
    (AddField("posts", {"name": "title", "type": "text"}), "already"),
    (AddField("posts", {"name": "x", "type": "text", "id": "t"}), "already"),
    (ChangeField("posts", "nope", {}), "no field 'nope'"),
    (ChangeField("posts", "title", {"id": "x"}), "'id' is not changed"),
    (ChangeField("posts", "title", {"type": "number"}), "'type' is not changed"),
    (ChangeField("posts", "title", {"max": "x"}), "a whole number"),
    (RenameField("posts", "nope", "x"), "no field 'nope'"),
    (DropField("posts", "nope"), "no field 'nope'"),
    (DropIndex("posts", "nope"), "no index 'nope'"),
    (AddIndex("nope", "CREATE INDEX x ON posts (title)"), "no collection 'nope'"),
]


@pytest.mark.parametrize(("operation", "why"), WRONG, ids=[str(operation) for operation, _ in WRONG])
def test_what_does_not_fit(catalog: Catalog, operation: Operation, why: str) -> None:
    with pytest.raises(Mismatch, match=why):
        replay(catalog, [operation])


def test_what_loses_data(catalog: Catalog) -> None:
    operations: list[Operation] = [
        RenameField("posts", "title", "label"),
        RenameCollection("posts", "articles"),
        ChangeField("articles", "label", {"max": 5}),
        ChangeField("articles", "tags", {"maxSelect": 3}),
        ChangeField("articles", "tags", {"maxSelect": 1}),
        DropIndex("articles", "by_title"),
        DropField("articles", "label"),
        DropCollection("articles"),
    ]
    assert losses(catalog, operations) == [
        (operations[4], "postsid"),
        (operations[6], "postsid"),
        (operations[7], "postsid"),
    ]


def test_a_new_name_keeps_the_id(catalog: Catalog) -> None:
    after = replay(
        catalog, [RenameCollection("posts", "articles"), RenameField("articles", "title", "label")]
    )
    found = after.find("postsid")
    assert found is not None
    assert (found.name, found.by_name["label"].id) == ("articles", "t")
    assert found.indexes[0].startswith("CREATE INDEX `by_title` ON `articles`")


def test_an_index_takes_the_place_of_one_with_its_name(catalog: Catalog) -> None:
    after = replay(catalog, [AddIndex("posts", "CREATE UNIQUE INDEX by_title ON posts (title)")])
    found = after.find("posts")
    assert found is not None
    assert found.indexes == ("CREATE UNIQUE INDEX by_title ON posts (title)",)


ODD: dict[str, Any] = {
    "text": "Ünlikely 'quotes\" \\ \n \u2028 🪢" * 5,
    "none": None,
    "numbers": [1, -2.5, True, False],
    "nested": {"a": [{"b": ["long " * 10, "long " * 10]}], "empty": [{}, [], ""]},
}


def test_values_are_written_as_python() -> None:
    text = literal(ODD, 8)
    assert eval(text) == ODD
    short = [line for line in text.splitlines() if "Ünlikely" not in line]
    assert max(map(len, short)) <= WIDTH
