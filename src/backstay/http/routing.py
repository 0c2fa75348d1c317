"""Routes which exist for their own methods only: another method leads nowhere, as the protocol has it (A2)."""

from __future__ import annotations

from typing import Any

from starlette.routing import Match
from starlette.routing import Route as AnyMethodRoute
from starlette.types import Scope


class Route(AnyMethodRoute):
    """A path and its methods."""

    def matches(self, scope: Scope) -> tuple[Match, Any]:
        match, child = super().matches(scope)
        return (Match.NONE, {}) if match is Match.PARTIAL else (match, child)
