"""Collections against what the real server answered (`tests/facts/collections.jsonl`, `fresh.jsonl`).

What needs the planner or a database (are rules understood? what does a view query give?) is taken from the answers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from backstay.catalog import Catalog, Collection, collection_json, mails
from backstay.catalog.defaults import scaffolds
from backstay.catalog.fieldlist import read_fields
from backstay.catalog.imports import check_import, plan_import
from backstay.catalog.merge import check_delete, created, updated
from backstay.catalog.model import MailTemplate
from backstay.catalog.system import first_collections
from backstay.catalog.validate import Judge, ViewAnalysis, check
from backstay.errors import BadRequest

FACTS = Path(__file__).parent.parent / "facts"
NOW = "2026-01-01 00:00:00.000Z"
FRESH = Catalog(first_collections(now=NOW))
MAILS = {
    "verificationTemplate": mails.VERIFICATION,
    "resetPasswordTemplate": mails.RESET_PASSWORD,
    "confirmEmailChangeTemplate": mails.CONFIRM_EMAIL_CHANGE,
}
ID_FIELD = read_fields(
    [{"type": "text", "name": "id", "primaryKey": True, "required": True, "pattern": "^[a-z0-9]+$"}]
)
UNKNOWN_ZZZ = 'invalid left operand "zzz" - unknown field "zzz"'

Fact = dict[str, Any]


def read(topic: str, *kinds: str) -> list[Any]:
    lines = map(json.loads, (FACTS / f"{topic}.jsonl").read_text().splitlines())
    return [
        pytest.param(line, id=json.dumps([line.get("given"), line[kind]])[:120])
        for line in lines
        for kind in kinds
        if kind in line
    ]


def plain(collection: Collection) -> Fact:
    """Return a collection's JSON without what is random or worded in our own way."""
    body: Fact = json.loads(msgspec.json.encode(collection_json(collection)))
    return undated(body)


def undated(body: Fact) -> Fact:
    body["created"] = body["updated"] = ""
    for key, mail in MAILS.items():
        shorten(body.get(key, {}), mail)
    shorten(body.get("otp", {}).get("emailTemplate", {}), mails.OTP)
    shorten(body.get("authAlert", {}).get("emailTemplate", {}), mails.AUTH_ALERT)
    return body


def shorten(mail: Fact, usual: MailTemplate) -> None:
    mail |= {part: "default" for part, text in mail.items() if text == getattr(usual, part)}


def leaves(faults: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Fact]]:
    """Give each fault of an error body with the keys that lead to it."""
    if isinstance(faults, dict) and isinstance(faults.get("code"), str):
        yield path, faults
    elif isinstance(faults, dict):
        for key, value in faults.items():
            yield from leaves(value, (*path, key))


def judge_of(fact: Fact) -> Judge:
    """Make a judge that knows what the real server found in this fact."""
    body = fact["body"] or {}
    faults = dict(leaves(body.get("data", {})))
    bad = {
        path: fault["message"] for path, fault in faults.items() if fault["code"] == "validation_invalid_rule"
    }

    def check_rule(collection: Collection, rule: str) -> str | None:
        for path, message in bad.items():
            at: Any = collection_json(collection)
            for key in path:
                at = at[key]
            if at == rule:
                return str(message).removeprefix("Invalid rule. Raw error: ").removesuffix(".")
        return UNKNOWN_ZZZ if "import" in fact and rule.startswith("zzz") else None

    def analyse_view(query: str) -> ViewAnalysis:
        if body.get("viewQuery") == query:
            return ViewAnalysis(read_fields(body["fields"]))
        error = faults.get(("viewQuery",), {}).get("message", "").removeprefix("Invalid query - ")
        missing = faults.get(("fields",), {}).get("code")
        if missing == "validation_missing_primary_key":
            return ViewAnalysis(read_fields([{"type": "json", "name": "a"}]), error)
        return ViewAnalysis(() if missing else ID_FIELD, error or None)

    return Judge(check_rule, analyse_view)


KIND = Judge(lambda _collection, _rule: None, lambda _query: ViewAnalysis(ID_FIELD))


def before(fact: Fact) -> Catalog:
    catalog = FRESH
    for body in fact.get("given", []):
        new = check(created(catalog, body, now=NOW), old=None, catalog=catalog, judge=KIND)
        catalog = Catalog((*catalog, new))
    return catalog


def masked(data: Any) -> Any:
    return json.loads(re.sub(r'ex\.: \\"[^"]*\\"', "ex.: ...", json.dumps(msgspec.to_builtins(data))))


