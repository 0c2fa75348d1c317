"""Filters through relations, back-relations and other collections, and what they must not tell."""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance.cases import (
    Case,
    case,
    listing,
)

PATHS = (
    "author.name = 'Ann'",
    "author.name != 'Ann'",
    "author.team.title = 'Red'",
    "author.team.title != 'Red'",
    "author.team = 'team00000000001'",
    "author.skills:each ?= 'sail'",
    "author.skills:each = 'sail'",
    "author.skills:length = 2",
    "author.email = 'ann@example.com'",
    "author.email = 'ben@example.com'",
    "author.email ~ 'example'",
    "author.email != ''",
    "author.verified = true",
    "author.diary = 'd1'",
    "author.password != ''",
    "author.tokenKey != ''",
    "author.emailVisibility = true",
    "author.id = 'annannannannann'",
    "author.id = ''",
    "author = ''",
    "editors.name = 'Ben'",
    "editors.name ?= 'Ben'",
    "editors.name != 'Ben'",
    "editors.name ?!= 'Ben'",
    "editors.age > 0",
    "editors.age ?> 0",
    "editors.team.title ?= 'green'",
    "editors.team.title = 'green'",
    "editors.skills:each ?= 'sail'",
    "editors.skills:each = 'sail'",
    "editors.email ?= 'dan@example.com'",
    "editors.email ?= 'cat@example.com'",
    "editors:length = 2",
    "editors:each = 'danandandandand'",
    "editors ~ 'dan'",
    "comments_via_post.text ~ 'nice'",
    "comments_via_post.text ?~ 'nice'",
    "comments_via_post.text !~ 'nice'",
    "comments_via_post.text = ''",
    "comments_via_post.author.name ?= 'Ben'",
    "comments_via_post.author.name = 'Ann'",
    "comments_via_post.flags:each ?= 'nice'",
    "comments_via_post.flags:each = 'nice'",
    "comments_via_post.flags:length > 0",
    "comments_via_post.flags:length ?> 1",
    "comments_via_post.likes >= 0",
    "comments_via_post.likes = 3",
    "comments_via_post.id != ''",
    "comments_via_post.id = ''",
    "comments_via_post.id = null",
    "comments_via_post:length > 0",
    "comments_via_post.post.title = title",
    "comments_via_post.post.id = id",
    "comments_via_post.author = author",
    "comments_via_post.author ?= author",
    "comments_via_post.author.id ?= author.id",
    "details_via_post.note = 'first'",
    "details_via_post.note != 'first'",
    "details_via_post.note = ''",
    "details_via_post.post.title = 'third post'",
    "details_via_post.post.author.name = 'Ben'",
    "author.posts_via_author.title ?= 'third post'",
    "author.posts_via_author.title = 'First post'",
    "author.posts_via_author.score > 5",
    "author.comments_via_author.likes ?> 2",
    "author.comments_via_author.post.title ?= title",
    "links_via_posts.title ?= 'to first'",
    "links_via_posts.title = 'to second'",
    "links_via_post.title = 'to first'",
    "people_via_nope.id = ''",
    "post_stats_via_author.id = ''",
    "author.post_stats_via_author.comments ?> 0",
    "meta.lang = 'en'",
    "meta.parts = '[1,2]'",
    "meta.parts.0 = 1",
    "meta.parts:length = 2",
    "meta:length = 2",
    "meta.nope = null",
    "meta.nope.more = ''",
    "meta.lang != 'en'",
    "notes = 'n1'",
    "body ~ 'excerpt'",
    "team.secret = 's1'",
    "author.team.secret = 's1'",
    "team.secret != 's1'",
    "published >= '2024-01-15' || score < 0",
    "score > 5 && author.name ~ 'n' && labels:each ?= 'b'",
    "labels:each = 'a' || editors.name ?= 'Dan'",
    "locked_via_post.title = 'one'",
    "locked_via_post.id = ''",
    "inner_via_post.title = 'in'",
    "inner_via_post.locked.title = 'one'",
    "inner_via_post.locked.id = 'locked000000001'",
    "inner_via_post.locked = 'locked000000001'",
    "status = 'open' || inner_via_post.title = 'in'",
)


def paths() -> Iterator[Case]:
    """Yield relation paths and back-relations, as people who may see more or less."""
    for filter in PATHS:
        steps = (listing("posts", filter, who) for who in ("superuser", "guest", "ann", "ben"))
        yield case(f"filter: path [{filter}]", *steps)


