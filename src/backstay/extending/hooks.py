"""The hooks of one application, and how a write or a moment runs through them.

`before` runs in the transaction and may change or refuse; `after` runs in it, too, and may still undo it all; `around`
is both, as a generator; `committed` is recorded in the transaction and done after it, until it succeeds.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from contextvars import ContextVar
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import msgspec

from backstay.catalog import Collection
from backstay.catalog.fields import PasswordField
from backstay.errors import SetupError
from backstay.extending.events import Event, MomentEvent, Reading, Reject, event_of
from backstay.moments import Moment, MomentName
from backstay.outbox import Effect, Outbox, Retry
from backstay.plans.request import RequestInfo
from backstay.records.changes import Action
from backstay.records.draft import RecordValues
from backstay.records.hooks import RecordWrite
from backstay.stores.base import Store, Transaction
from backstay.stores.joined import join

if TYPE_CHECKING:
    from backstay.extending.application import Backstay

Hook: TypeAlias = Callable[[Event], Awaitable[None]]
AroundHook: TypeAlias = Callable[[Event], AsyncGenerator[None, None]]
AnyHook = TypeVar("AnyHook", bound=Callable[..., Any])

ACTIONS: tuple[Action, ...] = ("create", "update", "delete")
EVERY = "*"
"""Stands for all collections but the system's own, whose names start with `_`."""
TOPIC = "hook:"
HOOKS_DEEP_MAX = 24
"""Writes by hooks within the writes that called them."""


class RecordHooks(msgspec.Struct, frozen=True):
    """What runs around one action of one collection."""

    before: tuple[Hook, ...] = ()
    around: tuple[AroundHook, ...] = ()
    after: tuple[Hook, ...] = ()
    committed: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.before or self.around or self.after or self.committed)


class _Entry(msgspec.Struct, frozen=True):
    kind: str
    collections: tuple[str, ...]
    actions: tuple[str, ...]
    hook: Callable[..., Any]
    topic: str = ""


