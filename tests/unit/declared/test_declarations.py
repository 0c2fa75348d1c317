"""Declared classes become the collections that they describe, with ids which outlive new names."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from backstay.catalog import Catalog
from backstay.catalog.compare import diff, same
from backstay.catalog.fields import Field
from backstay.catalog.model import field_json
from backstay.catalog.operations import DropField, RenameCollection, RenameField
from backstay.declared import (
    Auth,
    AuthCollection,
    Collection,
    Index,
    Rules,
    ViewCollection,
    declarations,
    declared_in,
    field,
    name_of,
    target,
)
from backstay.declared.spec import Spec
from backstay.errors import SetupError
from backstay.migrations.files import first_catalog

COMMON: dict[str, Any] = {"required": True, "hidden": True, "presentable": True, "help": "Help."}
SHARED = {**COMMON, "systemOnly": True}

FULL: list[tuple[Any, dict[str, Any]]] = [
    (
        field.text(min=1, max=9, pattern="^a", autogenerate="[a-z]{3}", system_only=True, **COMMON),
        {
            "type": "text",
            "min": 1,
            "max": 9,
            "pattern": "^a",
            "autogeneratePattern": "[a-z]{3}",
            "primaryKey": False,
        },
    ),
    (
        field.editor(max_bytes=7, convert_urls=True, system_only=True, **COMMON),
        {"type": "editor", "maxSize": 7, "convertURLs": True},
    ),
    (
        field.number(min=-1.5, max=8, whole=True, system_only=True, **COMMON),
        {"type": "number", "min": -1.5, "max": 8, "onlyInt": True},
    ),
    (field.boolean(system_only=True, **COMMON), {"type": "bool"}),
    (
        field.email(only_domains=["a.org"], except_domains=["b.org"], system_only=True, **COMMON),
        {"type": "email", "onlyDomains": ["a.org"], "exceptDomains": ["b.org"]},
    ),
    (
        field.url(only_domains=["a.org"], except_domains=["b.org"], system_only=True, **COMMON),
        {"type": "url", "onlyDomains": ["a.org"], "exceptDomains": ["b.org"]},
    ),
    (
        field.date(
            min="2024-01-01 00:00:00.000Z", max="2025-01-01 00:00:00.000Z", system_only=True, **COMMON
        ),
        {"type": "date", "min": "2024-01-01 00:00:00.000Z", "max": "2025-01-01 00:00:00.000Z"},
    ),
    (
        field.select("a", "b", many=True, max_select=2, system_only=True, **COMMON),
        {"type": "select", "values": ["a", "b"], "maxSelect": 2},
    ),
    (
        field.file(
            many=True,
            max_select=4,
            max_bytes=5,
            mime_types=["image/png"],
            thumbs=["10x10"],
            protected=True,
            system_only=True,
            **COMMON,
        ),
        {
            "type": "file",
            "maxSelect": 4,
            "maxSize": 5,
            "mimeTypes": ["image/png"],
            "thumbs": ["10x10"],
            "protected": True,
        },
    ),
    (
        field.relation(
            "users", many=True, max_select=3, min_select=2, cascade_delete=True, system_only=True, **COMMON
        ),
        {
            "type": "relation",
            "collectionId": "_pb_users_auth_",
            "maxSelect": 3,
            "minSelect": 2,
            "cascadeDelete": True,
        },
    ),
    (field.json(max_bytes=6, system_only=True, **COMMON), {"type": "json", "maxSize": 6}),
    (field.geo_point(system_only=True, **COMMON), {"type": "geoPoint"}),
    (
        field.password(min=8, max=20, pattern="x", cost=4, min_score=3, system_only=True, **COMMON),
        {"type": "password", "min": 8, "max": 20, "pattern": "x", "cost": 4, "minScore": 3},
    ),
    (
        field.autodate(on_create=True, on_update=True, hidden=True, presentable=True, system_only=True),
        {"type": "autodate", "onCreate": True, "onUpdate": True},
    ),
]


def one_field(spec: object, **own: object) -> type[Collection]:
    return type("Things", (Collection,), {"thing": spec, **own})


def declared_field(catalog: Catalog, collection: str, name: str) -> Field:
    found = catalog.find(collection)
    assert found is not None
    return found.by_name[name]


@pytest.mark.parametrize(("spec", "options"), FULL, ids=[options["type"] for _, options in FULL])
def test_each_type_takes_each_option(spec: Any, options: dict[str, Any]) -> None:
    catalog = target(first_catalog(), [one_field(spec)])
    plain = field_json(declared_field(catalog, "things", "thing"))
    shared = {key: value for key, value in SHARED.items() if key in plain}
    values = plain.pop("values", None)
    assert plain | ({"values": list(values)} if values is not None else {}) == {
        "id": plain["id"],
        "name": "thing",
        "system": False,
        **shared,
        **options,
    }


def test_every_type_is_declarable() -> None:
    assert {options["type"] for _, options in FULL} == {
        kind.__struct_config__.tag for kind in get_args(Field)
    }


class Users(AuthCollection):
    __rules__ = Rules(list="", view="id = @request.auth.id")
    __auth__ = Auth(
        rule="verified = true",
        manage_rule="",
        alert=False,
        otp=True,
        otp_length=6,
        otp_duration_s=90,
        mfa=True,
        mfa_rule="id != ''",
        mfa_duration_s=60,
        oauth2=False,
        password=True,
        identity_fields=("email",),
        token_duration_s=777,
        more={"otp": {"emailTemplate": {"subject": "Code", "body": "{OTP}"}}},
    )
    nick: str = field.text(max=30)


class Dated(Collection):
    __abstract__ = True
    created: str = field.autodate(on_create=True)


class BlogPosts(Dated):
    __rules__ = Rules(list="", create="@request.auth.id != ''")
    __indexes__ = (
        Index("slug", unique=True, where="slug != ''"),
        "CREATE INDEX own ON blog_posts (author)",
    )
    title: str = field.text(required=True)
    slug: str = field.text()
    author: str = field.relation(Users)
    parent: str = field.relation("blog_posts")


class Titles(ViewCollection):
    __rules__ = Rules(list="")
    __query__ = "SELECT id, title FROM blog_posts"
    title: str


ALL: list[type[Collection]] = [Users, BlogPosts, Titles]


def test_names() -> None:
    class HTTPLogEntry(Collection): ...

    class Other(Collection):
        __collection__ = "Posts2"

    assert [name_of(cls) for cls in (Users, BlogPosts, HTTPLogEntry, Other)] == [
        *("users", "blog_posts", "http_log_entry", "Posts2")
    ]


def test_abstract_classes_lend_their_fields_only() -> None:
    assert declared_in([Dated, BlogPosts]) == [BlogPosts]
    found = target(first_catalog(), ALL).find("blog_posts")
    assert found is not None
    assert [item.name for item in found.fields] == ["id", "created", "title", "slug", "author", "parent"]


def test_rules_indexes_and_options() -> None:
    catalog = target(first_catalog(), ALL)
    posts, users, titles = (catalog.find(name) for name in ("blog_posts", "users", "titles"))
    assert posts is not None
    assert users is not None
    assert users.auth is not None
    assert titles is not None
    assert (posts.listRule, posts.viewRule, posts.createRule) == ("", None, "@request.auth.id != ''")
    assert posts.indexes == (
        "CREATE UNIQUE INDEX `idx_blog_posts_slug` ON `blog_posts` (`slug`) WHERE slug != ''",
        "CREATE INDEX own ON blog_posts (author)",
    )
    auth = users.auth
    assert (auth.authRule, auth.manageRule, auth.authAlert.enabled) == ("verified = true", "", False)
    assert (auth.otp.enabled, auth.otp.length, auth.otp.duration) == (True, 6, 90)
    assert auth.otp.emailTemplate.body == "{OTP}"
    assert (auth.mfa.enabled, auth.mfa.rule, auth.mfa.duration) == (True, "id != ''", 60)
    assert auth.authToken.duration == 777
    assert auth.passwordResetToken.duration == 1800, "what is not said has its default"
    assert (titles.type, titles.viewQuery) == ("view", "SELECT id, title FROM blog_posts")


def test_declaring_twice_changes_nothing() -> None:
    once = target(first_catalog(), ALL)
    assert diff(once, target(once, ALL)) == []


def test_a_new_name_is_no_new_field() -> None:
    before = target(first_catalog(), [one_field(field.text())])

    class Things(Collection):
        label: str = field.text(was="thing")

    after = target(before, [Things])
    assert diff(before, after) == [RenameField("things", "thing", "label")]
    assert same(target(first_catalog(), [Things]), after), "a new site has the same ids"


def test_two_fields_swap_names() -> None:
    class Things(Collection):
        a: str = field.text(id="one")
        b: str = field.text(id="two")

    class Swapped(Collection):
        __collection__ = "things"
        b: str = field.text(id="one")
        a: str = field.text(id="two")

    operations = diff(target(first_catalog(), [Things]), target(target(first_catalog(), [Things]), [Swapped]))
    assert {type(operation) for operation in operations} == {RenameField}


def test_an_earlier_name_counts_only_while_the_name_itself_is_missing() -> None:
    class Things(Collection):
        old: str = field.text()
        new: str = field.text(was="old")

    known = target(first_catalog(), [Things])
    assert declared_field(known, "things", "old").id != declared_field(known, "things", "new").id
    assert diff(known, target(known, [Things])) == []


def test_another_type_is_another_field() -> None:
    before = target(first_catalog(), [one_field(field.text())])
    after = target(before, [one_field(field.number())])
    assert diff(before, after)[0] == DropField("things", "thing")
    assert declared_field(after, "things", "thing").id != declared_field(before, "things", "thing").id


def test_a_relation_to_another_collection_is_another_field() -> None:
    before = target(first_catalog(), [one_field(field.relation("users"))])
    after = target(before, [one_field(field.relation("things"))])
    assert diff(before, after)[0] == DropField("things", "thing")


def test_a_renamed_collection_keeps_its_id() -> None:
    before = target(first_catalog(), [one_field(field.text())])
    articles = one_field(field.text(), __collection__="articles", __was__="things")
    after = target(before, [articles])
    assert diff(before, after) == [RenameCollection("things", "articles")]
    assert same(target(first_catalog(), [articles]), after)


def test_collections_without_a_class_stay() -> None:
    before = target(first_catalog(), [one_field(field.text())])
    assert diff(before, target(before, [])) == []


def test_the_id_may_be_declared() -> None:
    class Things(Collection):
        id: str = field.text(min=3, max=40, pattern="^[a-z-]+$")

    found = declared_field(target(first_catalog(), [Things]), "things", "id")
    plain = field_json(found)
    assert (plain["primaryKey"], plain["required"], plain["min"], plain["pattern"]) == (
        True,
        True,
        3,
        "^[a-z-]+$",
    )


def test_definitions_are_what_the_api_takes() -> None:
    users, posts, _ = declarations(ALL)
    assert users["id"] == "_pb_users_auth_"
    assert next(item for item in posts["fields"] if item["name"] == "author")["collectionId"] == users["id"]
    assert next(item for item in posts["fields"] if item["name"] == "parent")["collectionId"] == posts["id"]


class Bare(Collection):
    title: str


class Method(Collection):
    from_record: str = field.text()  # type: ignore[assignment]


class GrowingPeople(AuthCollection):
    __append_only__ = True


class Nowhere(Collection):
    owner: str = field.relation("nobody")


class Twice(Collection):
    __collection__ = "bare"


class BrokenIndex(Collection):
    __indexes__ = (Index("a", where="x; DROP TABLE users"),)
    a: str = field.text()


class WrongType(Collection):
    a: str = field.text(max="long")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("classes", "why"),
    [
        ([Bare], "'title' has a type and no field"),
        ([Method], "'from_record' is a method"),
        ([GrowingPeople], "accounts change"),
        ([Nowhere], "there is no such collection"),
        ([Bare, Twice], "both declare it"),
        ([BrokenIndex], "not one CREATE INDEX"),
        ([WrongType], "a whole number"),
    ],
)
def test_what_can_not_be_is_told(classes: list[type[Collection]], why: str) -> None:
    with pytest.raises(SetupError) as caught:
        target(first_catalog(), classes)
    assert why in caught.value.why


def test_many_means_at_least_two() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        field.select("a", many=True)


def test_a_record_becomes_an_object() -> None:
    json = {"id": "x", "collectionName": "blog_posts", "title": "T", "expand": {"author": {}}, "odd": 1}
    post = BlogPosts.from_record(json)
    assert (post.id, post.title, post.slug, post.expand) == ("x", "T", "", {"author": {}})
    assert not hasattr(post, "odd")
    assert post == BlogPosts.from_record(json)
    assert Titles.from_record({"id": "1", "title": "T"}).title == "T"
    assert Users.from_record({"id": "1", "verified": True, "email": "a@b.org"}).verified is True


def test_empty_lists_are_not_shared() -> None:
    cls = one_field(field.select("a", "b", many=True))
    one: Any = cls.from_record({"id": "1"})
    one.thing.append("a")
    two: Any = cls.from_record({"id": "2"})
    assert two.thing == []


def test_the_class_itself_shows_its_fields() -> None:
    assert isinstance(vars(BlogPosts)["title"], Spec)
