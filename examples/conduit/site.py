"""Conduit, the back end of a blogging site, as the RealWorld project specifies it (its OpenAPI document, version 2.0.0).

`make conduit` serves it on port 8090 under /api, with the specification's bodies, status codes and errors.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Any, NoReturn

import msgspec
from msgspec import UNSET, UnsetType
from starlette.requests import Request
from starlette.responses import JSONResponse

from backstay import AuthCollection, Backstay, Collection, Index, Viewer, field
from backstay.errors import BadRequest, Fault, Forbidden, NotFound, RequestError, Unauthorized

app = Backstay()


@app.collection
class Members(AuthCollection):
    __indexes__ = (Index("username", unique=True),)
    username: str = field.text(required=True, max=100)
    bio: str = field.text(max=5000)
    image: str = field.text(max=2000)
    following: list[str] = field.relation("members", many=True, max_select=100_000)


@app.collection
class Tags(Collection):
    __indexes__ = (Index("name", unique=True),)
    name: str = field.text(required=True, max=100)
    created: str = field.autodate(on_create=True)


@app.collection
class Articles(Collection):
    __indexes__ = (Index("slug", unique=True), Index("created DESC"))
    author: str = field.relation(Members, required=True, cascade_delete=True)
    slug: str = field.text(required=True)
    title: str = field.text(required=True, max=500)
    description: str = field.text(required=True, max=2000)
    body: str = field.text(required=True, max=200_000)
    tags: list[str] = field.relation(Tags, many=True)
    favorited_by: list[str] = field.relation(Members, many=True, max_select=100_000)
    created: str = field.autodate(on_create=True)
    updated: str = field.autodate(on_create=True, on_update=True)


@app.collection
class Comments(Collection):
    __indexes__ = (Index("number", unique=True),)
    number: int = field.number(whole=True)
    article: str = field.relation(Articles, required=True, cascade_delete=True)
    author: str = field.relation(Members, required=True, cascade_delete=True)
    body: str = field.text(required=True, max=20_000)
    created: str = field.autodate(on_create=True)
    updated: str = field.autodate(on_create=True, on_update=True)


class User(msgspec.Struct):
    email: str | UnsetType = UNSET
    password: str | UnsetType = UNSET
    username: str | UnsetType = UNSET
    bio: str | UnsetType | None = UNSET
    image: str | UnsetType | None = UNSET


class Article(msgspec.Struct):
    title: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    body: str | UnsetType = UNSET
    tagList: list[str] | UnsetType = UNSET


class Comment(msgspec.Struct):
    body: str = ""


REQUIRED = Fault("validation_required", "can't be blank")
NAMES = {"slug": "title"}
WORDS = {"validation_required": "can't be blank", "validation_not_unique": "has already been taken"}


def told(error: RequestError) -> JSONResponse:
    """Return an error as the specification has it: 422 with what is wrong by field, 409 for what others have."""
    if error.status != 400:
        word = {401: "is missing", 403: "forbidden", 404: "not found"}.get(error.status, error.message)
        word = error.message if error.at == "credentials" else word
        return JSONResponse({"errors": {error.at or "token": [word]}}, error.status)
    faults = [(name, fault) for name, fault in error.faults.items() if isinstance(fault, Fault)]
    words = {NAMES.get(name, name): [WORDS.get(fault.code, fault.message)] for name, fault in faults}
    status = 409 if ["has already been taken"] in words.values() else 422
    return JSONResponse({"errors": words or {"body": [error.hint or error.message]}}, status)


def missing(what: str) -> NoReturn:
    raise NotFound(at=what)


get, post, put, delete = (
    partial(verb, errors=told, members_of=("members",)) for verb in (app.get, app.post, app.put, app.delete)
)


def check_given(body: User, *names: str) -> None:
    if blank := {name: REQUIRED for name in names if not getattr(body, name)}:
        raise BadRequest(faults=blank)


def given(change: Any) -> dict[str, Any]:
    """Return what a change names; null empties a field."""
    return {name: value or "" for name, value in msgspec.structs.asdict(change).items() if value is not UNSET}


def person(member: Members) -> dict[str, Any]:
    return {"username": member.username, "bio": member.bio or None, "image": member.image or None}


async def user_body(member: Members, token: str = "") -> dict[str, Any]:
    token = token or await app.accounts(Members).token(member.id)
    return {**person(member), "email": member.email, "token": token}


def profile(member: Members, viewer: Viewer) -> dict[str, Any]:
    return {**person(member), "following": member.id in viewer.record.get("following", [])}


async def article_body(article: Articles, viewer: Viewer, *, short: bool = False) -> dict[str, Any]:
    author = await app.records(Members).get(article.author)
    tags = [(await app.records(Tags).get(tag)).name for tag in article.tags]
    text = {"slug": article.slug, "title": article.title, "description": article.description}
    text |= {} if short else {"body": article.body}
    favor = {"favorited": viewer.id in article.favorited_by, "favoritesCount": len(article.favorited_by)}
    return {**text, **favor, **dates(article), "tagList": tags, "author": profile(author, viewer)}


async def comment_body(comment: Comments, viewer: Viewer) -> dict[str, Any]:
    author = profile(await app.records(Members).get(comment.author), viewer)
    return {"id": comment.number, "body": comment.body, **dates(comment), "author": author}


def dates(record: Articles | Comments) -> dict[str, str]:
    return {"createdAt": record.created.replace(" ", "T"), "updatedAt": record.updated.replace(" ", "T")}


@post("/api/users", public=True, status=201, within="user")
async def register(body: User) -> dict[str, Any]:
    check_given(body, "username", "email", "password")
    return await user_body(await app.records(Members).create(given(body)))


@post("/api/users/login", public=True, within="user")
async def login(body: User, request: Request) -> dict[str, Any]:
    check_given(body, "email", "password")
    try:
        found = await app.accounts(Members).sign_in(str(body.email), str(body.password), request=request)
    except BadRequest:
        raise Unauthorized("invalid", at="credentials") from None
    return await user_body(found.record, found.token)


@get("/api/user", within="user")
async def current(viewer: Viewer) -> dict[str, Any]:
    return await user_body(await app.records(Members).get(viewer.id))


@put("/api/user", within="user")
async def change_user(body: User, viewer: Viewer) -> dict[str, Any]:
    return await user_body(await app.records(Members).update(viewer.id, given(body)))


async def named(username: str) -> Members:
    return await app.records(Members).first("username = {:name}", name=username) or missing("profile")


@get("/api/profiles/{username}", public=True, within="profile")
async def show_profile(username: str, viewer: Viewer) -> dict[str, Any]:
    return profile(await named(username), viewer)


@post("/api/profiles/{username}/follow", within="profile")
@delete("/api/profiles/{username}/follow", within="profile")
async def follow(username: str, viewer: Viewer, request: Request) -> dict[str, Any]:
    member, is_new = await named(username), request.method == "POST"
    await app.records(Members).update(viewer.id, {"following+" if is_new else "following-": member.id})
    return {**profile(member, viewer), "following": is_new}


async def page(viewer: Viewer, filter: str, offset: int, limit: int, **values: Any) -> dict[str, Any]:
    found = await app.records(Articles).list(
        filter, sort="-created,-@rowid", offset=max(offset, 0), per_page=min(max(limit, 1), 100), **values
    )
    articles = [await article_body(item, viewer, short=True) for item in found.items]
    return {"articles": articles, "articlesCount": found.total}


@get("/api/articles", public=True)
async def articles(
    viewer: Viewer, tag: str = "", author: str = "", favorited: str = "", offset: int = 0, limit: int = 20
) -> dict[str, Any]:
    paths = {"tag": "tags.name ?=", "author": "author.username =", "favorited": "favorited_by.username ?="}
    values = {key: text for key, text in zip(paths, (tag, author, favorited), strict=True) if text}
    filter = " && ".join(f"{paths[name]} {{:{name}}}" for name in values)
    return await page(viewer, filter, offset, limit, **values)


@get("/api/articles/feed")
async def feed(viewer: Viewer, offset: int = 0, limit: int = 20) -> dict[str, Any]:
    return await page(viewer, "author.members_via_following.id ?= {:me}", offset, limit, me=viewer.id)


async def found_article(slug: str) -> Articles:
    return await app.records(Articles).first("slug = {:slug}", slug=slug) or missing("article")


async def own_article(slug: str, viewer: Viewer) -> Articles:
    article = await found_article(slug)
    if article.author != viewer.id:
        raise Forbidden(at="article")
    return article


def slug_of(title: str) -> str:
    return re.sub(r"[^\w]+", "-", title.lower()).strip("-")


async def tag_ids(names: list[str]) -> list[str]:
    return [(await app.records(Tags).upsert("name", {"name": name})).id for name in dict.fromkeys(names)]


@post("/api/articles", status=201, in_transaction=True, within="article")
async def write(body: Article, viewer: Viewer) -> dict[str, Any]:
    values = {**given(body), "author": viewer.id, "slug": slug_of(body.title or "")}
    values["tags"] = await tag_ids(values.pop("tagList", None) or [])
    return await article_body(await app.records(Articles).create(values), viewer)


@get("/api/articles/{slug}", public=True, within="article")
async def read(slug: str, viewer: Viewer) -> dict[str, Any]:
    return await article_body(await found_article(slug), viewer)


@put("/api/articles/{slug}", in_transaction=True, within="article")
async def rewrite(slug: str, body: Article, viewer: Viewer) -> dict[str, Any]:
    old, values = await own_article(slug, viewer), given(body)
    if "tagList" in values:
        values["tags"] = await tag_ids(values.pop("tagList", None) or [])
    if "title" in values:
        values["slug"] = slug_of(values["title"])
    return await article_body(await app.records(Articles).update(old.id, values), viewer)


@delete("/api/articles/{slug}")
async def remove(slug: str, viewer: Viewer) -> None:
    await app.records(Articles).delete((await own_article(slug, viewer)).id)


@post("/api/articles/{slug}/favorite", within="article")
@delete("/api/articles/{slug}/favorite", within="article")
async def favor(slug: str, viewer: Viewer, request: Request) -> dict[str, Any]:
    article = await found_article(slug)
    key = "favorited_by+" if request.method == "POST" else "favorited_by-"
    return await article_body(await app.records(Articles).update(article.id, {key: viewer.id}), viewer)


@get("/api/articles/{slug}/comments", public=True, within="comments")
async def comments(slug: str, viewer: Viewer) -> list[dict[str, Any]]:
    article = await found_article(slug)
    found = app.records(Comments).iterate("article = {:id}", id=article.id)
    ordered = sorted([item async for item in found], key=lambda item: item.number)
    return [await comment_body(item, viewer) for item in ordered]


@post("/api/articles/{slug}/comments", status=201, in_transaction=True, within="comment")
async def comment_on(slug: str, body: Comment, viewer: Viewer) -> dict[str, Any]:
    article = await found_article(slug)
    last = await app.records(Comments).first(sort="-number")
    values = {"number": int(last.number) + 1 if last else 1, "article": article.id, "author": viewer.id}
    return await comment_body(await app.records(Comments).create(values, body=body.body), viewer)


@delete("/api/articles/{slug}/comments/{number}")
async def remove_comment(slug: str, number: int, viewer: Viewer) -> None:
    article = await found_article(slug)
    found = await app.records(Comments).first("number = {:n} && article = {:id}", n=number, id=article.id)
    comment = found or missing("comment")
    if comment.author != viewer.id:
        raise Forbidden(at="comment")
    await app.records(Comments).delete(comment.id)


@get("/api/tags", public=True, within="tags")
async def tags() -> list[str]:
    found = await app.records(Tags).list(sort="created,@rowid", per_page=1000)
    return [tag.name for tag in found.items]
