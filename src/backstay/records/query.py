"""What a client asks of a list or a view (A6)."""

from __future__ import annotations

import msgspec

from backstay.plans.limits import PER_PAGE_DEFAULT


class ListQuery(msgspec.Struct, frozen=True):
    """The parameters of a list; texts as they were sent."""

    page: int = 1
    per_page: int = PER_PAGE_DEFAULT
    sort: str = ""
    filter: str = ""
    expand: str = ""
    fields: str = ""
    skip_total: bool = False


class ViewQuery(msgspec.Struct, frozen=True):
    """The parameters of whatever answers with one record."""

    expand: str = ""
    fields: str = ""