LINKS = (
    "locked = 'locked000000001'",
    "locked.id = 'locked000000001'",
    "locked.title = 'one'",
    "locked.title != 'one'",
    "locked.nope = 1",
    "lockeds.id ?= 'locked000000001'",
    "lockeds.title ?= 'one'",
    "lockeds:length = 2",
    "lockeds:each ?= 'locked000000002'",
    "inner.title = 'in'",
    "inner.title != 'zzz'",
    "inner.title = null",
    "inner.title = ''",
    "inner.id = ''",
    "inner.locked.title = 'one'",
    "inner.locked.id = 'locked000000001'",
    "inner.locked = 'locked000000001'",
    "inner.post.title = 'First post'",
    "title = 'to second' || inner.title = 'in'",
    "title = 'to second' || post.title = 'First post'",
    "title != 'to second' && post.title != 'x'",
    "post.title = 'First post'",
    "post.title = 'Draft post'",
    "post.title != 'x'",
    "post.title = null",
    "post.title ?= 'Draft post'",
    "post.author.name = 'Ben'",
    "post.author.name = 'Ann'",
    "posts.title = 'First post'",
    "posts.title ?= 'First post'",
    "posts.title ?= 'Draft post'",
    "posts.title != 'x'",
    "posts.title ?!= 'x'",
    "posts.title ~ 'post'",
    "posts.score > 5",
    "posts.score ?> 5",
    "posts.comments_via_post.text ?= 'secret talk'",
    "post.comments_via_post.text ?= 'secret talk'",
    "post.locked_via_post.title = 'one'",
    "member.name = 'Mia'",
    "member.name != 'Mia'",
    "member.email = 'member@example.com'",
    "member.id = 'guestmember0001'",
    "member.collectionName = 'members'",
    "post.collectionId = 'posts_col_00001'",
    "post.collectionName = 'posts'",
    "@request.auth.id = ''",
    "@request.auth.id != ''",
    "@request.method = 'GET'",
    "@request.context = 'default'",
    "@request.query.filter != ''",
    "@request.query.nope = ''",
    "@request.headers.nope = ''",
    "@request.headers.user_agent ~ 'python'",
    "@request.body.x = ''",
    "@request.body.x:isset = false",
    "@request.nope = 1",
    "@collection.posts.title ?= 'First post'",
    "@collection.posts.title = 'First post'",
    "@collection.posts.id ?= post",
    "@collection.posts.id = post",
    "@collection.posts.author.name ?= 'Ann'",
    "@collection.posts.author ?= 'annannannannann' && @collection.posts.status ?= 'draft'",
    "@collection.posts:a.author ?= 'annannannannann' && @collection.posts:b.status ?= 'draft'",
    "@collection.posts:a.id ?= post && @collection.posts:a.status ?= 'open'",
    "@collection.posts:a.id ?= post && @collection.posts:a.status ?= 'draft'",
    "@collection.posts.labels:each ?= 'a'",
    "@collection.posts.comments_via_post.text ?= 'third'",
    "@collection.nope.id = ''",
    "@collection.posts = ''",
    "@collection.posts.nope = ''",
    "@collection.people.email ?= 'ben@example.com'",
    "@collection.post_stats.comments ?= 3",
    "@collection.links.id ?= id",
    "@collection.links.title ?!= title",
    "title ?= @collection.links.title",
    "@collection.teams.title ~ 'e'",
    "@collection.teams.title != ''",
    "@collection.locked.title ?= 'one'",
)


def links() -> Iterator[Case]:
    """Yield filters over what not everybody may see."""
    for filter in LINKS:
        steps = (listing("links", filter, who) for who in ("superuser", "guest", "ann", "ben", "member"))
        yield case(f"filter: hidden [{filter}]", *steps)


PEOPLE = (
    "email = 'ann@example.com'",
    "email = 'ben@example.com'",
    "email != 'ben@example.com'",
    "email ~ 'example'",
    "email !~ 'example'",
    "email ?= 'ben@example.com'",
    "email = ''",
    "email != ''",
    "email = null",
    "email > 'b'",
    "email:lower = 'ben@example.com'",
    "'ben@example.com' = email",
    "email = email",
    "verified = true",
    "emailVisibility = false",
    "password != ''",
    "password = ''",
    "tokenKey != ''",
    "passwordHash != ''",
    "diary = 'd1'",
    "diary != ''",
    "skills:each ?= 'sail'",
    "team.title = 'Red'",
    "posts_via_author.title ?~ 'post'",
    "posts_via_author.status ?= 'draft'",
    "posts_via_editors.title ?= 'Draft post'",
    "links_via_member.title = ''",
    "name = 'Ann' || email = 'ben@example.com'",
    "username = 'x'",
    "nick = ''",
)


def people() -> Iterator[Case]:
    """Yield filters over accounts: addresses and secrets stay hidden."""
    for filter in PEOPLE:
        steps = (
            listing("people", filter, who) for who in ("superuser", "guest", "ann", "ben", "dan", "member")
        )
        yield case(f"filter: people [{filter}]", *steps)


VIEWS = (
    "comments > 0",
    "comments = 3",
    "comments = '3'",
    "double = 20",
    "double > 20",
    "whole = 10",
    "heading ~ 'post'",
    "title = 'fifth'",
    "author.name = 'Ben'",
    "author.team.title = 'Red'",
    "labels:each ?= 'a'",
    "labels:length = 2",
    "published > '2024-01-15'",
    "score < 0",
    "id = 'post00000000001'",
    "collectionName = 'post_stats'",
    "nope = 1",
    "created > ''",
    "comments_via_post.id != ''",
)


def views() -> Iterator[Case]:
    """Yield filters over a view collection."""
    for filter in VIEWS:
        steps = (listing("post_stats", filter, who) for who in ("superuser", "guest"))
        yield case(f"filter: view [{filter}]", *steps)


CASES = [*paths(), *links(), *people(), *views()]
