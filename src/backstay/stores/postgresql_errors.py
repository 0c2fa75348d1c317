"""What PostgreSQL's refusals mean (https://www.postgresql.org/docs/current/errcodes-appendix.html)."""

from __future__ import annotations

from psycopg import DataError, Error, InterfaceError, OperationalError

from backstay.errors import BadRequest, Unavailable
from backstay.stores.base import ConstraintViolation, InsufficientStorage, StoreError, UniqueViolation

_NO_ROOM = frozenset({"53100", "53200"})
_GONE = frozenset({"57P01", "57P02", "57P03", "57P05"})
"""Shutting down, crashed, starting up, idle for too long."""
_AWAY = _GONE | {"25006", "53300", "55P03"}
"""Also: read-only (a standby), too many connections, a lock that isn't given."""


def is_conflict(exc: Error) -> bool:
    """Tell whether the database undid a transaction that may pass when it is done again."""
    return (exc.sqlstate or "").startswith("40")


def is_lost(exc: Error) -> bool:
    """Tell whether the connection is gone, or can't be had."""
    state = exc.sqlstate or ""
    is_gone = not state or state.startswith("08") or state in _GONE
    return isinstance(exc, OperationalError | InterfaceError) and is_gone


def is_stale(exc: Error) -> bool:
    """Tell whether a plan that the server keeps is none any more."""
    return exc.sqlstate in {"0A000", "26000"}


def is_timeout(exc: Error) -> bool:
    """Tell whether a statement took longer than its limit."""
    return exc.sqlstate == "57014"


def translated(exc: Error) -> BaseException:
    """Return what a refusal means."""
    state, text = exc.sqlstate or "", _text(exc)
    if state == "23505":
        return UniqueViolation(text)
    if state.startswith("23"):
        return ConstraintViolation(text)
    if state in _NO_ROOM:
        return InsufficientStorage()
    if state in _AWAY or state.startswith(("08", "40")) or is_lost(exc):
        return Unavailable()
    if isinstance(exc, DataError) and not state:
        return BadRequest(hint="The database can't store a text with the character U+0000.")
    return StoreError(text)


def _text(exc: Error) -> str:
    return (exc.diag.message_primary or str(exc)).rstrip(".")
