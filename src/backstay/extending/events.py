"""What hooks are given: a write of a record, or one of the other moments, with the viewer and the request behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from backstay.catalog.fields import NumberField, PasswordField
from backstay.errors import BadRequest, Fault
from backstay.moments import Moment
from backstay.plans.request import GUEST, RequestInfo, Viewer
from backstay.records.draft import Draft
from backstay.records.hooks import RecordWrite

if TYPE_CHECKING:
    from backstay.extending.application import Backstay

S = TypeVar("S")
SYSTEM_INFO = RequestInfo()


class Reject(BadRequest):
    """Refuse what is about to happen: 400, with a fault at a field or a message alone.

    `Reject("total", "We take orders up to 10,000.")` or `Reject("The shop is closed.")`

    code: of the fault, a promise to clients: never reused, never renamed
    """

    def __init__(
        self, field_or_message: str, message: str = "", *, code: str = "validation_rejected"
    ) -> None:
        if message:
            super().__init__(faults={field_or_message: Fault(code, message)})
        else:
            super().__init__(field_or_message)


class RecordValuesView(MutableMapping[str, Any]):
    """The values of a record that is written, by field name; setting one casts it as a client's value is cast.

    Raises TypeError for what can't be set: unknown fields, passwords, the id of a stored record, anything once the
    record is written.
    """

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self.is_frozen = False

    @property
    def id(self) -> str:
        return self._draft.id

    def __getitem__(self, name: str) -> Any:
        return self._draft.values[name]

    def __setitem__(self, name: str, value: Any) -> None:
        draft, field = self._draft, self._draft.collection.by_name.get(name)
        collection = draft.collection.name
        if self.is_frozen:
            raise TypeError(f"the record of '{collection}' is written: only 'before' hooks may change it")
        if field is None:
            raise TypeError(f"'{collection}' has no field '{name}'")
        if isinstance(field, PasswordField):
            raise TypeError(f"'{name}' is a password: hashing it takes too long for a transaction")
        if name == "id" and not draft.is_new:
            raise TypeError("the id of a stored record stays")
        if isinstance(field, NumberField):
            draft.added.pop(name, None)
        draft.sent.add(name)
        draft.values[name] = field.cast(value)

    def __delitem__(self, name: str) -> None:
        self[name] = self._draft.collection.by_name[name].zero

    def __iter__(self) -> Iterator[str]:
        return iter(self._draft.values)

    def __len__(self) -> int:
        return len(self._draft.values)

    def __repr__(self) -> str:
        return f"<record of {self._draft.collection.name}: {dict(self)!r}>"


class Happening:
    """What all events have in common.

    app:     the application
    viewer:  who asks; a guest for what the system does by itself
    request: what rules know of the request: method, query, headers, body
    """

    def __init__(self, app: Backstay, info: RequestInfo | None) -> None:
        self.app = app
        self.request = info or SYSTEM_INFO
        self.is_by_system = info is None

    @property
    def viewer(self) -> Viewer:
        return self.request.viewer if not self.is_by_system else GUEST


class Event(Happening):
    """A record that is created, updated or deleted.

    action:     "create", "update" or "delete"
    collection: its name
    record:     its values; of an update those that it will have, of a deletion those that it had
    old:        the values before, None for a new record
    """

    def __init__(
        self,
        app: Backstay,
        action: str,
        collection: str,
        record: Any,
        old: Mapping[str, Any] | None,
        info: Any,
    ) -> None:
        super().__init__(app, info)
        self.action, self.collection = action, collection
        self.record: MutableMapping[str, Any] = record
        self.old = None if old is None else MappingProxyType(dict(old))

    @property
    def id(self) -> str:
        return str(self.record["id"])

    def freeze(self) -> None:
        """Let nobody change the record any more: it is written."""
        if isinstance(self.record, RecordValuesView):
            self.record.is_frozen = True

    def changed(self, *names: str) -> bool:
        """Tell whether one of these fields has another value than before; True for a new record."""
        return self.old is None or any(self.record[name] != self.old[name] for name in names)


def event_of(app: Backstay, write: RecordWrite) -> Event:
    """Return the event of a write, whose record may still be changed unless it is deleted."""
    draft = write.draft
    view = RecordValuesView(draft)
    view.is_frozen = write.action == "delete"
    return Event(app, write.action, draft.collection.name, view, draft.old, write.info)


class Reading(Happening):
    """Records of one collection on their way to a viewer: all of one answer, so that what they need is fetched once.

    collection: its name
    records:    as they would be sent: the fields that the viewer may see. Keys may be changed, added and taken out
    """

    def __init__(
        self, app: Backstay, collection: str, records: list[dict[str, Any]], info: RequestInfo
    ) -> None:
        super().__init__(app, info)
        self.collection, self.records = collection, records


class MomentEvent(Happening, Generic[S]):
    """A moment that is no write of a record.

    name:       see `Backstay.on`
    collection: the name of the collection that it is about, "" for none
    subject:    what it is about: `SigningIn`, `ProviderSignIn`, `AccountStep`, `Posting`, `FileToken`, `Downloading`,
                `Subscribing`, `Messaging`, `Batching`, the body of a change of settings, `SchemaChange`
    """

    def __init__(self, app: Backstay, moment: Moment) -> None:
        super().__init__(app, moment.info)
        self.name: str = moment.name
        self.collection = moment.collection.name if moment.collection else ""
        self.subject: S = moment.subject
