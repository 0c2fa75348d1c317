"""Changes of collections against what the real server answered (`tests/facts/collections.jsonl`), on a real database.

`tests/unit/test_catalog_facts.py` does the same without one, and has the reasons where we differ.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from backstay.catalog import Collection, collection_json, mails
from backstay.catalog.model import MailTemplate
from backstay.errors import BadRequest
from backstay.site import Site, open_site

pytestmark = pytest.mark.anyio

FACTS = Path(__file__).parents[2] / "facts"
MAILS = {
    "verificationTemplate": mails.VERIFICATION,
    "resetPasswordTemplate": mails.RESET_PASSWORD,
    "confirmEmailChangeTemplate": mails.CONFIRM_EMAIL_CHANGE,
}
Fact = dict[str, Any]

BETTER = (
    '"create": {"name": "sqlite_',  # refused as a name, with its field
    "create index i1 on x (a;b)",  # refused as text before it reaches the database
    "explain create index",
    '{"id": "zzz"}',  # an id that changes is refused in plainer words
    '{"id": ""}',
    '"name": "x"}, {"name": "x"}',  # names that are taken are found before the tables are made
    '"name": "x"}, {"name": "X"}',
    '"id": "newid1"',
    '"type": "number", "name": "title"}], "delete',
    '[{"type": "number", "name": "title"}]}]',
    '"create index i1 on y (id)"',
    '"fields": [{"type": "foo"}]',  # what does not fit is told in our own words
    '[{"name": 5}]',
    '{"id": 5, "name": "x"}',
    '"id": "a/b"',  # ids become names of folders
)
ELSEWHERE = ('"update": ["nope"', '"delete": "nope"', '"collections": ["x"]')
"""What HTTP answers before a change is asked for."""


DATABASE = ("view", "index", "Rule", '"update"', '"import"', '"delete"')
"""What a database has a say in; the rest is proved without one."""


SQL = pytest.mark.sqlite_only("the queries, the indexes and the words are SQLite's")


def holds_sql(sent: str) -> bool:
    """Tell whether something is written in the database's own language."""
    return "viewQuery" in sent or "index" in sent.lower()


def facts() -> list[Any]:
    lines = (FACTS / "collections.jsonl").read_text().splitlines()
    asked = [(line, line.partition('"status"')[0]) for line in lines]
    return [
        pytest.param(json.loads(line), id=line[:120], marks=SQL if holds_sql(sent) else ())
        for line, sent in asked
        if any(part in sent for part in DATABASE) and not any(part in sent for part in (*BETTER, *ELSEWHERE))
    ]


@pytest.fixture(scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> AsyncIterator[Site]:
    async with open_site(tmp_path_factory.mktemp("facts") / "data") as site:
        yield site


@pytest.fixture
async def site(shared: Site) -> AsyncIterator[Site]:
    """The site as it was at first: importing that is one of the changes under test."""
    fresh = json.loads(msgspec.json.encode([collection_json(item, secrets=True) for item in shared.catalog]))
    version = shared.catalog.version
    yield shared
    if shared.catalog.version == version:
        return
    await shared.changes.replace(fresh, delete_missing=True)
    assert [item.name for item in shared.catalog if not item.system] == ["users"]


@pytest.mark.parametrize("fact", facts())
async def test_fact(site: Site, fact: Fact) -> None:
    if makes_system(fact):
        pytest.skip("nothing can delete system collections again")
    for body in fact.get("given", []):
        await site.changes.create(body)
    version = site.catalog.version
    status, body = await answer(site, fact)
    assert (status, comparable(body)) == (fact["status"], comparable(fact["body"]))
    assert (site.catalog.version > version) is (status < 400)
    for name, after in zip(fact.get("then", []), fact.get("after", []), strict=True):
        found = site.catalog.find(name)
        assert comparable(plain(found) if found else None) == comparable(after)


def makes_system(fact: Fact) -> bool:
    imported = fact.get("import", {}).get("collections") or []
    bodies = [fact.get("create", {}), *fact.get("given", []), *imported]
    return any(body.get("system") for body in bodies) and fact["status"] < 400


async def answer(site: Site, fact: Fact) -> tuple[int, Any]:
    try:
        if "create" in fact:
            return 200, plain(await site.changes.create(fact["create"]))
        if "update" in fact:
            name, patch = fact["update"]
            return 200, plain(await site.changes.update(name, patch))
        if "import" in fact:
            body = fact["import"]
            bodies, missing = body.get("collections") or [], body.get("deleteMissing") or False
            await site.changes.replace(bodies, delete_missing=missing)
        else:
            await site.changes.delete(fact["delete"])
    except BadRequest as exc:
        return 400, {"data": msgspec.to_builtins(exc.faults), "message": exc.message, "status": 400}
    return 204, None


def comparable(body: Any) -> Any:
    text = re.sub(r"_clone_\w+", "_clone_", json.dumps(body, sort_keys=True))
    return json.loads(re.sub(r'ex\.: \\"[^"]*\\"', "ex.: ...", text))


def plain(collection: Collection) -> Fact:
    body: Fact = json.loads(msgspec.json.encode(collection_json(collection)))
    body["created"] = body["updated"] = ""
    for key, mail in MAILS.items():
        shorten(body.get(key, {}), mail)
    shorten(body.get("otp", {}).get("emailTemplate", {}), mails.OTP)
    shorten(body.get("authAlert", {}).get("emailTemplate", {}), mails.AUTH_ALERT)
    return body


def shorten(mail: Fact, usual: MailTemplate) -> None:
    mail |= {part: "default" for part, text in mail.items() if text == getattr(usual, part)}
