"""Collections that are refused, with every code."""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance.cases import Case, Expected, Json, Raw, case, drop, field, get, make, patch, post

URL = "/api/collections"
NAME = "col_wrong"


def refused(name: str, body: Json) -> Case:
    """Try to make a collection, and to change one into it."""
    body = {"name": NAME, **body} if isinstance(body, dict) else body
    return case(f"collection error: {name}", post(URL, body), get(f"{URL}/{NAME}"), *drop(NAME))


def with_fields(name: str, *fields: Json, **more: Json) -> Case:
    """Try to make a collection with fields."""
    return refused(name, {"fields": list(fields), **more})


NAMES: tuple[Json, ...] = (
    "",
    " ",
    "a b",
    "a-b",
    "a.b",
    "ä",
    "1abc",
    "_abc",
    "abc_",
    "a_via_b",
    "a_VIA_b",
    "_via_",
    "x" * 255,
    "x" * 256,
    "posts",
    "POSTS",
    "Posts",
    "posts_col_00001",
    "_collections",
    "_params",
    "_migrations",
    "sqlite_master",
    "sqlite_x",
    "_superusers",
    "_new",
    "select",
    "table",
    "true",
    "null",
    "meta",
    "import",
    "records",
    "\n",
    "a\nb",
    "a'b",
    "a`b",
    None,
    5,
    [],
)

FIELD_NAMES: tuple[Json, ...] = (
    "",
    "a b",
    "a-b",
    "a.b",
    "ä",
    "1a",
    "_a",
    "a_via_b",
    "x" * 100,
    "x" * 101,
    "id",
    "ID",
    "collectionId",
    "collectionName",
    "expand",
    "created",
    "null",
    "true",
    "false",
    "rowid",
    "_rowid_",
    "oid",
    "_isNew",
    "select",
    "password",
    "tokenKey",
    "a:b",
    "a+",
    "+a",
    "@a",
    None,
    5,
)

