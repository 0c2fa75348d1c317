"""The small bodies of the sign-in doors: texts by name, whatever their case, with the protocol's faults (A2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backstay import checks
from backstay.checks import Check, first, gather, length, required
from backstay.errors import BadRequest, Fault

INVALID_LOAD = "An error occurred while loading the submitted data."
INVALID_SUBMIT = "An error occurred while validating the submitted data."
TEXT_MAX_BYTES = 255

email_checks: tuple[Check, ...] = (required, length(1, TEXT_MAX_BYTES), checks.email)
text_checks: tuple[Check, ...] = (required, length(1, TEXT_MAX_BYTES))


def read_texts(body: Mapping[str, Any], *names: str) -> dict[str, str]:
    """Return texts of a body; what is missing or null is ''. Raises BadRequest for values of other types."""
    folded = {key.lower(): value for key, value in body.items()}
    out = {}
    for name in names:
        value = folded.get(name.lower())
        if value is not None and not isinstance(value, str):
            raise BadRequest(INVALID_LOAD, hint=f"'{name}' must be text.", at=name)
        out[name] = value or ""
    return out


def check_texts(texts: Mapping[str, str], rules: Mapping[str, tuple[Check, ...]]) -> dict[str, Fault]:
    """Return the faults of texts by name."""
    found = gather({name: first(texts[name], *tests) for name, tests in rules.items()})
    return {name: fault for name, fault in found.items() if isinstance(fault, Fault)}


def refuse(faults: Mapping[str, Fault], message: str = INVALID_SUBMIT) -> None:
    """Raise BadRequest when there are faults."""
    if faults:
        raise BadRequest(message, faults)
