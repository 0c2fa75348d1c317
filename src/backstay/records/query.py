"""What is asked of records: a page of them (A6), or something with one of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

from backstay.catalog import Catalog, Collection
from backstay.catalog.guards import ONLY_GROWS
from backstay.errors import Forbidden
from backstay.plans.limits import PER_PAGE_DEFAULT
from backstay.plans.request import RequestInfo
from backstay.records.upload import Uploads

Body: TypeAlias = Mapping[str, Any]
"""What a client sent: field names and modifiers, with JSON values."""


class ListQuery(msgspec.Struct, frozen=True):
    """The parameters of a list; texts as they were sent.

    offset: records to leave out; -1 where the page tells. No parameter of HTTP: code asks so.
    """

    page: int = 1
    per_page: int = PER_PAGE_DEFAULT
    sort: str = ""
    filter: str = ""
    expand: str = ""
    fields: str = ""
    skip_total: bool = False
    offset: int = -1


class ViewQuery(msgspec.Struct, frozen=True):
    """The parameters of whatever answers with one record."""

    expand: str = ""
    fields: str = ""


class RecordCall(msgspec.Struct, frozen=True, eq=False):
    """One operation on a collection's records: by whom, on which, with what, and how to answer.

    record_id: '' for a new record
    uploads:   the files that came with the body, whose names stand in it
    new_id:    the id for a new record whose body names none; '' makes one
    by_code:   the site's own code asks, past what is guarded (`backstay.catalog.guards`); no door of HTTP sets this
    """

    catalog: Catalog
    collection: Collection
    info: RequestInfo
    record_id: str = ""
    body: Body = {}
    query: ViewQuery = ViewQuery()
    uploads: Uploads = {}
    new_id: str = ""
    by_code: bool = False

    def by(self, info: RequestInfo) -> RecordCall:
        """Return the same call with another view of the request."""
        return msgspec.structs.replace(self, info=info)


def refuse_rewrite(call: RecordCall) -> None:
    """Raise Forbidden where records are only added, for superusers too."""
    if call.collection.appendOnly and not call.by_code:
        raise Forbidden(ONLY_GROWS)