FIELDS: dict[str, tuple[dict[str, Json], ...]] = {
    "text": (
        {"min": -1},
        {"max": -1},
        {"min": 5, "max": 3},
        {"min": 5, "max": 5},
        {"max": 2**53},
        {"max": 2**53 - 1},
        {"min": 1.5},
        {"min": "1"},
        {"pattern": "("},
        {"pattern": "(?=a)"},
        {"pattern": "a" * 300},
        {"autogeneratePattern": "("},
        {"autogeneratePattern": "[a-z]{3}", "min": 5},
        {"autogeneratePattern": "[a-z]{9}", "max": 5},
        {"autogeneratePattern": "[a-z]+", "pattern": "^[0-9]+$"},
        {"autogeneratePattern": "."},
        {"primaryKey": True},
        {"system": True},
        {"required": "yes"},
        {"help": "x" * 300},
        {"help": "x" * 301},
        {"id": ""},
        {"id": "a b"},
        {"id": "x" * 100},
        {"id": "x" * 101},
        {"id": "text3208210256"},
        {"nope": 1},
    ),
    "editor": ({"maxSize": -1}, {"maxSize": 2**53}, {"convertURLs": 1}),
    "number": (
        {"min": 5, "max": 3},
        {"min": 5, "max": 5},
        {"min": "a"},
        {"onlyInt": True, "min": 1.5},
        {"onlyInt": True, "max": 1.5},
    ),
    "bool": ({"max": 1},),
    "email": (
        {"onlyDomains": ["a"], "exceptDomains": ["b"]},
        {"onlyDomains": ["not a domain"]},
        {"exceptDomains": ["http://a.co"]},
        {"onlyDomains": [""]},
        {"onlyDomains": "a.co"},
    ),
    "url": (
        {"onlyDomains": ["a.co"], "exceptDomains": ["b.co"]},
        {"onlyDomains": ["not a domain"]},
        {"exceptDomains": [1]},
    ),
    "date": (
        {"min": "2024-01-02", "max": "2024-01-01"},
        {"min": "bad"},
        {"min": 5},
        {"min": "2024-01-01", "max": "2024-01-01"},
    ),
    "autodate": ({}, {"onCreate": False, "onUpdate": False}, {"onCreate": True, "required": True}),
    "select": (
        {},
        {"values": []},
        {"values": ["a", "a"]},
        {"values": ["a", ""]},
        {"values": ["a"], "maxSelect": 5},
        {"values": ["a"], "maxSelect": -1},
        {"values": ["a"], "maxSelect": 0},
        {"values": "a"},
        {"values": [1, 2]},
        {"values": [str(n) for n in range(300)], "maxSelect": 300},
    ),
    "file": (
        {"maxSelect": -1},
        {"maxSelect": 0},
        {"maxSize": -1},
        {"maxSize": 2**53},
        {"thumbs": ["bad"]},
        {"thumbs": ["0x0"]},
        {"thumbs": ["10x10", "10x0", "0x10", "10x10t", "10x10b", "10x10f", "10x10x"]},
        {"mimeTypes": ["nope"]},
        {"mimeTypes": [""]},
    ),
    "relation": (
        {},
        {"collectionId": ""},
        {"collectionId": "nope"},
        {"collectionId": "posts"},
        {"collectionId": "view_col_000001"},
        {"collectionId": "posts_col_00001", "maxSelect": -1},
        {"collectionId": "posts_col_00001", "minSelect": -1},
        {"collectionId": "posts_col_00001", "minSelect": 3, "maxSelect": 2},
        {"collectionId": "posts_col_00001", "minSelect": 2, "maxSelect": 1},
        {"collectionId": "pbc_3142635823"},
    ),
    "json": ({"maxSize": -1}, {"maxSize": 2**53}),
    "password": (
        {"min": -1},
        {"min": 72},
        {"max": 72},
        {"max": -1},
        {"min": 10, "max": 5},
        {"cost": 3},
        {"cost": 4},
        {"cost": 31},
        {"cost": 32},
        {"cost": -1},
        {"pattern": "("},
    ),
    "geoPoint": ({"max": 1},),
    "nope": ({},),
    "": ({},),
}

INDEXES: dict[str, Json] = {
    "plain": ["CREATE INDEX `idx_w` ON `col_wrong` (`a`)"],
    "unique": ["CREATE UNIQUE INDEX `idx_w` ON `col_wrong` (`a`, `b`)"],
    "lower case": ["create unique index idx_w on col_wrong (a)"],
    "double quotes": ['CREATE INDEX "idx_w" ON "col_wrong" ("a")'],
    "brackets": ["CREATE INDEX [idx_w] ON [col_wrong] ([a])"],
    "if not exists": ["CREATE INDEX IF NOT EXISTS `idx_w` ON `col_wrong` (`a`)"],
    "schema": ["CREATE INDEX `main`.`idx_w` ON `col_wrong` (`a`)"],
    "partial": ["CREATE INDEX `idx_w` ON `col_wrong` (`a`) WHERE `b` > 0"],
    "collate and order": ["CREATE INDEX `idx_w` ON `col_wrong` (`a` COLLATE NOCASE DESC, `b` ASC)"],
    "expression": ["CREATE INDEX `idx_w` ON `col_wrong` (lower(`a`), `b` + 1)"],
    "lines": ["CREATE INDEX\n  `idx_w`\nON `col_wrong` (\n `a`,\n `b`\n)"],
    "semicolon": ["CREATE INDEX `idx_w` ON `col_wrong` (`a`);"],
    "two statements": ["CREATE INDEX `idx_w` ON `col_wrong` (`a`); DROP TABLE `posts`"],
    "comment": ["CREATE INDEX `idx_w` ON `col_wrong` (`a`) -- comment"],
    "another table": ["CREATE INDEX `idx_w` ON `posts` (`title`)"],
    "unknown table": ["CREATE INDEX `idx_w` ON `nope` (`a`)"],
    "unknown column": ["CREATE INDEX `idx_w` ON `col_wrong` (`nope`)"],
    "no columns": ["CREATE INDEX `idx_w` ON `col_wrong` ()"],
    "no name": ["CREATE INDEX ON `col_wrong` (`a`)"],
    "name in use": ["CREATE INDEX `idx_details_post` ON `col_wrong` (`a`)"],
    "same name twice": [
        "CREATE INDEX `idx_w` ON `col_wrong` (`a`)",
        "CREATE INDEX `idx_w` ON `col_wrong` (`b`)",
    ],
    "same twice": ["CREATE INDEX `idx_w` ON `col_wrong` (`a`)", "CREATE INDEX `idx_w2` ON `col_wrong` (`a`)"],
    "not an index": ["DROP TABLE `posts`"],
    "a table": ["CREATE TABLE x (a)"],
    "empty": [""],
    "space": [" "],
    "garbage": ["garbage"],
    "number": [5],
    "text": "x",
    "null": None,
    "null inside": [None],
    "on id": ["CREATE UNIQUE INDEX `idx_w` ON `col_wrong` (`id`)"],
    "reserved name": ["CREATE INDEX `sqlite_w` ON `col_wrong` (`a`)"],
    "subselect": ["CREATE INDEX `idx_w` ON `col_wrong` (`a`) WHERE `a` IN (SELECT title FROM posts)"],
    "random": ["CREATE INDEX `idx_w` ON `col_wrong` (random())"],
}

