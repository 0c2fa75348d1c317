"""Statements that share one connection: each trip is sent at once, and nobody waits for the answer of another.

It is libpq's pipeline mode (https://www.postgresql.org/docs/current/libpq-pipeline-mode.html) by psycopg's wrapper of it,
without psycopg's cursors: they cost fifteen times as much as the statement itself. A trip ends with a Sync of its own, so
that it is a transaction by itself, and what is refused in one is nothing to the others.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import count
from typing import Any, TypeAlias

import msgspec
from psycopg import AsyncConnection, Error, OperationalError
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import lookup
from psycopg.pq import DiagnosticField, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult

from backstay.catalog.fields import DbValue
from backstay.plans.params import Statement
from backstay.stores.base import Row
from backstay.stores.postgresql_errors import is_stale

CANCEL_S = 5.0
"""How long it may take to ask the server to stop."""
WATCH_S = 0.25
"""How often it is looked whether a connection is still there on which an answer is awaited: uvloop calls a reader once when
the connection was reset, and never again, whatever is left to be read."""
PREPARED_MAX = 500
"""Statements whose plans the server keeps for one connection."""
_PLACEHOLDER = re.compile(r"%([%s])")

Step: TypeAlias = "tuple[Statement, Sequence[DbValue]]"
_Plan: TypeAlias = "tuple[bytes, tuple[int, ...]]"
"""A text and the types of its values."""
_NO_PLAN: _Plan = (b"", ())


@lru_cache(maxsize=4096)
def _numbered(sql: str, *, is_compiled: bool) -> bytes:
    """Return a statement's text with the server's own placeholders."""
    numbers = count(1)
    if not is_compiled:
        return re.sub(r"\?", lambda _: f"${next(numbers)}", sql).encode()
    return _PLACEHOLDER.sub(lambda found: "%" if found[1] == "%" else f"${next(numbers)}", sql).encode()


class Result(msgspec.Struct, frozen=True):
    """What a statement gave. changed: how many rows it wrote, or gave"""

    rows: list[Row]
    changed: int


class Refused(Exception):
    """A statement of a trip was refused, and so nothing of it is done. step: its number"""

    def __init__(self, error: Error, step: int) -> None:
        self.error, self.step = error, step
        super().__init__(str(error))


class _Trip:
    """What was sent up to one Sync. The results of `steps` come in order; one without a plan gives rows."""

    __slots__ = ("answer", "fault", "plans", "results", "steps")

    def __init__(self, answer: asyncio.Future[list[Result]]) -> None:
        self.answer = answer
        self.steps: deque[_Plan | None] = deque()
        self.plans: list[_Plan] = []
        self.results: list[Result] = []
        self.fault: Refused | None = None


class Wire:
    """See the module. It takes a connection over, which nobody else may use then. What was sent may raise Refused, or
    OperationalError when the connection is lost.
    """

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection, self._pg = connection, connection.pgconn
        self._loop = asyncio.get_running_loop()
        self._socket = self._pg.socket
        self._dumper, self._loader = Transformer(connection), Transformer(connection)
        self._trips: deque[_Trip] = deque()
        self._names: OrderedDict[_Plan, bytes] = OrderedDict()
        self._numbers = count(1)
        self._is_reading = self._is_writing = self._is_forgetful = False
        self._watching: asyncio.TimerHandle | None = None
        self.is_lost = False
        self.when_lost: Callable[[], None] = _nothing
        self._begin()

    @property
    def pending(self) -> int:
        """The number of trips whose answer is awaited."""
        return len(self._trips)

    def send(self, steps: Sequence[Step]) -> asyncio.Future[list[Result]]:
        """Send statements that make one transaction, or go on with an open one; the answer is the result of each.

        Raises Refused, with nothing sent, for a value that can't be, OperationalError when the connection is lost.
        """
        if self.is_lost:
            raise OperationalError("the connection is lost")
        spelled = [self._spelled(step, number) for number, step in enumerate(steps)]
        trip = _Trip(self._loop.create_future())
        try:
            if self._is_forgetful and self._may_tidy:
                self._forget_plans(trip)
            for plan, values, formats in spelled:
                self._pg.send_query_prepared(self._name(plan, trip), values, formats)
                trip.plans.append(plan)
                trip.steps.append(None)
            self._pg.pipeline_sync()
            self._trips.append(trip)
            self._flush()
            if self._watching is None:
                self._watching = self._loop.call_later(WATCH_S, self._watch)
        except Error as exc:
            self.lose(exc)
            raise
        return trip.answer

    @property
    def _may_tidy(self) -> bool:
        """Tell whether the server would do more than undo: it doesn't in a transaction with a fault."""
        return self._pg.transaction_status != TransactionStatus.INERROR

    def _forget_plans(self, trip: _Trip) -> None:
        self._is_forgetful = False
        if self._names:
            self._names.clear()
            self._pg.send_query_params(b"DEALLOCATE ALL", None)
            trip.steps.append(_NO_PLAN)

    def _spelled(self, step: Step, number: int) -> tuple[_Plan, Any, Any]:
        statement, values = step
        try:
            sent = self._dumper.dump_sequence(values, [PyFormat.AUTO] * len(values))
        except Error as exc:
            raise Refused(exc, number) from exc
        text = _numbered(statement.sql, is_compiled=statement.is_compiled)
        return (text, tuple(self._dumper.types or ())), sent, self._dumper.formats

    def _name(self, plan: _Plan, trip: _Trip) -> bytes:
        """Return under which name the server keeps a plan, from this trip on if it doesn't yet."""
        name = self._names.get(plan)
        if name is not None:
            self._names.move_to_end(plan)
            return name
        name = self._names[plan] = b"wire%d" % next(self._numbers)
        self._pg.send_prepare(name, plan[0], plan[1])
        trip.steps.append(plan)
        if len(self._names) > PREPARED_MAX and self._may_tidy:
            oldest = self._names.popitem(last=False)[1]
            self._pg.send_query_params(b"DEALLOCATE %b" % oldest, None)
            trip.steps.append(_NO_PLAN)
        return name

    def forget(self) -> None:
        """Plan everything anew from now on: tables have changed."""
        self._is_forgetful = True

    # -- being used otherwise ---------------------------------------------------------------------------------

    def pause(self) -> AsyncConnection[Any]:
        """Return the connection for other use; there must be no trip under way. Raises OperationalError."""
        assert not self._trips, "nobody else may wait meanwhile"
        if self.is_lost:
            raise OperationalError("the connection is lost")
        self._leave_loop()
        self._pg.exit_pipeline_mode()
        return self._connection

    def resume(self) -> None:
        """Go on after a pause."""
        if self._connection.closed:
            self.lose(OperationalError("the connection is closed"))
        else:
            self._begin()

    def _begin(self) -> None:
        self._pg.enter_pipeline_mode()
        self._loop.add_reader(self._socket, self._read)
        self._is_reading = True

    def _leave_loop(self) -> None:
        """Have no part in the event loop any more; a closed socket's number may be another's by then."""
        if self._is_reading:
            self._loop.remove_reader(self._socket)
        if self._is_writing:
            self._loop.remove_writer(self._socket)
        self._is_reading = self._is_writing = False

    async def cancel(self) -> None:
        """Ask the server to stop what it is doing here; it may have ended by itself."""
        with contextlib.suppress(Error):
            await self._connection.cancel_safe(timeout=CANCEL_S)

    # -- what the event loop calls ----------------------------------------------------------------------------

    def _flush(self) -> None:
        """Send what has not gone out yet."""
        is_left = self._pg.flush() == 1
        if is_left != self._is_writing:
            self._is_writing = is_left
            if is_left:
                self._loop.add_writer(self._socket, self._write)
            else:
                self._loop.remove_writer(self._socket)

    def _write(self) -> None:
        try:
            self._flush()
        except Error as exc:
            self.lose(exc)

    def _read(self) -> None:
        try:
            self._pg.consume_input()
            while self._trips and not self._pg.is_busy():
                result = self._pg.get_result()
                if result is not None:
                    self._take(result)
        except Exception as exc:  # whatever it is: nobody may wait for an answer that does not come
            self.lose(exc)

    def _watch(self) -> None:
        self._watching = None
        if self._trips:
            self._read()
        if self._trips:
            self._watching = self._loop.call_later(WATCH_S, self._watch)

    def _take(self, result: PGresult) -> None:
        trip, status = self._trips[0], result.status
        if status == ExecStatus.PIPELINE_SYNC:
            self._trips.popleft()
            self._end(trip)
            return
        preparing = trip.steps.popleft() if trip.steps else None
        if status == ExecStatus.TUPLES_OK:
            self._loader.set_pgresult(result)
            rows = self._loader.load_rows(0, result.ntuples, tuple)
            trip.results.append(Result(rows, len(rows)))
        elif status == ExecStatus.COMMAND_OK:
            if preparing is None:
                trip.results.append(Result([], result.command_tuples or 0))
        else:
            if preparing is not None:
                self._names.pop(preparing, None)
            if status != ExecStatus.PIPELINE_ABORTED:
                trip.fault = Refused(_error(result), len(trip.results))

    def _end(self, trip: _Trip) -> None:
        if trip.fault is not None and is_stale(trip.fault.error):
            for plan in trip.plans:
                self._names.pop(plan, None)
        if trip.answer.done():
            return
        if trip.fault is not None:
            trip.answer.set_exception(trip.fault)
        else:
            trip.answer.set_result(trip.results)

    # -- the end ----------------------------------------------------------------------------------------------

    def lose(self, exc: Exception) -> None:
        """Let go of the connection; whoever awaits an answer has none."""
        if self.is_lost:
            return
        self.is_lost = True
        if self._watching is not None:
            self._watching.cancel()
        self._leave_loop()
        self._pg.finish()
        for trip in self._trips:
            if not trip.answer.done():
                trip.answer.set_exception(OperationalError(f"the connection is lost: {exc}"))
        self._trips.clear()
        self.when_lost()

    async def close(self) -> None:
        self.lose(OperationalError("the connection is closed"))
        await self._connection.close()


def _nothing() -> None:
    """What follows where nobody wants to know."""


def _error(result: PGresult) -> Error:
    """Return what a statement was refused with."""
    state = (result.error_field(DiagnosticField.SQLSTATE) or b"").decode()
    text = (result.error_field(DiagnosticField.MESSAGE_PRIMARY) or result.error_message).decode(
        "utf-8", "replace"
    )
    try:
        return lookup(state)(text)
    except KeyError:
        return OperationalError(text)