class HookBook:
    """Keeps the hooks of one application, in the order in which they were declared."""

    def __init__(self, app: Backstay) -> None:
        self._app = app
        self._entries: list[_Entry] = []
        self._found: dict[tuple[str, str], RecordHooks] = {}
        self._retries: dict[str, Retry] = {}
        self._reading_entries: list[_Entry] = []
        self._reading: dict[str, tuple[Callable[..., Any], ...]] = {}
        self._moments: dict[tuple[str, str], tuple[Callable[..., Any], ...]] = {}
        self._moment_entries: list[_Entry] = []
        self._store: Store | None = None
        self._outbox: Outbox | None = None

    # -- declaring ------------------------------------------------------------------------------------------

    def add(
        self,
        kind: str,
        collections: Sequence[str],
        actions: Sequence[str],
        hook: AnyHook,
        retry: Retry | None = None,
    ) -> AnyHook:
        """Declare a hook. Raises TypeError for what is no hook of its kind."""
        _check_form(hook, generator=kind == "around", what=f"an '{kind}' hook")
        unknown = set(actions) - set(ACTIONS)
        if unknown:
            raise TypeError(f"records have no action '{unknown.pop()}': there are create, update and delete")
        topic = ""
        if kind == "committed":
            topic = TOPIC + name_of(hook)
            if topic in self._retries:
                raise SetupError(
                    f"two 'committed' hooks are called '{name_of(hook)}'",
                    why="what is due is kept in the database under this name",
                    do="rename one of the functions",
                )
            self._retries[topic] = retry or Retry()
        self._entries.append(_Entry(kind, tuple(collections), tuple(actions or ACTIONS), hook, topic))
        self._found.clear()
        return hook

    def add_reading(self, collections: Sequence[str], hook: AnyHook) -> AnyHook:
        """Declare a hook that changes records before they are sent."""
        _check_form(hook, generator=False, what="a 'reading' hook")
        self._reading_entries.append(_Entry("reading", tuple(collections), ("read",), hook))
        self._reading.clear()
        return hook

    def add_moment(self, name: MomentName, collections: Sequence[str], hook: AnyHook) -> AnyHook:
        """Declare a hook of a moment: an async function runs before it, a generator around it."""
        _check_form(hook, generator=inspect.isasyncgenfunction(hook), what=f"a hook of '{name}'")
        self._moment_entries.append(_Entry("moment", tuple(collections or (EVERY,)), (name,), hook))
        self._moments.clear()
        return hook

    # -- one opened site ------------------------------------------------------------------------------------

    def bind(self, store: Store, outbox: Outbox) -> None:
        """Let the hooks of a site run; it is opened next."""
        self._store, self._outbox = store, outbox
        for entry in self._entries:
            if entry.kind == "committed":
                outbox.handle(entry.topic, self._doer(entry.hook), self._retries[entry.topic])

    def _doer(self, hook: Hook) -> Callable[[Effect], Awaitable[None]]:
        async def do(effect: Effect) -> None:
            told = effect.payload
            record = MappingProxyType(told["record"])
            await hook(Event(self._app, told["action"], told["collection"], record, told["old"], None))

        return do

    # -- writes ---------------------------------------------------------------------------------------------

    def of(self, collection: str, action: str) -> RecordHooks:
        """Return what runs around an action of a collection."""
        key = (collection, action)
        found = self._found.get(key)
        if found is None:
            mine = [entry for entry in self._entries if _concerns(entry, collection, action)]
            by_kind = {
                kind: tuple(entry.hook for entry in mine if entry.kind == kind)
                for kind in ("before", "around", "after")
            }
            topics = tuple(entry.topic for entry in mine if entry.kind == "committed")
            found = self._found[key] = RecordHooks(**by_kind, committed=topics)
        return found

    def has(self, collection: Collection, action: Action) -> bool:
        return bool(self.of(collection.name, action))

    @asynccontextmanager
    async def around(self, write: RecordWrite) -> AsyncIterator[None]:
        """Run one write: what comes before it, the write, what comes after it."""
        hooks = self.of(write.collection.name, write.action)
        event = event_of(self._app, write)
        with _one_deeper(write), self._joined(write.tx), _telling(write.action):
            async with AsyncExitStack() as stack:
                for hook in hooks.before:
                    await hook(event)
                for generator in hooks.around:
                    await stack.enter_async_context(asynccontextmanager(generator)(event))
                yield
                event.freeze()
                for hook in hooks.after:
                    await hook(event)
            for topic in hooks.committed:
                await self._record(write, topic)

    async def _record(self, write: RecordWrite, topic: str) -> None:
        """Write down that an effect is due."""
        assert self._outbox is not None, "hooks run in an opened site"
        draft, is_new = write.draft, write.draft.is_new
        payload = {
            "action": write.action,
            "collection": write.collection.name,
            "record": told(write.collection, draft.values),
            "old": None if is_new else told(write.collection, draft.old or {}),
        }
        await self._outbox.add(write.tx, topic, payload)

    def _joined(self, tx: Transaction | None) -> Any:
        assert self._store is not None, "hooks run in an opened site"
        return nullcontext() if tx is None else join(self._store, tx)

    # -- reading --------------------------------------------------------------------------------------------

    @property
    def has_reading(self) -> bool:
        """True when any collection has code for its reading."""
        return bool(self._reading_entries)

    def reading_hooks(self, collection: str) -> tuple[Callable[..., Any], ...]:
        """Return what changes records of a collection before they are sent."""
        found = self._reading.get(collection)
        if found is None:
            found = self._reading[collection] = tuple(
                entry.hook for entry in self._reading_entries if _concerns(entry, collection, "read")
            )
        return found

    def shows(self, collection: Collection) -> bool:
        return bool(self.reading_hooks(collection.name))

    async def show(self, collection: Collection, records: list[dict[str, Any]], info: RequestInfo) -> None:
        """Let the hooks of a collection change records of one answer."""
        event = Reading(self._app, collection.name, records, info)
        for hook in self.reading_hooks(collection.name):
            await hook(event)

    # -- moments --------------------------------------------------------------------------------------------

    @property
    def moments(self) -> _MomentBook:
        return _MomentBook(self)

    def moment_hooks(self, name: str, collection: str) -> tuple[Callable[..., Any], ...]:
        """Return what runs at a moment."""
        key = (name, collection)
        if key not in self._moments:
            self._moments[key] = tuple(
                entry.hook for entry in self._moment_entries if _concerns(entry, collection, name)
            )
        return self._moments[key]

    @asynccontextmanager
    async def around_moment(self, moment: Moment) -> AsyncIterator[None]:
        """Run one moment."""
        name = moment.collection.name if moment.collection else ""
        event: MomentEvent[Any] = MomentEvent(self._app, moment)
        with self._joined(moment.tx):
            async with AsyncExitStack() as stack:
                for hook in self.moment_hooks(moment.name, name):
                    if inspect.isasyncgenfunction(hook):
                        await stack.enter_async_context(asynccontextmanager(hook)(event))
                    else:
                        await hook(event)
                yield


