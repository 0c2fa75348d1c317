"""View collections: queries, the fields that are told from them, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance.cases import NOTHING, Case, Json, Raw, case, delete, drop, get, patch, post, records

URL = "/api/collections"
DRY = f"{URL}/meta/dry-run-view"

QUERIES = (
    "SELECT id FROM posts",
    "select id, title from posts",
    "SELECT posts.id, posts.title AS name FROM posts",
    "SELECT p.id, p.title FROM posts p",
    "SELECT p.id, p.title FROM posts AS p",
    "SELECT p.id, p.author, p.editors, p.labels, p.meta, p.body, p.published, p.score, p.status, p.team, p.notes FROM posts p",
    "SELECT e.id, e.bool, e.email, e.url, e.geo, e.file, e.files, e.created, e.json, e.secret, e.hid, e.whole, e.teams FROM everything e",
    "SELECT id, email, verified, emailVisibility FROM people",
    "SELECT id, password FROM people",
    "SELECT id, tokenKey FROM people",
    "SELECT id, title FROM posts WHERE status = 'open'",
    "SELECT id, title FROM posts ORDER BY score DESC LIMIT 2",
    "SELECT id, count(*) AS total FROM posts GROUP BY author",
    "SELECT author AS id, count(id) AS total, sum(score) AS points, avg(score) AS mean, max(score) AS most, min(title) AS first FROM posts WHERE author != '' GROUP BY author",
    "SELECT posts.id, comments.text FROM posts LEFT JOIN comments ON comments.post = posts.id",
    "SELECT c.id, c.text, p.title, p.author FROM comments c JOIN posts p ON p.id = c.post",
    "SELECT c.id, c.text, p.id AS post FROM comments c INNER JOIN posts p ON p.id = c.post",
    "SELECT c.id, (p.id) AS post FROM comments c, posts p WHERE p.id = c.post",
    "SELECT id, (score + 1) AS more FROM posts",
    "SELECT id, score + 1 AS more FROM posts",
    "SELECT id, (score + 1) FROM posts",
    "SELECT id, cast(score AS real) AS r, cast(score AS int) AS i, cast(score AS text) AS t, cast(score AS bool) AS b, cast(score AS boolean) AS b2, cast(score AS numeric) AS n, cast(score AS decimal) AS d, cast(score AS double) AS f, cast(score AS blob) AS x, cast(score AS integer) AS i2 FROM posts",
    "SELECT id, count(*) AS c, count(id) AS c2, total(score) AS t, sum(score) AS s FROM posts GROUP BY id",
    "SELECT id, 'text' AS t, 5 AS n, 1.5 AS f, null AS z, true AS b FROM posts",
    "SELECT id, upper(title) AS u, length(title) AS l FROM posts",
    "SELECT id, (SELECT count(*) FROM comments WHERE post = posts.id) AS comments FROM posts",
    "SELECT id, CASE WHEN score > 5 THEN 'high' ELSE 'low' END AS level FROM posts",
    "SELECT id, (CASE WHEN score > 5 THEN 'high' ELSE 'low' END) AS level FROM posts",
    "SELECT id, json_extract(meta, '$.lang') AS lang FROM posts",
    "SELECT id, title || '!' AS loud FROM posts",
    "SELECT id, (title || '!') AS loud FROM posts",
    "SELECT DISTINCT id, title FROM posts",
    "SELECT id, title FROM posts UNION SELECT id, title FROM teams",
    "SELECT id, title FROM posts UNION ALL SELECT id, title FROM links",
    "WITH a AS (SELECT id, title FROM posts) SELECT id, title FROM a",
    "SELECT id, title FROM (SELECT id, title FROM posts)",
    "SELECT x.id, x.title FROM (SELECT id, title FROM posts) x",
    "SELECT (row_number() OVER ()) AS id, title FROM posts",
    "SELECT row_number() OVER () AS id, title FROM posts",
    "SELECT cast(score AS text) AS id, title FROM posts",
    "SELECT score AS id, title FROM posts",
    "SELECT '' AS id FROM posts",
    "SELECT 1 AS id",
    "SELECT '1' AS id",
    "SELECT null AS id",
    "SELECT 1",
    "SELECT title FROM posts",
    "SELECT * FROM posts",
    "SELECT posts.* FROM posts",
    "SELECT id, * FROM posts",
    "SELECT id, count(*) FROM posts",
    "SELECT id, id FROM posts",
    "SELECT id, title, title FROM posts",
    "SELECT id AS ID FROM posts",
    "SELECT id, title AS 'a b' FROM posts",
    "SELECT id, title AS `a b` FROM posts",
    "SELECT id, title AS `ok` FROM posts",
    'SELECT "id", "title" FROM "posts"',
    "SELECT [id], [title] FROM [posts]",
    "SELECT id, title AS collectionId FROM posts",
    "SELECT id, title AS expand FROM posts",
    "SELECT id, title as x_via_y FROM posts",
    "SELECT id FROM nope",
    "SELECT id, nope FROM posts",
    "SELECT id FROM post_stats",
    "SELECT id, comments, author FROM post_stats",
    "SELECT id, email FROM _superusers",
    "SELECT id FROM posts;",
    "SELECT id FROM posts; SELECT id FROM teams",
    "SELECT id FROM posts; DROP TABLE posts",
    "SELECT id FROM posts -- comment",
    "SELECT id /* comment */ FROM posts",
    "-- comment\nSELECT id FROM posts",
    "  SELECT\n\tid,\n\ttitle\nFROM\n\tposts  ",
    "SELECT id FROM posts WHERE title = 'a -- b'",
    "DELETE FROM posts",
    "UPDATE posts SET title = 'x'",
    "INSERT INTO posts (id) VALUES ('x')",
    "DROP TABLE posts",
    "PRAGMA table_info(posts)",
    "VALUES (1)",
    "EXPLAIN SELECT id FROM posts",
    "ATTACH 'x' AS y",
    "SELECT load_extension('x') AS id",
    "SELECT id FROM pragma_table_info('posts')",
    "(SELECT id FROM posts)",
    "SELECT id FROM posts WHERE",
    "garbage",
    "",
    " ",
    "SELECT id, '" + "x" * 4990 + "' AS long FROM posts",
    "SELECT id FROM posts WHERE title != '" + "x" * 4940 + "'",
)

MADE_UP = ["fields.*.id", "sample.*.collectionId", "sample.*.collectionName"]


def queries() -> Iterator[Case]:
    """Yield queries, tried dry and made into collections."""
    for number, query in enumerate(QUERIES):
        name = f"view_query_{number}"
        body = {"name": name, "type": "view", "listRule": "", "viewQuery": query}
        shown = " ".join(query.split())[:60]
        yield case(
            f"view collection: {number} {shown}",
            post(DRY, {"query": query}, mask=MADE_UP),
            post(URL, body),
            get(records(name), "guest"),
            *drop(name),
        )


def dry() -> Iterator[Case]:
    """Yield bodies of the dry run."""
    bodies: tuple[Json, ...] = (
        NOTHING,
        {},
        {"query": None},
        {"query": 5},
        {"query": "SELECT id FROM posts", "more": 1},
        {"QUERY": "SELECT id FROM posts"},
        Raw(b"{"),
        Raw(b"[]"),
    )
    yield case("view collection: dry bodies", *(post(DRY, body, mask=MADE_UP) for body in bodies))
    yield case(
        "view collection: dry as others",
        *(post(DRY, {"query": "SELECT id FROM posts"}, who) for who in ("guest", "ann")),
    )


def refused() -> Iterator[Case]:
    """Yield what a view collection may not have, and changes of it."""
    view: dict[str, Json] = {
        "name": "view_wrong",
        "type": "view",
        "viewQuery": "SELECT id, title, author FROM posts",
    }
    options: dict[str, dict[str, Json]] = {
        "create rule": {"createRule": ""},
        "update rule": {"updateRule": ""},
        "delete rule": {"deleteRule": "1 = 1"},
        "null rules": {"createRule": None, "updateRule": None, "deleteRule": None},
        "list rule": {"listRule": "title = 'x'"},
        "list rule of a path": {"listRule": "author.name = 'Ann'"},
        "list rule of nothing": {"listRule": "score = 1"},
        "indexes": {"indexes": ["CREATE INDEX `idx_vw` ON `view_wrong` (`title`)"]},
        "fields": {"fields": [{"name": "title", "type": "number"}]},
        "hidden field": {"fields": [{"name": "title", "type": "text", "hidden": True}]},
        "auth options": {"authRule": "", "passwordAuth": {"enabled": True}},
        "no query": {"viewQuery": ""},
        "null query": {"viewQuery": None},
    }
    for name, more in options.items():
        yield case(
            f"view collection: with {name}",
            post(URL, {**view, **more}),
            get(records("view_wrong"), "guest"),
            *drop("view_wrong"),
        )
    made = post(URL, {**view, "listRule": "", "viewRule": "author.id = @request.auth.id"})
    changes: tuple[dict[str, Json], ...] = (
        {"viewQuery": "SELECT id, score FROM posts"},
        {"viewQuery": "SELECT id, title, author, score FROM posts WHERE score > 5"},
        {"viewQuery": "garbage"},
        {"name": "view_renamed"},
        {"createRule": ""},
        {"type": "base"},
        {"fields": []},
    )
    for number, change in enumerate(changes):
        steps = (
            patch(f"{URL}/view_wrong", change),
            get(records("view_wrong"), "guest"),
            get(records("view_renamed"), "guest"),
        )
        yield case(f"view collection: change {number}", made, *steps, *drop("view_wrong", "view_renamed"))
    one = records("view_wrong", "post00000000001")
    doors = (
        get(one, "guest"),
        get(one, "ann"),
        get(one, "superuser"),
        post(records("view_wrong"), {}),
        patch(one, {}),
        delete(one),
    )
    yield case("view collection: doors", made, *doors, *drop("view_wrong"))


CASES = [*queries(), *dry(), *refused()]
