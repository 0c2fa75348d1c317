"""Routes are found by the parts of their path: names before parameters, whatever their order, each method its own."""

from __future__ import annotations

import pytest
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from backstay.http.route_table import RouteTable


async def nothing(scope: Scope, receive: Receive, send: Send) -> None:
    """Stand in for an endpoint."""


PATHS = [
    ("/a/{x}", ["GET"]),
    ("/a/b", ["GET"]),
    ("/a/b", ["POST"]),
    ("/a/{x}/c/{y}", ["GET", "DELETE"]),
    ("/a/b/d", ["GET"]),
    ("/", ["GET"]),
]
TABLE = RouteTable(
    [*(Route(path, nothing, methods=methods) for path, methods in PATHS), Mount("/m", nothing)]
)


@pytest.mark.parametrize(
    ("method", "path", "route", "parameters"),
    [
        ("GET", "/a/1", "/a/{x}", {"x": "1"}),
        ("GET", "/a/b", "/a/b", {}),
        ("POST", "/a/b", "/a/b", {}),
        ("POST", "/a/1", None, {}),
        ("GET", "/a/b/c/2", "/a/{x}/c/{y}", {"x": "b", "y": "2"}),
        ("DELETE", "/a/1/c/2", "/a/{x}/c/{y}", {"x": "1", "y": "2"}),
        ("GET", "/a/b/d", "/a/b/d", {}),
        ("GET", "/", "/", {}),
        ("GET", "/a", None, {}),
        ("GET", "/a/", None, {}),
        ("GET", "/a//c/2", None, {}),
        ("GET", "/a/1/", None, {}),
        ("GET", "/nope", None, {}),
        ("GET", "", None, {}),
        ("HEAD", "/a/1", "/a/{x}", {"x": "1"}),
    ],
)
def test_finding(method: str, path: str, route: str | None, parameters: dict[str, str]) -> None:
    found = TABLE.find({"type": "http", "method": method, "path": path, "root_path": ""})
    if route is None:
        assert found is None
        return
    assert found is not None
    assert isinstance(found[0], Route)
    assert (found[0].path, found[1]["path_params"]) == (route, parameters)


def test_mounted_applications_are_asked_too() -> None:
    assert TABLE.find({"type": "http", "method": "GET", "path": "/m/x", "root_path": ""}) is not None
