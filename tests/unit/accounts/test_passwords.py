"""Hashes of every kind, refusals which cost the same, and limits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator
from statistics import median
from typing import Any

import argon2
import bcrypt
import pytest

from backstay.accounts import Cost, Hasher, Verdict
from backstay.errors import BadRequest, TooManyRequests

CHEAP = Cost(memory_kib=64, passes=1)
FITS, OUTDATED, REFUSED = Verdict(ok=True), Verdict(ok=True, rehash=True), Verdict(ok=False)

# Made by PocketBase 0.40.6.
OF_POCKETBASE = "$2a$10$Fcuu50L0HEPQz5bNvbrnQeoNMeV0aPX85lcqFPV3BRRFuQArnvcma"
ITS_PASSWORD = "correct horse"


pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def hasher() -> Iterator[Hasher]:
    with Hasher(cost=CHEAP) as hasher:
        yield hasher


def bcrypt_hash(password: bytes, kind: str = "2b") -> str:
    return bcrypt.hashpw(password, bcrypt.gensalt(4)).decode().replace("2b", kind, 1)


@pytest.mark.parametrize(
    "password",
    [
        "correct horse",
        "",
        "\0",
        "a\0b",
        "é日本😀",
        "\ud800 half a surrogate pair",
        "x" * 1024,
        "😀" * 1024,
    ],
    ids=ascii,
)
async def test_round_trip(hasher: Hasher, password: str) -> None:
    stored = await hasher.hash(password)
    assert stored.startswith("$argon2id$v=19$m=64,t=1,p=1$")
    assert await hasher.verify(password, stored) == FITS
    assert await hasher.verify(password + "\0", stored) == REFUSED
    assert await hasher.verify(password[:-1] + "!", stored) == REFUSED


async def test_each_hash_has_its_own_salt(hasher: Hasher) -> None:
    assert await hasher.hash("same") != await hasher.hash("same")


async def test_default_cost_is_argon2id_of_19_mib() -> None:
    with Hasher() as hasher:
        stored = await hasher.hash("x")
    assert stored.startswith("$argon2id$v=19$m=19456,t=4,p=1$")


async def test_imported_hash_verifies_and_asks_to_be_replaced(hasher: Hasher) -> None:
    assert await hasher.verify(ITS_PASSWORD, OF_POCKETBASE) == OUTDATED
    assert await hasher.verify("correct Horse", OF_POCKETBASE) == REFUSED


@pytest.mark.parametrize("kind", ["2a", "2b", "2y"])
@pytest.mark.parametrize("password", ["x", "é" * 35, "a\0b", ""], ids=ascii)
async def test_bcrypt(hasher: Hasher, kind: str, password: str) -> None:
    stored = bcrypt_hash(password.encode(), kind)
    assert await hasher.verify(password, stored) == OUTDATED
    assert await hasher.verify(password + "!", stored) == REFUSED


@pytest.mark.parametrize(
    ("length", "verdict"), [(71, OUTDATED), (72, OUTDATED), (73, REFUSED), (1024, REFUSED)]
)
async def test_bcrypt_sees_72_bytes_and_longer_passwords_fit_nothing(
    hasher: Hasher, length: int, verdict: Verdict
) -> None:
    stored = bcrypt_hash(b"x" * min(length, 72))
    assert await hasher.verify("x" * length, stored) == verdict


async def test_argon2_hash_of_another_cost_asks_to_be_replaced(hasher: Hasher) -> None:
    stored = argon2.PasswordHasher(time_cost=2, memory_cost=64, parallelism=2).hash("x")
    assert await hasher.verify("x", stored) == OUTDATED
    assert await hasher.verify("y", stored) == REFUSED


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "x",
        "plain text",
        "\ud800",
        "$2x$10$" + "." * 53,
        "$2a$10$short",
        "$2a$03$" + "." * 53,
        "$2a$99$" + "." * 53,
        "$2a$31$" + "." * 53,
        "$2a$10$" + "é" * 53,
        "$argon2id$",
        "$argon2id$v=19$m=64,t=1,p=1$",
        "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHQ$\0\ud800",
        "$argon2id$v=19$m=x,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2g",
        "$argon2id$v=19$m=4000000000,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2g",
        "$argon2id$v=19$m=64,t=4000000000,p=1$c2FsdHNhbHQ$aGFzaGhhc2g",
        "$argon2id$v=19$m=64000,t=1,p=4000$c2FsdHNhbHQ$aGFzaGhhc2g",
        "$argon2id$v=19$m=64,t=1,p=99999999$c2FsdHNhbHQ$aGFzaGhhc2g",
    ],
    ids=ascii,
)
async def test_hash_which_cannot_be_read_fits_nothing(hasher: Hasher, stored: str) -> None:
    for password in ("", "x", stored):
        assert await asyncio.wait_for(hasher.verify(password, stored), 5) == REFUSED


@pytest.mark.parametrize("length", [1025, 10_000_000])
async def test_password_over_the_limit_is_refused_before_any_work(length: int) -> None:
    with Hasher(cost=CHEAP) as hasher:
        stored = await hasher.hash("x" * 1024)
        assert await hasher.verify("x" * length, stored) == REFUSED
        assert await hasher.verify_nobody("x" * length) == REFUSED
        with pytest.raises(BadRequest) as caught:
            await hasher.hash("x" * length)
    assert caught.value.hint == "A password may have at most 1024 characters."


async def test_nobody_fits_nothing(hasher: Hasher) -> None:
    for password in ("", "x", "a\0b", "\ud800"):
        assert await hasher.verify_nobody(password) == REFUSED


async def cpu_of(refusal: Callable[[], Coroutine[Any, Any, Verdict]]) -> float:
    """Return the median CPU time of a refusal; other programs on the machine do not count in it."""
    seconds = []
    for _ in range(5):
        start = time.process_time()
        assert await refusal() == REFUSED
        seconds.append(time.process_time() - start)
    return median(seconds)


@pytest.mark.parametrize("legacy_cost", [None, 10])
async def test_unknown_identity_costs_what_a_wrong_password_costs(legacy_cost: int | None) -> None:
    with Hasher(legacy_cost=legacy_cost) as hasher:
        stored = await hasher.hash("right")
        refusals = [lambda: hasher.verify_nobody("wrong"), lambda: hasher.verify("wrong", stored)]
        if legacy_cost:
            refusals += [lambda: hasher.verify("wrong", OF_POCKETBASE), lambda: hasher.verify("wrong", "")]
        times = [await cpu_of(refusal) for refusal in refusals]
    assert max(times) < 1.4 * min(times), times
    assert min(times) > 0.005, times


async def test_first_imported_hash_makes_all_refusals_alike() -> None:
    with Hasher() as hasher:
        before = await cpu_of(lambda: hasher.verify_nobody("wrong"))
        assert await hasher.verify(ITS_PASSWORD, OF_POCKETBASE) == OUTDATED
        after = await cpu_of(lambda: hasher.verify_nobody("wrong"))
        account = await cpu_of(lambda: hasher.verify("wrong", OF_POCKETBASE))
    assert after > 1.4 * before
    assert max(after, account) < 1.4 * min(after, account)


async def test_full_queue_answers_429_and_empties_again() -> None:
    with Hasher(threads=1, waiting_max=2, cost=Cost(memory_kib=8192, passes=4)) as hasher:
        work = [asyncio.ensure_future(hasher.hash("x")) for _ in range(5)]
        results = await asyncio.gather(*work, return_exceptions=True)
        assert [type(result) for result in results] == [str, str, str, TooManyRequests, TooManyRequests]
        assert isinstance(await hasher.hash("x"), str)


async def test_cancelled_request_gives_its_place_back() -> None:
    with Hasher(threads=1, waiting_max=2, cost=Cost(memory_kib=8192, passes=4)) as hasher:
        work = [asyncio.ensure_future(hasher.hash("x")) for _ in range(3)]
        await asyncio.sleep(0)
        work[1].cancel()
        work[2].cancel()
        await asyncio.gather(*work, return_exceptions=True)
        assert len(await asyncio.gather(*[hasher.hash("x") for _ in range(3)])) == 3


async def test_event_loop_goes_on_while_a_password_is_hashed() -> None:
    with Hasher() as hasher:
        work = asyncio.ensure_future(hasher.hash("x"))
        turns = 0
        while not work.done():
            turns += 1
            await asyncio.sleep(0)
    assert turns > 10