class _MomentBook:
    """The hooks of moments, as the parts of a site ask for them."""

    def __init__(self, book: HookBook) -> None:
        self._book = book

    def has(self, name: MomentName, collection: Collection | None) -> bool:
        return bool(self._book.moment_hooks(name, collection.name if collection else ""))

    def around(self, moment: Moment) -> AbstractAsyncContextManager[None]:
        return self._book.around_moment(moment)


def _concerns(entry: _Entry, collection: str, action: str) -> bool:
    named = collection in entry.collections or (EVERY in entry.collections and not collection.startswith("_"))
    return named and action in entry.actions


def name_of(function: Callable[..., Any]) -> str:
    """Return the name under which a function is known in the database."""
    return f"{function.__module__}.{function.__qualname__}"


def _check_form(hook: Callable[..., Any], *, generator: bool, what: str) -> None:
    """Raise TypeError unless a function is of the form that its kind of hook has."""
    is_right = inspect.isasyncgenfunction(hook) if generator else inspect.iscoroutinefunction(hook)
    if not is_right:
        form = "an async generator that yields once" if generator else "an 'async def' function"
        raise TypeError(f"{getattr(hook, '__name__', hook)!r} can't be {what}: that is {form}")


_under_way: ContextVar[tuple[str, ...]] = ContextVar("under_way", default=())
"""The writes whose hooks this code runs in, from the outermost to the innermost."""


class HookLoopError(Exception):
    """Hooks write what calls them again, and again; the text tells the last of these writes. Nothing of it is kept."""


@contextmanager
def _one_deeper(write: RecordWrite) -> Iterator[None]:
    """Note a write under way. Raises HookLoopError when it is one within HOOKS_DEEP_MAX others."""
    chain = _under_way.get()
    if len(chain) >= HOOKS_DEEP_MAX:
        told = " -> ".join(chain[-4:])
        raise HookLoopError(
            f"hooks have called each other {len(chain)} deep, so it seems for ever: ... -> {told}"
        )
    token = _under_way.set((*chain, f"{write.action} of {write.collection.name}"))
    try:
        yield
    finally:
        _under_way.reset(token)


@contextmanager
def _telling(action: Action) -> Iterator[None]:
    """Give a refusal at a field the message that other faults of this write have."""
    try:
        yield
    except Reject as exc:
        if exc.faults:
            exc.message = f"Failed to {action} record."
        raise


def told(collection: Collection, values: RecordValues) -> dict[str, Any]:
    """Return the values of a record as they may be kept elsewhere: without the hashes of passwords."""
    secret = {field.name for field in collection.fields if isinstance(field, PasswordField)} | {"tokenKey"}
    return {name: value for name, value in values.items() if name not in secret}
