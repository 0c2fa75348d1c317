"""What schemathesis does beside its own checks: it is loaded there by SCHEMATHESIS_HOOKS."""

from __future__ import annotations

from typing import Any

import schemathesis


@schemathesis.check
def answers_as_described(
    ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case[Any]
) -> None:
    """Hold an answer against its schema, unless `fields` asked for less than it says."""
    if "fields" not in (case.query or {}):
        case.operation.validate_response(response, case=case)
