"""The body of an error, as clients see it."""

from __future__ import annotations

import msgspec

from backstay.errors import BadRequest, Fault


def test_faults_stand_in_the_order_of_their_keys() -> None:
    fault = Fault("code", "Message.")
    error = BadRequest("No.", {"b": fault, "a": {"10": fault, "2": fault}})
    assert msgspec.json.encode(error.body()["data"]) == (
        b'{"a":{"10":{"code":"code","message":"Message."},"2":{"code":"code","message":"Message."}},'
        b'"b":{"code":"code","message":"Message."}}'
    )


def test_answers_within_an_answer_stay() -> None:
    inner = {"status": 404, "message": "Missing.", "data": {}}
    faults = {"requests": {"1": {"response": inner, "code": "batch_request_failed"}}}
    error = BadRequest("No.", faults)  # type: ignore[arg-type]  # a batch answers with whole answers
    assert error.body()["data"] == faults
