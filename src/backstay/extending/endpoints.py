"""Endpoints of a site: typed functions behind paths, with the same viewer, errors and limits as the protocol's doors."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any
from urllib.parse import parse_qs

import msgspec
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from backstay.annotations import types_of
from backstay.errors import BadRequest, Forbidden, RequestError, Unauthorized
from backstay.extending.arguments import Parameter, converted, decoded, from_texts, parameters_of
from backstay.extending.hooks import name_of
from backstay.http.bodies import BODY_MAX_BYTES, read_body
from backstay.http.context import QUERY_MAX_BYTES, QUERY_MAX_PARAMETERS, Ask, Door
from backstay.http.replies import COMMON_HEADERS, Reply, no_content
from backstay.http.routing import Route
from backstay.plans.request import Viewer
from backstay.stores.joined import transaction

_NAME = re.compile(r"\{(\w+)\}")
_encode = msgspec.json.Encoder().encode


class Endpoint(msgspec.Struct, frozen=True, eq=False):
    """One endpoint, as it was declared.

    public:         guests may call it
    members_of:     of who is signed in, only records of these auth collections may; () for all
    superusers:     only superusers may
    in_transaction: the function runs in one transaction, undone when it raises
    body_max_bytes: default 32 MB
    label:          what a rate limit of the settings may call it, beside its path
    within:         the key under which the JSON of body and answer stand, as in `{"order": {...}}`
    returns:        the type of the answer, `inspect.Signature.empty` where the function does not say
    errors:         makes the answer of what is refused, where clients expect another body than the protocol's
    """

    method: str
    path: str
    function: Callable[..., Any]
    parameters: tuple[Parameter, ...]
    returns: Any
    public: bool = False
    members_of: tuple[str, ...] = ()
    superusers: bool = False
    in_transaction: bool = False
    body_max_bytes: int = BODY_MAX_BYTES
    label: str = ""
    summary: str = ""
    tags: tuple[str, ...] = ()
    status: int = 200
    within: str = ""
    errors: Callable[[RequestError], Response] | None = None

    def route(self) -> BaseRoute:
        """Return the endpoint as a route."""
        return Route(self.path, _LabelledDoor(self._answer, self.label), methods=[self.method])

    def check_viewer(self, viewer: Viewer) -> None:
        """Raise Unauthorized or Forbidden for those who may not call it."""
        if viewer.collection is None:
            if self.superusers or not self.public:
                raise Unauthorized
        elif viewer.is_superuser:
            return
        elif self.superusers or (self.members_of and viewer.collection.name not in self.members_of):
            raise Forbidden

    async def _answer(self, ask: Ask) -> ASGIApp:
        try:
            return await self._call(ask)
        except RequestError as exc:
            if self.errors is None:
                raise
            return reply_with(self.errors(exc), exc.status)

    async def _call(self, ask: Ask) -> ASGIApp:
        self.check_viewer(ask.viewer)
        arguments = await self._arguments(ask)
        block = transaction(ask.site.store) if self.in_transaction else nullcontext()
        async with block:
            result = await self.function(**arguments)
        is_plain = result is not None and not isinstance(result, Response | Reply)
        return reply_with({self.within: result} if self.within and is_plain else result, self.status)

    async def _arguments(self, ask: Ask) -> dict[str, Any]:
        texts = _query(ask.raw_query) if ask.raw_query else {}
        return {parameter.name: await self._argument(ask, parameter, texts) for parameter in self.parameters}

    async def _argument(self, ask: Ask, parameter: Parameter, texts: dict[str, list[str]]) -> Any:
        match parameter.source:
            case "path":
                return converted(ask.path(parameter.name), parameter.type, at=parameter.name)
            case "query":
                return from_texts(parameter, texts)
            case "queries":
                return converted({name: found[0] for name, found in texts.items()}, parameter.type)
            case "viewer":
                return ask.viewer
            case "request":
                return ask.request
            case "body":
                raw = await read_body(ask.request, self.body_max_bytes)
                if parameter.type is bytes:
                    return raw
                if not raw and not parameter.is_required:
                    return parameter.default
                return decoded(raw, parameter.type, self.within)


class _LabelledDoor(Door):
    """A door with a label of its own for rate limits."""

    def __init__(self, handler: Any, label: str) -> None:
        super().__init__(handler)
        self._label = label

    def labels(self, ask: Ask) -> tuple[str, ...]:
        return (self._label,) if self._label else ()


def make_endpoint(method: str, path: str, function: Callable[..., Any], **options: Any) -> Endpoint:
    """Return the endpoint of a function. Raises TypeError for what can't be one."""
    if not inspect.iscoroutinefunction(function):
        raise TypeError(f"{name_of(function)}: an endpoint is an 'async def' function")
    if not path.startswith("/") or ":" in path:
        raise TypeError(
            f"'{path}' is no path of an endpoint: it starts with '/', and its parameters are '{{name}}'"
        )
    hints = types_of(function)
    parameters = parameters_of(function, hints, set(_NAME.findall(path)))
    if method == "GET" and any(parameter.source == "body" for parameter in parameters):
        raise TypeError(f"{name_of(function)}: GET has no body")
    options["summary"] = options.get("summary") or (inspect.getdoc(function) or "").partition("\n")[0]
    returns = hints.get("return", inspect.Signature.empty)
    return Endpoint(method, path, function, parameters, returns, **options)


def reply_with(result: Any, status: int) -> ASGIApp:
    """Return what a function gave as an answer: JSON, 204 for None, a response or ASGI application as it is."""
    if result is None:
        return no_content()
    if isinstance(result, Reply):
        return result
    if isinstance(result, Response):
        return _with_common_headers(result)
    return Reply(_encode(result), status)


def _with_common_headers(response: Response) -> ASGIApp:
    """Return a response of Starlette with the headers that every answer carries."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        response.raw_headers.extend(scope.pop(COMMON_HEADERS))
        await response(scope, receive, send)

    return answer


def _query(raw: bytes) -> dict[str, list[str]]:
    """Return the texts of a query by their names. Raises BadRequest."""
    if len(raw) > QUERY_MAX_BYTES:
        raise BadRequest(hint=f"A query string may have {QUERY_MAX_BYTES} bytes.")
    try:
        return parse_qs(
            raw.decode("latin-1"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=QUERY_MAX_PARAMETERS,
        )
    except ValueError as exc:
        raise BadRequest(hint="The query string is not valid UTF-8, or has too many parameters.") from exc
