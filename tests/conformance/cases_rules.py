"""Rules: who gets through which door, and what a rule sees of a request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.conformance.cases import (
    Case,
    Json,
    Step,
    add,
    case,
    delete,
    drop,
    field,
    get,
    make,
    patch,
    post,
    records,
)

WHO = ("superuser", "guest", "ann", "ben", "member")
A, B = "rulerecord00001", "rulerecord00002"
FIELDS = [
    field("text", "t"),
    field("number", "n"),
    field("bool", "b"),
    field("select", "s", values=["a", "b", "c"], maxSelect=3),
    field("relation", "p", collectionId="people_col_0001", maxSelect=1),
    field("relation", "ps", collectionId="people_col_0001", maxSelect=3),
    field("json", "j"),
    field("text", "h", hidden=True),
    field("date", "d"),
    field("file", "f", maxSelect=2),
    field("email", "e"),
]
DOORS = ("list", "view", "create", "update", "delete")


def through_doors(name: str, rule: str | None, doors: Sequence[str] = DOORS) -> Case:
    """Try one rule at each door as everybody; the collection holds ann's record and nobody's."""
    collection = f"rules_{name}"
    rules: dict[str, Json] = {f"{door}Rule": rule if door in doors else "" for door in DOORS}
    steps: list[Step] = [
        make(collection, FIELDS, **rules),
        add(
            collection,
            id=A,
            t="x",
            n=1,
            p="annannannannann",
            ps=["annannannannann", "benbenbenbenben"],
            s=["a", "b"],
        ),
        add(collection, id=B, t="y", n=2, b=True, h="hidden"),
    ]
    for who in WHO:
        steps.append(get(records(collection), who, sort="id", fields="id"))
        steps += [get(records(collection, each), who, fields="id") for each in (A, B)]
        steps += [patch(records(collection, each), {"n": 5}, who) for each in (A, B)]
        steps += [patch(records(collection, each), {"n": 1}, quiet=True) for each in (A, B)]
        for body in ({"t": "x"}, {"t": "x", "p": "annannannannann"}):
            steps.append(post(records(collection), {"id": "rulerecord00009", **body}, who))
            steps.append(delete(records(collection, "rulerecord00009"), quiet=True))
        steps += [delete(records(collection, each), who) for each in (A, B)]
        steps += [
            delete(records(collection, A), quiet=True),
            delete(records(collection, B), quiet=True),
            add(
                collection,
                id=A,
                t="x",
                n=1,
                p="annannannannann",
                ps=["annannannannann", "benbenbenbenben"],
                s=["a"],
            ),
            add(collection, id=B, t="y", n=2, b=True, h="hidden"),
        ]
    return case(f"rules: {name} [{rule}]", *steps, *drop(collection))


RULES: dict[str, str | None] = {
    "closed": None,
    "open": "",
    "signed_in": "@request.auth.id != ''",
    "guest": "@request.auth.id = ''",
    "owner": "p = @request.auth.id",
    "owner_path": "p.id = @request.auth.id",
    "owner_name": "p.name = @request.auth.name",
    "among": "ps ?= @request.auth.id",
    "among_each": "ps:each ?= @request.auth.id",
    "among_id": "ps.id ?= @request.auth.id",
    "among_text": "ps ~ @request.auth.id",
    "every": "ps.id = @request.auth.id",
    "field": "t = 'x'",
    "number": "n < 2",
    "bool": "b = true",
    "hidden": "h = 'hidden'",
    "hidden_path": "p.diary = 'd1'",
    "chief": "@request.auth.role = 'chief'",
    "verified": "@request.auth.verified = true",
    "team": "@request.auth.team.title = 'Red'",
    "team_secret": "@request.auth.team.secret = 's1'",
    "same_team": "p.team = @request.auth.team",
    "same_team_path": "p.team.id = @request.auth.team.id",
    "skills": "@request.auth.skills:each ?= 'sail'",
    "skills_length": "@request.auth.skills:length = 2",
    "back": "@request.auth.posts_via_author.title ?= 'third post'",
    "people": "@request.auth.collectionName = 'people'",
    "people_id": "@request.auth.collectionId = 'people_col_0001'",
    "not_people": "@request.auth.collectionName != 'people'",
    "email": "@request.auth.email = 'ann@example.com'",
    "others": "@collection.people.id ?= @request.auth.id && @collection.people.role ?= 'member'",
    "others_alias": "@collection.people:me.id ?= @request.auth.id && @collection.people:me.role ?= 'member'",
    "others_open": "@collection.posts.author ?= @request.auth.id",
    "others_locked": "@collection.locked.title ?= 'one' && @request.auth.id != ''",
    "itself": "@collection.rules_itself.t ?= 'x'",
    "method": "@request.method = 'GET'",
    "not_method": "@request.method != 'DELETE'",
    "context": "@request.context = 'default'",
    "headers": "@request.headers.x_key = 'k'",
    "no_header": "@request.headers.x_key = ''",
    "agent": "@request.headers.user_agent ~ 'python'",
    "auth_header": "@request.headers.authorization = ''",
    "query": "@request.query.sort = 'id'",
    "no_query": "@request.query.nope = ''",
    "query_isset": "@request.query.fields:isset = true",
    "body": "@request.body.t = 'x'",
    "no_body": "@request.body.t:isset = false",
    "comment": "// only owners\np = @request.auth.id // and nobody else",
    "or": "p = @request.auth.id || b = true",
    "and": "p = @request.auth.id && b = true",
    "now": "@now > '2020-01-01'",
    "constant": "1 = 1",
    "never": "1 = 2",
    "id": "id != ''",
    "list_rule_of_target": "p.posts_via_author.id ?!= ''",
    "geo": "geoDistance(0,0,1,1) < 200",
    "age": "@request.auth.age > 35",
    "age_text": "@request.auth.age = '40'",
    "age_missing": "@request.auth.age = 0",
    "auth_null": "@request.auth.id = null",
    "auth_nope": "@request.auth.nope = ''",
    "auth_lower": "@request.auth.nick:lower = 'annie'",
    "auth_isset": "@request.auth.id:isset = true",
}

CREATES: dict[str, tuple[Json, ...]] = {
    "text": ({}, {"t": ""}, {"t": "x"}, {"t": None}, {"t": "X"}, {"t": 5}),
    "number": ({}, {"n": 1}, {"n": 5}, {"n": "5"}, {"n": "abc"}, {"n+": 5}, {"n": 1.5}),
    "bool": ({}, {"b": True}, {"b": "true"}, {"b": 1}, {"b": False}),
    "list": (
        {},
        {"s": []},
        {"s": ["a"]},
        {"s": ["a", "b"]},
        {"s": "a"},
        {"s": ["b"]},
        {"s": ["a", "a"]},
        {"s+": "a"},
        {"s": None},
    ),
    "person": (
        {},
        {"p": "annannannannann", "ps": ["annannannannann"]},
        {"p": "benbenbenbenben", "ps": ["annannannannann", "benbenbenbenben"]},
        {"p": "nope"},
        {"p": "", "ps": []},
    ),
    "json": (
        {},
        {"j": {"a": 1}},
        {"j": {"a": {"b": "x"}}},
        {"j": "x"},
        {"j": [1, 2]},
        {"j": None},
        {"j": '{"a":1}'},
    ),
    "email": ({}, {"e": "A@B.CO"}, {"e": "a@b.co"}, {"e": "bad"}),
}
CREATE_RULES: dict[str, tuple[str, ...]] = {
    "text": (
        "@request.body.t:isset = true",
        "@request.body.t:isset = false",
        "@request.body.t:isset != true",
        "@request.body.t = 'x'",
        "@request.body.t != 'x'",
        "@request.body.t = ''",
        "@request.body.t = null",
        "@request.body.t:lower = 'x'",
        "@request.body.t:changed = true",
        "@request.body.t:changed = false",
        "@request.body.t = t",
        "t = 'x'",
        "t != ''",
        "id != ''",
        "id = ''",
        "id = @request.body.id",
        "@request.body.nope = ''",
        "@request.body.nope:isset = true",
        "@request.body.h:isset = false",
        "@request.body.T:isset = true",
        "@request.body.t > 'a'",
        "@request.body.t ~ 'x'",
        "@collection.rules_create.t != 'x'",
        "@collection.rules_create.t ?= 'x'",
        "@collection.rules_create.id = ''",
        "@collection.rules_create.t ?= @request.body.t",
        "@collection.people.name ?= @request.body.t",
        "t = 'x' || @request.auth.id != ''",
        "d = ''",
        "created = ''",
        "collectionName = 'rules_create'",
        "collectionId != ''",
        "posts_via_author.id = ''",
    ),
    "number": (
        "@request.body.n > 1",
        "@request.body.n = 5",
        "@request.body.n = '5'",
        "@request.body.n = n",
        "@request.body.n:isset = true",
        "@request.body.n != null",
        "n > 1",
        "n = 5",
    ),
    "bool": (
        "@request.body.b = true",
        "@request.body.b = false",
        "@request.body.b != true",
        "b = true",
        "b = false",
    ),
    "list": (
        "@request.body.s:length = 2",
        "@request.body.s:length > 0",
        "@request.body.s:length = 0",
        "@request.body.ps:each = ''",
        "@request.body.s:each = 'a'",
        "@request.body.s:each ?= 'a'",
        "@request.body.s:each != 'a'",
        "@request.body.s:each ?!= 'a'",
        "@request.body.s = 'a'",
        "@request.body.s ?= 'a'",
        "@request.body.s ~ 'a'",
        "@request.body.s:isset = true",
        "s:length = 2",
        "s:each = 'a'",
        "s:each != 'a'",
        "s ?= 'a'",
        "s = ''",
        "s:length > 0 && s:each ?!= 'c'",
        "@request.body.s:each = s:each",
    ),
    "person": (
        "@request.body.p.name = 'Ann'",
        "@request.body.p.diary = 'd1'",
        "@request.body.p.email = 'ann@example.com'",
        "@request.body.p.team.title = 'Red'",
        "@request.body.p.posts_via_author.title ?= 'First post'",
        "@request.body.p = @request.auth.id",
        "@request.body.p = ''",
        "@request.body.p.id = ''",
        "@request.body.p:isset = true",
        "@request.body.ps.name ?= 'Ann'",
        "@request.body.ps.name = 'Ann'",
        "@request.body.ps:each = @request.auth.id",
        "@request.body.ps:length = 1",
        "p.name = 'Ann'",
        "p.name != 'Ann'",
        "p = @request.auth.id",
        "p = ''",
        "ps.name ?= 'Ann'",
        "ps.name = 'Ann'",
        "ps:length = 2",
        "p.posts_via_author.title ?= 'First post'",
    ),
    "json": (
        "@request.body.j.a = 1",
        "@request.body.j.a.b = 'x'",
        "@request.body.j = 'x'",
        "@request.body.j.0 = 1",
        "@request.body.j:isset = true",
        "@request.body.j.a:isset = true",
        "@request.body.j:length = 2",
        "@request.body.j:each = 1",
        "@request.body.j = ''",
        "j.a = 1",
        "j = 'x'",
        "j.0 = 1",
        "j = null",
    ),
    "email": (
        "@request.body.e:lower = 'a@b.co'",
        "@request.body.e = 'a@b.co'",
        "e:lower = 'a@b.co'",
        "e ~ '@b'",
    ),
}


def creates() -> Iterator[Case]:
    """Yield create rules over what is sent and what would be stored."""
    for kind, rules in CREATE_RULES.items():
        for rule in rules:
            steps = [make("rules_create", FIELDS, createRule=rule)]
            steps += [post(records("rules_create"), body, "ann") for body in CREATES[kind]]
            steps.append(post(records("rules_create"), {"id": "rulerecord00001"}, "guest"))
            yield case(f"rules: create [{rule}]", *steps, *drop("rules_create"))


CHANGES: tuple[Json, ...] = (
    {},
    {"t": "old"},
    {"t": "new"},
    {"t": None},
    {"n": 1},
    {"n": 2},
    {"n": "1"},
    {"n+": 1},
    {"n-": 1},
    {"s": ["a"]},
    {"s": ["a", "b"]},
    {"s+": "b"},
    {"s-": "a"},
    {"p": "benbenbenbenben"},
    {"j": {"a": 1}},
    {"j": {"a": 2}},
)
UPDATE_RULES = (
    "@request.body.t:changed = true",
    "@request.body.t:changed = false",
    "@request.body.t:isset = false",
    "@request.body.n:changed = false",
    "@request.body.s:changed = true",
    "@request.body.p:changed = false",
    "@request.body.j:changed = true",
    "@request.body.nope:changed = false",
    "t = 'old'",
    "t = 'new'",
    "@request.body.t = 'new'",
    "t != @request.body.t",
    "@request.body.n > n",
    "@request.body.n >= n",
    "n = 1",
    "@request.body.s:length > s:length",
    "@request.body.s:each ?= 'b'",
    "s:each = 'a'",
    "p = @request.auth.id",
    "p = @request.auth.id && @request.body.p:isset = false",
    "@request.body.p.name = 'Ben'",
    "p.name = 'Ann'",
    "id = @request.body.id",
    "@collection.rules_update.t ?= 'old'",
    "@collection.rules_update.t = 'old'",
    "j.a = 1",
    "@request.method = 'PATCH'",
)


def updates() -> Iterator[Case]:
    """Yield update rules over what is stored and what is sent."""
    start: dict[str, Json] = {"t": "old", "n": 1, "s": ["a"], "p": "annannannannann", "j": {"a": 1}}
    one = records("rules_update", A)
    for rule in UPDATE_RULES:
        steps = [make("rules_update", FIELDS, updateRule=rule), add("rules_update", id=A, **start)]
        for change in CHANGES:
            steps += [patch(one, change, "ann"), patch(one, start, quiet=True)]
        yield case(f"rules: update [{rule}]", *steps, *drop("rules_update"))


REFUSED = (
    "nope = 1",
    "t",
    "''",
    " ",
    "t =",
    "t == 'a'",
    "(t = 'a'",
    "t = 'a')",
    "t = 'a' &&",
    "t = 'a' & t = 'b'",
    "t = a",
    "t.x = 1",
    "p.nope = 1",
    "p.name.x = 1",
    "n.x = 1",
    "s.x = 1",
    "j.x.y.z = 1",
    "t:nope = 1",
    "t:isset = true",
    "t:changed = true",
    "t:each = 'a'",
    "t:length = 1",
    "n:lower = 'a'",
    "s:lower = 'a'",
    "@request.body.t:nope = 1",
    "@request.body.t:length = 1",
    "@request.body.t:each = 1",
    "@request.body.s:lower = 'a'",
    "@request.body.nope:length = 1",
    "@request.body.p.nope = 1",
    "@request.body.t.x = 1",
    "@request.body = 1",
    "@request.body:isset = true",
    "@request.nope = 1",
    "@request = 1",
    "@request.auth = 1",
    "@request.auth:isset = true",
    "@request.auth.nope = 1",
    "@request.auth.nope.more = 1",
    "@request.auth.team.nope = 1",
    "@request.auth.password = 1",
    "@request.query = 1",
    "@request.query.a.b = 1",
    "@request.query.a:isset = true",
    "@request.query.a:changed = true",
    "@request.headers.X-Y = 1",
    "@request.headers.x_y:isset = true",
    "@request.method:lower = 'get'",
    "@request.method:isset = true",
    "@request.context.x = 1",
    "@collection.nope.x = 1",
    "@collection.people = 1",
    "@collection.people.nope = 1",
    "@collection.people:a:b.name = 1",
    "@collection.people:1.name ?= 'x'",
    "@collection.people:a.posts_via_author.title ?= 'x'",
    "@collection.people_col_0001.name ?= 'Ann'",
    "@collection.PEOPLE.name ?= 'Ann'",
    "@collection._superusers.id ?= @request.auth.id",
    "@nope = 1",
    "@now = ''",
    "nope_via_p.x = 1",
    "posts_via_author.id = 1",
    "geoDistance(1,2,3) = 1",
    "nope(1) = 1",
    "strftime('%Y') = '2024'",
    "geoDistance(1,2,3,t) > 1",
    "t = 'x' // comment",
    "// only a comment",
    "x" * 100,
    "t = '" + "a" * 6000 + "'",
    "||".join(["t = 'x'"] * 201),
    "t = \"a'b\" && t != 'a\"b'",
    "h = 'x'",
    "f:length = 1",
    "ps:length = 1 && ps:each = 'x'",
)


def refused() -> Iterator[Case]:
    """Yield rules as they are saved: which are refused, with which words."""
    for rule in REFUSED:
        name = rule[:40] if len(rule) < 100 else f"{rule[:20]}... of {len(rule)}"
        steps = [make("rules_refused", FIELDS)]
        steps += [
            patch("/api/collections/rules_refused", {f"{door}Rule": rule}) for door in ("list", "create")
        ]
        steps += [get(records("rules_refused"), "ann"), post(records("rules_refused"), {"t": "x"}, "ann")]
        yield case(f"rules: saved [{name}]", *steps, *drop("rules_refused"))


def closed() -> Iterator[Case]:
    """Yield what a list or a filter tells of a collection whose rules differ by door."""
    for door in DOORS:
        yield through_doors(f"only_{door}_closed", None, [door])
        yield through_doors(f"only_{door}_owner", "p = @request.auth.id", [door])


CASES = [
    *(through_doors(name, rule) for name, rule in RULES.items()),
    *closed(),
    *creates(),
    *updates(),
    *refused(),
]