AUTH: dict[str, dict[str, Json]] = {
    "unknown identity field": {"passwordAuth": {"enabled": True, "identityFields": ["nope"]}},
    "identity field without index": {"passwordAuth": {"enabled": True, "identityFields": ["nick"]}},
    "no identity field": {"passwordAuth": {"enabled": True, "identityFields": []}},
    "no identity field, off": {"passwordAuth": {"enabled": False, "identityFields": []}},
    "identity field twice": {"passwordAuth": {"enabled": True, "identityFields": ["email", "email"]}},
    "mfa with one method": {"mfa": {"enabled": True, "duration": 100}},
    "mfa": {
        "mfa": {"enabled": True, "duration": 100},
        "otp": {"enabled": True, "duration": 100, "length": 5},
    },
    "mfa short": {
        "mfa": {"enabled": True, "duration": 1},
        "otp": {"enabled": True, "duration": 100, "length": 5},
    },
    "mfa bad rule": {
        "mfa": {"enabled": True, "duration": 100, "rule": "nope = 1"},
        "otp": {"enabled": True, "duration": 100, "length": 5},
    },
    "otp short": {"otp": {"enabled": True, "duration": 5, "length": 5}},
    "otp length": {"otp": {"enabled": True, "duration": 100, "length": 3}},
    "otp off, bad": {"otp": {"enabled": False, "duration": 0, "length": 0}},
    "token short": {"authToken": {"duration": 5}},
    "token long": {"authToken": {"duration": 10**9}},
    "token zero": {"authToken": {"duration": 0}},
    "token limits": {"authToken": {"duration": 10}, "fileToken": {"duration": 94670856}},
    "secret short": {"authToken": {"secret": "short"}},
    "secret long": {"authToken": {"secret": "x" * 256}},
    "secret empty": {"authToken": {"secret": ""}},
    "template subject": {"verificationTemplate": {"subject": "", "body": "{TOKEN}"}},
    "template body": {"verificationTemplate": {"subject": "x", "body": ""}},
    "template without token": {"resetPasswordTemplate": {"subject": "x", "body": "no link"}},
    "otp template": {"otp": {"emailTemplate": {"subject": "x", "body": "no code"}}},
    "alert template": {"authAlert": {"enabled": True, "emailTemplate": {"subject": "", "body": ""}}},
    "unknown provider": {
        "oauth2": {"enabled": True, "providers": [{"name": "nope", "clientId": "a", "clientSecret": "b"}]}
    },
    "provider without id": {"oauth2": {"enabled": True, "providers": [{"name": "google"}]}},
    "provider twice": {
        "oauth2": {
            "enabled": True,
            "providers": [{"name": "google", "clientId": "a", "clientSecret": "b"}] * 2,
        }
    },
    "provider": {
        "oauth2": {"enabled": True, "providers": [{"name": "google", "clientId": "a", "clientSecret": "b"}]}
    },
    "oidc without urls": {
        "oauth2": {"enabled": True, "providers": [{"name": "oidc", "clientId": "a", "clientSecret": "b"}]}
    },
    "no provider": {"oauth2": {"enabled": True, "providers": []}},
    "mapped to nothing": {"oauth2": {"enabled": False, "mappedFields": {"name": "nope"}}},
    "auth rule": {"authRule": "nope = 1"},
    "manage rule": {"manageRule": "nope = 1"},
    "manage rule empty": {"manageRule": ""},
    "own password": {"fields": [{"name": "password", "type": "text"}]},
    "own email": {"fields": [{"name": "email", "type": "text"}]},
    "password visible": {"fields": [{"name": "password", "type": "password", "hidden": False, "min": 20}]},
    "tokenKey short": {"fields": [{"name": "tokenKey", "type": "text", "min": 5, "max": 10}]},
    "email hidden": {"fields": [{"name": "email", "type": "email", "hidden": True, "required": False}]},
    "verified renamed": {"fields": [{"name": "checked", "type": "bool", "id": "bool256245529"}]},
    "no email index": {"indexes": ["CREATE INDEX `idx_w` ON `col_wrong` (`email`)"]},
    "partial tokenKey index": {
        "indexes": ["CREATE UNIQUE INDEX `idx_w` ON `col_wrong` (`tokenKey`) WHERE `tokenKey` != ''"]
    },
}


