"""Settings against what the real server answered (`tests/facts/settings.jsonl`)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from backstay.errors import BadRequest
from backstay.settings import Settings, decode, encode, merge, public, rename_collection, validate

FACTS = Path(__file__).parent.parent / "facts" / "settings.jsonl"
LINES = [json.loads(line) for line in FACTS.read_text().splitlines()]


def answer(patch: dict[str, Any]) -> tuple[int, Any]:
    try:
        changed = merge(Settings(), patch)
        validate(changed)
    except BadRequest as refusal:
        body = msgspec.to_builtins(refusal.body())
        return refusal.status, {key: body[key] for key in ("data", "message", "status")}
    return 200, public(changed)


@pytest.mark.parametrize("fact", LINES, ids=[json.dumps(line["patch"])[:60] for line in LINES])
def test_answers_as_the_real_server_does(fact: dict[str, Any]) -> None:
    assert answer(fact["patch"]) == (fact["status"], fact["body"])


def test_keys_stand_in_the_real_order() -> None:
    real = next(line["body"] for line in LINES if line["patch"] == {})
    assert json.dumps(public(Settings())) == json.dumps(real)


SECRETS: dict[str, Any] = {
    "smtp": {"password": "mail-secret"},
    "s3": {"secret": "file-secret"},
    "backups": {"s3": {"secret": "backup-secret"}},
}


def test_secrets_are_stored_and_never_shown() -> None:
    settings = merge(Settings(), SECRETS)
    assert decode(encode(settings)) == settings
    assert encode(settings).count(b"-secret") == 3
    assert "secret" not in json.dumps(public(settings))
    assert "password" not in json.dumps(public(settings))


def test_what_public_gave_can_be_sent_back_without_losing_secrets() -> None:
    settings = merge(Settings(), SECRETS)
    assert merge(settings, public(settings)) == settings


@pytest.mark.parametrize("nothing", ["", None])
def test_an_empty_secret_clears_it(nothing: str | None) -> None:
    settings = merge(merge(Settings(), SECRETS), {"smtp": {"password": nothing}})
    assert settings.smtp.password == ""
    assert settings.s3.secret == "file-secret"


def test_decode_fills_in_defaults_and_ignores_the_unknown() -> None:
    assert decode('{"meta":{"appName":"Shop"},"later":{"a":1}}') == merge(
        Settings(), {"meta": {"appName": "Shop"}}
    )


@pytest.mark.parametrize("text", ["", "[]", "null", '{"meta":7}', "b64-of-something-encrypted"])
def test_decode_refuses_what_is_no_settings(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        decode(text)


def test_a_wrong_type_is_explained() -> None:
    with pytest.raises(BadRequest) as refusal:
        merge(Settings(), {"logs": {"maxDays": "7"}})
    assert refusal.value.at == "logs.maxDays"
    assert refusal.value.hint == "Expected a whole number at 'logs.maxDays'."


def test_rate_limits_follow_a_renamed_collection() -> None:
    rules = [
        {"label": label, "duration": 1, "maxRequests": 1} for label in ("posts:list", "posts2:list", "*:list")
    ]
    renamed = rename_collection(merge(Settings(), {"rateLimits": {"rules": rules}}), "posts", "articles")
    assert [rule.label for rule in renamed.rate_limits.rules] == ["articles:list", "posts2:list", "*:list"]
