"""Where Backstay answers on purpose otherwise than PocketBase, by case; `docs/differences.md` tells it to users.

Each of these must differ: a case that comes out equal fails, and its entry goes. What it does instead is held by
tests of its own in `tests/api` and `tests/unit`.
"""

from __future__ import annotations

_REASONS: dict[str, tuple[str, ...]] = {
    "one's own address may be filtered and sorted by; for others a hidden address sorts as nothing": (
        "accounts: seen, managed by [None]",
        "accounts: seen, managed by [@request.auth.name = 'other']",
        "accounts: seen, managed by [name = 'new']",
        "accounts: seen, managed by [@request.auth.id = id]",
        "filter: path [author.email = 'ben@example.com']",
        "filter: path [author.email ~ 'example']",
        "filter: path [author.email != '']",
        "filter: hidden [member.email = 'member@example.com']",
        "filter: people [email = 'ben@example.com']",
        "filter: people [email ~ 'example']",
        "filter: people [email ?= 'ben@example.com']",
        "filter: people [email != '']",
        "filter: people [email > 'b']",
        "filter: people [email:lower = 'ben@example.com']",
        "filter: people ['ben@example.com' = email]",
        "filter: people [email = email]",
        "filter: people [name = 'Ann' || email = 'ben@example.com']",
        "sort: posts by author.email",
        "sort: people by email as ben",
    ),
    "a token's life has an upper bound": ("auth: impersonate 8",),
    "storing files is not part of this version: uploads are refused, and names are not kept": (
        "batch: multipart file to nobody",
        "create: file maxSelect=1 odd",
        "create: file maxSelect=1 required odd",
        "create: file maxSelect=3 odd",
        "create: file maxSelect=3 required odd",
    ),
    "index expressions and comments are allowed; imports name the fault found first": (
        "collection error: index expression",
        "collection error: index comment",
        "collection error: body 1",
        "collection: import same name twice",
        "collection: import same id twice",
        "collection: import body 10",
    ),
    "a NUL in JSON text is kept": (
        "create: json  odd",
        "create: json  required odd",
        "create: form values of j",
    ),
    "a time without seconds is a time": ("create: date layouts",),
    "domains compare without regard to case and port; a host must be one that exists in DNS's terms": (
        "create: url addresses",
        "create: url onlyDomains",
        "create: url exceptDomains",
    ),
    "all faults come at once": (
        "create: many faults as superuser",
        "create: many faults as guest",
        "create: unique twice",
    ),
    "forms and multipart bodies that break off or have no object are refused": (
        "create: body 56",
        "create: body 62",
        "create: body 66",
        "create: body 67",
        "create: forms",
    ),
    "a bad `fields` refuses the write before it happens": (
        "create: answers",
        "update: answers",
    ),
    "a path that leads nowhere leaves no empty object; the syntax of old versions is gone": (
        "expand: links 01 [inner.locked]",
        "expand: links 01 [inner.nope]",
        "expand: links 01 [post.inner_via_post.locked]",
        "expand: posts 01 [comments(post)]",
    ),
    "paragraphs are apart in an excerpt": ("fields: excerpts",),
    "related records that the viewer may not list take no part in comparisons of all values": (
        "filter: path [author.posts_via_author.score > 5]",
        "filter: hidden [posts.title != 'x']",
        "filter: hidden [posts.title ~ 'post']",
        "filter: hidden [posts.score > 5]",
        "filter: whole [team.people_via_team.posts_via_author.title ~ 'post']",
        "sort: people by posts_via_author.title",
    ),
    "a query string that can't be read is refused": (
        "list: bad escape in query",
        "list: semicolon in query",
    ),
    "a filter may nest 20 brackets": (
        "list: 50 brackets",
        "list: 150 brackets",
    ),
    "settings are sent as JSON; dotted form keys mean nothing": (
        "settings: 112 body 112",
        "settings: 113 body 113",
    ),
    "the test of the storage comes with files": ("settings: test of storage that is not set up",),
    "sorting by several values takes the least or the greatest of them": ("sort: selects:each",),
    "comments in view queries, and other words for what is refused": (
        "view collection: 21 SELECT id, cast(score AS real) AS r, cast(score AS int) AS i",
        "view collection: 33 SELECT id, title FROM posts UNION ALL SELECT id, title FROM ",
        "view collection: 61 SELECT id, title as x_via_y FROM posts",
        "view collection: 70 SELECT id FROM posts -- comment",
        "view collection: 74 SELECT id FROM posts WHERE title = 'a -- b'",
        "view collection: 84 SELECT id FROM pragma_table_info('posts')",
    ),
}

DIFFERENCES: dict[str, str] = {name: reason for reason, names in _REASONS.items() for name in names}
"""The reason, by the name of the case."""
