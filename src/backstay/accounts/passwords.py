"""Password hashing: argon2id for all new hashes; bcrypt only verifies imported ones, which are then replaced.

Hashing runs in a few threads with a bounded queue, so that sign-ins can neither stop the event loop nor fill the
memory. Who the password belongs to, and whether it is allowed at all, is decided elsewhere.

**A refusal takes the same work, whoever was asked for.** An unknown identity (`verify_nobody`) costs what a wrong
password costs. That is easy while all hashes are argon2id. Imported bcrypt hashes take another time, and would
tell which identities exist. So from the first bcrypt hash on (or from the start, where `legacy_cost` says that the
site has some) each refusal does both: one argon2id and one bcrypt, whichever of the two is the real one. Success
does only the real one; it tells about itself anyway. What is left: hashes made with other parameters than the
dummies, until their owners sign in and they are replaced.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
import sys
import threading
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self, TypeVar

import argon2
import bcrypt
from msgspec import Struct

from backstay.errors import BadRequest, TooManyRequests

_T = TypeVar("_T")

PASSWORD_MAX_CHARS = 1024
"""Far above what fields allow; it only bounds the work. The length is the client's own, so refusing tells nothing."""

BCRYPT_MAX_BYTES = 72
BCRYPT_COST_MIN, BCRYPT_COST_MAX = 4, 16
ARGON2_MEMORY_MAX_KIB = 256 * 1024
ARGON2_PASSES_MAX = 16
ARGON2_LANES_MAX = 16

_BCRYPT = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}", re.ASCII)


class Cost(Struct, frozen=True):
    """What one argon2id hash costs. The default is OWASP's memory with twice its passes.

    Measured on a 2-core machine: 39 ms (OWASP's minimum of 2 passes 19 ms; RFC 9106's second choice of 64 MiB and
    3 passes 140 to 230 ms; bcrypt with cost 10, the protocol's, 57 ms). Two threads take 38 MiB while they work.
    """

    memory_kib: int = 19 * 1024
    passes: int = 4


class Verdict(Struct, frozen=True):
    """`ok`: the password fits. `rehash`: it does, and its hash should be replaced by one of today's kind."""

    ok: bool
    rehash: bool = False


HASHING_NICENESS = 10
"""How far hashing stands back behind requests, from 0 to 19; 10 leaves it a tenth of a core that both want.

Measured on 2 cores: with 4 clients signing in, reads at p99 take 6.2 ms instead of 10.5, at the same 25 sign-ins a second.
"""

REFUSED = Verdict(ok=False)


def _give_way() -> None:
    """Let other threads have the core first: on Linux a thread has a niceness of its own."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # a sandbox may know no niceness
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), HASHING_NICENESS)


class Hasher:
    """Hashes and verifies passwords in `threads` threads; at most `waiting_max` more may wait for one.

    legacy_cost: the usual cost of the site's bcrypt hashes, if it may have any; 10 for imported sites
    """

    def __init__(
        self,
        *,
        threads: int = 2,
        waiting_max: int = 256,
        cost: Cost | None = None,
        legacy_cost: int | None = None,
    ) -> None:
        cost = cost or Cost()
        self._argon2 = argon2.PasswordHasher(
            time_cost=cost.passes, memory_cost=cost.memory_kib, parallelism=1, hash_len=32, salt_len=16
        )
        self._nobody = _argon2_of_nobody(cost)
        self._legacy_cost = legacy_cost
        self._places = threads + waiting_max
        self._taken = 0
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="password", initializer=_give_way)

    async def hash(self, password: str) -> str:
        """Return a new argon2id hash. Raises BadRequest when the password is longer than PASSWORD_MAX_CHARS."""
        if len(password) > PASSWORD_MAX_CHARS:
            raise BadRequest(hint=f"A password may have at most {PASSWORD_MAX_CHARS} characters.")
        return await self._run(lambda: self._argon2.hash(_encode(password)))

    async def verify(self, password: str, stored: str) -> Verdict:
        """Compare a password with a stored hash, of whichever kind. A hash which can't be read fits nothing."""
        if len(password) > PASSWORD_MAX_CHARS:
            return REFUSED
        return await self._run(lambda: self._verify(_encode(password), stored))

    async def verify_nobody(self, password: str) -> Verdict:
        """Refuse, after the work that `verify` does for a wrong password."""
        return await self.verify(password, "")

    def unusable(self) -> str:
        """Return a hash that no password fits, for an account that has none."""
        return self._nobody

    def close(self) -> None:
        """Let running work end and drop what waits."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    async def _run(self, work: Callable[[], _T]) -> _T:
        with self._lock:
            if self._taken >= self._places:
                raise TooManyRequests(hint="Too many passwords are being checked. Try again in a moment.")
            future = self._pool.submit(work)
            self._taken += 1
        future.add_done_callback(self._leave)
        return await asyncio.wrap_future(future)

    def _leave(self, _: Future[_T]) -> None:
        with self._lock:
            self._taken -= 1

    def _verify(self, password: bytes, stored: str) -> Verdict:
        legacy = _BCRYPT.fullmatch(stored)
        if legacy:
            cost = int(legacy[1])
            if BCRYPT_COST_MIN <= cost <= BCRYPT_COST_MAX:
                self._legacy_cost = max(cost, self._legacy_cost or 0)
                if self._verify_bcrypt(password, stored):
                    return Verdict(ok=True, rehash=True)
                self._verify_argon2(password, self._nobody)
                return REFUSED
        readable = _is_affordable_argon2(stored)
        if self._verify_argon2(password, stored if readable else self._nobody) and readable:
            return Verdict(ok=True, rehash=self._argon2.check_needs_rehash(stored))
        if self._legacy_cost is not None:
            self._verify_bcrypt(password, _bcrypt_of_nobody(self._legacy_cost))
        return REFUSED

    def _verify_argon2(self, password: bytes, stored: str) -> bool:
        try:
            return self._argon2.verify(stored, password)
        except (argon2.exceptions.Argon2Error, argon2.exceptions.InvalidHashError):
            return False

    def _verify_bcrypt(self, password: bytes, stored: str) -> bool:
        """Compare as the algorithm did before libraries refused: it sees 72 bytes. Longer ones fit nothing here."""
        same = bcrypt.checkpw(password[:BCRYPT_MAX_BYTES], stored.encode())
        return same and len(password) <= BCRYPT_MAX_BYTES


def _encode(password: str) -> bytes:
    """Encode any str: lone surrogates are no valid text, but must not make an error either."""
    return password.encode("utf-8", "surrogatepass")


def _is_affordable_argon2(stored: str) -> bool:
    """True for a readable hash whose verification can't hold a thread or the memory for long."""
    if not stored.isascii():
        return False
    try:
        parameters = argon2.extract_parameters(stored)
    except ValueError:  # also of a number in it which is none
        return False
    return (
        parameters.memory_cost <= ARGON2_MEMORY_MAX_KIB
        and parameters.time_cost <= ARGON2_PASSES_MAX
        and parameters.parallelism <= ARGON2_LANES_MAX
    )


def _argon2_of_nobody(cost: Cost) -> str:
    """Spell a hash which no password has, without computing one."""
    salt, digest = (b64encode(secrets.token_bytes(size)).decode().rstrip("=") for size in (16, 32))
    return f"$argon2id$v=19$m={cost.memory_kib},t={cost.passes},p=1${salt}${digest}"


def _bcrypt_of_nobody(cost: int) -> str:
    return f"$2b${cost:02}${'.' * 53}"
