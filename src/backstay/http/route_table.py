"""Finds the route of a request by the parts of its path: as quick for the hundredth route as for the first.

Starlette asks its routes one after the other, each with a regular expression. A record's address would pay for
all that stand before it, and each new page would slow down what follows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope


class _Found(msgspec.Struct, frozen=True, eq=False):
    """A route, and which parts of the path are its parameters."""

    route: Route
    parameters: tuple[tuple[int, str], ...]


class _Node:
    """A part of a path: what may follow it, by name or as a parameter, and the routes that end here, by method."""

    __slots__ = ("any", "named", "routes")

    def __init__(self) -> None:
        self.named: dict[str, _Node] = {}
        self.any: _Node | None = None
        self.routes: dict[str, _Found] = {}


class RouteTable:
    """Routes by their paths. Those whose paths hold more than names and `{parameters}` are asked one by one."""

    def __init__(self, routes: Sequence[BaseRoute]) -> None:
        self._root = _Node()
        self._others: list[BaseRoute] = []
        for route in routes:
            if isinstance(route, Route) and ":" not in route.path:
                self._add(route)
            else:
                self._others.append(route)

    def _add(self, route: Route) -> None:
        node = self._root
        parts = route.path.split("/")
        for part in parts:
            if part.startswith("{"):
                node.any = node.any or _Node()
                node = node.any
            else:
                node = node.named.setdefault(part, _Node())
        parameters = tuple((at, part[1:-1]) for at, part in enumerate(parts) if part.startswith("{"))
        for method in route.methods or ():
            node.routes.setdefault(method, _Found(route, parameters))

    def find(self, scope: Scope) -> tuple[BaseRoute, dict[str, Any]] | None:
        """Return the route of a request, and what it adds to the scope."""
        parts = scope["path"].removeprefix(scope["root_path"]).split("/")
        found = _find(self._root, parts, 0, scope["method"])
        if found is not None:
            values = {name: parts[at] for at, name in found.parameters}
            return found.route, {"endpoint": found.route.endpoint, "path_params": values}
        for other in self._others:
            match, more = other.matches(scope)
            if match is Match.FULL:
                return other, dict(more)
        return None


def _find(node: _Node, parts: list[str], start: int, method: str) -> _Found | None:
    """Return what a path leads to from a node on: by names where they lead on, else by parameters."""
    for at in range(start, len(parts)):
        part = parts[at]
        named, other = node.named.get(part), node.any if part else None
        if named is not None and other is not None:
            found = _find(named, parts, at + 1, method)
            if found is not None:
                return found
            node = other
        else:
            following = named or other
            if following is None:
                return None
            node = following
    return node.routes.get(method)
