"""Picking fields, on every kind of answer."""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance.cases import Case, case, get, post, records
from tests.conformance.seed import PEOPLE_PASSWORD

POST = records("posts", "post00000000001")
EXPAND = "author,editors.team,comments_via_post.author,details_via_post"

PICKS = (
    "",
    " ",
    ",",
    "*",
    "**",
    "id",
    "id,title",
    " id , title ",
    "id,id",
    "nope",
    "nope,id",
    "ID",
    "title,",
    "expand",
    "expand.*",
    "*,expand",
    "*,expand.*",
    "*,expand.author",
    "expand.author",
    "expand.author.name",
    "expand.author.*",
    "expand.*.name",
    "*.author.name",
    "id,expand.editors.name",
    "id,expand.editors.expand.team.title",
    "id,expand.editors.*,expand.editors.expand.team.title",
    "expand.editors.expand",
    "expand.comments_via_post.text,expand.comments_via_post.expand.author.name",
    "expand.comments_via_post.0.text",
    "expand.details_via_post.note",
    "expand.nope.x",
    "meta",
    "meta.lang",
    "meta.parts",
    "meta.parts.0",
    "meta.*",
    "meta.nope",
    "labels",
    "labels.0",
    "labels.x",
    "title.x",
    "title.*",
    "collectionId,collectionName",
    "notes",
    "notes,id",
    "author.name",
    "body:excerpt(10)",
    "body:excerpt(10,true)",
    "body:excerpt(10,false)",
    "body:excerpt(10,1)",
    "body:excerpt(10, true)",
    "body:excerpt( 10 , true )",
    "body:excerpt(1000,true)",
    "body:excerpt(3,true)",
    "body:excerpt(4,true)",
    "body:excerpt(0)",
    "body:excerpt(-1)",
    "body:excerpt(abc)",
    "body:excerpt()",
    "body:excerpt",
    "body:excerpt(10,true,1)",
    "body:excerpt(10",
    "body:nope(10)",
    "body:",
    "title:excerpt(5,true)",
    "title:excerpt(5)",
    "score:excerpt(1)",
    "labels:excerpt(1)",
    "meta:excerpt(3)",
    "meta.lang:excerpt(1,true)",
    "author:excerpt(3),expand.author.name:excerpt(2)",
    "*:excerpt(3)",
    "*:excerpt(3,true)",
    "id,*:excerpt(3)",
    "body,body:excerpt(5)",
    "body:excerpt(5),body",
    "expand.comments_via_post.text:excerpt(4,true)",
)

EXCERPTS = (
    "<p>Hello <b>big</b> world</p>",
    "plain text with words",
    "<p>a</p><p>b</p>",
    "<ul><li>one</li><li>two</li></ul>",
    "a<br>b<br/>c",
    "<script>alert(1)</script>after",
    "<style>p{}</style>after",
    "a &amp; b &lt;c&gt; &nbsp; d &copy;",
    "  lots   of\n\nwhite\tspace  ",
    "<b>a</b><i>b</i><u>c</u>",
    "<div>a</div>b<span>c</span>d",
    "äöü 日本語 😀 text",
    "<img src=x alt='alt'>text",
    "<!-- comment -->text",
    "unclosed <b>bold",
    "a < b > c",
    "word1. word2, word3! word4",
    "<h1>Title</h1>Body<table><tr><td>x</td><td>y</td></tr></table>",
    "<a href='x'>link</a> text",
    "<p>  spaced  </p>  <p>  out  </p>",
    "",
)


def picks() -> Iterator[Case]:
    """Yield picks on a record, a list, and an account."""
    for fields in PICKS:
        yield case(f"fields: view [{fields}]", get(POST, "guest", expand=EXPAND, fields=fields))
    for fields in (
        "*",
        "id",
        "items",
        "items.id",
        "page",
        "page,id",
        "totalItems",
        "nope",
        "id,expand.author.name",
        "meta.lang",
    ):
        yield case(
            f"fields: list [{fields}]",
            get(records("posts"), "guest", sort="id", expand="author", fields=fields),
        )
    yield case("fields: email", get(records("people", "benbenbenbenben"), "guest", fields="email,id"))
    yield case(
        "fields: password",
        get(records("people", "benbenbenbenben"), "superuser", fields="id,password,tokenKey"),
    )
    yield case("fields: twice", get(POST + "?fields=id&fields=title", "guest"))


def excerpts() -> Iterator[Case]:
    """Yield texts cut at several places."""
    make = post(
        "/api/collections", {"name": "excerpts", "type": "base", "viewRule": "", "fields": FIELDS}, quiet=True
    )
    steps = [make]
    for number, text in enumerate(EXCERPTS):
        record_id = f"excerpt{number:08}"
        steps.append(post(records("excerpts"), {"id": record_id, "text": text}, quiet=True))
        for length in (1, 2, 3, 5, 6, 7, 8, 11, 12, 20, 100):
            for ellipsis in ("", ",true"):
                fields = f"text:excerpt({length}{ellipsis})"
                steps.append(get(records("excerpts", record_id), "guest", fields=fields))
    yield case("fields: excerpts", *steps)


FIELDS = [{"type": "text", "name": "text"}]


def elsewhere() -> Iterator[Case]:
    """Yield picks on answers which hold no records."""
    login = {"identity": "ann@example.com", "password": PEOPLE_PASSWORD}
    for fields in (
        "token",
        "record.name",
        "record",
        "*",
        "record.*",
        "nope",
        "record.email,token:excerpt(3)",
    ):
        url = f"/api/collections/people/auth-with-password?fields={fields}"
        yield case(f"fields: sign-in [{fields}]", post(url, login, "guest"))
    for fields in ("code", "message", "nope", "*", "data", "code,message:excerpt(3)"):
        yield case(f"fields: health [{fields}]", get("/api/health", "guest", fields=fields))
    for fields in ("meta", "meta.appName", "smtp.port,batch", "nope", "rateLimits.rules.label", "*"):
        yield case(f"fields: settings [{fields}]", get("/api/settings", fields=fields))
    for fields in ("name", "fields.name", "fields", "id,indexes", "nope", "authToken.duration", "*"):
        yield case(f"fields: collection [{fields}]", get("/api/collections/people", fields=fields))
    yield case(
        "fields: collections", get("/api/collections", fields="name", sort="name", filter="name = 'people'")
    )
    yield case("fields: error", get("/api/nope", fields="message"))
    yield case("fields: record error", get(records("posts", "nope"), "guest", fields="message"))
    yield case(
        "fields: methods", get("/api/collections/people/auth-methods", "guest", fields="password.enabled")
    )
    yield case("fields: scaffolds", get("/api/collections/meta/scaffolds", fields="base.type,auth.authRule"))


CASES = [*picks(), *excerpts(), *elsewhere()]