def names() -> Iterator[Case]:
    """Yield wrong names of collections and fields."""
    for number, name in enumerate(NAMES):
        made = post(URL, {"name": name, "fields": []}, keep={"id": "id"})
        own = not (isinstance(name, str) and name.lower() in {"posts", "posts_col_00001", "_superusers"})
        clean = drop("{{id}}") if own else ()
        label = f"collection error: name {number} {str(name)[:20]!r}"
        if str(name).startswith("sqlite_"):
            reason = "PocketBase answers with the database's error instead of the field's"
            yield case(label, made, differs=reason, expected=[Expected(step=0, status=400)])
        else:
            yield case(label, made, *clean)
    for number, name in enumerate(FIELD_NAMES):
        yield with_fields(f"field name {number} {str(name)[:20]!r}", {"type": "text", "name": name})
    a, b = field("text", "a"), field("text", "b")
    yield with_fields("same field twice", a, a)
    yield with_fields("same field in other case", a, field("text", "A"))
    yield with_fields("same field id twice", {**a, "id": "f1"}, {**b, "id": "f1"})
    yield with_fields("field without a name", {"type": "text"})
    yield with_fields("field without a type", {"name": "a"})
    yield with_fields(
        "several faults",
        {"type": "text"},
        {**a, "min": -1},
        field("relation", "r"),
        field("select", "s"),
        listRule="nope = 1",
        viewRule="x",
    )
    yield with_fields("null field", None)
    yield with_fields("id of another type", {"name": "id", "type": "number"})
    yield with_fields("id not primary", {"name": "id", "type": "text", "primaryKey": False})
    yield with_fields("id hidden", {"name": "id", "type": "text", "primaryKey": True, "hidden": True})
    yield with_fields(
        "two primary keys",
        {"name": "id", "type": "text", "primaryKey": True},
        {"name": "key", "type": "text", "primaryKey": True},
    )
    yield with_fields(
        "id without anything",
        {
            "name": "id",
            "type": "text",
            "primaryKey": True,
            "pattern": "",
            "min": 0,
            "max": 0,
            "autogeneratePattern": "",
        },
    )


