"""A collection's rules: whether they can be understood, and whether they may be changed."""

from __future__ import annotations

from backstay.catalog.model import RULES
from backstay.catalog.validate.case import Case
from backstay.checks import forbidden
from backstay.errors import Fault, Faults

_SYSTEM_RULE = Fault(
    "validation_collection_system_rule_change", "System collection API rule cannot be changed."
)


def rule_faults(case: Case) -> dict[str, Fault | Faults | None]:
    """Check the rules of records."""
    found: dict[str, Fault | Faults | None] = {}
    for name in RULES:
        rule: str | None = getattr(case.new, name)
        readonly = forbidden(rule) if case.new.is_view and name not in {"listRule", "viewRule"} else None
        found[name] = readonly or rule_fault(case, rule, getattr(case.old, name, None))
    return found


def rule_fault(case: Case, rule: str | None, old: str | None) -> Fault | None:
    """Check one rule; `old` is what it was."""
    error = case.judge.check_rule(case.new, rule) if rule else None
    if error is not None:
        return Fault("validation_invalid_rule", f"Invalid rule. Raw error: {error.removesuffix('.')}.")
    if case.old is not None and case.old.system and rule != old:
        return _SYSTEM_RULE
    return None
