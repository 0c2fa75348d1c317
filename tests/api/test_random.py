"""Malformed input by chance: random filters, rules, records and bytes never give a 5xx."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api import bytes_of
from tests.api.bytes_of import JSON, PARTS
from tests.api.site import Answer, Served
from tests.api.test_malformed import HEADERS
from tests.api.victim import KEYS, RECORD, fault_of, routes, serve_victim

COMMENT = "comment00000001"


class Victim:
    """A site with an event loop of its own, since the chooser of examples breaks off tests where it likes."""

    def __init__(self, runner: asyncio.Runner, site: Served) -> None:
        self._runner, self.site = runner, site

    def do(self, asked: Coroutine[Any, Any, Answer]) -> Answer:
        """Wait for an answer; it must be no 5xx, and a refusal must have the body of one."""
        reply = self._runner.run(asked)
        assert not fault_of(reply), reply
        return reply


@pytest.fixture(scope="module")
def victim(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    with asyncio.Runner() as runner:
        serving = serve_victim(template, tmp_path_factory.mktemp("random") / "data")
        site = runner.run(serving.__aenter__())
        runner.run(site.add("comments", id=COMMENT))
        try:
            yield Victim(runner, site)
        finally:
            runner.run(serving.__aexit__(None, None, None))


TOKENS = (
    *("id", "text", "number", "json", "json.a", "one", "one.name", "one.email", "many.name", "many:each"),
    *("selects:length", "selects:each", "everything_via_one.text", "geo.lon", "date", "bool", "nope", "pass"),
    *("=", "!=", "~", "!~", "?=", "?~", "<", ">=", "&&", "||", "(", ")", ",", "'", '"', "//", "\n", " "),
    *("null", "true", "1", "-1.5", "''", "'a'", '"%"', "'a\\'b'", "@now", "@todayStart", "@request.auth.id"),
    *(
        "@collection.people.id",
        "geoDistance(",
        "strftime(",
        "\u2028",
        "🪢",
        "\0",
        "9" * 30,
        "x:y:z",
        "a.b.c.d.e",
    ),
)
NAMES = st.sampled_from(
    ["id", "text", "number", "json", "json.a.0", "one.name", "many", "auto", "@rowid", "nope"]
)
COMPARE = st.builds(
    "{} {} {}".format,
    st.sampled_from(TOKENS[:18]),
    st.sampled_from(["=", "!=", "~", "!~", "?=", "?!=", "?~", ">", "?<="]),
    st.sampled_from(
        ["null", "''", "'a'", "1", "true", "@now", "id", "many.id", "one.name", "json.a", "text:lower"]
    ),
)
GRAMMATICAL = st.recursive(
    COMPARE,
    lambda inner: st.one_of(
        st.builds("({})".format, inner),
        st.builds("{} && {}".format, inner, inner),
        st.builds("{} || {}".format, inner, inner),
    ),
    max_leaves=12,
)
RANDOM_TOKENS = st.lists(st.sampled_from(TOKENS), max_size=12).map(" ".join)
FILTERS = st.one_of(GRAMMATICAL, RANDOM_TOKENS, st.text(st.characters(codec="utf-8"), max_size=40))
FEW = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@FEW
@given(
    text=FILTERS,
    sort=st.lists(st.builds("{}{}".format, st.sampled_from(["", "-", "+"]), NAMES), max_size=3).map(",".join),
    who=st.sampled_from(["guest", "ann", "boss"]),
)
def test_random_filters(victim: Victim, text: str, sort: str, who: str) -> None:
    victim.do(victim.site.list("everything", who, filter=text, sort=sort))


@FEW
@given(text=FILTERS)
def test_random_rules(victim: Victim, text: str) -> None:
    """A rule is taken or refused when it is saved; one that was taken never makes a 5xx."""
    site = victim.site
    rules = json.dumps(dict.fromkeys(("listRule", "viewRule", "updateRule", "createRule"), text)).encode()
    comments = "/api/collections/comments"
    victim.do(site.raw("PATCH", comments, headers=[JSON], chunks=[rules], who="boss"))
    for who in ("guest", "ann"):
        victim.do(site.list("comments", who))
        victim.do(site.create("comments", {"text": "x"}, who))
        victim.do(site.update("comments", COMMENT, {"text": "x"}, who))


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters(), max_size=20),
    st.just("\ud800"),
)
DOCUMENTS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.one_of(st.sampled_from(KEYS), st.text(st.characters(), max_size=5)), inner, max_size=5
        ),
    ),
    max_leaves=20,
)
BODIES = st.dictionaries(st.sampled_from(KEYS), DOCUMENTS, max_size=6)


@FEW
@given(body=BODIES, who=st.sampled_from(["guest", "boss"]))
def test_random_records(victim: Victim, body: dict[str, Any], who: str) -> None:
    site, raw = victim.site, json.dumps(body).encode()
    for method, target in (("POST", ""), ("PATCH", f"/{RECORD}")):
        path = f"/api/collections/everything/records{target}"
        victim.do(site.raw(method, path, headers=[JSON], chunks=[raw], who=who))
    reply = victim.do(site.view("everything", RECORD))
    assert reply.json()["id"] == RECORD


PIECES = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(
        [b"filter=", b"&", b"%", b"=", b"sort=-", b"expand=", b"fields=", b"page=", b"%ff", b"%00"]
    ),
)
HEADER = st.one_of(
    st.tuples(st.binary(min_size=1, max_size=12), st.binary(max_size=30)),
    st.sampled_from(HEADERS),
    st.sampled_from([JSON, bytes_of.FORM, PARTS]),
)
SEGMENTS = st.one_of(st.sampled_from(["everything", RECORD, "odd", "_mfas"]), st.text(max_size=8))


@settings(FEW, max_examples=300)
@given(
    route=st.integers(0, 999),
    segments=st.tuples(SEGMENTS, SEGMENTS),
    who=st.sampled_from(["guest", "ann", "boss"]),
    query=st.lists(PIECES, max_size=6).map(b"".join),
    headers=st.lists(HEADER, max_size=3),
    chunks=st.lists(st.binary(max_size=100), min_size=1, max_size=3),
)
def test_random_bytes_at_every_route(
    victim: Victim,
    route: int,
    segments: tuple[str, str],
    who: str,
    query: bytes,
    headers: list[bytes_of.Header],
    chunks: list[bytes],
) -> None:
    known = routes(victim.site)
    method, path = known[route % len(known)]
    path = path.replace("{collection}", segments[0]).replace("{id}", segments[1])
    changes_schema = method != "GET" and "/records/" not in path
    victim.do(
        victim.site.raw(
            method, path, query=query, headers=headers, chunks=chunks, who="ann" if changes_schema else who
        )
    )
