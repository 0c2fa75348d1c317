"""Where Backstay answers otherwise on purpose, for cases that tables generate: step by step, what and why.

A case that is written out says so itself, in `differs`. All other steps of these cases must be equal. For users
`docs/differences.md` has the same reasons.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from tests.conformance.cases import Case, Expected, Json

OWN_ADDRESS = "one's own address may be filtered and sorted by; PocketBase hides it from its owner"
NO_ORACLE = (
    "records that the viewer may not list take no part in a comparison of all; PocketBase lets them decide"
)
CLOSED_PATH = "a path that is closed further on is not followed at all, whatever records there are"
OLD_EXPAND = "back-relations are named with _via_ only"
MULTIPART = "a multipart body is read strictly"
NO_FORM_PATHS = "settings are changed with JSON; a form has no nested keys"


def found(*ids: str) -> dict[str, Json]:
    """Return the answer of a `listing`."""
    return {
        "items": [{"id": one} for one in ids],
        "page": 1,
        "perPage": 200,
        "totalItems": len(ids),
        "totalPages": int(bool(ids)),
    }


def sorted_as(*ids: str) -> dict[str, Json]:
    """Return the answer of a list of the default size."""
    return {**found(*ids), "perPage": 30}


ANN, BEN, CAT, DAN = (name * 5 for name in ("ann", "ben", "cat", "dan"))
POST_1, POST_2, POST_3, POST_4, POST_5 = (f"post0000000000{number}" for number in range(1, 6))
LINK_1, LINK_2, LINK_3 = (f"link0000000000{number}" for number in range(1, 4))
LINK: dict[str, Json] = {
    "collectionId": "links_col_00001",
    "collectionName": "links",
    "id": LINK_1,
    "inner": "inner0000000001",
    "locked": "locked000000001",
    "lockeds": ["locked000000001", "locked000000002"],
    "member": "guestmember0001",
    "post": POST_1,
    "posts": [POST_1, POST_2],
    "title": "to first",
}
POST: dict[str, Json] = {
    "author": ANN,
    "body": "<p>The <em>first</em> body, long enough to be cut by an excerpt.</p>",
    "collectionId": "posts_col_00001",
    "collectionName": "posts",
    "editors": [BEN, CAT],
    "id": POST_1,
    "labels": ["a", "b"],
    "meta": {"lang": "en", "parts": [1, 2]},
    "published": "2024-01-01 10:00:00.000Z",
    "score": 10,
    "status": "open",
    "team": "team00000000001",
    "title": "First post",
}
ACCOUNT: dict[str, Json] = {
    "collectionId": "pbc_466947474",
    "collectionName": "accounts_seen",
    "email": "new@b.co",
    "emailVisibility": False,
    "id": "authrecord00001",
    "name": "new",
    "role": "",
    "verified": False,
}
LEAST_FIRST = sorted_as(*(f"everything000{n:02}" for n in (1, 7, 9, 10, 11, 12, 4, 5, 3, 8, 2, 6)))
GREATEST_FIRST = sorted_as(*(f"everything000{n:02}" for n in (2, 4, 5, 6, 8, 3, 1, 7, 9, 10, 11, 12)))


def ok(step: int, body: Json) -> Expected:
    """Expect an answer."""
    return Expected(step=step, status=200, body=body)


def refused(*steps: int, status: int = 400) -> tuple[Expected, ...]:
    """Expect refusals."""
    return tuple(Expected(step=step, status=status) for step in steps)


def filters() -> Iterator[tuple[str, str, tuple[Expected, ...]]]:
    """Yield filters by addresses, and those which would tell of hidden records."""
    people = {
        "email = 'ben@example.com'": found(BEN),
        "email ~ 'example'": found(ANN, BEN, DAN),
        "email ?= 'ben@example.com'": found(BEN),
        "email != ''": found(ANN, BEN, DAN),
        "email > 'b'": found(BEN, DAN),
        "email:lower = 'ben@example.com'": found(BEN),
        "'ben@example.com' = email": found(BEN),
        "email = email": found(ANN, BEN, DAN),
        "name = 'Ann' || email = 'ben@example.com'": found(ANN, BEN),
    }
    for filter, body in people.items():
        yield f"filter: people [{filter}]", OWN_ADDRESS, (ok(3, body),)
    authors = {
        "author.email = 'ben@example.com'": found(POST_2, POST_3),
        "author.email ~ 'example'": found(POST_1, POST_2, POST_3),
        "author.email != ''": found(POST_1, POST_2, POST_3),
    }
    for filter, body in authors.items():
        yield f"filter: path [{filter}]", OWN_ADDRESS, (ok(3, body),)
    yield "filter: hidden [member.email = 'member@example.com']", OWN_ADDRESS, (ok(4, found(LINK_1)),)
    first = tuple(ok(step, found(LINK_1)) for step in (1, 2, 4))
    yield "filter: hidden [posts.title = 'First post']", NO_ORACLE, first
    yield "filter: hidden [posts.score > 5]", NO_ORACLE, (ok(3, found(LINK_1, LINK_2)),)
    yield "filter: hidden [posts.title ~ 'post']", NO_ORACLE, (ok(3, found(LINK_1, LINK_2)),)


def sorts() -> Iterator[tuple[str, str, tuple[Expected, ...]]]:
    """Yield orders by addresses and by several values."""
    seen = {
        1: sorted_as(POST_3, POST_4, POST_5, POST_1),
        2: sorted_as(POST_3, POST_5, POST_1),
        3: sorted_as(POST_5, POST_1, POST_2, POST_3),
        4: sorted_as(POST_3, POST_5, POST_1),
    }
    hides = "PocketBase sorts by addresses that it hides"
    yield "sort: posts by author.email", hides, tuple(ok(step, body) for step, body in seen.items())
    each = "of several values the least, or in descending order the greatest, decides; in PocketBase any"
    orders = (ok(0, LEAST_FIRST), ok(1, LEAST_FIRST), ok(2, GREATEST_FIRST), ok(3, GREATEST_FIRST))
    yield "sort: selects:each", each, orders


def others() -> Iterator[tuple[str, str, tuple[Expected, ...]]]:
    """Yield the rest: expands, bodies, query strings, settings."""
    for path in ("inner.locked", "inner.nope", "post.inner_via_post.locked"):
        yield f"expand: links 01 [{path}]", CLOSED_PATH, (ok(1, LINK),)
    posts = (ok(0, dict(sorted({**POST, "notes": "n1"}.items()))), ok(1, POST), ok(2, POST), ok(3, POST))
    yield "expand: posts 01 [comments(post)]", OLD_EXPAND, posts
    for managed in (None, "@request.auth.name = 'other'", "name = 'new'", "@request.auth.id = id"):
        yield f"accounts: seen, managed by [{managed}]", OWN_ADDRESS, (ok(14, sorted_as_account()),)
    overflow = "the duration overflows in PocketBase; here a token lives three years at most"
    yield "auth: impersonate 8", overflow, (Expected(step=0, status=200),)
    yield "create: body 56", "a form that is no UTF-8 is refused", refused(1, 2)
    yield "create: body 66", MULTIPART, refused(1, 2)
    yield "create: body 67", MULTIPART, refused(1, 2)
    yield "list: bad escape in query", "a query that is badly escaped is not guessed at", refused(0)
    yield "list: semicolon in query", "a semicolon parts no parameters", refused(0)
    for depth in (50, 150):
        yield f"list: {depth} brackets", "brackets may be nested 20 deep", refused(0)
    yield "settings: 112 body 112", NO_FORM_PATHS, tuple(Expected(step=step, status=200) for step in (0, 1))
    yield "settings: 113 body 113", NO_FORM_PATHS, (*refused(0), Expected(step=1, status=200))


def schemas() -> Iterator[tuple[str, str, tuple[Expected, ...]]]:
    """Yield collections, imports and views."""
    indexes = "indexes are read as the database reads them, expressions and comments included"
    made = tuple(Expected(step=step, status=status) for step, status in ((0, 200), (1, 200), (2, 204)))
    for kind in ("expression", "comment"):
        yield f"collection error: index {kind}", indexes, made
    yield "collection error: body 1", "null changes nothing", (Expected(step=1, status=200),)
    message = 'Data validations failed for collection "import_one" ({})'
    faults = {
        "import same name twice": message.format("import_one_0001"),
        "import same id twice": message.format("import_one_0001"),
        "import body 10": message.format("pbc_280041185"),
    }
    for name, text in faults.items():
        fault = {"code": "validation_collections_import_failure", "message": text}
        body = {"data": {"collections": fault}, "message": "Failed to import collections.", "status": 400}
        why = "the fault that was found says which collection it is in"
        yield f"collection: {name}", why, (Expected(step=0, status=400, body=body),)
    number, union, via, comment, text, pragma = (
        f"view collection: {name}"
        for name in (
            "21 SELECT id, cast(score AS real) AS r, cast(score AS int) AS i",
            "33 SELECT id, title FROM posts UNION ALL SELECT id, title FROM ",
            "61 SELECT id, title as x_via_y FROM posts",
            "70 SELECT id FROM posts -- comment",
            "74 SELECT id FROM posts WHERE title = 'a -- b'",
            "84 SELECT id FROM pragma_table_info('posts')",
        )
    )
    shown = tuple(Expected(step=step, status=200) for step in range(3))
    yield number, "a number but 0 is true; PocketBase knows 1 only", (shown[0], shown[2])
    words = "the same refusal in other words"
    for name in (union, via, pragma):
        yield name, words, refused(1)
    for name in (comment, text):
        yield name, "a view's query may hold two dashes", (*shown, Expected(step=3, status=204))


def sorted_as_account() -> dict[str, Json]:
    """Return a list with the one account."""
    return {**sorted_as("one"), "items": [ACCOUNT]}


DIFFERENCES: Mapping[str, tuple[str, tuple[Expected, ...]]] = {
    name: (reason, expected) for name, reason, expected in (*filters(), *sorts(), *others(), *schemas())
}


def with_own_answers(case: Case) -> Case:
    """Return a case with what is known of its own answers."""
    if case.name not in DIFFERENCES:
        return case
    assert not case.differs, f"{case.name} says itself why it differs"
    reason, expected = DIFFERENCES[case.name]
    return msgspec.structs.replace(case, differs=reason, expected=expected)
