"""/: the welcome page of a site which has no pages of its own."""

from __future__ import annotations

from starlette.routing import BaseRoute

from backstay.http.context import Ask, Door
from backstay.http.own_page import own_page
from backstay.http.replies import Reply
from backstay.http.routing import Route


async def welcome(ask: Ask) -> Reply:
    return own_page("welcome.html", ask.scope)


routes: list[BaseRoute] = [Route("/", Door(welcome), methods=["GET"])]