def answer(fact: Fact) -> tuple[int, Fact]:
    catalog = before(fact)
    try:
        if "create" in fact:
            draft, old = created(catalog, fact["create"], now=NOW), None
        else:
            name, patch = fact["update"]
            old = catalog.find(name)
            if old is None:
                pytest.skip("finding collections is the business of others")
            draft = updated(old, patch, now=NOW)
        return 200, plain(check(draft, old=old, catalog=catalog, judge=judge_of(fact)))
    except BadRequest as refusal:
        return 400, {"data": masked(refusal.faults), "message": refusal.message, "status": 400}


STRICTER = {
    "explain create index i1 on x (a)": "only CREATE INDEX itself is taken",
    "create index i1 on x (a;b)": "no semicolon, so that no second statement can hide",
}


@pytest.mark.parametrize("fact", read("collections", "create", "update"))
def test_answers_as_the_real_server_does(fact: Fact) -> None:
    status, body = answer(fact)
    text = json.dumps(fact["body"])
    if any(index in json.dumps(fact) for index in STRICTER):
        assert next(leaves(body["data"]))[1]["code"] == "validation_invalid_index_expression"
    elif "Failed to create index" in text:
        assert status == 200, "the rest is for the database to say"
    elif "object name reserved" in text:
        assert body["data"]["name"]["code"] == "validation_collection_name_invalid"
    elif "failed to retrieve old cached collection" in text:
        message = "Failed to update collection. Raw error: \nThe id of a collection cannot be changed."
        assert (status, body["data"], body["message"]) == (400, {}, message)
    else:
        assert (status, body) == (fact["status"], fact["body"])


OURS = {"a/b": "an id must be fit for a folder's name, in imports too"}


@pytest.mark.parametrize("fact", read("collections", "import"))
def test_imports_as_the_real_server_does(fact: Fact) -> None:
    catalog, body = before(fact), fact["import"]
    if not isinstance((body["collections"] or [{}])[0], dict):
        pytest.skip("reading the body is the business of others")
    try:
        plan = plan_import(catalog, body["collections"] or [], delete_missing=body["deleteMissing"], now=NOW)
        after, _ = check_import(catalog, plan, judge_of(fact))
    except BadRequest as error:
        if not any(f'"{text}"' in json.dumps(body) for text in OURS):
            assert_refused_alike(fact, error)
        return
    assert fact["status"] == 204 or "SQL logic error" in json.dumps(fact["body"])
    for name, expected in zip(fact.get("then", []), fact.get("after", []), strict=True):
        found = after.find(name)
        assert (plain(found) if found and not found.is_view else None) == (
            expected if expected and expected["type"] != "view" else None
        )


def assert_refused_alike(fact: Fact, error: BadRequest) -> None:
    faults, expected = masked(error.faults), fact["body"]["data"]
    assert error.message == fact["body"]["message"]
    if "Raw error:\\n" in json.dumps(expected) or "indexes" in expected:
        # the real server lets the database find these, and shows what it said
        assert faults["collections"]["code"] == "validation_collections_import_failure"
    else:
        assert faults == expected


@pytest.mark.parametrize("fact", read("collections", "delete"))
def test_deletes_as_the_real_server_does(fact: Fact) -> None:
    catalog = before(fact)
    collection = catalog.find(fact["delete"])
    if collection is None:
        assert fact["status"] == 404
        return
    used_by = [item for item in catalog if item.is_view and f"from {collection.name}" in item.viewQuery]
    assert refusal(lambda: check_delete(collection, catalog, used_by=used_by)) == (fact["body"] or {}).get(
        "message"
    )


def refusal(call: Callable[[], object]) -> str | None:
    try:
        call()
    except BadRequest as error:
        return error.message
    return None


def test_a_new_site_has_the_real_collections() -> None:
    real = read_fresh()[0]
    ours = {item.name: plain(item) for item in FRESH}
    assert ours == {item["name"]: item for item in real}
    assert [list(ours[item["name"]]) for item in real] == [list(item) for item in real], "keys in order"


def read_fresh() -> list[Any]:
    return [json.loads(line)["body"] for line in (FACTS / "fresh.jsonl").read_text().splitlines()]


def test_scaffolds_are_the_real_ones() -> None:
    def shape(body: Fact) -> str:
        return re.sub(r"idx_(\w+)_[a-z0-9]{10}", r"idx_\1_...", json.dumps(undated(body)))

    ours: Fact = json.loads(msgspec.json.encode(scaffolds()))
    assert {key: shape(value) for key, value in ours.items()} == {
        value["type"]: shape(value) for value in read_fresh()[1]
    }
