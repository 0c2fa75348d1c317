"""A list's other parameters: pages, totals, limits, and lists of what may not be listed."""

from __future__ import annotations

from collections.abc import Iterator

from tests.conformance.cases import Case, Expected, case, get, listing, records

PAGES: tuple[dict[str, object], ...] = (
    {},
    {"page": 1},
    {"page": 2, "perPage": 5},
    {"page": 3, "perPage": 5},
    {"page": 4, "perPage": 5},
    {"page": 1000000, "perPage": 5},
    {"page": 0},
    {"page": -1},
    {"page": "abc"},
    {"page": ""},
    {"page": "1.5"},
    {"page": " 1"},
    {"page": "+1"},
    {"page": "01"},
    {"page": "1e1"},
    {"page": "0x1"},
    {"page": "99999999999999999999"},
    {"page": "-9223372036854775808"},
    {"perPage": 1},
    {"perPage": 0},
    {"perPage": -1},
    {"perPage": -1000},
    {"perPage": 1000},
    {"perPage": 1001},
    {"perPage": 100000},
    {"perPage": "abc"},
    {"perPage": ""},
    {"perPage": "5.0"},
    {"perPage": "99999999999999999999"},
    {"skipTotal": 1},
    {"skipTotal": 0},
    {"skipTotal": "true"},
    {"skipTotal": "TRUE"},
    {"skipTotal": "True"},
    {"skipTotal": "t"},
    {"skipTotal": "T"},
    {"skipTotal": "false"},
    {"skipTotal": "f"},
    {"skipTotal": "yes"},
    {"skipTotal": "2"},
    {"skipTotal": ""},
    {"skipTotal": 1, "page": 2, "perPage": 5},
    {"skipTotal": 1, "page": 9, "perPage": 5},
    {"skipTotal": 1, "filter": "number = 7"},
    {"filter": "number = 7", "perPage": 1},
    {"filter": "number = -99"},
    {"filter": "number = -99", "page": 3},
    {"Page": 2, "PerPage": 5},
    {"perpage": 5},
    {"unknown": 1},
)


def pages() -> Iterator[Case]:
    """Yield page numbers and sizes, right and wrong."""
    for ask in PAGES:
        name = " ".join(f"{k}={v}" for k, v in ask.items())
        query: dict[str, object] = {"sort": "id", "fields": "id", **ask}
        yield case(f"list: page {name}", get(records("everything"), "guest", **query))
    huge = "9223372036854775807"
    yield case(
        "list: the greatest page",
        get(records("everything"), "guest", sort="id", page=huge, perPage=1000),
        differs="the offset overflows in PocketBase, which answers with the first page",
        expected=[
            Expected(
                step=0,
                status=200,
                body={"items": [], "page": int(huge), "perPage": 1000, "totalItems": 12, "totalPages": 1},
            )
        ],
    )
    twice = "?page=2&page=1&perPage=5&perPage=4&sort=id&sort=-id&fields=id"
    yield case("list: parameters twice", get(records("everything") + twice, "guest"))
    yield case(
        "list: bad escape in query", get(records("everything") + "?filter=%zz&page=2&perPage=5", "guest")
    )
    yield case(
        "list: semicolon in query",
        get(records("everything") + "?page=2;perPage=5&sort=id&fields=id", "guest"),
    )
    yield case(
        "list: plus is space", get(records("everything") + "?filter=text+=+'Hello+World'&fields=id", "guest")
    )


def limits() -> Iterator[Case]:
    """Yield filters of the greatest length and number of parts, and one more."""
    for count in (100, 199, 200, 201, 300):
        filter = "||".join("id=''" for _ in range(count))
        yield case(
            f"list: {count} expressions",
            listing("everything", filter),
            listing("everything", filter, "guest"),
        )
    for length in (3499, 3500, 3501, 5000):
        filter = "text='" + "a" * (length - 7) + "'"
        yield case(
            f"list: filter of {length}", listing("everything", filter), listing("everything", filter, "guest")
        )
    for length in (3499, 3500, 3501):
        filter = "text='" + "ä" * (length - 7) + "'"
        yield case(f"list: filter of {length} letters", listing("everything", filter, "guest"))
    for depth in (5, 10, 20, 50, 150):
        filter = "(" * depth + "number=7" + ")" * depth
        yield case(f"list: {depth} brackets", listing("everything", filter, "guest"))
    for count in (7, 8, 9):
        sort = ",".join(["id"] * count)
        yield case(f"list: {count} sort terms", get(records("everything"), "guest", sort=sort, fields="id"))


def doors() -> Iterator[Case]:
    """Yield lists of every collection by everybody."""
    collections = (
        "everything",
        "teams",
        "people",
        "members",
        "posts",
        "comments",
        "details",
        "locked",
        "inner",
        "links",
    )
    for collection in (
        *collections,
        "post_stats",
        "everything_col1",
        "nope",
        "EVERYTHING",
        "_superusers",
        "_otps",
    ):
        sort = "id" if collection == "post_stats" else "@rowid"
        steps = (
            get(records(collection), who, sort=sort) for who in ("superuser", "guest", "ann", "ben", "member")
        )
        if collection == "_superusers":
            steps = (get(records(collection), who, fields="email") for who in ("superuser", "guest", "ann"))
        if collection == "_otps":
            steps = (get(records(collection), who) for who in ("superuser", "guest", "ann"))
        yield case(f"list: all {collection}", *steps)
    for collection in ("_mfas", "_externalAuths", "_authOrigins"):
        steps = (get(records(collection), who, filter="id = 'none'") for who in ("superuser", "guest", "ann"))
        yield case(f"list: all {collection}", *steps)


CASES = [*pages(), *limits(), *doors()]
