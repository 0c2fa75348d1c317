"""Looking at one record."""

from __future__ import annotations

from tests.conformance.cases import Expected, case, get, records, send

EVERYBODY = ("superuser", "guest", "ann", "ben", "dan", "member")
LOOKED_AT = (
    ("posts", "post00000000001"),
    ("posts", "post00000000002"),
    ("posts", "post00000000004"),
    ("people", "annannannannann"),
    ("people", "benbenbenbenben"),
    ("people", "dandandandandan"),
    ("members", "guestmember0001"),
    ("locked", "locked000000001"),
    ("locked", "nope"),
    ("inner", "inner0000000001"),
    ("inner", "nope"),
    ("post_stats", "post00000000001"),
    ("post_stats", "post00000000002"),
    ("post_stats", "nope"),
    ("nope", "post00000000001"),
    ("posts_col_00001", "post00000000001"),
    ("POSTS", "post00000000001"),
    ("posts", "POST00000000001"),
    ("posts", "post0000000000%31"),
    ("posts", "nope"),
    ("posts", "%00"),
    ("posts", "%ff"),
    ("posts", "' OR 1=1"),
    ("posts", "x" * 3000),
)

CASES = [
    *(
        case(
            f"view: everything {n}",
            *(get(records("everything", f"everything{n:05}"), who) for who in ("guest", "superuser")),
        )
        for n in range(1, 13)
    ),
    *(
        case(
            f"view: {collection} {record_id[:20]}",
            *(get(records(collection, record_id), who) for who in EVERYBODY),
        )
        for collection, record_id in LOOKED_AT
    ),
    case(
        "view: filter is ignored",
        get(records("posts", "post00000000001"), "guest", filter="nope = 1", sort="x"),
    ),
    case("view: head", send("HEAD", records("posts", "post00000000001"), who="guest")),
    case("view: head of a list", send("HEAD", records("posts"), who="guest")),
    case("view: put", send("PUT", records("posts", "post00000000001"), {}, "superuser")),
    case("view: post to a record", send("POST", records("posts", "post00000000001"), {}, "superuser")),
    case("view: delete of a list", send("DELETE", records("posts"), who="superuser")),
    case("view: slash at the end", get(records("posts", "post00000000001") + "/", "guest")),
    case("view: slash after the list", get(records("posts") + "/?fields=id", "guest")),
    case(
        "view: double slash",
        get("/api//collections/posts/records", "guest"),
        differs="PocketBase redirects to the path with one slash; here a path means what it says",
        expected=[Expected(step=0, status=404)],
    ),
    case("view: unknown word", get("/api/collections/posts/nope", "guest")),
    case("view: unknown path", get("/api/nope", "guest")),
    case("view: api alone", get("/api", "guest")),
    case("view: api with slash", get("/api/", "guest")),
    case("view: upper case path", get("/API/collections/posts/records", "guest")),
    case("view: patch an unknown path", send("PATCH", "/api/nope", {}, "guest")),
]
