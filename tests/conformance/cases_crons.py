"""What runs by the clock: who may list it and run it."""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance.cases import Case, Expected, case, delete, get, patch, post

URL = "/api/crons"
OPTIMIZE = {"id": "__pbDBOptimize__", "expression": "0 0 * * *"}
MFAS = {"id": "__pbMFACleanup__", "expression": "0 * * * *"}
OTPS = {"id": "__pbOTPCleanup__", "expression": "0 * * * *"}
NO_LOGS = "there are no logs yet that had to be cleaned up"


def crons() -> Iterator[Case]:
    """Yield lists and runs, by all kinds of people."""
    for who in ("guest", "ann", "superuser"):
        yield case(
            f"crons: run as {who}", post(f"{URL}/__pbOTPCleanup__", who=who), post(f"{URL}/nope", who=who)
        )
    for who in ("guest", "ann"):
        yield case(f"crons: list as {who}", get(URL, who), get(URL, who, fields="id"))
    for name in ("__pbMFACleanup__", "__pbDBOptimize__"):
        yield case(f"crons: run {name}", post(f"{URL}/{name}"), post(f"{URL}/{name.lower()}"))
    yield case(
        "crons: odd names",
        post(f"{URL}/%5F_pbOTPCleanup__"),
        post(f"{URL}/a%20b"),
        post(f"{URL}/%00"),
        post(f"{URL}/{'x' * 2000}"),
        post(f"{URL}/__pbOTPCleanup__/x"),
    )
    yield case(
        "crons: with bodies",
        post(f"{URL}/__pbOTPCleanup__", {"nope": 1}),
        post(f"{URL}/__pbOTPCleanup__?fields=id"),
    )
    yield case(
        "crons: other methods",
        get(f"{URL}/__pbOTPCleanup__"),
        patch(f"{URL}/__pbOTPCleanup__", {}),
        delete(f"{URL}/__pbOTPCleanup__"),
        post(URL),
        delete(URL),
    )


def listed() -> Iterator[Case]:
    """Yield lists, which differ in what the servers have to do."""
    yield case(
        "crons: list",
        get(URL),
        get(URL, fields="id"),
        differs=NO_LOGS,
        expected=(
            Expected(step=0, status=200, body=[OPTIMIZE, MFAS, OTPS]),
            Expected(step=1, status=200, body=[{"id": item["id"]} for item in (OPTIMIZE, MFAS, OTPS)]),
        ),
    )


CASES = (*crons(), *listed())
