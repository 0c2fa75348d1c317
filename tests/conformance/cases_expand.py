"""Expanding relations: what is shown to whom, under which key."""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance.cases import Case, case, get, records

LINK = records("links", "link00000000001")
EXPANDS = {
    LINK: (
        "",
        " ",
        ",",
        ".",
        "*",
        "locked",
        "lockeds",
        "inner",
        "inner.locked",
        "inner.post",
        "inner,inner.post",
        "inner.post,inner",
        "inner.post,inner.locked",
        "inner.nope",
        "post",
        "post,post",
        "posts",
        "posts.author",
        "posts.editors",
        "posts.editors.team",
        "post.author.team",
        "post.author.team,post.editors",
        "post.author,post.team",
        "post.author,posts.author",
        "member",
        "title",
        "nope",
        "nope,post",
        "post,nope",
        "nope.post",
        "post.nope",
        "post.title",
        " post , inner ",
        " post . author ",
        "post.",
        ".post",
        "post..author",
        "POST",
        "expand",
        "id",
        "links_via_post",
        "post.links_via_post",
        "post.links_via_posts",
        "post.comments_via_post",
        "post.comments_via_post.author",
        "post.locked_via_post",
        "post.inner_via_post",
        "post.inner_via_post.locked",
        "post.details_via_post",
        "post.details_via_post.post",
        "post.inner_via_post,post.author",
    ),
    records("links", "link00000000002"): (
        "post",
        "posts",
        "inner",
        "locked",
        "post.author",
        "posts.author",
        "inner,post",
    ),
    records("links", "link00000000003"): ("post", "posts", "inner", "locked", "post.author", "lockeds,posts"),
    records("posts", "post00000000001"): (
        "author",
        "author.team",
        "editors",
        "editors,team",
        "team",
        "comments_via_post",
        "comments_via_post.post",
        "comments_via_author",
        "comments_via_nope",
        "comments_via_text",
        "nope_via_post",
        "details_via_post",
        "locked_via_post",
        "inner_via_post",
        "links_via_post",
        "links_via_posts",
        "links_via_posts.posts",
        "people_via_team",
        "author.posts_via_author",
        "author.posts_via_editors",
        "author.posts_via_author.comments_via_post",
        "author.comments_via_author.post",
        "author.post_stats_via_author",
        "team.people_via_team.posts_via_author",
        "author.links_via_member",
        "comments_via_post.post.comments_via_post.post.author.team",
        "comments_via_post.post.comments_via_post.post.comments_via_post.author",
        "comments_via_post.post.comments_via_post.post.comments_via_post.post.author",
        "author.team.people_via_team.team.people_via_team.team.people_via_team",
        "comments_via_post(post)",
        "comments(post)",
    ),
    records("posts", "post00000000004"): (
        "author",
        "author,editors",
        "editors",
        "comments_via_post",
        "details_via_post",
    ),
    records("comments", "comment00000006"): ("post", "author", "post,author", "post.author,author.team"),
    records("comments", "comment00000004"): ("post", "post.author", "author"),
    records("people", "annannannannann"): (
        "team",
        "posts_via_author",
        "posts_via_editors",
        "post_stats_via_author",
        "comments_via_author.post",
        "posts_via_author.notes",
        "team.people_via_team",
    ),
    records("everything", "everything00005"): (
        "self",
        "self.self",
        "self.self.teams",
        "teams",
        "everything_via_self",
        "team",
    ),
    records("everything", "everything00002"): (
        "everything_via_self",
        "everything_via_self.everything_via_self",
        "team,teams",
    ),
    records("post_stats", "post00000000001"): (
        "author",
        "author.team",
        "team",
        "comments_via_post",
        "post_stats_via_author",
        "comments",
    ),
    records("inner", "inner0000000001"): ("locked", "post", "locked.post"),
    records("locked", "locked000000001"): ("post",),
}


def records_expanded() -> Iterator[Case]:
    """Yield expands of one record, as everybody."""
    for url, expands in EXPANDS.items():
        for expand in expands:
            steps = (get(url, who, expand=expand) for who in ("superuser", "guest", "ann", "ben"))
            yield case(f"expand: {url.split('/')[3]} {url[-2:]} [{expand}]", *steps)


def lists_expanded() -> Iterator[Case]:
    """Yield expands of lists, where the same record is met several times."""
    asks = (
        ("links", "post.author,posts,inner.post,locked"),
        ("posts", "author.team,editors,comments_via_post.author"),
        ("posts", "nope"),
        ("comments", "post.author,author"),
        ("comments", "author.posts_via_author"),
        ("people", "team,posts_via_author"),
        ("teams", "people_via_team.posts_via_author,posts_via_team"),
        ("everything", "teams,self.teams,everything_via_self"),
        ("post_stats", "author"),
    )
    for collection, expand in asks:
        steps = (
            get(records(collection), who, expand=expand, sort="id") for who in ("superuser", "guest", "ben")
        )
        yield case(f"expand: list of {collection} [{expand}]", *steps)
    yield case("expand: twice", get(LINK + "?expand=post&expand=inner", "superuser"))


CASES = [*records_expanded(), *lists_expanded()]