def fields() -> Iterator[Case]:
    """Yield wrong options of each field type."""
    for kind, all_options in FIELDS.items():
        for number, options in enumerate(all_options):
            yield with_fields(f"{kind} {number} {str(options)[:40]}", field(kind, "f", **options))


def others() -> Iterator[Case]:
    """Yield wrong types, rules, indexes, auth options and bodies."""
    for kind in ("nope", "BASE", 5, None, "view", "auth"):
        yield refused(f"type {kind}", {"type": kind})
    for door in ("list", "view", "create", "update", "delete"):
        yield refused(f"{door} rule", {f"{door}Rule": "nope = 1"})
        yield refused(f"{door} rule of another type", {f"{door}Rule": 5})
    a, b = field("text", "a"), field("number", "b")
    for name, indexes in INDEXES.items():
        yield with_fields(f"index {name}", a, b, indexes=indexes)
    for name, options in AUTH.items():
        more = options if "fields" in options else {**options, "fields": [field("text", "nick")]}
        yield refused(f"auth {name}", {"type": "auth", **more})
    for number, body in enumerate(
        (
            Raw(b""),
            Raw(b"null"),
            Raw(b"[]"),
            Raw(b"{"),
            Raw(b'{"name":"a","name":"b"}'),
            Raw(b'{"name":"x"}', "text/plain"),
        )
    ):
        yield case(f"collection error: body {number}", post(URL, body), patch(f"{URL}/posts", body))


def changed() -> Iterator[Case]:
    """Yield refused changes of collections that are there."""
    made = make(
        "col_wrong",
        [field("text", "a", id="f_a"), field("relation", "r", id="f_r", collectionId="posts_col_00001")],
    )
    url = f"{URL}/col_wrong"
    bodies: dict[str, Json] = {
        "type": {"type": "auth"},
        "to a view": {"type": "view", "viewQuery": "SELECT id FROM posts"},
        "id": {"id": "other_id_00001"},
        "name taken": {"name": "posts"},
        "name taken in other case": {"name": "POSTS"},
        "name bad": {"name": "a b"},
        "name empty": {"name": ""},
        "system": {"system": True},
        "field type": {"fields": [{"id": "f_a", "name": "a", "type": "number"}]},
        "relation target": {
            "fields": [{"id": "f_r", "name": "r", "type": "relation", "collectionId": "teams_col_00001"}]
        },
        "field system": {"fields": [{"id": "f_a", "name": "a", "type": "text", "system": True}]},
        "field name taken": {
            "fields": [
                {"id": "f_a", "name": "r", "type": "text"},
                {"id": "f_r", "name": "r", "type": "relation", "collectionId": "posts_col_00001"},
            ]
        },
        "id field renamed": {"fields": [{"id": "text3208210256", "name": "key", "type": "text"}]},
        "id field of another type": {"fields": [{"id": "text3208210256", "name": "id", "type": "number"}]},
        "index of a dropped field": {"fields": [], "indexes": ["CREATE INDEX `idx_w` ON `col_wrong` (`a`)"]},
    }
    for name, body in bodies.items():
        yield case(f"collection error: change {name}", made, patch(url, body), get(url), *drop("col_wrong"))
    system: dict[str, Json] = {
        "rename": {"name": "others"},
        "list rule": {"listRule": ""},
        "drop fields": {"fields": []},
        "rename field": {"fields": [{"id": "text455797646", "name": "x", "type": "text"}]},
        "indexes": {"indexes": []},
        "type": {"type": "base"},
        "system": {"system": False},
    }
    for collection in ("_superusers", "_otps", "_authOrigins"):
        for name, body in system.items():
            changed = patch(f"{URL}/{collection}", body)
            yield case(
                f"collection error: {collection}, {name}",
                changed,
                get(f"{URL}/{collection}", fields="name,listRule,fields.name,indexes,system"),
                patch(f"{URL}/{collection}", {"listRule": None}, quiet=True)
                if collection == "_superusers"
                else get(f"{URL}/{collection}", fields="name"),
            )


CASES = [*names(), *fields(), *others(), *changed()]
