"""What validation asks of the planner: whether a rule can be used, and why not, in the words that clients know."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from backstay.catalog import Catalog, Collection
from backstay.catalog.validate import Judge, ViewAnalysis
from backstay.errors import RequestError
from backstay.filters import OPERATORS, Call, FilterSyntaxError, Name, Operand, parse, walk
from backstay.plans.check import plan_predicate
from backstay.plans.dialects.base import Dialect
from backstay.plans.errors import UnknownName
from backstay.plans.request import RequestInfo
from backstay.plans.scope import Frame

_INCOMPLETE = "invalid or incomplete filter expression"
_VIA = re.compile(r"(\w+)_via_(\w+)")
_SIGN = re.compile(r"[=!<>~?]+|[&|]+|[()'\"]")


def judge_with(catalog: Catalog, dialect: Dialect, analyse_view: Callable[[str], ViewAnalysis]) -> Judge:
    """Return a judge of rules and views.

    catalog: as it will be when the change is made
    """

    def check_rule(collection: Collection, rule: str) -> str | None:
        return rule_problem(catalog, dialect, collection, rule)

    return Judge(check_rule=check_rule, analyse_view=analyse_view)


def rule_problem(catalog: Catalog, dialect: Dialect, collection: Collection, rule: str) -> str | None:
    """Return why `rule` can't be used in `collection`, without a full stop, or None.

    catalog: as it will be when the change is made, so that a rule may name the collection itself
    """
    frame = Frame(catalog.having(collection), dialect, RequestInfo())
    try:
        plan_predicate(frame, collection, rule)
    except FilterSyntaxError as exc:
        return _syntax_reason(rule, exc)
    except UnknownName as exc:
        return _name_reason(frame.catalog, rule, exc)
    except RequestError as exc:
        return (exc.hint or exc.message).rstrip(".")
    return None


def _syntax_reason(rule: str, exc: FilterSyntaxError) -> str:
    """Explain what can't be read, by what stands where reading stopped."""
    if not rule.strip() or rule.strip().startswith("//"):
        return "empty filter expression"
    found = _SIGN.match(rule, exc.offset)
    sign = found[0] if found else ""
    if sign in {"'", '"'}:
        return f'invalid quoted text "{rule[exc.offset :][:40]}"'
    if sign == ")":
        return "unexpected character ')'"
    if sign == "(":
        missing = rule.count("(") - rule.count(")")
        return (
            f"invalid formatted group - missing {missing} closing bracket(s)" if missing > 0 else _INCOMPLETE
        )
    if sign[:1] in {"&", "|"} and sign not in {"&&", "||"}:
        return f'invalid join operator "{sign}"'
    if sign and sign not in OPERATORS and sign not in {"&&", "||"}:
        return f'invalid sign operator "{sign}"'
    return _INCOMPLETE


def _name_reason(catalog: Catalog, rule: str, exc: UnknownName) -> str:
    """Explain a name that leads nowhere, by what it would have to be in its place."""
    name = exc.name
    side, operand = next(_uses(rule, name), ("left", name))
    collection = catalog.find(exc.collection)
    back = _VIA.fullmatch(name)
    other = catalog.find(back[1]) if back else None
    if name.endswith("()"):
        reason = f'wrong arguments for function "{name.removesuffix("()")}"'
    elif operand == name and f"{name}(" in rule:
        reason = f'unknown function "{name}"'
    elif name.startswith("@collection."):
        wanted = name.split(".")[1].partition(":")[0]
        reason = f'failed to load collection "{wanted}" from field path "{operand}"'
    elif operand.startswith("@") and (name == operand or not operand.startswith("@collection.")):
        reason = f'failed to resolve field "{operand}"'
    elif ":" in name:
        reason = f'unknown modifier in "{name}"'
    elif f"{name}." in operand and collection and name in collection.by_name:
        reason = f'field "{name}" is not a valid relation'
    elif back and other:
        kind = "invalid" if back[2] in other.by_name else "missing"
        reason = f'{kind} back relation field "{back[2]}"'
    else:
        reason = f'unknown field "{name}"'
    return f'invalid {side} operand "{operand}" - {reason}'


def _uses(rule: str, name: str) -> Iterator[tuple[str, str]]:
    """Give the operands of a rule in which a name stands, with their sides."""
    bare = name.removesuffix("()")
    for compare in walk(parse(rule)):
        for side, operand in (("left", compare.left), ("right", compare.right)):
            text = _text(operand)
            if text == bare or text.endswith((f".{bare}", f":{bare}")) or f"{bare}." in text:
                yield side, text


def _text(operand: Operand) -> str:
    match operand:
        case Name():
            return operand.path
        case Call():
            return operand.name
        case _:
            return ""
